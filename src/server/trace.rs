//! The firehose: while a vhost is traced, a copy of everything that is published or delivered there goes to its exchange
//! `amq.rabbitmq.trace`, as RabbitMQ's does.
//!
//! A copy is `publish.<exchange>` or `deliver.<queue>`, has the body of its original, and says in its headers what else
//! there is to say. It is made where the original is at hand, which may be under the lock of a queue, and published once no
//! lock is held. It is transient, nobody waits for it, and it is left out where it would be one too many: then that is
//! counted, and said in the log.
//!
//! What was published to that exchange is not traced itself, nor is what became of it as a dead letter: or the copies would
//! have copies.
//!
//! A vhost is traced because its settings say so, or for as long as it has traces that write copies into files.

pub(crate) mod files;
pub(crate) mod log;
pub(crate) mod message;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use amqp::{FieldTable, FieldValue, FieldValueRef, Properties, RawProperties, ShortString};
use broker::Timestamp;
use broker::message::{Body, Message, Origin, short_strings};
use broker::queue::Delivery;
use bytes::Bytes;
use connection::{ChannelNumber, PublishRun};
use parking_lot::RwLock;
use tracing::warn;

use self::log::TraceLog;
use crate::admin::{name_of, node_name};
use crate::node::ConnectionEntry;
use crate::queue_cell::Effects;
use crate::vhost::Vhost;

/// Where the copies go.
pub(crate) const EXCHANGE: &str = "amq.rabbitmq.trace";

/// How much one visit to a queue, or one run of messages, leaves to be copied.
const COPIES_BYTES_MAX: usize = 16 << 20;

/// More properties than this are not copied: the header of a message has to fit into a frame.
const PROPERTIES_BYTES_MAX: usize = 64 * 1024;

/// How much of the names of queues, and of the keys, a copy tells, each for the same reason.
const NAMES_BYTES_MAX: usize = 16 * 1024;

/// How long after a line in the log that copies were left out the next one follows.
const WARN_EVERY_MS: u64 = 60_000;

/// Whether a vhost is traced, and what of it was left out.
///
/// - `is_on` is whether `wanted` asks for it, and changes under the lock of `wanted`.
#[derive(Debug, Default)]
pub(crate) struct Tracing {
    is_on: AtomicBool,
    wanted: RwLock<Wanted>,
    left_out: AtomicU64,
    warned_at: AtomicU64,
}

/// Why a vhost is traced.
#[derive(Debug, Default)]
struct Wanted {
    by_settings: bool,
    logs: Vec<Arc<TraceLog>>,
}

/// Copies that are to be published once no lock is held. In a box, because most connections have none ever.
#[derive(Debug, Default)]
pub(crate) struct Copies(Option<Box<Copied>>);

#[derive(Debug, Default)]
struct Copied {
    messages: Vec<Message>,
    bytes: usize,
    left_out: u64,
}

/// Who published a message, or got it.
#[derive(Clone, Copy)]
pub(crate) struct Party<'a> {
    pub(crate) vhost: &'a str,
    pub(crate) connection: &'a ConnectionEntry,
    pub(crate) user: &'a str,
    pub(crate) channel: ChannelNumber,
}

/// A message that is traced.
#[derive(Clone, Copy)]
struct Original<'a> {
    exchange: &'a [u8],
    keys: &'a [&'a [u8]],
    properties: RawProperties<'a>,
    body: Body<'a>,
}

impl Tracing {
    /// Whether what passes is to be copied.
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.is_on.load(Relaxed)
    }

    /// The settings say whether it is.
    pub(crate) fn set(&self, by_settings: bool) {
        self.want(|wanted| wanted.by_settings = by_settings);
    }

    /// The traces that write copies.
    pub(crate) fn logs(&self) -> Vec<Arc<TraceLog>> {
        self.wanted.read().logs.clone()
    }

    /// Adds a trace, unless there is one of this name or `is_too_late`; whether it was added.
    pub(crate) fn add_log(&self, log: &Arc<TraceLog>, is_too_late: impl FnOnce() -> bool) -> bool {
        self.want(|wanted| {
            let is_new = wanted.logs.iter().all(|known| known.name != log.name);
            let is_added = is_new && !is_too_late();
            if is_added {
                wanted.logs.push(Arc::clone(log));
            }
            is_added
        })
    }

    /// Takes a trace out, and closes it.
    pub(crate) fn close_log(&self, name: &str) -> Option<Arc<TraceLog>> {
        let log = self.want(|wanted| {
            let found = wanted.logs.iter().position(|log| log.name == name)?;
            Some(wanted.logs.remove(found))
        })?;
        log.close();
        Some(log)
    }

    /// Takes all of them out, and closes them.
    pub(crate) fn close_logs(&self) -> Vec<Arc<TraceLog>> {
        let logs = self.want(|wanted| std::mem::take(&mut wanted.logs));
        logs.iter().for_each(|log| log.close());
        logs
    }

    fn want<T>(&self, change: impl FnOnce(&mut Wanted) -> T) -> T {
        let mut wanted = self.wanted.write();
        let changed = change(&mut wanted);
        self.is_on.store(wanted.by_settings || !wanted.logs.is_empty(), Relaxed);
        changed
    }

    fn offer(&self, now: Timestamp, copies: &[Message], left_out: u64) {
        for log in &self.wanted.read().logs {
            log.offer(now, copies, left_out);
        }
    }

    fn leave_out(&self, vhost: &str, now: Timestamp, copies: u64) {
        let before = self.left_out.fetch_add(copies, Relaxed);
        let last = self.warned_at.load(Relaxed);
        if last == 0 || now.as_ms().saturating_sub(last) >= WARN_EVERY_MS {
            self.warned_at.store(now.as_ms(), Relaxed);
            let left_out = before + copies;
            warn!(
                vhost,
                left_out, "the trace leaves messages out: nobody takes it as fast as it comes"
            );
        }
    }
}

impl Copies {
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// A run was published, and went to these queues.
    #[cold]
    pub(crate) fn published(&mut self, party: Party<'_>, run: &PublishRun<'_>, queues: &[&str]) {
        (0..run.len()).for_each(|index| self.published_one(party, run, index, queues));
    }

    /// One message of a run was published, and went to these queues.
    #[cold]
    pub(crate) fn published_one(
        &mut self,
        party: Party<'_>,
        run: &PublishRun<'_>,
        index: usize,
        queues: &[&str],
    ) {
        let message = run.message(index);
        let others = short_strings(run.carbon_keys).chain(short_strings(run.blind_keys));
        let keys: Vec<&[u8]> = std::iter::once(run.routing_key).chain(others).collect();
        let original = Original {
            exchange: run.exchange.as_bytes(),
            keys: &keys,
            properties: RawProperties::from_bytes(message.properties),
            body: message.body,
        };
        let queues = as_many_as_fit(queues.iter().map(|queue| queue.as_bytes()));
        let routed = (ShortString::from_static("routed_queues"), FieldValue::Array(queues));
        self.add(("publish.", run.exchange), party, &original, routed);
    }

    /// A message was delivered out of a queue.
    #[cold]
    pub(crate) fn delivered(&mut self, party: Party<'_>, queue: &str, delivery: &Delivery<'_>) {
        let properties = RawProperties::from_bytes(delivery.properties);
        let carbon = properties.headers().ok().flatten().and_then(|headers| headers.get("CC"));
        let mut keys = vec![delivery.routing_key];
        if let Some(FieldValueRef::Array(carbon)) = carbon {
            keys.extend(carbon.iter().filter_map(FieldValueRef::as_long_string));
        }
        let original =
            Original { exchange: delivery.exchange, keys: &keys, properties, body: delivery.body };
        let redelivered = FieldValue::I32(i32::from(delivery.redelivered));
        let redelivered = (ShortString::from_static("redelivered"), redelivered);
        self.add(("deliver.", queue), party, &original, redelivered);
    }

    fn add(
        &mut self,
        key: (&str, &str),
        party: Party<'_>,
        original: &Original<'_>,
        more: (ShortString, FieldValue),
    ) {
        if original.is_of_the_trace() {
            return;
        }
        let copied = self.0.get_or_insert_default();
        if copied.bytes >= COPIES_BYTES_MAX {
            copied.left_out += 1;
            return;
        }
        let properties = properties_of(party, original, more);
        copied.bytes += original.body.as_bytes().len() + properties.len();
        copied.messages.push(Message {
            exchange: EXCHANGE.into(),
            routing_key: Bytes::copy_from_slice(cut(&[key.0, key.1].concat()).as_bytes()),
            properties: properties.into(),
            body: original.body.to_bytes(),
            blind_keys: Bytes::new(),
            persistent: false,
            priority: None,
            expiration_ms: None,
            origin: Origin::Client,
        });
    }
}

impl Original<'_> {
    fn is_of_the_trace(&self) -> bool {
        let died_after = || {
            let headers = self.properties.headers().ok().flatten()?;
            headers.get("x-first-death-exchange")?.as_long_string()
        };
        self.exchange == EXCHANGE.as_bytes() || died_after() == Some(EXCHANGE.as_bytes())
    }
}

impl Vhost {
    /// Publishes copies. No lock is held.
    #[cold]
    pub(crate) fn publish_copies(&self, now: Timestamp, effects: &mut Effects) {
        let Some(copied) = effects.copies.0.take() else { return };
        let Copied { messages, mut left_out, .. } = *copied;
        self.tracing.offer(now, &messages, left_out);
        // What becomes of copies slows nobody down, and nobody's confirm waits for it.
        let mut own = Effects::default();
        for message in &messages {
            left_out += u64::from(!self.publish_told(now, message, &mut own));
        }
        effects.wakers.append(&mut own.wakers);
        effects.letters.append(&mut own.letters);
        if left_out > 0 {
            self.tracing.leave_out(&self.name, now, left_out);
        }
    }
}

/// The properties of a copy: nothing but headers. Of an original whose own are too large or too deep, they are left out.
fn properties_of(
    party: Party<'_>,
    original: &Original<'_>,
    (name, value): (ShortString, FieldValue),
) -> Vec<u8> {
    let mut headers = FieldTable::new();
    let mut put = |name, value| {
        headers.insert(ShortString::from_static(name), value);
    };
    put("exchange_name", text(original.exchange));
    put("routing_keys", FieldValue::Array(as_many_as_fit(original.keys.iter().copied())));
    let is_small = original.properties.as_bytes().len() <= PROPERTIES_BYTES_MAX;
    let properties = is_small.then(|| Properties::decode(original.properties).ok()).flatten();
    put("properties", FieldValue::Table(properties.map(table_of).unwrap_or_default()));
    put("node", text(node_name().as_bytes()));
    put("vhost", text(party.vhost.as_bytes()));
    put("connection", text(connection_name(party.connection).as_bytes()));
    put("channel", FieldValue::I32(i32::from(party.channel.0)));
    put("user", text(party.user.as_bytes()));
    headers.insert(name, value);
    let encoded = encode(&headers);
    if RawProperties::from_bytes(&encoded).validate().is_ok() {
        return encoded;
    }
    headers.insert(ShortString::from_static("properties"), FieldValue::Table(FieldTable::new()));
    encode(&headers)
}

/// The first of these names.
fn as_many_as_fit<'a>(names: impl Iterator<Item = &'a [u8]>) -> Vec<FieldValue> {
    let mut left = NAMES_BYTES_MAX;
    let fits = |name: &&[u8]| {
        left = left.saturating_sub(name.len() + 8);
        left > 0
    };
    names.take_while(fits).map(text).collect()
}

fn encode(headers: &FieldTable) -> Vec<u8> {
    Properties { headers: Some(headers.clone()), ..Properties::default() }.to_bytes()
}

/// Properties as a table, by the names that RabbitMQ gives them there, and in its order.
fn table_of(properties: Properties) -> FieldTable {
    let string = |value: Option<ShortString>| value.map(|value| text(value.as_bytes()));
    let number = |value: u64| match i32::try_from(value) {
        Ok(value) => FieldValue::I32(value),
        Err(_) => FieldValue::I64(i64::try_from(value).unwrap_or(i64::MAX)),
    };
    let octet = |value: Option<u8>| value.map(|value| FieldValue::I32(i32::from(value)));
    let all = [
        ("cluster_id", string(properties.cluster_id)),
        ("app_id", string(properties.app_id)),
        ("user_id", string(properties.user_id)),
        ("type", string(properties.message_type)),
        ("timestamp", properties.timestamp.map(number)),
        ("message_id", string(properties.message_id)),
        ("expiration", string(properties.expiration)),
        ("reply_to", string(properties.reply_to)),
        ("correlation_id", string(properties.correlation_id)),
        ("priority", octet(properties.priority)),
        ("delivery_mode", octet(properties.delivery_mode)),
        ("headers", properties.headers.map(FieldValue::Table)),
        ("content_encoding", string(properties.content_encoding)),
        ("content_type", string(properties.content_type)),
    ];
    let mut table = FieldTable::new();
    for (name, value) in all {
        if let Some(value) = value {
            table.insert(ShortString::from_static(name), value);
        }
    }
    table
}

/// How a connection is called. Who comes over HTTP has none of AMQP's.
fn connection_name(connection: &ConnectionEntry) -> String {
    match connection.facts.local.get() {
        Some(_) => name_of(connection),
        None => "HTTP".to_owned(),
    }
}

fn text(bytes: &[u8]) -> FieldValue {
    FieldValue::LongString(bytes.to_vec())
}

/// As much of a key as a shortstr carries: a name may be as long by itself.
fn cut(key: &str) -> &str {
    let mut end = key.len().min(ShortString::LEN_MAX);
    while !key.is_char_boundary(end) {
        end -= 1;
    }
    &key[..end]
}

#[cfg(test)]
mod tests;
