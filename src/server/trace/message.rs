//! A traced message as a trace writes it: what its copy says in its headers, read back.

use amqp::{FieldTable, FieldValue, Properties, RawProperties};
use broker::Timestamp;
use broker::message::Message;
use bytes::Bytes;

/// A message that was published or delivered.
#[derive(Clone, Debug, PartialEq)]
pub struct TracedMessage {
    /// When.
    pub at: Timestamp,
    /// Which of both.
    pub event: TracedEvent,
    /// The node.
    pub node: Vec<u8>,
    /// The connection that published or got it.
    pub connection: Vec<u8>,
    /// The vhost.
    pub vhost: Vec<u8>,
    /// The user of the connection.
    pub user: Vec<u8>,
    /// The number of the channel.
    pub channel: i64,
    /// The exchange that it was published to.
    pub exchange: Vec<u8>,
    /// Its routing keys, those of its `CC` included.
    pub routing_keys: Vec<Vec<u8>>,
    /// Its properties, by the names that RabbitMQ gives them.
    pub properties: FieldTable,
    /// Its body, or as much of it as the trace keeps.
    pub payload: Bytes,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TracedEvent {
    /// It was published, and went to these queues.
    Published {
        /// Their names.
        queues: Vec<Vec<u8>>,
    },
    /// It was delivered out of this queue.
    Delivered {
        /// Its name.
        queue: Vec<u8>,
    },
}

/// A copy that waits to be written.
#[derive(Debug)]
pub(super) struct Waiting {
    at: Timestamp,
    routing_key: Bytes,
    properties: Bytes,
    payload: Bytes,
}

/// What one that waits takes besides its octets.
const OVERHEAD_BYTES: usize = 256;

impl Waiting {
    /// A copy, with no more of the body than this.
    pub(super) fn new(at: Timestamp, copy: &Message, payload_bytes_max: Option<usize>) -> Self {
        let payload = match copy.body.get(..payload_bytes_max.unwrap_or(usize::MAX)) {
            // Not as a part of the body, which would stay as a whole.
            Some(part) => Bytes::copy_from_slice(part),
            None => copy.body.clone(),
        };
        let (routing_key, properties) = (copy.routing_key.clone(), copy.properties.clone());
        Self { at, routing_key, properties, payload }
    }

    /// What it takes of memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        OVERHEAD_BYTES + self.routing_key.len() + self.properties.len() + self.payload.len()
    }

    /// What it says; `None` if it is no copy.
    pub(super) fn read(self) -> Option<TracedMessage> {
        let properties = Properties::decode(RawProperties::from_bytes(&self.properties)).ok()?;
        let mut headers = properties.headers?;
        let event = match self.routing_key.strip_prefix(b"deliver.") {
            Some(queue) => TracedEvent::Delivered { queue: queue.to_vec() },
            None => TracedEvent::Published { queues: texts(headers.remove("routed_queues")) },
        };
        let mut text = |name| match headers.remove(name) {
            Some(FieldValue::LongString(text)) => text,
            _ => Vec::new(),
        };
        let (node, connection) = (text("node"), text("connection"));
        let (vhost, user, exchange) = (text("vhost"), text("user"), text("exchange_name"));
        let channel = headers.get("channel").and_then(FieldValue::as_integer).unwrap_or_default();
        let properties = match headers.remove("properties") {
            Some(FieldValue::Table(properties)) => properties,
            _ => FieldTable::new(),
        };
        let routing_keys = texts(headers.remove("routing_keys"));
        let (at, payload) = (self.at, self.payload);
        Some(TracedMessage {
            at,
            event,
            node,
            connection,
            vhost,
            user,
            channel,
            exchange,
            routing_keys,
            properties,
            payload,
        })
    }
}

fn texts(array: Option<FieldValue>) -> Vec<Vec<u8>> {
    let Some(FieldValue::Array(values)) = array else { return Vec::new() };
    values.iter().filter_map(FieldValue::as_long_string).map(<[u8]>::to_vec).collect()
}
