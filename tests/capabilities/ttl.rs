//! How long messages and queues live.

use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use lapin::BasicProperties;

use crate::client::{
    Client, TRANSIENT, body, check_refused, eventually, int, next, refusal, table, text, unique,
    with_headers,
};

fn expiring(ms: &str) -> BasicProperties {
    BasicProperties::default().with_expiration(ms.into())
}

#[tokio::test]
async fn messages_live_as_long_as_their_queue_says() {
    let client = Client::connect().await;
    let queue = client.queue([("x-message-ttl", int(30))]).await;
    client.send_all(&queue, &["1", "2"]).await;
    eventually("both expire", || async { client.ready(&queue).await == 0 }).await;
    assert!(client.get(&queue).await.is_none());
}

#[tokio::test]
async fn the_shorter_of_two_times_counts() {
    let client = Client::connect().await;
    let patient = client.queue([("x-message-ttl", int(600_000))]).await;
    client.publish("", &patient, "impatient", expiring("20")).await;
    let hasty = client.queue([("x-message-ttl", int(20))]).await;
    client.publish("", &hasty, "patient", expiring("600000")).await;
    for queue in [&patient, &hasty] {
        eventually("it expires", || async { client.ready(queue).await == 0 }).await;
    }
}

#[tokio::test]
async fn an_expired_message_waits_behind_a_living_one() {
    let client = Client::connect().await;
    let queue = client.queue([]).await;
    client.publish("", &queue, "living", expiring("600000")).await;
    client.publish("", &queue, "dying", expiring("1")).await;
    let marker = client.queue([("x-message-ttl", int(30))]).await;
    client.send(&marker, "later than dying").await;
    eventually("its time is over", || async { client.ready(&marker).await == 0 }).await;
    assert_eq!(client.ready(&queue).await, 2, "only the head expires");
    let head = client.expect(&queue).await;
    assert_eq!(body(&head), "living");
    assert!(client.get(&queue).await.is_none(), "and then it is gone");
}

#[tokio::test]
async fn a_requeued_message_keeps_its_time() {
    let client = Client::connect().await;
    let queue = client.queue([]).await;
    client.publish("", &queue, "short", expiring("40")).await;
    let message = client.expect(&queue).await;
    tokio::time::sleep(Duration::from_millis(50)).await; // what is unacked does not expire
    client.nack(message.delivery_tag, true).await;
    assert!(client.get(&queue).await.is_none());
}

#[tokio::test]
async fn no_time_at_all_is_time_for_who_waits() {
    let client = Client::connect().await;
    let queue = client.queue([("x-message-ttl", int(0))]).await;
    client.send(&queue, "nobody waits").await;
    assert!(client.get(&queue).await.is_none());
    let mut consumer = client.consume(&queue).await;
    client.send(&queue, "somebody waits").await;
    assert_eq!(body(&next(&mut consumer).await), "somebody waits");
    let plain = client.queue([]).await;
    client.publish("", &plain, "", expiring("0")).await;
    assert!(client.get(&plain).await.is_none());
}

#[tokio::test]
async fn ten_years_are_the_longest_time() {
    let client = Client::connect().await;
    let queue = client.queue([]).await;
    client.publish("", &queue, "ten years", expiring("315360000000")).await;
    assert_eq!(client.drain(&queue, 1).await, ["ten years"]);
    let refused = client.try_publish("", &queue, "", expiring("315360000001")).await;
    let expected =
        "PRECONDITION_FAILED - invalid expiration '315360000001': {value_too_large,315360000001}";
    check_refused(refused, 406, expected);
}

#[tokio::test]
async fn an_expiration_is_a_number() {
    let client = Client::connect().await;
    let queue = client.queue([]).await;
    for (expiration, fault) in [
        ("abc", "no_integer"),
        ("", "no_integer"),
        ("1.5", "{leftover_string,\".5\"}"),
        ("-1", "{value_negative,-1}"),
    ] {
        let session = client.session().await;
        let refused = session.try_publish("", &queue, "", expiring(expiration)).await;
        let expected = format!("PRECONDITION_FAILED - invalid expiration '{expiration}': {fault}");
        check_refused(refused, 406, &expected);
    }
    for expiration in ["+60000", "0060000"] {
        client.publish("", &queue, expiration, expiring(expiration)).await;
    }
    assert_eq!(client.drain(&queue, 2).await, ["+60000", "0060000"]);
}

#[tokio::test]
async fn the_longest_delay_is_ten_years_too() {
    let client = Client::connect().await;
    let exchange = client.exchange("x-delayed-message", [("x-delayed-type", text("fanout"))]).await;
    let last = with_headers([("x-delay", int(315_360_000_000))]);
    client.try_publish(&exchange, "", "", last).await.expect("ten years are accepted");
    let late = with_headers([("x-delay", int(315_360_000_001))]);
    let refused = client.try_publish(&exchange, "", "", late).await;
    let expected =
        "406 PRECONDITION_FAILED - invalid x-delay '315360000001': {value_too_large,315360000001}";
    assert_eq!(refusal(&refused.unwrap_err()), expected);
}

#[tokio::test]
async fn an_unused_queue_expires() {
    let client = Client::connect().await;
    let queue = client.queue([("x-expires", int(50))]).await;
    client.send(&queue, "does not keep it").await;
    let other = client.another().await;
    // Looking at the queue would keep it: another is looked at that has no messages and the same time.
    tokio::time::sleep(Duration::from_millis(80)).await;
    eventually("the queue is deleted", || async {
        let gone = other.session().await.passive(&queue).await.is_err();
        if !gone {
            tokio::time::sleep(Duration::from_millis(80)).await;
        }
        gone
    })
    .await;
}

#[tokio::test]
async fn a_queue_in_use_does_not_expire() {
    let client = Client::connect().await;
    let names = ["consumed", "fetched", "declared"].map(unique);
    // Durable ones are there when they are flushed, which a busy disk may do later than they expire.
    for name in &names {
        let declared = client.declare(name, TRANSIENT, table([("x-expires", int(1000))])).await;
        declared.expect("the queue can be declared");
    }
    let [consumed, fetched, declared] = names;
    let mut consumer = client.consume(&consumed).await;
    let end = Instant::now() + Duration::from_millis(2000);
    while Instant::now() < end {
        client.get(&fetched).await;
        client.passive(&declared).await.expect("to declare it again is to use it");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for queue in [&consumed, &fetched, &declared] {
        assert!(client.passive(queue).await.is_ok());
    }
    assert!(futures_util::StreamExt::next(&mut consumer).now_or_never().is_none());
}
