//! What becomes of a message after its delivery: acked, back into the queue, or dead.

use mutants::Mutant;

use super::{
    DeadLetter, DeathReason, Queue, Settlement, Sink, Slot,
    dying::DyingMessage,
    entry::{Entry, Mark},
    quorum::Returns,
    unacked::{Holder, Unacked, narrow},
};
use crate::{
    DeadLetterStrategy, QueueKind, Timestamp,
    message::Arrival,
    record::{NOTE_BYTES_MAX, Note},
};

/// How many held dead letters are let go in one call.
const LET_GO_AT_ONCE_MAX: usize = 1000;

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
        match settlement {
            Settlement::Ack => self.ack(now, slots, sink),
            Settlement::Requeue { counted } => {
                for slot in slots {
                    if let Some(unacked) = self.take_settled(*slot) {
                        self.requeue(now, unacked, counted, sink);
                    }
                }
                self.drop_overflow(now, sink);
                self.expire_all(now, sink);
            }
            Settlement::Reject => {
                for slot in slots {
                    if let Some(Unacked { entry, bytes, .. }) = self.take_settled(*slot) {
                        self.die(now, entry, bytes, DeathReason::Rejected, sink);
                    }
                }
            }
        }
        self.dispatch(now, sink);
    }

    /// In a loop of its own: what the others need would send each ack over the stack.
    fn ack(&mut self, now: Timestamp, slots: &[Slot], sink: &mut impl Sink) {
        let (mut acked, mut holder) = (0, None);
        for slot in slots {
            if let Some(unacked) = self.take_settled(*slot) {
                acked += 1;
                holder = Some(unacked.holder);
                self.forget(unacked.entry, unacked.bytes, sink);
            }
        }
        self.counters.ack += acked;
        // What is settled together was delivered together, so the last one's consumer is everyone's.
        if let Some(Holder::Consumer(id)) = holder {
            self.consumers.note_ack(id, now);
        }
    }

    /// A message that is settled, which its consumer has no longer.
    // As a call it would take its answer over the stack, which costs each ack an instruction in a hundred.
    #[inline(always)]
    fn take_settled(&mut self, slot: Slot) -> Option<Unacked> {
        let unacked = self.take_unacked(slot);
        debug_assert!(unacked.is_some(), "{slot:?} holds no unacked message");
        let unacked = unacked?;
        if let Holder::Consumer(id) = unacked.holder {
            self.consumers.settled(id);
        }
        Some(unacked)
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
            self.forget(unacked.entry, unacked.bytes, sink);
        }
        if !accepted && self.content.is_over() {
            self.page_out_held(slot);
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
        let (bytes, body_bytes) = if entry.is(Mark::Paged) {
            self.left_ready(entry);
            (0, entry.paged_body_bytes())
        } else {
            let record = self.content.read(entry);
            (record.bytes(), record.body_bytes())
        };
        self.ready_bytes -= body_bytes;
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
        self.counters.count_death(reason);
        match self.settings.dead_letter.as_ref().map(|target| target.strategy) {
            Some(DeadLetterStrategy::AtLeastOnce) => self.hold(now, entry, bytes, reason, sink),
            Some(DeadLetterStrategy::AtMostOnce) if entry.is(Mark::Paged) || self.has_dying() => {
                self.die_slowly(now, entry, bytes, reason, sink);
            }
            Some(DeadLetterStrategy::AtMostOnce) => {
                let (died_at, is_asked) = (now, false);
                self.send_letter(DyingMessage { entry, bytes, reason, died_at, is_asked }, sink);
            }
            None => self.forget(entry, bytes, sink),
        }
    }

    /// The letter of a message that is no more, whose content is in memory.
    pub(super) fn send_letter(&mut self, message: DyingMessage, sink: &mut impl Sink) {
        let DyingMessage { entry, bytes, reason, died_at, .. } = message;
        let Some(target) = &self.settings.dead_letter else {
            return self.forget(entry, bytes, sink);
        };
        let message = self.arrival(entry);
        let letter = DeadLetter::new(&self.name, target, &message, reason, died_at, None);
        sink.dead_letter(letter);
        self.release(entry, bytes);
    }

    /// A message is dead, and held until its letter is accepted.
    fn hold(
        &mut self,
        now: Timestamp,
        entry: Entry,
        bytes: u32,
        reason: DeathReason,
        sink: &mut impl Sink,
    ) {
        let (_, body_bytes) = self.weigh(entry);
        let entry = self.without_paged_deadline(entry);
        let holder = Holder::DeadLetter;
        let slot =
            self.unacked.insert(Unacked { entry, bytes, body_bytes: narrow(body_bytes), holder });
        if entry.is(Mark::Logged) && !mutants::is_planted(Mutant::HeldLetterNotNoted) {
            let order = self.take_order();
            let note = Note::Held { reason, died_at: now, order };
            sink.noted(entry.sequence, note.write(&mut [0; NOTE_BYTES_MAX]));
        }
        let held = self.held.get_or_insert_default();
        held.insert(slot, reason, now, body_bytes);
        if entry.is(Mark::Paged) {
            self.reassign_to_held(entry, slot);
        } else if held.is_busy() && self.content.is_over() {
            self.page_out_held(slot);
        }
        self.send_held(sink);
    }

    /// Gives up the content of a dead letter that is not on its way, if the log has it.
    fn page_out_held(&mut self, slot: Slot) {
        let entry = self.unacked.get(slot).map(|unacked| unacked.entry);
        if entry.is_some_and(|entry| entry.is(Mark::Logged) && !entry.is(Mark::Paged)) {
            self.page_out_unacked(slot);
        }
    }

    /// Sends held dead letters, as many as may be on their way.
    pub(super) fn send_held(&mut self, sink: &mut impl Sink) {
        let mut let_go = 0;
        while let_go < LET_GO_AT_ONCE_MAX
            && let Some((slot, _)) = self.held.as_mut().and_then(|held| held.next())
        {
            let Some(unacked) = self.unacked.get(slot) else { continue };
            if self.settings.dead_letter.is_none() {
                self.let_go(slot, sink);
                let_go += 1;
            } else if unacked.entry.is(Mark::Paged) {
                self.ask_for_held(slot, unacked.entry, sink);
            } else {
                self.send_if_due(slot, sink);
            }
        }
    }

    /// Sends a held dead letter whose content is in memory, if it is its turn.
    pub(super) fn send_if_due(&mut self, slot: Slot, sink: &mut impl Sink) {
        let held = self.held.as_ref().and_then(|held| held.on_its_way(slot));
        let (Some(held), Some(unacked)) = (held, self.unacked.get(slot)) else { return };
        let Some(target) = &self.settings.dead_letter else { return self.let_go(slot, sink) };
        let message = self.arrival(unacked.entry);
        let (reason, died_at) = (held.reason, held.died_at);
        let letter = DeadLetter::new(&self.name, target, &message, reason, died_at, Some(slot));
        sink.dead_letter(letter);
    }

    /// A dead letter that was held, and was about to be sent, goes nowhere any more.
    fn let_go(&mut self, slot: Slot, sink: &mut impl Sink) {
        let Some(held) = &mut self.held else { return };
        if held.settle(slot, true, Timestamp(0))
            && let Some(unacked) = self.unacked.remove(slot)
        {
            self.forget(unacked.entry, unacked.bytes, sink);
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
        let (level, body_bytes) = self.weigh(entry);
        match self.settings.kind {
            QueueKind::Classic => {
                let is_noted = !mutants::is_planted(Mutant::ReturnNotNoted);
                if entry.is(Mark::Logged) && !unacked.entry.is(Mark::Returned) && is_noted {
                    let note = Note::Redelivered;
                    sink.noted(entry.sequence, note.write(&mut [0; NOTE_BYTES_MAX]));
                }
                if mutants::is_planted(Mutant::RequeuedToTail) {
                    self.ready.push(level, entry);
                } else {
                    self.ready.restore(level, entry);
                }
            }
            QueueKind::Quorum => {
                let returns = self.returns.entry(entry.sequence).or_default();
                returns.acquired = returns.acquired.saturating_add(1);
                returns.failed = returns.failed.saturating_add(u32::from(counted));
                let Returns { acquired, failed } = *returns;
                let limit = self.settings.delivery_limit;
                if limit.is_some_and(|limit| u64::from(failed) > limit) {
                    let reason = DeathReason::DeliveryLimit;
                    return self.die(now, entry, unacked.bytes, reason, sink);
                }
                let after = self.newest.max(entry.sequence);
                // Whatever comes back from now on stands behind this one.
                self.newest = after;
                if entry.is(Mark::Logged) {
                    let note = Note::Returned { acquired, failed, order: self.take_order(), after };
                    sink.noted(entry.sequence, note.write(&mut [0; NOTE_BYTES_MAX]));
                }
                match limit {
                    Some(_) => self.ready.push_returned(entry),
                    // Without a limit RabbitMQ puts it at the end of all.
                    None => self.ready.push(level, entry),
                }
            }
        }
        self.ready_bytes += body_bytes;
        if entry.is(Mark::Paged) {
            self.paging.get_or_insert_default().entered_ready(entry);
        }
    }

    /// A stored message as it once came in.
    pub(super) fn arrival(&self, entry: Entry) -> Arrival<'_> {
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
