//! Exchanges that choose one destination by a hash or at random, and the one that remembers.

use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable},
};

use crate::client::{Client, Session, int, table, text, unique, with_headers};

const MESSAGES: u32 = 300;

/// Binds queues with `binding_keys`, publishes under many keys, and returns how many messages each queue got.
async fn spread<const N: usize>(
    session: &Session,
    exchange: &str,
    binding_keys: [&str; N],
) -> [u32; N] {
    let mut queues = Vec::new();
    for key in binding_keys {
        queues.push(session.bound_queue(exchange, key).await);
    }
    for number in 0..MESSAGES {
        let key = format!("key {number}");
        session.publish(exchange, &key, "", BasicProperties::default()).await;
    }
    session.barrier().await.unwrap();
    let mut counts = [0; N];
    for (queue, count) in queues.iter().zip(&mut counts) {
        *count = session.ready(queue).await;
    }
    assert_eq!(counts.iter().sum::<u32>(), MESSAGES, "each message goes to one queue");
    counts
}

/// Whether messages under one key all go to one of several queues.
async fn keeps_keys_together(session: &Session, exchange: &str, binding_keys: [&str; 3]) -> bool {
    let mut queues = Vec::new();
    for key in binding_keys {
        queues.push(session.bound_queue(exchange, key).await);
    }
    for _ in 0..50 {
        session.publish(exchange, "always the same", "", BasicProperties::default()).await;
    }
    session.barrier().await.unwrap();
    let mut reached = 0;
    for queue in &queues {
        reached += u32::from(session.ready(queue).await > 0);
    }
    reached == 1
}

#[tokio::test]
async fn a_consistent_hash_spreads_by_weight() {
    let client = Client::connect().await;
    let exchange = client.exchange("x-consistent-hash", []).await;
    let [light, heavy] = spread(&client, &exchange, ["1", "4"]).await;
    assert!(light > 0 && heavy > light, "{light} and {heavy}");
    let exchange = client.exchange("x-consistent-hash", []).await;
    assert!(keeps_keys_together(&client, &exchange, ["1", "1", "1"]).await);
}

#[tokio::test]
async fn a_consistent_hash_may_look_at_a_header_or_property() {
    let client = Client::connect().await;
    let by_header = client.exchange("x-consistent-hash", [("hash-header", text("account"))]).await;
    let by_id = client.exchange("x-consistent-hash", [("hash-property", text("message_id"))]).await;
    for (exchange, properties) in [
        (by_header, with_headers([("account", text("A-17"))])),
        (by_id, BasicProperties::default().with_message_id("m-17".into())),
    ] {
        let queues = [
            client.bound_queue(&exchange, "1").await,
            client.bound_queue(&exchange, "1").await,
            client.bound_queue(&exchange, "1").await,
        ];
        for number in 0..50 {
            client.publish(&exchange, &number.to_string(), "", properties.clone()).await;
        }
        client.barrier().await.unwrap();
        let mut counts = Vec::new();
        for queue in &queues {
            counts.push(client.ready(queue).await);
        }
        counts.sort_unstable();
        assert_eq!(counts, [0, 0, 50]);
    }
}

#[tokio::test]
async fn a_weight_is_a_positive_number() {
    let client = Client::connect().await;
    let exchange = client.exchange("x-consistent-hash", []).await;
    let queue = client.queue([]).await;
    for weight in ["", "heavy", "0", "-1"] {
        let session = client.session().await;
        let bound = session.bind_with(&queue, &exchange, weight, FieldTable::default()).await;
        let refused = crate::client::refusal(&bound.unwrap_err());
        assert!(refused.starts_with("406 PRECONDITION_FAILED - "), "{weight}: {refused}");
    }
    let both = table([("hash-header", text("a")), ("hash-property", text("message_id"))]);
    let session = client.session().await;
    let options = lapin::options::ExchangeDeclareOptions::default();
    let declared =
        session.declare_exchange(&unique("both"), "x-consistent-hash", options, both).await;
    assert!(crate::client::refusal(&declared.unwrap_err()).starts_with("406 "));
}

#[tokio::test]
async fn a_modulus_hash_keeps_keys_together() {
    let client = Client::connect().await;
    let exchange = client.exchange("x-modulus-hash", []).await;
    let counts = spread(&client, &exchange, ["", "", ""]).await;
    assert!(counts.iter().all(|&count| count > 0), "{counts:?}");
    let exchange = client.exchange("x-modulus-hash", []).await;
    assert!(keeps_keys_together(&client, &exchange, ["", "", ""]).await);
}

#[tokio::test]
async fn random_exchanges_choose_one() {
    let client = Client::connect().await;
    for kind in ["x-random", "x-local-random"] {
        let exchange = client.exchange(kind, []).await;
        let counts = spread(&client, &exchange, ["", "", ""]).await;
        assert!(counts.iter().all(|&count| count > 0), "{kind}: {counts:?}");
    }
}

#[tokio::test]
async fn local_random_takes_no_binding_key() {
    let client = Client::connect().await;
    let exchange = client.exchange("x-local-random", []).await;
    let queue = client.queue([]).await;
    let bound = client.bind_with(&queue, &exchange, "key", FieldTable::default()).await;
    assert!(crate::client::refusal(&bound.unwrap_err()).starts_with("406 PRECONDITION_FAILED - "));
}

#[tokio::test]
async fn recent_history_sends_a_new_binding_what_it_missed() {
    let client = Client::connect().await;
    let exchange = client.exchange("x-recent-history", [("x-recent-history-length", int(2))]).await;
    for body in ["one", "two", "three"] {
        client.publish(&exchange, "", body, BasicProperties::default()).await;
    }
    let secret = with_headers([("x-recent-history-no-store", AMQPValue::Boolean(true))]);
    client.publish(&exchange, "", "not kept", secret).await;
    let queue = client.bound_queue(&exchange, "").await;
    assert_eq!(client.drain(&queue, 2).await, ["two", "three"]);
    client.publish(&exchange, "", "four", BasicProperties::default()).await;
    assert_eq!(client.drain(&queue, 1).await, ["four"]);
}
