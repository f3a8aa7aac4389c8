//! Messages that come back: where to, and how they are marked.

use lapin::options::{BasicNackOptions, BasicRecoverAsyncOptions, BasicRecoverOptions};

use crate::client::{Client, Session, body, check_refused, next, next_bodies};

/// Fetches all that is there: bodies and whether each was delivered before.
async fn rest(session: &Session, queue: &str) -> Vec<(String, bool)> {
    let mut rest = Vec::new();
    while let Some(message) = session.get(queue).await {
        rest.push((body(&message), message.redelivered));
    }
    rest
}

fn told(told: &[(&str, bool)]) -> Vec<(String, bool)> {
    told.iter().map(|&(body, redelivered)| (body.to_owned(), redelivered)).collect()
}

#[tokio::test]
async fn a_message_comes_back_to_its_place() {
    let client = Client::connect().await;
    let queue = client.queue([]).await;
    client.send_all(&queue, &["1", "2", "3", "4", "5"]).await;
    let session = client.session().await;
    for _ in 0..4 {
        session.expect(&queue).await;
    }
    session.nack(3, true).await;
    session.reject(1, true).await;
    session.ack(2).await;
    session.barrier().await.unwrap();
    let expected = told(&[("1", true), ("3", true), ("5", false)]);
    assert_eq!(rest(&client, &queue).await, expected);
}

#[tokio::test]
async fn a_channel_that_ends_gives_everything_back() {
    let client = Client::connect().await;
    let queue = client.queue([]).await;
    client.send_all(&queue, &["1", "2", "3"]).await;
    let session = client.session().await;
    session.prefetch(2).await;
    let mut consumer = session.consume(&queue).await;
    next_bodies(&mut consumer, 2).await;
    session.channel.close(200, "".into()).await.unwrap();
    assert_eq!(rest(&client, &queue).await, told(&[("1", true), ("2", true), ("3", false)]));
}

#[tokio::test]
async fn so_does_a_connection() {
    let client = Client::connect().await;
    let queue = client.queue([]).await;
    client.send_all(&queue, &["1", "2"]).await;
    let other = client.another().await;
    let mut consumer = other.consume(&queue).await;
    next_bodies(&mut consumer, 2).await;
    other.close().await;
    assert_eq!(rest(&client, &queue).await, told(&[("1", true), ("2", true)]));
}

#[tokio::test]
async fn several_are_nacked_at_once() {
    let client = Client::connect().await;
    let queue = client.queue([]).await;
    client.send_all(&queue, &["1", "2", "3"]).await;
    let session = client.session().await;
    for _ in 0..3 {
        session.expect(&queue).await;
    }
    let several = BasicNackOptions { multiple: true, requeue: true };
    session.channel.basic_nack(2, several).await.unwrap();
    session.barrier().await.unwrap();
    assert_eq!(rest(&client, &queue).await, told(&[("1", true), ("2", true)]));
}

#[tokio::test]
async fn the_same_consumer_may_get_it_again() {
    let client = Client::connect().await;
    let queue = client.queue([]).await;
    client.prefetch(1).await;
    let mut consumer = client.consume(&queue).await;
    client.send_all(&queue, &["1", "2"]).await;
    for tag in 1..=3 {
        let delivery = next(&mut consumer).await;
        assert_eq!((body(&delivery).as_str(), delivery.redelivered), ("1", tag > 1));
        assert_eq!(delivery.delivery_tag, tag, "each delivery has its own tag");
        client.nack(tag, true).await;
    }
}

#[tokio::test]
async fn recover_takes_back_what_is_unacked() {
    let client = Client::connect().await;
    let queue = client.queue([]).await;
    client.send_all(&queue, &["1", "2"]).await;
    let mut consumer = client.consume(&queue).await;
    assert_eq!(next_bodies(&mut consumer, 2).await, ["1", "2"]);
    client.ack(1).await;
    client.channel.basic_recover(BasicRecoverOptions { requeue: true }).await.unwrap();
    let again = next(&mut consumer).await;
    assert_eq!((body(&again).as_str(), again.redelivered), ("2", true));
    let async_options = BasicRecoverAsyncOptions { requeue: true };
    client.channel.basic_recover_async(async_options).await.unwrap();
    assert_eq!(body(&next(&mut consumer).await), "2");
    let other = client.another().await;
    let refused = other.channel.basic_recover(BasicRecoverOptions { requeue: false }).await;
    check_refused(refused, 540, "NOT_IMPLEMENTED - requeue=false");
}

#[tokio::test]
async fn one_publisher_one_queue_one_consumer_is_first_in_first_out() {
    let client = Client::connect().await;
    let queue = client.queue([]).await;
    client.prefetch(50).await;
    let mut consumer = client.consume(&queue).await;
    let publisher = client.another().await;
    for number in 0..2000 {
        publisher.send(&queue, &number.to_string()).await;
    }
    for number in 0..2000 {
        let delivery = next(&mut consumer).await;
        assert_eq!(body(&delivery), number.to_string());
        client.ack(delivery.delivery_tag).await;
    }
}
