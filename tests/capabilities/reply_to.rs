//! Replies to a consumer that has no queue.

use lapin::{
    BasicProperties, Consumer,
    options::{BasicConsumeOptions, BasicPublishOptions},
};

use crate::client::{Client, Session, body, check_refused, next, table, unique};

const REPLY_TO: &str = "amq.rabbitmq.reply-to";
const NO_ACK: BasicConsumeOptions =
    BasicConsumeOptions { no_local: false, no_ack: true, exclusive: false, nowait: false };

async fn replies(session: &Session) -> Consumer {
    session.consume_with(REPLY_TO, "", NO_ACK, table([])).await.unwrap()
}

/// Asks and returns the address that the server is told to answer to.
async fn ask(session: &Session, server: &Session, queue: &str) -> String {
    let properties =
        BasicProperties::default().with_reply_to(REPLY_TO.into()).with_correlation_id("1".into());
    session.publish("", queue, "question", properties).await;
    let question = server.expect(queue).await;
    server.ack(question.delivery_tag).await;
    question.properties.reply_to().as_ref().unwrap().to_string()
}

#[tokio::test]
async fn a_question_is_answered() {
    let client = Client::connect().await;
    let server = client.another().await;
    let queue = server.queue([]).await;
    let mut answers = replies(&client).await;
    let address = ask(&client, &server, &queue).await;
    assert!(address.starts_with("amq.rabbitmq.reply-to.") && address != REPLY_TO, "{address}");
    assert_eq!(ask(&client, &server, &queue).await, address, "the address stays");
    assert!(server.passive(&address).await.is_ok(), "somebody listens");
    server.publish("", &address, "answer", BasicProperties::default()).await;
    let answer = next(&mut answers).await;
    assert_eq!((body(&answer).as_str(), answer.routing_key.as_str()), ("answer", address.as_str()));
}

#[tokio::test]
async fn an_answer_to_nobody_is_lost() {
    let client = Client::connect().await;
    let server = client.another().await;
    let queue = server.queue([]).await;
    let asking = client.session().await;
    let answers = replies(&asking).await;
    let address = ask(&asking, &server, &queue).await;
    asking.channel.basic_cancel(answers.tag(), Default::default()).await.unwrap();
    server.confirm_select().await;
    let options = BasicPublishOptions { mandatory: true, immediate: false };
    let published = server
        .channel
        .basic_publish("".into(), address.as_str().into(), options, b"", Default::default())
        .await;
    let confirmed = published.unwrap().await.unwrap();
    assert!(confirmed.is_ack() && confirmed.take_message().is_some());
    let expected = format!("NOT_FOUND - no queue '{address}' in vhost '/'");
    check_refused(server.passive(&address).await, 404, &expected);
}

#[tokio::test]
async fn replies_cannot_be_acked_and_have_one_consumer() {
    let client = Client::connect().await;
    let session = client.session().await;
    let options = BasicConsumeOptions::default();
    let consumed = session.consume_with(REPLY_TO, "", options, table([])).await;
    check_refused(consumed, 406, "PRECONDITION_FAILED - reply consumer cannot acknowledge");
    let session = client.session().await;
    let _first = replies(&session).await;
    let second = session.consume_with(REPLY_TO, "", NO_ACK, table([])).await;
    check_refused(second, 406, "PRECONDITION_FAILED - reply consumer already set");
}

#[tokio::test]
async fn a_question_needs_its_consumer_on_the_same_channel() {
    let client = Client::connect().await;
    let _answers = replies(&client).await;
    let other = client.session().await;
    let properties = BasicProperties::default().with_reply_to(REPLY_TO.into());
    let refused = other.try_publish("", &unique("q"), "", properties).await;
    check_refused(refused, 406, "PRECONDITION_FAILED - fast reply consumer does not exist");
    let properties = BasicProperties::default().with_reply_to("a queue of my own".into());
    client.publish("", &unique("q"), "", properties).await;
    client.barrier().await.expect("any other address is the client's own");
}
