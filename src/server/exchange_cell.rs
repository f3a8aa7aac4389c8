//! An exchange that tasks share: its lock, and beside the pure exchange the messages that some types keep.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};

use amqp::{FieldTable, RawProperties};
use broker::exchange::{
    Binding, DelayedMessages, Destination, Exchange, ExchangeKind, ExchangeSpec, RecentHistory,
};
use broker::message::{Arrival, Message, Sequence};
use broker::{ExchangeName, LogPosition, Refusal, Timestamp};
use parking_lot::{Mutex, RwLock};

use crate::exchange_traffic::ExchangeTraffic;
use crate::journal::{Logged, Owner};
use crate::queue_cell::Effects;
use crate::timer::Due;
use crate::vhost::policies::Effective;
use crate::vhost::{Original, Vhost};

/// An exchange and what the server knows of it.
#[derive(Debug)]
pub(crate) struct ExchangeCell {
    pub(crate) spec: ExchangeSpec,
    pub(crate) exchange: RwLock<Exchange>,
    /// The exchanges that have bindings to it.
    pub(crate) bound_to: Mutex<BTreeSet<ExchangeName>>,
    pub(crate) traffic: ExchangeTraffic,
    /// The policies that count for it.
    policy: RwLock<Option<Arc<Effective>>>,
    /// Its definition in the log; `None`: it does not outlive the process, or was there from the beginning.
    pub(crate) logged: Option<Logged>,
    /// The definitions of those of its bindings that outlive the process.
    pub(crate) logged_bindings: Mutex<BTreeMap<Arc<Binding>, Logged>>,
    /// What an `x-delayed-message` exchange holds back.
    delayed: Option<Mutex<Delayed>>,
    /// What an `x-recent-history` exchange gives to latecomers.
    history: Option<Mutex<RecentHistory<Message>>>,
    vhost: Weak<Vhost>,
}

#[derive(Debug, Default)]
struct Delayed {
    messages: DelayedMessages<Held>,
    /// The deadline that the timer knows.
    armed: Option<Timestamp>,
}

/// A message that is held back.
#[derive(Debug)]
struct Held {
    message: Message,
    /// Its place in the log, if it outlives the process.
    logged: Option<Sequence>,
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
        Ok(Self {
            spec,
            exchange: RwLock::new(exchange),
            bound_to: Mutex::default(),
            traffic: ExchangeTraffic::default(),
            policy: RwLock::default(),
            logged: None,
            logged_bindings: Mutex::default(),
            delayed,
            history,
            vhost,
        })
    }

    /// The policies that count for it.
    pub(crate) fn policy(&self) -> Option<Arc<Effective>> {
        self.policy.read().clone()
    }

    /// Follows these policies from now on. Whether messages may go elsewhere by that.
    pub(crate) fn follow_policy(&self, policy: Option<Arc<Effective>>) -> bool {
        let none = FieldTable::new();
        let definition = policy.as_ref().map_or(&none, |policy| policy.definition());
        let has_moved = self.exchange.write().change(definition);
        *self.policy.write() = policy;
        has_moved
    }

    /// Takes back every binding to a destination; `gone` gets the definitions that go with them.
    pub(crate) fn remove_destination(
        &self,
        destination: &Destination,
        gone: &mut Vec<Owner>,
    ) -> Vec<Arc<Binding>> {
        let mut exchange = self.exchange.write();
        let mut logged = self.logged_bindings.lock();
        let bindings = exchange.bindings_to(destination).map(Arc::clone).collect();
        if !logged.is_empty() {
            let records =
                exchange.bindings_to(destination).filter_map(|binding| logged.remove(binding));
            gone.extend(records.map(|record| record.id));
        }
        exchange.remove_destination(destination);
        bindings
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

    /// Holds a message back for `delay_ms`; what that waits for, if the message outlives the process.
    ///
    /// A logged message that it `replaces` is no more.
    pub(crate) fn delay(
        self: &Arc<Self>,
        now: Timestamp,
        delay_ms: u64,
        arrival: &Arrival<'_>,
        replaces: Option<Original>,
    ) -> Option<LogPosition> {
        let vhost = self.vhost.upgrade()?;
        let due = now.plus_ms(delay_ms);
        let owner = self.logged.map(|logged| logged.id).filter(|_| arrival.persistent);
        let (mut logged, mut after) = (None, None);
        if let Some(journal) =
            vhost.shared.journal().filter(|_| owner.is_some() || replaces.is_some())
        {
            let mut entry = journal.append();
            if let Some(owner) = owner {
                let sequence = entry.take_sequences(1);
                entry.held_message(&Arrival { sequence, ..*arrival }, owner, now, due);
                logged = Some(sequence);
            }
            if let Some(original) = replaces {
                entry.release(original.owner, &[original.sequence.0]);
            }
            after = Some(entry.position());
        }
        self.hold(&vhost, due, Message::from_arrival(arrival), logged);
        after
    }

    /// Holds a message back again that was held back when the broker stopped.
    pub(crate) fn restore(self: &Arc<Self>, due: Timestamp, message: Message, logged: Sequence) {
        if let Some(vhost) = self.vhost.upgrade() {
            self.hold(&vhost, due, message, Some(logged));
        }
    }

    fn hold(
        self: &Arc<Self>,
        vhost: &Vhost,
        due: Timestamp,
        message: Message,
        logged: Option<Sequence>,
    ) {
        let Some(delayed) = &self.delayed else { return };
        let bytes = memory_of(&message);
        vhost.shared.memory.account(0, bytes as u64);
        let mut delayed = delayed.lock();
        delayed.messages.add(due, Held { message, logged }, bytes);
        self.arm(vhost, &mut delayed);
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
            let Some((_, held)) = delayed.lock().messages.take_due(now) else { break };
            let Held { message, logged } = held;
            vhost.shared.memory.account(memory_of(&message) as u64, 0);
            let owner = self.logged.map(|logged| logged.id);
            let replaces = owner.zip(logged).map(|(owner, sequence)| Original { owner, sequence });
            vhost.publish_message(now, &message, replaces, &mut effects);
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
        let mut dropped = std::mem::take(&mut delayed.lock().messages);
        vhost.shared.memory.account(dropped.memory_bytes() as u64, 0);
        if let (Some(journal), Some(logged)) = (vhost.shared.journal(), self.logged) {
            let mut sequences = Vec::new();
            while let Some((_, held)) = dropped.take_due(Timestamp(u64::MAX)) {
                sequences.extend(held.logged.map(|sequence| sequence.0));
            }
            journal.forget(logged.id, &sequences);
        }
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
