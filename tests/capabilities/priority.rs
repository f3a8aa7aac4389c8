//! Priorities of messages.

use lapin::BasicProperties;

use crate::client::{Client, Session, int, text};

async fn publish(session: &Session, queue: &str, body: &str, priority: Option<u8>) {
    let mut properties = BasicProperties::default();
    if let Some(priority) = priority {
        properties = properties.with_priority(priority);
    }
    session.publish("", queue, body, properties).await;
}

#[tokio::test]
async fn the_higher_priority_goes_first_and_equals_in_turn() {
    let client = Client::connect().await;
    let queue = client.queue([("x-max-priority", int(5))]).await;
    for (body, priority) in [
        ("none", None),
        ("one", Some(1)),
        ("five", Some(5)),
        ("capped", Some(200)),
        ("zero", Some(0)),
        ("one more", Some(1)),
    ] {
        publish(&client, &queue, body, priority).await;
    }
    let expected = ["five", "capped", "one", "one more", "none", "zero"];
    assert_eq!(client.drain(&queue, 6).await, expected);
}

#[tokio::test]
async fn without_priorities_a_queue_ignores_them() {
    let client = Client::connect().await;
    let queue = client.queue([]).await;
    publish(&client, &queue, "low", Some(0)).await;
    publish(&client, &queue, "high", Some(9)).await;
    let low = client.expect(&queue).await;
    assert_eq!(*low.properties.priority(), Some(0), "but it passes them on");
    client.nack(low.delivery_tag, true).await;
    assert_eq!(client.drain(&queue, 2).await, ["low", "high"]);
}

#[tokio::test]
async fn a_requeued_message_goes_back_to_its_priority() {
    let client = Client::connect().await;
    let queue = client.queue([("x-max-priority", int(9))]).await;
    publish(&client, &queue, "low", Some(1)).await;
    let low = client.expect(&queue).await;
    publish(&client, &queue, "high", Some(9)).await;
    publish(&client, &queue, "low too", Some(1)).await;
    client.nack(low.delivery_tag, true).await;
    assert_eq!(client.drain(&queue, 3).await, ["high", "low", "low too"]);
}

#[tokio::test]
async fn a_full_queue_drops_its_head_whatever_its_priority() {
    let client = Client::connect().await;
    let queue = client.queue([("x-max-priority", int(9)), ("x-max-length", int(2))]).await;
    for (body, priority) in [("low", 1), ("high", 9), ("middle", 5)] {
        publish(&client, &queue, body, Some(priority)).await;
    }
    assert_eq!(client.drain(&queue, 2).await, ["middle", "low"]);
}

#[tokio::test]
async fn a_quorum_queue_has_32_levels_without_asking() {
    let client = Client::connect().await;
    let queue = client.queue([("x-queue-type", text("quorum"))]).await;
    for (body, priority) in [
        ("3", Some(3)),
        ("none is 4", None),
        ("5", Some(5)),
        ("31", Some(31)),
        ("capped", Some(255)),
        ("0", Some(0)),
    ] {
        publish(&client, &queue, body, priority).await;
    }
    let expected = ["31", "capped", "5", "none is 4", "3", "0"];
    assert_eq!(client.drain(&queue, 6).await, expected);
}
