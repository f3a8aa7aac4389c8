//! A client by AMQP beside the one by HTTP.

use lapin::message::BasicGetMessage;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, BasicRejectOptions,
    ConfirmSelectOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties, Consumer};

/// One connection with one channel, which confirms.
pub(crate) struct Session {
    runtime: tokio::runtime::Runtime,
    _connection: Connection,
    channel: Channel,
}

impl Session {
    pub(crate) fn open(uri: &str) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (connection, channel) = runtime.block_on(async {
            let properties = ConnectionProperties::default();
            let connection = Connection::connect(uri, properties).await.unwrap();
            let channel = connection.create_channel().await.unwrap();
            channel.confirm_select(ConfirmSelectOptions::default()).await.unwrap();
            (connection, channel)
        });
        Self { runtime, _connection: connection, channel }
    }

    /// Publishes to a queue, persistent or not, and waits for all confirms.
    pub(crate) fn publish_all(&self, queue: &str, bodies: &[Vec<u8>], delivery_mode: u8) {
        self.runtime.block_on(async {
            let mut confirms = Vec::new();
            for body in bodies {
                let properties = BasicProperties::default().with_delivery_mode(delivery_mode);
                let options = BasicPublishOptions::default();
                let confirm =
                    self.channel.basic_publish("".into(), queue.into(), options, body, properties);
                confirms.push(confirm.await.unwrap());
            }
            for confirm in confirms {
                confirm.await.unwrap();
            }
        });
    }

    /// Publishes to an exchange, without a word about what becomes of it.
    pub(crate) fn publish(&self, exchange: &str, key: &str, body: &[u8]) {
        self.runtime.block_on(async {
            let options = BasicPublishOptions::default();
            let properties = BasicProperties::default();
            let confirm =
                self.channel.basic_publish(exchange.into(), key.into(), options, body, properties);
            confirm.await.unwrap().await.unwrap();
        });
    }

    /// Fetches one message, which stays unacked.
    pub(crate) fn fetch(&self, queue: &str) -> Option<BasicGetMessage> {
        let options = BasicGetOptions::default();
        self.runtime.block_on(self.channel.basic_get(queue.into(), options)).unwrap()
    }

    /// Fetches and acks all that is ready: the bodies as texts, and whether each was delivered before.
    pub(crate) fn drain(&self, queue: &str) -> Vec<(String, bool)> {
        let mut drained = Vec::new();
        while let Some(message) = self.fetch(queue) {
            let body = String::from_utf8_lossy(&message.data).into_owned();
            drained.push((body, message.redelivered));
            self.runtime.block_on(message.ack(BasicAckOptions::default())).unwrap();
        }
        drained
    }

    /// Refuses so many messages of a queue for good.
    pub(crate) fn reject(&self, queue: &str, count: usize) {
        for _ in 0..count {
            let message = self.fetch(queue).unwrap();
            let rejected = message.reject(BasicRejectOptions { requeue: false });
            self.runtime.block_on(rejected).unwrap();
        }
    }

    /// Consumes; nobody acks.
    pub(crate) fn consume(&self, queue: &str, tag: &str) -> Consumer {
        let options = BasicConsumeOptions::default();
        let consume =
            self.channel.basic_consume(queue.into(), tag.into(), options, FieldTable::default());
        self.runtime.block_on(consume).unwrap()
    }
}
