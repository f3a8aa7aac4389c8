//! A message as a line of JSON.
//!
//! ```text
//! {"channel":1,"connection":…,"exchange":…,"node":…,"payload":BASE64,"properties":{…},"queue":"none","routed_queues":[…],
//!  "routing_keys":[…],"timestamp":…,"type":"published","user":…,"vhost":…}⏎
//! ```

use amqp::{FieldTable, FieldValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use server::admin::{TracedEvent, TracedMessage};

use crate::stats::iso_8601;
use crate::tables::value_to_json;

pub(super) fn write(message: &TracedMessage, out: &mut Vec<u8>) {
    let (kind, queue, routed_queues) = match &message.event {
        TracedEvent::Published { queues } => ("published", "none".into(), texts(queues)),
        TracedEvent::Delivered { queue } => ("received", text(queue), "none".into()),
    };
    let line = json!({
        "timestamp": iso_8601(message.at),
        "type": kind,
        "node": text(&message.node),
        "connection": text(&message.connection),
        "vhost": text(&message.vhost),
        "user": text(&message.user),
        "channel": message.channel,
        "exchange": text(&message.exchange),
        "queue": queue,
        "routed_queues": routed_queues,
        "routing_keys": texts(&message.routing_keys),
        "properties": table(&message.properties),
        "payload": STANDARD.encode(&message.payload),
    });
    out.extend_from_slice(line.to_string().as_bytes());
    out.push(b'\n');
}

fn table(table: &FieldTable) -> Value {
    let fields = table.iter().map(|(name, it)| (name.to_str_lossy().into_owned(), value(it)));
    Value::Object(fields.collect())
}

/// As elsewhere in the API, but that it says what is no text, and what is void.
fn value(it: &FieldValue) -> Value {
    match it {
        FieldValue::LongString(octets) | FieldValue::ByteArray(octets) => text(octets),
        FieldValue::Array(values) => values.iter().map(value).collect(),
        FieldValue::Table(fields) => table(fields),
        FieldValue::Void => "undefined".into(),
        FieldValue::Bool(_)
        | FieldValue::I8(_)
        | FieldValue::U8(_)
        | FieldValue::I16(_)
        | FieldValue::U16(_)
        | FieldValue::I32(_)
        | FieldValue::U32(_)
        | FieldValue::I64(_)
        | FieldValue::F32(_)
        | FieldValue::F64(_)
        | FieldValue::Decimal { .. }
        | FieldValue::Timestamp(_) => value_to_json(it),
    }
}

fn texts(texts: &[Vec<u8>]) -> Value {
    texts.iter().map(|octets| text(octets)).collect()
}

fn text(octets: &[u8]) -> Value {
    match std::str::from_utf8(octets) {
        Ok(text) => text.into(),
        Err(_) => format!("Not UTF-8, base64 is: {}", STANDARD.encode(octets)).into(),
    }
}
