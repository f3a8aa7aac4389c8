//! Counts and how fast they grow, as an operator sees them.

use crate::message_counts::MessageCounts;
use crate::window::Base;

/// Something that only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counter {
    /// How many there were since the object, or the process, began.
    pub count: u64,
    /// How many a second there were in the last few seconds.
    pub rate: f64,
}

/// Something that grows and shrinks.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Gauge {
    /// How much there is.
    pub value: u64,
    /// By how much it changed a second in the last few seconds; below 0 where it shrank.
    pub rate: f64,
}

/// What happened to messages. What does not concern an object is 0 there.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MessageStats {
    /// Messages published: by clients, or for a queue those that reached it.
    pub publish: Counter,
    /// Publishes confirmed.
    pub confirm: Counter,
    /// Deliveries to consumers that ack.
    pub deliver: Counter,
    /// Deliveries to consumers that do not.
    pub deliver_no_ack: Counter,
    /// Messages fetched one by one, to be acked.
    pub get: Counter,
    /// Messages fetched one by one, settled at once.
    pub get_no_ack: Counter,
    /// Everything that somebody was given: the sum of the four before.
    pub deliver_get: Counter,
    /// Messages acked.
    pub ack: Counter,
    /// Deliveries and fetches of messages that had been delivered before.
    pub redeliver: Counter,
    /// Fetches that found nothing.
    pub get_empty: Counter,
    /// Mandatory messages that were returned because no queue was found for them.
    pub return_unroutable: Counter,
    /// Other messages that no queue was found for.
    pub drop_unroutable: Counter,
    /// Messages that came to an exchange.
    pub publish_in: Counter,
    /// Messages that an exchange gave to queues, each as often as there are queues.
    pub publish_out: Counter,
}

impl Counter {
    pub(crate) fn since<C>(base: &Base<C>, now: u64, before: u64) -> Self {
        Self { count: now, rate: base.change(now, before).max(0.0) }
    }
}

impl Gauge {
    pub(crate) fn since<C>(base: &Base<C>, now: u64, before: u64) -> Self {
        Self { value: now, rate: base.change(now, before) }
    }
}

impl MessageStats {
    pub(crate) fn since<C>(base: &Base<C>, now: &MessageCounts, before: &MessageCounts) -> Self {
        let counter = |now, before| Counter::since(base, now, before);
        Self {
            publish: counter(now.publish, before.publish),
            confirm: counter(now.confirm, before.confirm),
            deliver: counter(now.deliver, before.deliver),
            deliver_no_ack: counter(now.deliver_no_ack, before.deliver_no_ack),
            get: counter(now.get, before.get),
            get_no_ack: counter(now.get_no_ack, before.get_no_ack),
            deliver_get: counter(now.deliver_get(), before.deliver_get()),
            ack: counter(now.ack, before.ack),
            redeliver: counter(now.redeliver, before.redeliver),
            get_empty: counter(now.get_empty, before.get_empty),
            return_unroutable: counter(now.return_unroutable, before.return_unroutable),
            drop_unroutable: counter(now.drop_unroutable, before.drop_unroutable),
            publish_in: counter(now.publish_in, before.publish_in),
            publish_out: counter(now.publish_out, before.publish_out),
        }
    }
}
