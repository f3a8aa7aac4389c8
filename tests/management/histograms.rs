//! How long messages wait in a queue and until they are acked, and how long the disk takes; and metrics in detail.

use futures_util::StreamExt as _;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions,
    QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use serde_json::{Value, json};

use crate::broker::Broker;
use crate::http::Client;
use crate::patience::until_some;
use crate::scene::Scene;

/// How old what is looked at is made to be.
const AGE_MS: u64 = 300;

/// Waits until the oldest of its kind in the queue `busy` is old enough, and shows the queue.
fn once_old(guest: &Client, field: &str, age_ms: u64) -> Value {
    until_some(field, || {
        let queue = guest.json("/api/queues/%2F/busy");
        queue[field].as_u64().is_some_and(|ms| ms >= age_ms).then_some(queue)
    })
}

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Runtime::new().unwrap().block_on(test)
}

async fn open(broker: &Broker) -> (Connection, Channel) {
    let properties = ConnectionProperties::default();
    let connection = Connection::connect(&broker.uri(), properties).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
    for queue in ["busy", "idle"] {
        channel.queue_declare(queue.into(), durable, FieldTable::default()).await.unwrap();
    }
    (connection, channel)
}

async fn publish(channel: &Channel, count: usize) {
    for _ in 0..count {
        let properties = BasicProperties::default().with_delivery_mode(2);
        let options = BasicPublishOptions::default();
        let sent = channel.basic_publish("".into(), "busy".into(), options, b"x", properties);
        sent.await.unwrap().await.unwrap();
    }
}

/// A number of a queue, in milliseconds.
fn ms(queue: &Value, path: &str) -> u64 {
    let value = queue.pointer(path).unwrap_or_else(|| panic!("no {path}: {queue}"));
    value.as_u64().unwrap_or_else(|| panic!("{path} is {value}"))
}

/// The value of a line of metrics.
fn value(text: &str, name: &str) -> f64 {
    let line = text.lines().find(|line| line.rsplit_once(' ').is_some_and(|(it, _)| it == name));
    let line = line.unwrap_or_else(|| panic!("no {name} in {text}"));
    line.rsplit_once(' ').unwrap().1.parse().unwrap()
}

#[test]
fn a_queue_tells_how_long_its_messages_take() {
    let mut broker = Broker::start();
    let guest = Client::guest(broker.management());
    run(async {
        let (_connection, channel) = open(&broker).await;
        let idle = guest.json("/api/queues/%2F/idle");
        for field in ["oldest_ready_ms", "oldest_unacked_ms", "time_in_queue_ms", "time_to_ack_ms"]
        {
            assert_eq!(idle[field], Value::Null, "{field}");
        }
        publish(&channel, 3).await;
        let waiting = once_old(&guest, "oldest_ready_ms", AGE_MS);
        assert_eq!(waiting["oldest_unacked_ms"], Value::Null);

        let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
        let mut consumer =
            channel.basic_consume("busy".into(), "c".into(), options, none).await.unwrap();
        let mut last = None;
        for _ in 0..3 {
            last = Some(consumer.next().await.unwrap().unwrap());
        }
        let held = once_old(&guest, "oldest_unacked_ms", AGE_MS);
        assert_eq!(held["oldest_ready_ms"], Value::Null);
        assert_eq!(ms(&held, "/time_in_queue_ms/count"), 3);
        let multiple = BasicAckOptions { multiple: true };
        last.unwrap().ack(multiple).await.unwrap();
        publish(&channel, 1).await;
        let fourth = consumer.next().await.unwrap().unwrap();
        // Long enough after the others that its ack is looked at by itself.
        once_old(&guest, "oldest_unacked_ms", 20);
        fourth.ack(BasicAckOptions::default()).await.unwrap();
        guest.wait_until_idle("/api/queues/%2F/busy");
    });
    let done = guest.json("/api/queues/%2F/busy");
    assert_eq!(done["oldest_unacked_ms"], Value::Null);
    assert_eq!((ms(&done, "/time_in_queue_ms/count"), ms(&done, "/time_to_ack_ms/count")), (4, 4));
    // Three waited for the pause; the fourth went nearly at once.
    for durations in ["/time_in_queue_ms", "/time_to_ack_ms"] {
        for part in ["p50", "p99"] {
            let took = ms(&done, &format!("{durations}/{part}"));
            assert!((270..20_000).contains(&took), "{durations} {part}: {took}");
        }
    }
    let metrics = Client::nobody(broker.metrics()).get("/metrics/per-object").text;
    let labels = "{vhost=\"/\",queue=\"busy\"}";
    let at_once = "{vhost=\"/\",queue=\"busy\",le=\"0.256\"}";
    for name in ["pillarbox_queue_time_in_queue_seconds", "pillarbox_queue_time_to_ack_seconds"] {
        assert_eq!(value(&metrics, &format!("{name}_count{labels}")), 4.0);
        assert_eq!(value(&metrics, &format!("{name}_bucket{at_once}")), 1.0, "{metrics}");
        assert!(value(&metrics, &format!("{name}_sum{labels}")) >= 0.9);
    }
    assert!(!metrics.contains("time_in_queue_seconds_count{vhost=\"/\",queue=\"idle\"}"));

    // What waits is as old as before after a restart.
    run(async {
        let (_connection, channel) = open(&broker).await;
        publish(&channel, 1).await;
        once_old(&Client::guest(broker.management()), "oldest_ready_ms", AGE_MS);
    });
    broker.restart();
    let old = Client::guest(broker.management()).json("/api/queues/%2F/busy");
    assert!(ms(&old, "/oldest_ready_ms") >= AGE_MS, "{old}");
    assert_eq!(old["time_in_queue_ms"], Value::Null);
}

#[test]
fn the_node_tells_how_long_the_disk_takes() {
    let broker = Broker::start();
    run(async {
        let (_connection, channel) = open(&broker).await;
        publish(&channel, 5).await;
    });
    let metrics = Client::nobody(broker.metrics()).get("/metrics").text;
    let flushes = value(&metrics, "pillarbox_log_flush_seconds_count");
    assert!(flushes >= 5.0, "each confirm waited for one: {flushes}");
    assert_eq!(value(&metrics, "pillarbox_log_flush_seconds_bucket{le=\"+Inf\"}"), flushes);
    assert!(value(&metrics, "pillarbox_log_flush_seconds_sum") > 0.0);
    assert!(value(&metrics, "pillarbox_log_batch_messages_sum") >= 5.0);
    assert!(value(&metrics, "pillarbox_log_batch_bytes_sum") > 500.0);
    assert!(metrics.contains("# TYPE pillarbox_log_batch_bytes histogram"));
}

#[test]
fn families_are_told_in_detail_if_they_are_asked_for() {
    let broker = Broker::start();
    let _scene = Scene::play(&broker.uri());
    let guest = Client::guest(broker.management());
    guest.put("/api/vhosts/other", &json!({}));
    guest.put("/api/queues/other/q%22uote", &json!({}));
    let scraper = Client::nobody(broker.metrics());
    let ask = |query: &str| scraper.get(&format!("/metrics/detailed?{query}")).text;

    let nothing = ask("family=nonsense");
    assert!(nothing.contains("rabbitmq_identity_info") && !nothing.contains("detailed"));
    let coarse = ask("family=queue_coarse_metrics&family=queue_consumer_count");
    let of_quorum = "{vhost=\"/\",queue=\"quorum\"}";
    let unacked = format!("rabbitmq_detailed_queue_messages_unacked{of_quorum}");
    assert_eq!(value(&coarse, &unacked), 10.0);
    assert_eq!(value(&coarse, &format!("rabbitmq_detailed_queue_consumers{of_quorum}")), 1.0);
    assert!(coarse.contains("queue=\"q\\\"uote\"") && !coarse.contains("persistent"));
    let of_other = ask("family=queue_coarse_metrics&vhost=other");
    assert!(of_other.contains("uote") && !of_other.contains("quorum"), "{of_other}");
    assert!(!ask("family=queue_coarse_metrics&vhost=nowhere").contains("queue=\""));

    let all = [
        "queue_metrics",
        "queue_consumer_count",
        "queue_delivery_metrics",
        "queue_times",
        "exchange_metrics",
        "exchange_names",
        "exchange_bindings",
        "vhost_status",
        "channel_metrics",
        "channel_exchange_metrics",
        "channel_queue_metrics",
        "connection_metrics",
        "connection_coarse_metrics",
        "connection_churn_metrics",
        "node_metrics",
        "node_coarse_metrics",
        "node_persister_metrics",
        "auth_attempt_metrics",
    ];
    let text = ask(&all.map(|family| format!("family={family}")).join("&"));
    for (line, expected) in [
        ("rabbitmq_cluster_vhost_status{vhost=\"other\"}", 1.0),
        (
            "rabbitmq_cluster_exchange_bindings{vhost=\"/\",exchange=\"letters\",type=\"topic\"}",
            2.0,
        ),
        (
            "rabbitmq_cluster_exchange_name{vhost=\"/\",exchange=\"amq.match\",type=\"headers\"}",
            1.0,
        ),
        ("rabbitmq_detailed_queues_created_total", 4.0),
        ("rabbitmq_detailed_auth_attempts_total{protocol=\"amqp091\"}", 1.0),
        ("rabbitmq_detailed_auth_attempts_failed_total{protocol=\"http\"}", 0.0),
        ("rabbitmq_detailed_queue_get_total{vhost=\"/\",queue=\"classic\"}", 1.0),
    ] {
        assert_eq!(value(&text, line), expected, "{line}");
    }
    assert!(text.contains("rabbitmq_detailed_channel_messages_published_total{channel=\""));
    assert!(text.contains("rabbitmq_detailed_connection_incoming_bytes_total{channel=\""));
    assert!(
        text.contains("pillarbox_queue_time_in_queue_seconds_bucket{vhost=\"/\",queue=\"quorum\"")
    );
    let mut heads: Vec<&str> = text.lines().filter(|line| line.starts_with("# TYPE")).collect();
    let count = heads.len();
    heads.sort_unstable();
    heads.dedup();
    assert_eq!(heads.len(), count, "each family has one head");
    assert_eq!(Client::nobody(broker.management()).get("/metrics/detailed").status, 401);
    let same = guest.get("/metrics/detailed?family=vhost_status").text;
    assert!(same.contains("rabbitmq_cluster_vhost_status{vhost=\"/\"} 1"));
}
