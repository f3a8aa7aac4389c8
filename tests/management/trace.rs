//! The firehose: what is published and delivered is copied to `amq.rabbitmq.trace`.

use futures_util::StreamExt as _;
use lapin::message::Delivery;
use lapin::options::{
    BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, BasicRejectOptions,
    ConfirmSelectOptions, QueueBindOptions, QueueDeclareOptions, QueuePurgeOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, Consumer};
use serde_json::json;

use crate::broker::Broker;
use crate::http::Client;

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Runtime::new().unwrap().block_on(test);
}

/// A channel whose publishes are waited for.
async fn open(connection: &Connection) -> Channel {
    let channel = connection.create_channel().await.unwrap();
    channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
    channel
}

async fn connect(broker: &Broker) -> Connection {
    Connection::connect(&broker.uri(), ConnectionProperties::default()).await.unwrap()
}

async fn declare(channel: &Channel, queue: &str) {
    let none = FieldTable::default();
    channel.queue_declare(queue.into(), QueueDeclareOptions::default(), none).await.unwrap();
}

async fn bind(channel: &Channel, queue: &str, exchange: &str, key: &str) {
    let options = QueueBindOptions::default();
    let none = FieldTable::default();
    channel.queue_bind(queue.into(), exchange.into(), key.into(), options, none).await.unwrap();
}

async fn publish(channel: &Channel, exchange: &str, key: &str, body: &[u8]) {
    let properties = BasicProperties::default().with_priority(3);
    let options = BasicPublishOptions::default();
    let published = channel.basic_publish(exchange.into(), key.into(), options, body, properties);
    published.await.unwrap().await.unwrap();
}

async fn consume(channel: &Channel, queue: &str) -> Consumer {
    let options = BasicConsumeOptions { no_ack: true, ..BasicConsumeOptions::default() };
    let none = FieldTable::default();
    channel.basic_consume(queue.into(), "".into(), options, none).await.unwrap()
}

/// Binds a new queue to all that is traced, and reads it.
async fn watch(channel: &Channel) -> Consumer {
    declare(channel, "seen").await;
    bind(channel, "seen", "amq.rabbitmq.trace", "#").await;
    consume(channel, "seen").await
}

fn set_tracing(broker: &Broker, is_on: bool) {
    let guest = Client::guest(broker.management());
    assert_eq!(guest.put("/api/vhosts/%2F", &json!({ "tracing": is_on })).status, 204);
}

async fn next(seen: &mut Consumer) -> Delivery {
    let next = tokio::time::timeout(std::time::Duration::from_secs(20), seen.next());
    next.await.expect("a copy in time").unwrap().unwrap()
}

fn header(copy: &Delivery, name: &str) -> AMQPValue {
    let headers = copy.properties.headers().as_ref().unwrap();
    headers.inner().get(name).unwrap_or_else(|| panic!("no {name} in {headers:?}")).clone()
}

fn text(text: &str) -> AMQPValue {
    AMQPValue::LongString(text.into())
}

fn texts(texts: &[&str]) -> AMQPValue {
    AMQPValue::FieldArray(texts.iter().map(|it| text(it)).collect::<Vec<_>>().into())
}

/// What RabbitMQ 3.10 says in each copy, header by header.
fn names(copy: &Delivery) -> Vec<String> {
    let headers = copy.properties.headers().as_ref().unwrap();
    headers.inner().keys().map(ToString::to_string).collect()
}

#[test]
fn a_publish_and_each_delivery_are_copied() {
    let broker = Broker::start();
    run(async {
        let (watcher, worker) = (connect(&broker).await, connect(&broker).await);
        let watcher = open(&watcher).await;
        let channel = open(&worker).await;
        declare(&channel, "work").await;
        bind(&channel, "work", "amq.direct", "k").await;
        let mut seen = watch(&watcher).await;
        publish(&channel, "amq.direct", "k", b"before").await;
        channel.queue_purge("work".into(), QueuePurgeOptions::default()).await.unwrap();
        set_tracing(&broker, true);
        publish(&channel, "amq.direct", "k", b"hello").await;

        let copy = next(&mut seen).await;
        assert_eq!(
            (copy.routing_key.as_str(), &copy.data[..]),
            ("publish.amq.direct", &b"hello"[..])
        );
        assert_eq!(
            names(&copy),
            [
                "channel",
                "connection",
                "exchange_name",
                "node",
                "properties",
                "routed_queues",
                "routing_keys",
                "user",
                "vhost"
            ]
        );
        assert_eq!(header(&copy, "exchange_name"), text("amq.direct"));
        assert_eq!(header(&copy, "routing_keys"), texts(&["k"]));
        assert_eq!(header(&copy, "routed_queues"), texts(&["work"]));
        assert_eq!(header(&copy, "channel"), AMQPValue::LongInt(1));
        assert_eq!(header(&copy, "user"), text("guest"));
        let AMQPValue::FieldTable(properties) = header(&copy, "properties") else { panic!() };
        assert_eq!(properties.inner().get("priority"), Some(&AMQPValue::LongInt(3)));
        assert_eq!(*copy.properties.delivery_mode(), None);

        let options = BasicGetOptions { no_ack: false };
        let got = channel.basic_get("work".into(), options).await.unwrap().unwrap();
        let copy = next(&mut seen).await;
        assert_eq!((copy.routing_key.as_str(), &copy.data[..]), ("deliver.work", &b"hello"[..]));
        assert_eq!(
            names(&copy),
            [
                "channel",
                "connection",
                "exchange_name",
                "node",
                "properties",
                "redelivered",
                "routing_keys",
                "user",
                "vhost"
            ]
        );
        assert_eq!(header(&copy, "redelivered"), AMQPValue::LongInt(0));
        got.reject(BasicRejectOptions { requeue: true }).await.unwrap();

        let mut worker = consume(&channel, "work").await;
        next(&mut worker).await;
        let copy = next(&mut seen).await;
        assert_eq!(copy.routing_key.as_str(), "deliver.work");
        assert_eq!(header(&copy, "redelivered"), AMQPValue::LongInt(1));
        let AMQPValue::LongString(connection) = header(&copy, "connection") else { panic!() };
        let connection = connection.to_string();
        assert!(connection.ends_with(&format!(" -> {}", broker.addr())), "{connection}");

        // At once to the consumer, and to nobody at all.
        publish(&channel, "", "work", b"direct").await;
        publish(&channel, "amq.direct", "nobody", b"lost").await;
        let mut keys = Vec::new();
        for _ in 0..3 {
            keys.push(next(&mut seen).await.routing_key.to_string());
        }
        assert_eq!(keys, ["publish.", "deliver.work", "publish.amq.direct"]);

        set_tracing(&broker, false);
        publish(&channel, "", "work", b"unseen").await;
        set_tracing(&broker, true);
        publish(&channel, "", "work", b"last").await;
        assert_eq!(next(&mut seen).await.data, b"last");
    });
}

#[test]
fn copies_of_a_trace_are_not_copied_again() {
    let broker = Broker::start();
    set_tracing(&broker, true);
    run(async {
        let connection = connect(&broker).await;
        let channel = open(&connection).await;
        // The copies die at once, and what they become is delivered: a loop, if that were traced.
        let mut arguments = FieldTable::default();
        arguments.insert("x-message-ttl".into(), AMQPValue::LongInt(0));
        arguments.insert("x-dead-letter-exchange".into(), text("amq.fanout"));
        let options = QueueDeclareOptions::default();
        channel.queue_declare("brief".into(), options, arguments).await.unwrap();
        bind(&channel, "brief", "amq.rabbitmq.trace", "#").await;
        declare(&channel, "dead").await;
        bind(&channel, "dead", "amq.fanout", "").await;
        let mut dead = consume(&channel, "dead").await;
        publish(&channel, "", "nowhere", b"one").await;
        let letter = next(&mut dead).await;
        assert_eq!((letter.routing_key.as_str(), &letter.data[..]), ("publish.", &b"one"[..]));
        publish(&channel, "", "nowhere", b"two").await;
        assert_eq!(next(&mut dead).await.data, b"two");
    });
}

#[test]
fn it_is_still_traced_after_a_restart_and_over_http() {
    let mut broker = Broker::start();
    set_tracing(&broker, true);
    broker.restart();
    run(async {
        let connection = connect(&broker).await;
        let channel = open(&connection).await;
        let mut seen = watch(&channel).await;
        let message = json!({
            "routing_key": "x", "payload": "y", "payload_encoding": "string", "properties": {},
        });
        let guest = Client::guest(broker.management());
        let reply = guest.post("/api/exchanges/%2F/amq.default/publish", &message);
        assert_eq!(reply.status, 200);
        let copy = next(&mut seen).await;
        assert_eq!((copy.routing_key.as_str(), &copy.data[..]), ("publish.", &b"y"[..]));
        assert_eq!(header(&copy, "user"), text("guest"));
    });
}
