//! A little of everything on a broker, so that every list shows something: the same on ours and on RabbitMQ.

use futures_util::StreamExt as _;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, ExchangeBindOptions, ExchangeDeclareOptions, QueueBindOptions,
    QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, Consumer, ExchangeKind};

/// A client that has published, consumes, and stays.
pub(crate) struct Scene {
    runtime: tokio::runtime::Runtime,
    connection: Connection,
    channel: Channel,
    _consumer: Consumer,
}

const DURABLE: QueueDeclareOptions = QueueDeclareOptions {
    passive: false,
    durable: true,
    exclusive: false,
    auto_delete: false,
    nowait: false,
};

impl Scene {
    /// Connects, and does something of everything.
    pub(crate) fn play(uri: &str) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (connection, channel, consumer) = runtime.block_on(async {
            let properties = ConnectionProperties::default();
            let connection = Connection::connect(uri, properties).await.unwrap();
            let channel = connection.create_channel().await.unwrap();
            channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
            declare(&channel).await;
            let consumer = exchange_messages(&channel).await;
            (connection, channel, consumer)
        });
        Self { runtime, connection, channel, _consumer: consumer }
    }

    /// Publishes to a queue, and waits for the confirm.
    pub(crate) fn publish(&self, queue: &str, body: &[u8]) {
        self.runtime.block_on(publish(&self.channel, "", queue, body));
    }

    /// Whether the client is still connected.
    pub(crate) fn is_connected(&self) -> bool {
        self.connection.status().connected()
    }
}

async fn declare(channel: &Channel) {
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongInt(100));
    channel.queue_declare("classic".into(), DURABLE, arguments).await.unwrap();
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
    channel.queue_declare("quorum".into(), DURABLE, arguments).await.unwrap();
    let exclusive = QueueDeclareOptions { exclusive: true, ..DURABLE };
    channel.queue_declare("exclusive".into(), exclusive, FieldTable::default()).await.unwrap();
    let mut arguments = FieldTable::default();
    arguments.insert("alternate-exchange".into(), AMQPValue::LongString("amq.fanout".into()));
    let durable = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    channel
        .exchange_declare("letters".into(), ExchangeKind::Topic, durable, arguments)
        .await
        .unwrap();
    let mut arguments = FieldTable::default();
    arguments.insert("n".into(), AMQPValue::LongInt(1));
    let options = QueueBindOptions::default();
    channel
        .queue_bind("classic".into(), "letters".into(), "a b.#".into(), options, arguments)
        .await
        .unwrap();
    let none = FieldTable::default();
    channel
        .queue_bind("quorum".into(), "letters".into(), "q.#".into(), options, none.clone())
        .await
        .unwrap();
    channel
        .exchange_bind(
            "letters".into(),
            "amq.topic".into(),
            "#".into(),
            ExchangeBindOptions::default(),
            none,
        )
        .await
        .unwrap();
}

async fn exchange_messages(channel: &Channel) -> Consumer {
    channel.basic_qos(10, BasicQosOptions::default()).await.unwrap();
    let mut consumer = channel
        .basic_consume(
            "quorum".into(),
            "reader".into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        )
        .await
        .unwrap();
    for number in 0..20 {
        publish(channel, "letters", "q.x", b"to the quorum queue").await;
        publish(channel, "", "classic", b"to the classic queue").await;
        publish(channel, "", "exclusive", b"to the exclusive queue").await;
        publish(channel, "letters", "nowhere", b"to nobody").await;
        if number < 5 {
            let delivery = consumer.next().await.unwrap().unwrap();
            delivery.ack(BasicAckOptions::default()).await.unwrap();
        }
    }
    let auto = BasicGetOptions { no_ack: true };
    channel.basic_get("classic".into(), auto).await.unwrap().unwrap();
    consumer
}

async fn publish(channel: &Channel, exchange: &str, key: &str, body: &[u8]) {
    let properties = BasicProperties::default()
        .with_delivery_mode(2)
        .with_content_type("text/plain".into())
        .with_timestamp(1_700_000_000);
    let options = BasicPublishOptions::default();
    let confirm = channel.basic_publish(exchange.into(), key.into(), options, body, properties);
    confirm.await.unwrap().await.unwrap();
}
