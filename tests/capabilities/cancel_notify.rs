//! What consumers hear when their queue goes.

use futures_util::FutureExt as _;

use crate::client::{Client, TRANSIENT, end_of, int, next, table, unique};

#[tokio::test]
async fn consumers_of_a_deleted_queue_are_cancelled() {
    let client = Client::connect().await;
    let queue = client.queue([]).await;
    let other = client.another().await;
    let (mut mine, mut theirs) = (client.consume(&queue).await, other.consume(&queue).await);
    client.channel.queue_delete(queue.as_str().into(), Default::default()).await.unwrap();
    assert!(end_of(&mut mine).await.is_ok(), "the channel stays");
    assert!(end_of(&mut theirs).await.is_ok());
    other.barrier().await.expect("the channel stays");
}

#[tokio::test]
async fn a_tag_is_free_after_the_broker_cancelled_it() {
    let client = Client::connect().await;
    let queue = client.queue([]).await;
    let options = lapin::options::BasicConsumeOptions::default();
    let mut consumer =
        client.consume_with(&queue, "tag", options, Default::default()).await.unwrap();
    client.channel.queue_delete(queue.as_str().into(), Default::default()).await.unwrap();
    end_of(&mut consumer).await.unwrap();
    let queue = client.queue([]).await;
    let mut consumer =
        client.consume_with(&queue, "tag", options, Default::default()).await.unwrap();
    client.send(&queue, "again").await;
    next(&mut consumer).await;
}

#[tokio::test]
async fn what_a_deleted_queue_delivered_can_still_be_acked() {
    let client = Client::connect().await;
    let queue = client.queue([]).await;
    let mut consumer = client.consume(&queue).await;
    client.send(&queue, "held").await;
    let held = next(&mut consumer).await;
    client.channel.queue_delete(queue.as_str().into(), Default::default()).await.unwrap();
    client.ack(held.delivery_tag).await;
    client.barrier().await.expect("the tag is known");
}

#[tokio::test]
async fn a_cancelled_consumer_gets_nothing_more_and_keeps_what_it_has() {
    let client = Client::connect().await;
    let queue = client.queue([]).await;
    let mut consumer = client.consume(&queue).await;
    client.send(&queue, "held").await;
    let held = next(&mut consumer).await;
    client.channel.basic_cancel(consumer.tag(), Default::default()).await.unwrap();
    client.send(&queue, "later").await;
    assert_eq!(client.drain(&queue, 1).await, ["later"]);
    client.ack(held.delivery_tag).await;
    client.barrier().await.unwrap();
    client.channel.basic_cancel("nobody".into(), Default::default()).await.unwrap();
}

#[tokio::test]
async fn an_expiring_queue_cannot_have_consumers() {
    let client = Client::connect().await;
    let queue = unique("queue");
    // A durable one is there when it is flushed, which a busy disk may do later than it expires.
    client.declare(&queue, TRANSIENT, table([("x-expires", int(1000))])).await.unwrap();
    let mut consumer = client.consume(&queue).await;
    tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
    client.barrier().await.unwrap();
    assert!(futures_util::StreamExt::next(&mut consumer).now_or_never().is_none());
}
