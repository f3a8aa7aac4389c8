//! An exchange that tasks share: its lock, and beside the pure exchange the messages that some types keep.

use std::collections::BTreeSet;
use std::sync::{Arc, Weak};

use amqp::RawProperties;
use broker::exchange::{DelayedMessages, Exchange, ExchangeKind, ExchangeSpec, RecentHistory};
use broker::message::{Arrival, Message};
use broker::{ExchangeName, Refusal, Timestamp};
use parking_lot::{Mutex, RwLock};

use crate::queue_cell::Effects;
use crate::timer::Due;
use crate::vhost::Vhost;

/// An exchange and what the server knows of it.
#[derive(Debug)]
pub(crate) struct ExchangeCell {
    pub(crate) spec: ExchangeSpec,
    pub(crate) exchange: RwLock<Exchange>,
    /// The exchanges that have bindings to it.
    pub(crate) bound_to: Mutex<BTreeSet<ExchangeName>>,
    /// What an `x-delayed-message` exchange holds back.
    delayed: Option<Mutex<Delayed>>,
    /// What an `x-recent-history` exchange gives to latecomers.
    history: Option<Mutex<RecentHistory<Message>>>,
    vhost: Weak<Vhost>,
}

#[derive(Debug, Default)]
struct Delayed {
    messages: DelayedMessages<Message>,
    /// The deadline that the timer knows.
    armed: Option<Timestamp>,
}

impl ExchangeCell {
    /// # Errors
    /// If an argument of its type is bad.
    pub(crate) fn new(spec: ExchangeSpec, vhost: &Arc<Vhost>) -> Result<Self, Refusal> {
        Self::in_vhost(spec, Arc::downgrade(vhost), &vhost.name)
    }

    /// As [`new`](Self::new), while the vhost itself is being made.
    pub(crate) fn in_vhost(
        spec: ExchangeSpec,
        vhost: Weak<Vhost>,
        vhost_name: &broker::VhostName,
    ) -> Result<Self, Refusal> {
        let exchange = Exchange::new(spec.clone(), vhost_name)?;
        let history = RecentHistory::of(&exchange, HISTORY_BYTES_MAX).map(Mutex::new);
        let delayed = (spec.kind == ExchangeKind::Delayed).then(Mutex::default);
        let bound_to = Mutex::default();
        Ok(Self { spec, exchange: RwLock::new(exchange), bound_to, delayed, history, vhost })
    }

    /// Whether it keeps messages, so that each publish must come past it.
    pub(crate) fn keeps_messages(&self) -> bool {
        self.delayed.is_some() || self.history.is_some()
    }

    /// For how long it holds back a message with these properties, if it does.
    ///
    /// # Errors
    /// If the delay is longer than any may be.
    pub(crate) fn delay_of(&self, properties: &[u8]) -> Result<Option<u64>, Refusal> {
        if self.delayed.is_none() {
            return Ok(None);
        }
        broker::arguments::delay_ms(RawProperties::from_bytes(properties).headers().ok().flatten())
    }

    /// Holds a message back for `delay_ms`.
    pub(crate) fn delay(self: &Arc<Self>, now: Timestamp, delay_ms: u64, arrival: &Arrival<'_>) {
        let (Some(delayed), Some(vhost)) = (&self.delayed, self.vhost.upgrade()) else { return };
        let mut delayed = delayed.lock();
        let message = Message::from_arrival(arrival);
        let bytes = memory_of(&message);
        vhost.shared.memory.account(0, bytes as u64);
        delayed.messages.add(now.plus_ms(delay_ms), message, bytes);
        self.arm(&vhost, &mut delayed);
    }

    fn arm(self: &Arc<Self>, vhost: &Vhost, delayed: &mut Delayed) {
        let Some(deadline) = delayed.messages.next_deadline() else { return };
        if delayed.armed.is_none_or(|armed| deadline < armed) {
            delayed.armed = Some(deadline);
            vhost.shared.timers.arm(deadline, Due::Exchange(Arc::downgrade(self)));
        }
    }

    /// Routes the messages whose delay is over; many of them in portions, for each of which the timer is armed.
    pub(crate) fn release_due(self: &Arc<Self>, now: Timestamp) {
        let (Some(delayed), Some(vhost)) = (&self.delayed, self.vhost.upgrade()) else { return };
        let mut effects = Effects::default();
        for _ in 0..RELEASED_AT_ONCE_MAX {
            // One by one: the lock is not held while a message is routed.
            let Some((_, message)) = delayed.lock().messages.take_due(now) else { break };
            vhost.shared.memory.account(memory_of(&message) as u64, 0);
            vhost.publish_message(now, &message, &mut effects);
            vhost.carry_out(now, &mut effects);
        }
        effects.wake();
        let mut delayed = delayed.lock();
        delayed.armed = None;
        self.arm(&vhost, &mut delayed);
    }

    /// The exchange is deleted: what it holds back goes with it, also if a client's route still leads here.
    pub(crate) fn close(&self) {
        let (Some(delayed), Some(vhost)) = (&self.delayed, self.vhost.upgrade()) else { return };
        let dropped = std::mem::take(&mut delayed.lock().messages);
        vhost.shared.memory.account(dropped.memory_bytes() as u64, 0);
    }

    /// Keeps a message for whoever binds later.
    pub(crate) fn remember(&self, arrival: &Arrival<'_>) {
        let Some(history) = &self.history else { return };
        let headers = RawProperties::from_bytes(arrival.properties).headers().ok().flatten();
        if RecentHistory::<Message>::wants(headers) {
            let message = Message::from_arrival(arrival);
            let bytes = memory_of(&message);
            let mut history = history.lock();
            let before = history.memory_bytes();
            history.push(message, bytes);
            if let Some(vhost) = self.vhost.upgrade() {
                vhost.shared.memory.account(before as u64, history.memory_bytes() as u64);
            }
        }
    }

    /// What a new binding gets first, oldest first.
    pub(crate) fn remembered(&self) -> Vec<Message> {
        match &self.history {
            Some(history) => history.lock().iter().cloned().collect(),
            None => Vec::new(),
        }
    }
}

impl Drop for ExchangeCell {
    /// What it kept goes with it.
    fn drop(&mut self) {
        let delayed = self.delayed.as_mut().map_or(0, |d| d.get_mut().messages.memory_bytes());
        let remembered = self.history.as_mut().map_or(0, |h| h.get_mut().memory_bytes());
        if let Some(vhost) = self.vhost.upgrade() {
            vhost.shared.memory.account((delayed + remembered) as u64, 0);
        }
    }
}

/// How many delayed messages are routed before it is somebody else's turn.
const RELEASED_AT_ONCE_MAX: usize = 1000;

/// What the messages that one exchange remembers may take, whatever length it was declared with.
const HISTORY_BYTES_MAX: usize = 16 << 20;

/// What a message that an exchange keeps takes in memory.
fn memory_of(message: &Message) -> usize {
    size_of::<Message>() + message.routing_key.len() + message.properties.len() + message.body.len()
}
