//! Transactions.

use lapin::{BasicProperties, options::BasicPublishOptions};

use crate::client::{Client, body, check_refused, end_of, int, next, text, unique};

#[tokio::test]
async fn messages_appear_with_the_commit() {
    let client = Client::connect().await;
    let queue = client.queue([]).await;
    let session = client.session().await;
    session.channel.tx_select().await.unwrap();
    session.send_all(&queue, &["1", "2"]).await;
    session.barrier().await.unwrap();
    assert_eq!(client.ready(&queue).await, 0);
    session.channel.tx_commit().await.unwrap();
    assert_eq!(client.drain(&queue, 2).await, ["1", "2"]);
    session.channel.tx_commit().await.expect("an empty transaction is one too");
}

#[tokio::test]
async fn a_rollback_forgets_messages_and_acks() {
    let client = Client::connect().await;
    let queue = client.queue([]).await;
    client.send_all(&queue, &["1", "2"]).await;
    let session = client.session().await;
    session.channel.tx_select().await.unwrap();
    session.prefetch(2).await;
    let mut consumer = session.consume(&queue).await;
    let (first, second) = (next(&mut consumer).await, next(&mut consumer).await);
    session.send(&queue, "never").await;
    session.ack(first.delivery_tag).await;
    session.reject(second.delivery_tag, true).await;
    session.channel.tx_rollback().await.unwrap();
    session.check_idle(&mut consumer).await;
    session.ack(first.delivery_tag).await;
    session.channel.tx_commit().await.unwrap();
    session.channel.close(200, "".into()).await.unwrap();
    assert_eq!(client.drain(&queue, 1).await, ["2"]);
}

#[tokio::test]
async fn acks_count_with_the_commit() {
    let client = Client::connect().await;
    let queue = client.queue([]).await;
    client.send_all(&queue, &["1", "2", "3"]).await;
    let session = client.session().await;
    session.channel.tx_select().await.unwrap();
    for _ in 0..3 {
        session.expect(&queue).await;
    }
    session.ack(1).await;
    session.nack(2, true).await;
    session.barrier().await.unwrap();
    assert_eq!(client.ready(&queue).await, 0, "not yet requeued");
    session.channel.tx_commit().await.unwrap();
    assert_eq!(client.drain(&queue, 1).await, ["2"]);
    session.channel.close(200, "".into()).await.unwrap();
    assert_eq!(client.drain(&queue, 1).await, ["3"], "what was not acked comes back");
}

#[tokio::test]
async fn a_channel_that_ends_rolls_back() {
    let client = Client::connect().await;
    let queue = client.queue([]).await;
    client.send(&queue, "kept").await;
    let session = client.session().await;
    session.channel.tx_select().await.unwrap();
    let message = session.expect(&queue).await;
    session.ack(message.delivery_tag).await;
    session.send(&queue, "never").await;
    session.channel.close(200, "".into()).await.unwrap();
    let again = client.expect(&queue).await;
    assert_eq!((body(&again).as_str(), again.redelivered), ("kept", true));
    assert!(client.get(&queue).await.is_none());
}

#[tokio::test]
async fn messages_are_returned_with_the_commit() {
    let client = Client::connect().await;
    client.channel.tx_select().await.unwrap();
    let options = BasicPublishOptions { mandatory: true, immediate: false };
    let nobody = unique("nobody");
    let published = client
        .channel
        .basic_publish("".into(), nobody.as_str().into(), options, b"", BasicProperties::default())
        .await;
    drop(published.unwrap());
    client.barrier().await.unwrap();
    assert!(client.channel.wait_for_confirms().await.unwrap().is_empty());
    client.channel.tx_commit().await.unwrap();
    let returned = client.channel.wait_for_confirms().await.unwrap();
    assert_eq!(returned.len(), 1);
    assert_eq!(returned[0].delivery.routing_key.as_str(), nobody);
}

#[tokio::test]
async fn mistakes_are_found_at_once() {
    let client = Client::connect().await;
    for commit in [true, false] {
        let session = client.session().await;
        let ended = match commit {
            true => session.channel.tx_commit().await,
            false => session.channel.tx_rollback().await,
        };
        check_refused(ended, 406, "PRECONDITION_FAILED - channel is not transactional");
    }
    let session = client.session().await;
    session.channel.tx_select().await.unwrap();
    let refused = session.answer_to(session.ack(5)).await;
    check_refused(refused, 406, "PRECONDITION_FAILED - unknown delivery tag 5");
    let session = client.session().await;
    session.channel.tx_select().await.unwrap();
    let mut consumer = session.consume(&client.queue([]).await).await;
    let missing = unique("missing");
    session.publish(&missing, "", "", BasicProperties::default()).await;
    let expected = format!("NOT_FOUND - no exchange '{missing}' in vhost '/'");
    check_refused(end_of(&mut consumer).await, 404, &expected);
}

#[tokio::test]
async fn a_refused_message_fails_the_commit() {
    let client = Client::connect().await;
    let queue =
        client.queue([("x-max-length", int(1)), ("x-overflow", text("reject-publish"))]).await;
    let session = client.session().await;
    session.channel.tx_select().await.unwrap();
    session.send_all(&queue, &["taken", "too many"]).await;
    let expected = "PRECONDITION_FAILED - partial tx completion";
    check_refused(session.channel.tx_commit().await, 406, expected);
    assert_eq!(client.drain(&queue, 1).await, ["taken"]);
}
