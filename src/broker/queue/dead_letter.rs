//! Dead letters: how they are made, and how a queue keeps them until they arrived elsewhere.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::{Slot, death};
use crate::{
    DeadLetterTarget, ExchangeName, QueueName, Timestamp,
    message::{Arrival, Message, Origin, Sequence},
};

/// How many held dead letters are on their way at once. RabbitMQ's worker has the same prefetch.
const ON_THEIR_WAY_MAX: usize = 32;
/// How long a held dead letter that was not accepted waits before it is sent again.
const RETRY_MS: u64 = 10_000;

/// Why a message is a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeathReason {
    /// Its time was up.
    Expired,
    /// A consumer refused it without requeue.
    Rejected,
    /// The queue was full.
    MaxLen,
    /// A quorum queue delivered it in vain too often.
    DeliveryLimit,
}

impl DeathReason {
    /// As headers and metrics spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Rejected => "rejected",
            Self::MaxLen => "maxlen",
            Self::DeliveryLimit => "delivery_limit",
        }
    }
}

/// A message that leaves a queue for its dead-letter exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The queue it comes from.
    pub queue: QueueName,
    /// Where it is published to: the same as its message's exchange. It need not exist; then the letter is dropped.
    pub target_exchange: ExchangeName,
    /// The message as it goes on: history written, expiration removed, key replaced.
    pub message: Message,
    /// What it is routed by: the dead-letter key, or all of its own with `CC` and `BCC`.
    pub routing_keys: Vec<Bytes>,
    /// Why.
    pub reason: DeathReason,
    /// The logged message that dies as this letter leaves: whoever publishes the letter settles it in the log, after
    /// whatever the letter itself writes there. The queue's [`Sink`](super::Sink) is not told.
    pub settles: Option<Sequence>,
    /// The queue keeps the message until [`Queue::settle_dead_letter`](super::Queue::settle_dead_letter) says what
    /// became of this letter.
    pub hold: Option<Slot>,
}

impl DeadLetter {
    pub(super) fn new(
        queue: &QueueName,
        target: &DeadLetterTarget,
        message: &Arrival<'_>,
        reason: DeathReason,
        died_at: Timestamp,
        hold: Option<Slot>,
    ) -> Self {
        // One that is held is settled once its letter was accepted.
        let settles = (message.logged && hold.is_none()).then_some(message.sequence);
        let obituary = death::record(queue, message, reason, died_at);
        let (routing_key, routing_keys, blind_keys, origin) = match &target.routing_key {
            Some(key) => {
                let origin = Origin::DeadLetter { rekeyed: true };
                (key.clone(), vec![key.clone()], Bytes::new(), origin)
            }
            None => {
                let mut keys = obituary.routing_keys;
                death::add_blind_keys(&mut keys, message);
                let rekeyed = message.origin == Origin::DeadLetter { rekeyed: true };
                let blind_keys = Bytes::copy_from_slice(message.blind_keys);
                (keys[0].clone(), keys, blind_keys, Origin::DeadLetter { rekeyed })
            }
        };
        let message = Message {
            exchange: target.exchange.clone(),
            routing_key,
            properties: Bytes::from(obituary.properties),
            body: message.body.to_bytes(),
            blind_keys,
            persistent: message.persistent,
            priority: obituary.priority,
            expiration_ms: None,
            origin,
        };
        let target_exchange = target.exchange.clone();
        Self { queue: queue.clone(), target_exchange, message, routing_keys, reason, settles, hold }
    }

    /// Whether `queue` had this message before and only automatic deaths lie between: such a copy is dropped.
    pub fn would_cycle(&self, queue: &QueueName) -> bool {
        self.reason != DeathReason::Rejected && death::is_cycle(&self.message.properties, queue)
    }
}

/// The dead letters that a queue keeps until their targets have accepted them, in the order they died.
#[derive(Debug, Default)]
pub(super) struct HeldLetters {
    held: BTreeMap<Slot, Held>,
    /// Not yet sent.
    waiting: VecDeque<Slot>,
    /// Not accepted, and when to try again: always later than those before.
    again: VecDeque<(Timestamp, Slot)>,
    on_their_way: usize,
    body_bytes: u64,
}

/// A dead letter that is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    pub(super) reason: DeathReason,
    pub(super) died_at: Timestamp,
    pub(super) body_bytes: u64,
    is_on_its_way: bool,
}

impl HeldLetters {
    pub(super) fn len(&self) -> usize {
        self.held.len()
    }

    pub(super) fn body_bytes(&self) -> u64 {
        self.body_bytes
    }

    pub(super) fn insert(
        &mut self,
        slot: Slot,
        reason: DeathReason,
        died_at: Timestamp,
        body_bytes: u64,
    ) {
        self.held.insert(slot, Held { reason, died_at, body_bytes, is_on_its_way: false });
        self.waiting.push_back(slot);
        self.body_bytes += body_bytes;
    }

    /// The next one to send now, if any may be sent.
    pub(super) fn next(&mut self) -> Option<(Slot, Held)> {
        if self.is_busy() {
            return None;
        }
        let slot = self.waiting.pop_front()?;
        let held = self.held.get_mut(&slot)?;
        held.is_on_its_way = true;
        self.on_their_way += 1;
        Some((slot, *held))
    }

    /// One was accepted or not. `true`: it is not kept any more.
    pub(super) fn settle(&mut self, slot: Slot, accepted: bool, now: Timestamp) -> bool {
        let Some(held) = self.held.get_mut(&slot).filter(|held| held.is_on_its_way) else {
            debug_assert!(false, "{slot:?} holds no dead letter that was sent");
            return false;
        };
        held.is_on_its_way = false;
        self.on_their_way -= 1;
        if accepted {
            self.body_bytes -= held.body_bytes;
            self.held.remove(&slot);
        } else {
            self.again.push_back((now.plus_ms(RETRY_MS), slot));
        }
        accepted
    }

    /// Whether as many are on their way as may be.
    pub(super) fn is_busy(&self) -> bool {
        self.on_their_way >= ON_THEIR_WAY_MAX
    }

    /// What is known of one that was sent, or would have been if its content had been here.
    pub(super) fn on_its_way(&self, slot: Slot) -> Option<Held> {
        self.held.get(&slot).copied().filter(|held| held.is_on_its_way)
    }

    /// Its content is damaged: it is not kept any more.
    pub(super) fn remove(&mut self, slot: Slot) {
        let Some(held) = self.held.remove(&slot) else { return };
        self.body_bytes -= held.body_bytes;
        self.on_their_way -= usize::from(held.is_on_its_way);
        self.waiting.retain(|other| *other != slot);
        self.again.retain(|(_, other)| *other != slot);
    }

    /// When the next one is to be sent: at once, if one only waits for the call that sends it.
    pub(super) fn next_deadline(&self) -> Option<Timestamp> {
        if !self.is_busy() && !self.waiting.is_empty() {
            return Some(Timestamp(0));
        }
        Some(self.again.front()?.0)
    }

    /// Those whose time to try again has come wait to be sent.
    pub(super) fn handle_time(&mut self, now: Timestamp) {
        while let Some((due, slot)) = self.again.front().copied()
            && due <= now
        {
            self.again.pop_front();
            self.waiting.push_back(slot);
        }
    }
}

#[cfg(test)]
mod tests;
