//! The memory limit: publishers are blocked above it, consumers are not.

use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _};
use lapin::{BasicProperties, Event};

use crate::client::{Client, PATIENCE, broker_with, next};

/// More than an idle broker needs, so that the alarm ends once the queues are empty.
const SETTINGS: &str = "[limits]\nmemory = \"80MiB\"";

#[tokio::test]
async fn publishers_are_blocked_until_there_is_room() {
    let Some(broker) = broker_with(SETTINGS) else { return };
    let publisher = Client::connect_to(&broker).await;
    let consumer = publisher.another().await;
    let mut events = Box::pin(publisher.connection.events_listener());
    let mut queues = Vec::new();
    for _ in 0..12 {
        queues.push(consumer.queue([]).await);
    }
    let body = "x".repeat(1 << 20);
    let mut published = 0;
    // Blocked, the publisher may still send what the socket's buffers take.
    let reason = 'blocked: loop {
        for queue in &queues {
            let publish = publisher.publish("", queue, &body, BasicProperties::default());
            tokio::time::timeout(Duration::from_millis(500), publish).await.ok();
            published += 1;
            assert!(published < 300, "the limit does not limit");
            if let Some(Some(Event::ConnectionBlocked(reason))) = events.next().now_or_never() {
                break 'blocked reason;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert_eq!(reason, "low on memory");
    // Who only consumes goes on, and makes room.
    let mut first = consumer.consume(&queues[0]).await;
    let delivery = next(&mut first).await;
    consumer.ack(delivery.delivery_tag).await;
    for queue in &queues {
        consumer.channel.queue_purge(queue.as_str().into(), Default::default()).await.unwrap();
    }
    consumer.ack_up_to(0).await;
    consumer.channel.basic_cancel(first.tag(), Default::default()).await.unwrap();
    consumer.channel.close(200, "".into()).await.unwrap();
    let sweeper = publisher.another().await;
    for queue in &queues {
        sweeper.channel.queue_purge(queue.as_str().into(), Default::default()).await.unwrap();
    }
    let unblocked = async {
        loop {
            if matches!(events.next().await, Some(Event::ConnectionUnblocked)) {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, unblocked).await.expect("the alarm ends");
    publisher.barrier().await.expect("the publisher goes on");
}

#[tokio::test]
async fn what_queues_held_is_used_again() {
    const ROUNDS: usize = 8;
    /// By then the buffers on the way to the disk are as large as they become.
    const WARM: usize = 3;
    let Some(broker) = broker_with("") else { return };
    let client = Client::connect_to(&broker).await;
    let queue = client.queue([]).await;
    client.confirm_select().await;
    let body = "x".repeat(32 << 10);
    let mut resident = Vec::new();
    for _ in 0..ROUNDS {
        for _ in 0..512 {
            client.publish("", &queue, &body, BasicProperties::default()).await;
        }
        client.channel.wait_for_confirms().await.unwrap();
        resident.push(resident_bytes(broker.pid().unwrap()));
        client.channel.queue_purge(queue.as_str().into(), Default::default()).await.unwrap();
    }
    // The allocator may keep what the queue held, but it does not ask for as much again.
    let growth = resident[ROUNDS - 1].saturating_sub(resident[WARM]);
    assert!(growth < 16 << 20, "the broker grew from round to round: {resident:?}");
}

/// What a process has in memory.
fn resident_bytes(pid: u32) -> u64 {
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap();
    let pages: u64 = statm.split_ascii_whitespace().nth(1).unwrap().parse().unwrap();
    pages * 4096
}
