//! The exchange that sends messages on later.

use std::time::{Duration, Instant};

use lapin::options::{BasicPublishOptions, ExchangeDeclareOptions};

use crate::client::{
    Client, Session, body, header, int, next, next_bodies, refusal, table, text, unique,
    with_headers,
};

async fn publish(session: &Session, exchange: &str, routing_key: &str, delay_ms: i64) {
    let headers = with_headers([("x-delay", int(delay_ms))]);
    session.publish(exchange, routing_key, &delay_ms.to_string(), headers).await;
}

#[tokio::test]
async fn messages_come_in_the_order_of_their_times() {
    let client = Client::connect().await;
    let exchange = client.exchange("x-delayed-message", [("x-delayed-type", text("direct"))]).await;
    let queue = client.bound_queue(&exchange, "k").await;
    let mut consumer = client.consume(&queue).await;
    let start = Instant::now();
    for delay_ms in [300, 100, 0, 200] {
        publish(&client, &exchange, "k", delay_ms).await;
    }
    publish(&client, &exchange, "another key", 0).await;
    assert_eq!(next_bodies(&mut consumer, 4).await, ["0", "100", "200", "300"]);
    assert!(start.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn a_message_without_delay_goes_at_once() {
    let client = Client::connect().await;
    let exchange = client.exchange("x-delayed-message", [("x-delayed-type", text("topic"))]).await;
    let queue = client.bound_queue(&exchange, "a.#").await;
    client.publish(&exchange, "a.b", "none", Default::default()).await;
    publish(&client, &exchange, "a.c", -5).await;
    client.publish(&exchange, "a.d", "text", with_headers([("x-delay", text("100"))])).await;
    assert_eq!(client.drain(&queue, 3).await, ["none", "-5", "text"]);
}

#[tokio::test]
async fn bindings_count_when_the_time_has_come() {
    let client = Client::connect().await;
    let exchange = client.exchange("x-delayed-message", [("x-delayed-type", text("fanout"))]).await;
    publish(&client, &exchange, "", 100).await;
    let queue = client.bound_queue(&exchange, "").await;
    let mut consumer = client.consume(&queue).await;
    let delivery = next(&mut consumer).await;
    assert_eq!(body(&delivery), "100");
    assert_eq!(delivery.exchange.as_str(), exchange);
    let delay = header(&delivery, "x-delay").expect("the header stays");
    assert!(delay == int(100) || delay == int(-100), "{delay:?}");
}

#[tokio::test]
async fn a_delayed_message_is_confirmed_and_not_returned() {
    let client = Client::connect().await;
    let exchange = client.exchange("x-delayed-message", [("x-delayed-type", text("direct"))]).await;
    client.confirm_select().await;
    let options = BasicPublishOptions { mandatory: true, immediate: false };
    let headers = with_headers([("x-delay", int(60_000))]);
    let published = client
        .channel
        .basic_publish(exchange.as_str().into(), "nobody".into(), options, b"", headers)
        .await;
    let confirmed = published.unwrap().await.unwrap();
    assert!(confirmed.is_ack() && confirmed.take_message().is_none());
}

#[tokio::test]
async fn it_needs_to_know_how_to_route() {
    let client = Client::connect().await;
    let options = ExchangeDeclareOptions::default();
    for arguments in [
        table([]),
        table([("x-delayed-type", text("no such type"))]),
        table([("x-delayed-type", int(1))]),
    ] {
        let session = client.session().await;
        let shown = format!("{arguments:?}");
        let declared = session
            .declare_exchange(&unique("late"), "x-delayed-message", options, arguments)
            .await;
        let refused = refusal(&declared.expect_err(&shown));
        assert!(refused.starts_with("406 PRECONDITION_FAILED - "), "{shown}: {refused}");
    }
}
