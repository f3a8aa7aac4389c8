//! What happens to the broker itself, as messages: RabbitMQ's `rabbitmq_event_exchange`.
//!
//! Whoever binds a queue to the topic exchange `amq.rabbitmq.event` of the vhost `/` is told of every queue, exchange, binding,
//! connection, channel, consumer, user, permission, vhost, limit and alarm that comes, goes or changes. A message is empty and
//! says everything in its headers, by RabbitMQ's names.
//!
//! While nothing is bound there, an event costs a look at a flag. What is told is left in a list by whoever makes it happen,
//! with any lock held, and published by a task of its own; what is more than that task can take is left out, counted, and said
//! in the log.

mod headers;
mod told;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use amqp::{FieldTable, FieldValue, Properties, ShortString};
use broker::Timestamp;
use broker::message::{Message, Origin};
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tracing::warn;

pub(crate) use self::headers::Headers;
pub(crate) use self::told::Consuming;
use crate::node::{Node, Shared};
use crate::queue_cell::Effects;
use crate::vhost::Vhost;

/// Where events are published.
pub(crate) const EXCHANGE: &str = broker::vhost::EVENT_EXCHANGE;

/// The vhost of that exchange.
pub(crate) const VHOST: &str = "/";

/// How many events wait to be published.
const PENDING_MAX: usize = 10_000;

/// How many are published before it is somebody else's turn.
const PUBLISHED_AT_ONCE: usize = 100;

/// Events on their way to their exchange.
#[derive(Debug, Default)]
pub(crate) struct Events {
    is_watched: AtomicBool,
    pending: Mutex<Pending>,
    has_more: Notify,
}

#[derive(Debug, Default)]
struct Pending {
    events: VecDeque<Event>,
    left_out: u64,
}

#[derive(Debug)]
struct Event {
    key: &'static str,
    headers: FieldTable,
    at: Timestamp,
}

impl Events {
    /// Something was bound to the exchange.
    pub(crate) fn watch(&self) {
        self.is_watched.store(true, Ordering::SeqCst);
    }

    fn push(&self, event: Event) {
        let mut pending = self.pending.lock();
        if pending.events.len() >= PENDING_MAX {
            pending.left_out += 1;
            return;
        }
        pending.events.push_back(event);
        drop(pending);
        self.has_more.notify_one();
    }

    /// The next ones, and how many before them were left out.
    fn take(&self) -> (Vec<Event>, u64) {
        let mut pending = self.pending.lock();
        let count = pending.events.len().min(PUBLISHED_AT_ONCE);
        let left_out = std::mem::take(&mut pending.left_out);
        (pending.events.drain(..count).collect(), left_out)
    }

    /// Looks whether anything is bound to the exchange still. Whoever binds says so afterwards, so that nothing is missed.
    fn look_again(&self, vhost: &Vhost) {
        let is_bound = || {
            let exchange = vhost.exchange(EXCHANGE);
            exchange.is_some_and(|exchange| !exchange.exchange.read().is_unused())
        };
        if is_bound() {
            return;
        }
        self.is_watched.store(false, Ordering::SeqCst);
        if is_bound() {
            // It was bound meanwhile.
            self.watch();
        }
    }
}

impl Shared {
    /// Something happened: `key` says what. Any lock may be held; `headers` is asked only if somebody wants to know.
    #[inline]
    pub(crate) fn tell(&self, key: &'static str, headers: impl FnOnce(&mut Headers)) {
        if self.events.is_watched.load(Ordering::Relaxed) {
            self.tell_watchers(key, headers);
        }
    }

    #[cold]
    fn tell_watchers(&self, key: &'static str, fill: impl FnOnce(&mut Headers)) {
        let at = self.clock.now();
        let mut headers = Headers::default();
        fill(&mut headers);
        headers.number("timestamp_in_ms", at.as_ms());
        self.events.push(Event { key, headers: headers.into_table(), at });
    }
}

/// Publishes what happens, for as long as the runtime lives.
pub(crate) async fn publish_for_ever(node: Arc<Node>) {
    let shared = Arc::clone(&node.shared);
    loop {
        shared.events.has_more.notified().await;
        while publish_some(&node) {
            tokio::task::yield_now().await;
        }
    }
}

/// Publishes what has happened; whether there may be more.
fn publish_some(node: &Node) -> bool {
    let shared = &node.shared;
    let (events, mut left_out) = shared.events.take();
    let Some(vhost) = node.vhost(VHOST) else { return !events.is_empty() };
    let mut effects = Effects::default();
    for event in &events {
        left_out += u64::from(!publish(&vhost, event, &mut effects));
    }
    vhost.carry_out(shared.clock.now(), &mut effects);
    effects.wake();
    if left_out > 0 {
        warn!(
            left_out,
            "events are left out of {EXCHANGE}: nobody takes them as fast as they come"
        );
    }
    if events.is_empty() {
        shared.events.look_again(&vhost);
    }
    !events.is_empty()
}

/// Publishes an event; whether every queue took it.
fn publish(vhost: &Vhost, event: &Event, effects: &mut Effects) -> bool {
    let properties = Properties {
        headers: Some(event.headers.clone()),
        delivery_mode: Some(2),
        timestamp: Some(event.at.as_secs()),
        ..Properties::default()
    };
    let message = Message {
        exchange: EXCHANGE.into(),
        routing_key: Bytes::from_static(event.key.as_bytes()),
        properties: properties.to_bytes().into(),
        body: Bytes::new(),
        blind_keys: Bytes::new(),
        persistent: true,
        priority: None,
        expiration_ms: None,
        origin: Origin::Client,
    };
    vhost.publish_told(event.at, &message, effects)
}

/// A text of a header.
fn text(text: &str) -> FieldValue {
    FieldValue::LongString(text.as_bytes().to_vec())
}

fn name(name: &'static str) -> ShortString {
    ShortString::from_static(name)
}

#[cfg(test)]
mod tests;
