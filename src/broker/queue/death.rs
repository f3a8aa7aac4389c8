//! The history that a dead letter carries in its headers.
//!
//! `x-death` is an array of tables, newest first, one for each queue and reason; a repeated death counts up and moves
//! to the front. `x-first-death-*` and `x-last-death-*` name queue, reason and exchange of the first and last one.
//! Since 4.0 RabbitMQ does not believe a history that a client published, and neither do we.

use amqp::{FieldTable, FieldValue, FieldValueRef, Properties, RawProperties, ShortString};
use bytes::Bytes;

use super::DeathReason;
use crate::{
    ExchangeName, QueueName, Timestamp,
    message::{Arrival, Message, Origin, short_strings},
};

const DEATHS: &str = "x-death";
const FIRST: [&str; 3] = ["x-first-death-exchange", "x-first-death-queue", "x-first-death-reason"];
const LAST: [&str; 3] = ["x-last-death-exchange", "x-last-death-queue", "x-last-death-reason"];

/// A dead letter's headers, and what else changes with a death.
#[derive(Debug)]
pub(super) struct Obituary {
    /// The properties with the history in, without expiration.
    pub(super) properties: Vec<u8>,
    /// The keys that the message was routed by, without those of its `BCC`.
    pub(super) routing_keys: Vec<Bytes>,
    /// Its priority property.
    pub(super) priority: Option<u8>,
}

/// Writes this death into a message's headers.
pub(super) fn record(
    queue: &QueueName,
    message: &Arrival<'_>,
    reason: DeathReason,
    now: Timestamp,
) -> Obituary {
    // They were validated as the message came in.
    let mut properties =
        Properties::decode(RawProperties::from_bytes(message.properties)).unwrap_or_default();
    let mut headers = properties.headers.take().unwrap_or_default();
    if message.origin == Origin::Client {
        for name in FIRST.into_iter().chain(LAST).chain([DEATHS]) {
            headers.remove(name);
        }
    }
    let routing_keys = routing_keys(message, &headers);
    let expiration = properties.expiration.take();
    let death = Death { queue, message, reason, now, routing_keys: &routing_keys };
    let mut deaths = match headers.remove(DEATHS) {
        Some(FieldValue::Array(deaths)) => deaths,
        _ => Vec::new(),
    };
    let entry = match deaths.iter().position(|entry| death.is_told_by(entry)) {
        Some(known) => counted_up(deaths.remove(known)),
        None => death.entry(expiration),
    };
    deaths.insert(0, entry);
    headers.insert(ShortString::from_static(DEATHS), deaths);
    let names = [message.exchange, queue, reason.as_str()];
    if !headers.contains_key(FIRST[2]) {
        for (header, name) in FIRST.into_iter().zip(names) {
            headers.insert(ShortString::from_static(header), name);
        }
    }
    for (header, name) in LAST.into_iter().zip(names) {
        headers.insert(ShortString::from_static(header), name);
    }
    properties.headers = Some(headers);
    Obituary { properties: properties.to_bytes(), routing_keys, priority: properties.priority }
}

/// Where a dead letter died first, and how it had come there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CameFrom {
    /// The queue.
    pub queue: QueueName,
    /// The exchange that it was published to.
    pub exchange: ExchangeName,
    /// The routing key that it was published with.
    pub routing_key: Bytes,
}

impl CameFrom {
    /// Reads it out of a message's history; `None` if it has none that can be believed.
    pub fn of(message: &Message) -> Option<Self> {
        if message.origin == Origin::Client {
            return None;
        }
        let headers = RawProperties::from_bytes(&message.properties).headers().ok()??;
        let text = |value: Option<FieldValueRef<'_>>| -> Option<String> {
            String::from_utf8(value?.as_long_string()?.to_vec()).ok()
        };
        let [exchange, queue, reason] = FIRST.map(|name| text(headers.get(name)));
        let (exchange, queue, reason) = (exchange?, queue?, reason?);
        let Some(FieldValueRef::Array(deaths)) = headers.get(DEATHS) else { return None };
        let mut tables = deaths.iter().filter_map(|death| {
            let FieldValueRef::Table(death) = death else { return None };
            Some(death)
        });
        let first = tables.find(|death| {
            text(death.get("queue")).as_ref() == Some(&queue)
                && text(death.get("reason")).as_ref() == Some(&reason)
        })?;
        let Some(FieldValueRef::Array(keys)) = first.get("routing-keys") else { return None };
        let routing_key = keys.iter().next()?.as_long_string()?;
        let routing_key = Bytes::copy_from_slice(routing_key);
        Some(Self { queue: queue.into(), exchange: exchange.into(), routing_key })
    }
}

/// Whether a message with these properties was in `queue` before, and died only of itself since.
pub(super) fn is_cycle(properties: &[u8], queue: &QueueName) -> bool {
    let Ok(Some(headers)) = RawProperties::from_bytes(properties).headers() else { return false };
    let Some(FieldValueRef::Array(deaths)) = headers.get(DEATHS) else { return false };
    for death in deaths.iter() {
        let FieldValueRef::Table(death) = death else { continue };
        let text = |field| death.get(field).and_then(FieldValueRef::as_long_string);
        if text("reason") == Some(DeathReason::Rejected.as_str().as_bytes()) {
            return false;
        }
        if text("queue") == Some(queue.as_bytes()) {
            return true;
        }
    }
    false
}

/// The message's own key and those of its `CC` header, each once.
fn routing_keys(message: &Arrival<'_>, headers: &FieldTable) -> Vec<Bytes> {
    let mut keys = vec![Bytes::copy_from_slice(message.routing_key)];
    if message.origin != (Origin::DeadLetter { rekeyed: true })
        && let Some(FieldValue::Array(copies)) = headers.get("CC")
    {
        add_keys(&mut keys, copies.iter().filter_map(FieldValue::as_long_string));
    }
    keys
}

/// Adds the keys of a message's former `BCC` header.
pub(super) fn add_blind_keys(keys: &mut Vec<Bytes>, message: &Arrival<'_>) {
    add_keys(keys, short_strings(message.blind_keys));
}

fn add_keys<'a>(keys: &mut Vec<Bytes>, more: impl Iterator<Item = &'a [u8]>) {
    for key in more {
        if !keys.iter().any(|known| known == key) {
            keys.push(Bytes::copy_from_slice(key));
        }
    }
}

struct Death<'a> {
    queue: &'a QueueName,
    message: &'a Arrival<'a>,
    reason: DeathReason,
    now: Timestamp,
    routing_keys: &'a [Bytes],
}

impl Death<'_> {
    /// Whether `entry` stands for this queue and reason.
    fn is_told_by(&self, entry: &FieldValue) -> bool {
        let FieldValue::Table(entry) = entry else { return false };
        let text = |field| entry.get(field).and_then(FieldValue::as_long_string);
        text("queue") == Some(self.queue.as_bytes())
            && text("reason") == Some(self.reason.as_str().as_bytes())
    }

    /// A new entry, its fields in RabbitMQ's order.
    fn entry(&self, expiration: Option<ShortString>) -> FieldValue {
        let routing_keys = self.routing_keys.iter();
        let routing_keys = routing_keys.map(|key| FieldValue::LongString(key.to_vec())).collect();
        let mut entry = FieldTable::new();
        if let Some(expiration) = expiration {
            let text = FieldValue::LongString(plain_number(expiration.as_bytes()));
            entry.insert(ShortString::from_static("original-expiration"), text);
        }
        let fields = [
            ("count", FieldValue::I64(1)),
            ("reason", FieldValue::from(self.reason.as_str())),
            ("queue", FieldValue::from(self.queue.as_str())),
            ("time", FieldValue::Timestamp(self.now.as_secs())),
            ("exchange", FieldValue::from(self.message.exchange)),
            ("routing-keys", FieldValue::Array(routing_keys)),
        ];
        for (name, value) in fields {
            entry.insert(ShortString::from_static(name), value);
        }
        FieldValue::Table(entry)
    }
}

/// The same entry for one more death: only its count changes, it keeps the time of the first.
fn counted_up(mut entry: FieldValue) -> FieldValue {
    if let FieldValue::Table(fields) = &mut entry {
        let count = fields.get("count").and_then(FieldValue::as_integer).unwrap_or(0);
        fields.insert(ShortString::from_static("count"), count.saturating_add(1));
    }
    entry
}

/// `+5` and `007` are read as numbers and written as such.
fn plain_number(text: &[u8]) -> Vec<u8> {
    match std::str::from_utf8(text).ok().and_then(|text| text.parse::<u64>().ok()) {
        Some(number) => number.to_string().into_bytes(),
        None => text.to_vec(),
    }
}

#[cfg(test)]
mod tests;
