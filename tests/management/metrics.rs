//! What Prometheus scrapes.

use crate::broker::Broker;
use crate::http::Client;
use crate::scene::Scene;

fn value(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.split(' ').next() == Some(name))?;
    line.rsplit_once(' ').and_then(|(_, value)| value.parse().ok())
}

#[test]
fn the_numbers_are_there_without_a_login_on_their_own_port() {
    let broker = Broker::start();
    let _scene = Scene::play(&broker.uri());
    let scraper = Client::nobody(broker.metrics());
    let reply = scraper.get("/metrics");
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    for (name, expected) in [
        ("rabbitmq_queues", 3),
        ("rabbitmq_connections", 1),
        ("rabbitmq_channels", 1),
        ("rabbitmq_consumers", 1),
        ("rabbitmq_queue_messages", 54),
        ("rabbitmq_queue_messages_unacked", 10),
        ("rabbitmq_queues_created_total", 3),
        ("rabbitmq_global_messages_received_total{protocol=\"amqp091\"}", 80),
        ("rabbitmq_global_messages_unroutable_dropped_total{protocol=\"amqp091\"}", 20),
        ("rabbitmq_alarms_memory_used_watermark", 0),
    ] {
        assert_eq!(value(&reply.text, name), Some(expected), "{name}:\n{}", reply.text);
    }
    assert!(!reply.text.contains("exclusive"), "a queue is named only if that is asked for");
    let detailed = scraper.get("/metrics/per-object").text;
    let name = "rabbitmq_queue_messages_ready{vhost=\"/\",queue=\"exclusive\"}";
    assert_eq!(value(&detailed, name), Some(20), "{detailed}");
    let of_quorum = "rabbitmq_queue_messages_unacked{vhost=\"/\",queue=\"quorum\"}";
    assert_eq!(value(&detailed, of_quorum), Some(10));
    // Of each family there is one head, and below it nothing else.
    for text in [&reply.text, &detailed] {
        let mut heads: Vec<&str> = text.lines().filter(|line| line.starts_with("# TYPE")).collect();
        let count = heads.len();
        heads.sort_unstable();
        heads.dedup();
        assert_eq!(heads.len(), count);
    }
    assert_eq!(scraper.get("/api/overview").status, 404);
    assert_eq!(Client::nobody(broker.management()).get("/metrics").status, 401);
    let guest = Client::guest(broker.management());
    assert_eq!(value(&guest.get("/metrics").text, "rabbitmq_queues"), Some(3));
}
