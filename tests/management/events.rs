//! `amq.rabbitmq.event`: what happens to the broker, as messages.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt as _;
use lapin::options::{
    BasicConsumeOptions, ExchangeDeclareOptions, ExchangeDeleteOptions, QueueBindOptions,
    QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ConnectionProperties, Consumer, ExchangeKind};
use serde_json::{Value, json};

use crate::broker::Broker;
use crate::http::Client;

/// An event: its key, and its headers by name.
#[derive(Debug)]
struct Event {
    key: String,
    headers: BTreeMap<String, AMQPValue>,
}

/// Somebody who is told of everything.
struct Watcher {
    _connection: Connection,
    consumer: Consumer,
}

impl Watcher {
    async fn new(broker: &Broker) -> Self {
        let connection = connect(broker).await;
        let channel = connection.create_channel().await.unwrap();
        declare(&channel, "told").await;
        bind(&channel, "told", "amq.rabbitmq.event", "#").await;
        let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
        let none = FieldTable::default();
        let consumer =
            channel.basic_consume("told".into(), "w".into(), options, none).await.unwrap();
        let mut watcher = Self { _connection: connection, consumer };
        watcher.expect(&["binding.created", "consumer.created"]).await;
        watcher
    }

    async fn next(&mut self) -> Event {
        let next = tokio::time::timeout(Duration::from_secs(20), self.consumer.next());
        let delivery = next.await.expect("an event in time").unwrap().unwrap();
        assert_eq!((&delivery.data[..], *delivery.properties.delivery_mode()), (&[][..], Some(2)));
        assert!(delivery.properties.timestamp().is_some());
        let headers = delivery.properties.headers().clone().unwrap();
        let headers = headers.inner().iter();
        let headers = headers.map(|(name, value)| (name.to_string(), value.clone())).collect();
        Event { key: delivery.routing_key.to_string(), headers }
    }

    /// The next events have these keys.
    async fn expect(&mut self, keys: &[&str]) -> Vec<Event> {
        let mut events = Vec::new();
        for _ in keys {
            events.push(self.next().await);
        }
        let found: Vec<&str> = events.iter().map(|event| event.key.as_str()).collect();
        assert_eq!(found, keys);
        events
    }
}

impl Event {
    /// Whether its headers are these, besides those that all events have.
    fn has(&self, expected: &[&str]) {
        let mut expected: Vec<&str> = expected.to_vec();
        expected.extend(["timestamp_in_ms"]);
        expected.sort_unstable();
        let found: Vec<&str> = self.headers.keys().map(String::as_str).collect();
        assert_eq!(found, expected, "{}", self.key);
    }

    fn is(&self, name: &str, text: &str) {
        let text = AMQPValue::LongString(text.into());
        assert_eq!(self.headers.get(name), Some(&text), "{name} of {}", self.key);
    }
}

async fn connect(broker: &Broker) -> Connection {
    Connection::connect(&broker.uri(), ConnectionProperties::default()).await.unwrap()
}

async fn declare(channel: &Channel, queue: &str) {
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(500));
    channel.queue_declare(queue.into(), QueueDeclareOptions::default(), arguments).await.unwrap();
}

async fn bind(channel: &Channel, queue: &str, exchange: &str, key: &str) {
    let (options, none) = (QueueBindOptions::default(), FieldTable::default());
    channel.queue_bind(queue.into(), exchange.into(), key.into(), options, none).await.unwrap();
}

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Runtime::new().unwrap().block_on(test);
}

const BINDING: [&str; 8] = [
    "arguments",
    "destination_kind",
    "destination_name",
    "routing_key",
    "source_kind",
    "source_name",
    "user_who_performed_action",
    "vhost",
];

#[test]
fn what_clients_do_is_told() {
    let broker = Broker::start();
    run(async {
        let mut watcher = Watcher::new(&broker).await;
        let connection = connect(&broker).await;
        let events = watcher.expect(&["user.authentication.success", "connection.created"]).await;
        events[0].has(&[
            "auth_mechanism",
            "connection_name",
            "connection_type",
            "host",
            "name",
            "peer_host",
            "peer_port",
            "port",
            "protocol",
            "ssl",
        ]);
        events[0].is("name", "guest");
        events[0].is("peer_host", "{127,0,0,1}");
        events[1].is("vhost", "/");
        events[1].is("auth_mechanism", "PLAIN");
        assert!(events[1].headers.contains_key("client_properties"));

        let channel = connection.create_channel().await.unwrap();
        let events = watcher.expect(&["channel.created"]).await;
        events[0].has(&[
            "connection",
            "name",
            "number",
            "pid",
            "user",
            "user_who_performed_action",
            "vhost",
        ]);
        declare(&channel, "work").await;
        let events = watcher.expect(&["queue.created"]).await;
        events[0].has(&[
            "arguments",
            "auto_delete",
            "durable",
            "exclusive",
            "name",
            "owner_pid",
            "user_who_performed_action",
            "vhost",
        ]);
        let arguments = vec![AMQPValue::LongString("{<<\"x-max-length\">>,signedint,500}".into())];
        assert_eq!(events[0].headers["arguments"], AMQPValue::FieldArray(arguments.into()));
        declare(&channel, "work").await;

        let auto_delete =
            ExchangeDeclareOptions { auto_delete: true, ..ExchangeDeclareOptions::default() };
        let none = FieldTable::default();
        let topic = ExchangeKind::Topic;
        channel.exchange_declare("news".into(), topic, auto_delete, none).await.unwrap();
        bind(&channel, "work", "news", "a.*").await;
        bind(&channel, "work", "news", "a.*").await;
        let events = watcher.expect(&["exchange.created", "binding.created"]).await;
        events[0].is("type", "topic");
        events[1].has(&BINDING);
        events[1].is("routing_key", "a.*");

        let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
        let consumer = channel.basic_consume("work".into(), "c".into(), options, none);
        let _consumer = consumer.await.unwrap();
        let events = watcher.expect(&["consumer.created"]).await;
        events[0].has(&[
            "ack_required",
            "arguments",
            "channel",
            "consumer_tag",
            "exclusive",
            "prefetch_count",
            "queue",
            "user_who_performed_action",
            "vhost",
        ]);
        // The exchange goes with its last binding.
        channel.queue_delete("work".into(), QueueDeleteOptions::default()).await.unwrap();
        let keys = ["binding.deleted", "exchange.deleted", "queue.deleted", "consumer.deleted"];
        let events = watcher.expect(&keys).await;
        events[0].has(&BINDING);
        events[0].is("user_who_performed_action", "rmq-internal");
        events[1].is("name", "news");
        events[2].is("user_who_performed_action", "guest");
        events[3].is("consumer_tag", "c");
        connection.close(200, "bye".into()).await.unwrap();
        watcher.expect(&["channel.closed", "connection.closed"]).await;

        let uri = broker.uri().replace("guest:guest@", "guest:wrong@");
        Connection::connect(&uri, ConnectionProperties::default()).await.unwrap_err();
        let failure = watcher.next().await;
        assert_eq!(failure.key, "user.authentication.failure");
        failure.is("error", "user 'guest' - invalid credentials");
    });
}

#[test]
fn what_an_operator_changes_is_told_with_their_name() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    let put = |path: &str, body: Value| {
        let status = guest.put(path, &body).status;
        assert!(status == 201 || status == 204, "{path}: {status}");
    };
    let delete = |path: &str| assert_eq!(guest.delete(path).status, 204, "{path}");
    run(async {
        let mut watcher = Watcher::new(&broker).await;
        put("/api/vhosts/v", json!({ "description": "d", "tags": "a,b" }));
        let events = watcher.expect(&["vhost.created", "permission.created"]).await;
        events[0].is("name", "v");
        events[0].is("description", "d");
        events[0].is("user_who_performed_action", "guest");
        put("/api/vhosts/v", json!({ "tracing": true }));
        let events = watcher.expect(&["vhost.updated"]).await;
        assert_eq!(events[0].headers["tracing"], AMQPValue::Boolean(true));
        put("/api/users/u", json!({ "password": "x", "tags": "monitoring" }));
        put("/api/users/u", json!({ "password": "y", "tags": "management" }));
        let keys = ["user.created", "user.tags.set", "user.password.changed", "user.tags.set"];
        let events = watcher.expect(&keys).await;
        events[0].has(&["name", "user_who_performed_action"]);
        events[3].has(&["name", "tags", "user_who_performed_action"]);
        put("/api/permissions/v/u", json!({ "configure": "c", "write": "w", "read": "r" }));
        let topic = json!({ "exchange": "amq.topic", "write": "w", "read": "r" });
        put("/api/topic-permissions/v/u", topic);
        delete("/api/topic-permissions/v/u");
        delete("/api/permissions/v/u");
        let keys = [
            "permission.created",
            "topic.permission.created",
            "topic.permission.deleted",
            "permission.deleted",
        ];
        let events = watcher.expect(&keys).await;
        events[0].has(&[
            "configure",
            "read",
            "user",
            "user_who_performed_action",
            "vhost",
            "write",
        ]);
        put("/api/vhost-limits/v/max-queues", json!({ "value": 5 }));
        delete("/api/vhost-limits/v/max-queues");
        put("/api/user-limits/u/max-channels", json!({ "value": 5 }));
        delete("/api/user-limits/u/max-channels");
        let keys =
            ["vhost.limits.set", "vhost.limits.cleared", "user.limits.set", "user.limits.cleared"];
        let events = watcher.expect(&keys).await;
        assert_eq!(events[0].headers["max-queues"], AMQPValue::LongLongInt(5));
        put("/api/queues/%2F/q", json!({}));
        delete("/api/queues/%2F/q");
        delete("/api/users/u");
        let keys = ["queue.created", "queue.deleted", "user.deleted"];
        for event in watcher.expect(&keys).await {
            event.is("user_who_performed_action", "guest");
        }
        put("/api/exchanges/%2F/x", json!({ "type": "direct" }));
        delete("/api/exchanges/%2F/x");
        let events = watcher.expect(&["exchange.created", "exchange.deleted"]).await;
        events[1].is("user_who_performed_action", "guest");
        delete("/api/vhosts/v");
        assert_eq!(watcher.next().await.key, "vhost.deleted");
    });
    // Only the vhost / has the exchange, and nobody publishes to it.
    let shown = guest.json("/api/exchanges/%2F/amq.rabbitmq.event");
    assert_eq!((&shown["type"], &shown["internal"]), (&json!("topic"), &json!(true)));
    put("/api/vhosts/other", json!({}));
    assert_eq!(guest.get("/api/exchanges/other/amq.rabbitmq.event").status, 404);
}

#[test]
fn policies_and_parameters_are_told_when_they_are_set_and_cleared() {
    run(async {
        let broker = Broker::start();
        let guest = Client::guest(broker.management());
        let mut watcher = Watcher::new(&broker).await;
        let policy = json!({ "pattern": "^a", "definition": { "max-length": 5 }, "priority": 2 });
        guest.put("/api/policies/%2F/short", &policy);
        guest.put("/api/operator-policies/%2F/shorter", &policy);
        guest.put("/api/global-parameters/own", &json!({ "value": [1] }));
        for path in ["policies/%2F/short", "operator-policies/%2F/shorter", "global-parameters/own"]
        {
            guest.delete(&format!("/api/{path}"));
        }
        let keys = [
            "policy.set",
            "parameter.set",
            "parameter.set",
            "policy.cleared",
            "parameter.cleared",
            "parameter.cleared",
        ];
        let events = watcher.expect(&keys).await;
        events[0].is("name", "short");
        events[0].is("pattern", "^a");
        events[0].is("user_who_performed_action", "guest");
        assert!(matches!(events[0].headers["definition"], AMQPValue::FieldTable(_)));
        events[1].is("component", "operator_policy");
        events[2].is("value", "[1]");
        events[3].is("vhost", "/");
    });
}

#[test]
fn events_are_told_again_after_a_restart() {
    let mut broker = Broker::start();
    run(async {
        let connection = connect(&broker).await;
        let channel = connection.create_channel().await.unwrap();
        let durable = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        channel.queue_declare("kept".into(), durable, FieldTable::default()).await.unwrap();
        bind(&channel, "kept", "amq.rabbitmq.event", "exchange.*").await;
    });
    broker.restart();
    let guest = Client::guest(broker.management());
    guest.put("/api/exchanges/%2F/x", &json!({ "type": "direct" }));
    run(async {
        let connection = connect(&broker).await;
        let channel = connection.create_channel().await.unwrap();
        let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
        let none = FieldTable::default();
        let mut told =
            channel.basic_consume("kept".into(), "".into(), options, none).await.unwrap();
        let told = tokio::time::timeout(Duration::from_secs(20), told.next()).await;
        assert_eq!(told.unwrap().unwrap().unwrap().routing_key.as_str(), "exchange.created");
        channel.exchange_delete("x".into(), ExchangeDeleteOptions::default()).await.unwrap();
    });
}
