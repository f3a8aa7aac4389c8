//! What becomes of a message after its delivery: acked, back into the queue, or dead.

use super::{
    DeadLetter, DeathReason, Queue, Settlement, Sink, Slot,
    entry::{Entry, Mark},
    unacked::{Holder, Unacked},
};
use crate::{DeadLetterStrategy, QueueKind, Timestamp, message::Arrival};

impl Queue {
    /// Settles unacked messages, in the order given, then dispatches.
    ///
    /// Every slot must hold an unacked message; one that does not is passed over.
    pub fn settle(
        &mut self,
        now: Timestamp,
        slots: &[Slot],
        settlement: Settlement,
        sink: &mut impl Sink,
    ) {
        if self.is_closed {
            return;
        }
        for slot in slots {
            let Some(unacked) = self.take_unacked(*slot) else {
                debug_assert!(false, "{slot:?} holds no unacked message");
                continue;
            };
            if let Holder::Consumer(id) = unacked.holder {
                self.consumers.settled(id);
            }
            match settlement {
                Settlement::Ack => {
                    self.counters.ack += 1;
                    self.forget(unacked.entry, unacked.bytes);
                }
                Settlement::Requeue { counted } => self.requeue(now, unacked, counted, sink),
                Settlement::Reject => {
                    self.die(now, unacked.entry, unacked.bytes, DeathReason::Rejected, sink);
                }
            }
        }
        if let Settlement::Requeue { .. } = settlement {
            self.drop_overflow(now, sink);
            self.expire_all(now, sink);
        }
        self.dispatch(now, sink);
    }

    /// Settles a dead letter that the queue holds: gone if it was accepted, sent again later if not.
    pub fn settle_dead_letter(
        &mut self,
        now: Timestamp,
        slot: Slot,
        accepted: bool,
        sink: &mut impl Sink,
    ) {
        let Some(held) = &mut self.held else { return };
        if held.settle(slot, accepted, now)
            && let Some(unacked) = self.unacked.remove(slot)
        {
            self.forget(unacked.entry, unacked.bytes);
        }
        self.send_held(sink);
        self.tidy();
    }

    /// A message that was just taken out of its line dies.
    pub(super) fn die_waiting(
        &mut self,
        now: Timestamp,
        entry: Entry,
        reason: DeathReason,
        sink: &mut impl Sink,
    ) {
        let record = self.content.read(entry);
        let bytes = record.bytes();
        self.ready_bytes -= record.body_bytes();
        self.die(now, entry, bytes, reason, sink);
    }

    /// A message dies: it leaves as a dead letter, is held as one, or is just gone.
    pub(super) fn die(
        &mut self,
        now: Timestamp,
        entry: Entry,
        bytes: u32,
        reason: DeathReason,
        sink: &mut impl Sink,
    ) {
        match &self.settings.dead_letter {
            Some(target) if target.strategy == DeadLetterStrategy::AtLeastOnce => {
                let body_bytes = self.content.read(entry).body_bytes();
                let holder = Holder::DeadLetter;
                let slot = self.unacked.insert(Unacked { entry, bytes, holder });
                let held = self.held.get_or_insert_default();
                held.insert(slot, reason, now, body_bytes);
                self.send_held(sink);
            }
            Some(target) => {
                let message = self.arrival(entry);
                let letter = DeadLetter::new(&self.name, target, &message, reason, now, None);
                sink.dead_letter(letter);
                self.forget(entry, bytes);
            }
            None => self.forget(entry, bytes),
        }
    }

    /// Sends held dead letters, as many as may be on their way.
    pub(super) fn send_held(&mut self, sink: &mut impl Sink) {
        let Some(target) = &self.settings.dead_letter else { return };
        while let Some((slot, held)) = self.held.as_mut().and_then(|held| held.next()) {
            let Some(unacked) = self.unacked.get(slot) else { continue };
            let message = self.arrival(unacked.entry);
            let (reason, died_at) = (held.reason, held.died_at);
            sink.dead_letter(DeadLetter::new(
                &self.name,
                target,
                &message,
                reason,
                died_at,
                Some(slot),
            ));
        }
    }

    /// A dead letter's slot is nobody's to settle here.
    #[inline]
    fn take_unacked(&mut self, slot: Slot) -> Option<Unacked> {
        if self.held.is_some() && self.unacked.get(slot)?.holder == Holder::DeadLetter {
            return None;
        }
        self.unacked.remove(slot)
    }

    /// A message comes back: into its old place, or in a quorum queue at the end of the returned ones.
    fn requeue(&mut self, now: Timestamp, unacked: Unacked, counted: bool, sink: &mut impl Sink) {
        let entry = unacked.entry.with(Mark::Returned);
        let record = self.content.read(entry);
        let (level, body_bytes) = (record.level, record.body_bytes());
        match self.settings.kind {
            QueueKind::Classic => self.ready.restore(level, entry),
            QueueKind::Quorum => {
                let returns = self.returns.entry(entry.sequence).or_default();
                returns.acquired = returns.acquired.saturating_add(1);
                returns.failed = returns.failed.saturating_add(u32::from(counted));
                match self.settings.delivery_limit {
                    Some(limit) if u64::from(returns.failed) > limit => {
                        let reason = DeathReason::DeliveryLimit;
                        return self.die(now, entry, unacked.bytes, reason, sink);
                    }
                    Some(_) => self.ready.push_returned(entry),
                    // Without a limit RabbitMQ puts it at the end of all.
                    None => self.ready.push(level, entry),
                }
            }
        }
        self.ready_bytes += body_bytes;
    }

    /// A stored message as it once came in.
    fn arrival(&self, entry: Entry) -> Arrival<'_> {
        let record = self.content.read(entry);
        Arrival {
            sequence: entry.sequence,
            exchange: std::str::from_utf8(record.exchange()).expect("it was stored from a str"),
            routing_key: record.routing_key(),
            properties: record.properties(),
            body: self.content.body(&record),
            blind_keys: record.blind_keys(),
            persistent: record.persistent(),
            // Both can be read from the properties again.
            priority: None,
            expiration_ms: None,
            origin: record.origin(),
            logged: entry.is(Mark::Logged),
        }
    }
}
