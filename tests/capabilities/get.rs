//! Fetching single messages.

use lapin::options::BasicGetOptions;

use crate::client::{Client, body, check_refused, next};

#[tokio::test]
async fn a_fetched_message_says_how_many_are_left() {
    let client = Client::connect().await;
    let queue = client.queue([]).await;
    client.send_all(&queue, &["1", "2", "3"]).await;
    for (text, left) in [("1", 2), ("2", 1), ("3", 0)] {
        let message = client.get(&queue).await.unwrap();
        assert_eq!((body(&message).as_str(), message.message_count), (text, left));
        assert_eq!((message.exchange.as_str(), message.routing_key.as_str()), ("", queue.as_str()));
        assert!(!message.redelivered);
    }
    assert!(client.get(&queue).await.is_none());
    client.ack_up_to(3).await;
    client.barrier().await.unwrap();
    assert_eq!(client.ready(&queue).await, 0);
}

#[tokio::test]
async fn without_ack_a_fetched_message_is_gone() {
    let client = Client::connect().await;
    let queue = client.queue([]).await;
    client.send(&queue, "once").await;
    let session = client.session().await;
    let no_ack = BasicGetOptions { no_ack: true };
    let message = session.channel.basic_get(queue.as_str().into(), no_ack).await.unwrap().unwrap();
    let refused = session.answer_to(session.ack(message.delivery_tag)).await;
    check_refused(refused, 406, "PRECONDITION_FAILED - unknown delivery tag 1");
    assert_eq!(client.ready(&queue).await, 0);
}

#[tokio::test]
async fn tags_count_deliveries_and_fetched_messages_alike() {
    let client = Client::connect().await;
    let queue = client.queue([]).await;
    client.send(&queue, "1").await;
    assert_eq!(client.expect(&queue).await.delivery_tag, 1);
    let mut consumer = client.consume(&queue).await;
    client.send(&queue, "2").await;
    assert_eq!(next(&mut consumer).await.delivery_tag, 2);
    let other = client.session().await;
    let second = client.queue([]).await;
    client.send(&second, "1").await;
    assert_eq!(other.expect(&second).await.delivery_tag, 1, "each channel counts for itself");
}

#[tokio::test]
async fn only_a_queue_that_is_there_can_be_asked() {
    let client = Client::connect().await;
    let session = client.session().await;
    let got = session.channel.basic_get("no such".into(), BasicGetOptions::default()).await;
    check_refused(got, 404, "NOT_FOUND - no queue 'no such' in vhost '/'");
    let session = client.session().await;
    let got = session.channel.basic_get("".into(), BasicGetOptions::default()).await;
    check_refused(got, 404, "NOT_FOUND - no previously declared queue");
}

#[tokio::test]
async fn an_unknown_tag_closes_the_channel() {
    let client = Client::connect().await;
    let queue = client.queue([]).await;
    client.send_all(&queue, &["1", "2", "3"]).await;
    for round in 0..4 {
        let session = client.session().await;
        for _ in 0..3 {
            session.expect(&queue).await;
        }
        let (refused, tag) = match round {
            0 => (session.answer_to(session.ack(4)).await, 4),
            1 => {
                session.nack(2, true).await;
                (session.answer_to(session.reject(2, true)).await, 2)
            }
            2 => {
                session.nack(2, true).await;
                (session.answer_to(session.ack_up_to(2)).await, 2)
            }
            _ => (session.answer_to(session.ack(0)).await, 0),
        };
        let expected = format!("PRECONDITION_FAILED - unknown delivery tag {tag}");
        check_refused(refused, 406, &expected);
    }
    let session = client.session().await;
    session.ack_up_to(0).await;
    session.barrier().await.expect("all of nothing is nothing");
    assert_eq!(session.drain(&queue, 3).await, ["1", "2", "3"]);
}
