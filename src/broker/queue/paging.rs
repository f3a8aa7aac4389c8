//! Contents that are not in memory, and come back as the head of the queue nears them.
//!
//! Beyond its budget a queue keeps only the entries of messages that can be read from elsewhere. It asks for their
//! contents in runs ahead of the head, so that a consumer seldom waits for one: when few resident messages are left, or
//! the head itself is paged out. A line that has paged messages is paged further, so that what is resident is its head.

use std::collections::BTreeMap;

use super::{
    Backing, DeathReason, Queue, Sink, Slot,
    deadlines::Deadlines,
    dying::{Dying, DyingMessage},
    entry::{Entry, Mark},
    ready::{Line, Place},
};
use crate::{
    Timestamp,
    message::{Arrival, Sequence},
    record::MessageRecord,
};

/// How much is asked for and not yet there, at most.
const ASKED_BYTES_MAX: usize = 1 << 20;
/// What a message is counted with beyond its body, until others have shown how much more there is.
const OVERHEAD_BYTES: usize = 64;

/// What a queue knows of its messages whose content is not in memory.
#[derive(Debug)]
pub(super) struct Paging {
    /// Of all that are paged out, ready or not.
    pub(super) deadlines: Deadlines,
    pub(super) dying: Dying,
    /// How many of the ready messages are paged out, and their bodies.
    ready: usize,
    ready_bytes: u64,
    asked: BTreeMap<Sequence, Asked>,
    /// What was asked for to be delivered, and to be dead-lettered.
    asked_bytes: usize,
    dying_bytes: usize,
    /// What a message takes beyond its body, as the last ones did: only the length of the body is known of one that is
    /// paged out.
    overhead_bytes: usize,
}

/// A content on its way here.
#[derive(Debug, Clone, Copy)]
struct Asked {
    by: Asker,
    bytes: usize,
}

/// Who waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asker {
    Ready(Place),
    Dying(u64),
    Held(Slot),
}

impl Default for Paging {
    fn default() -> Self {
        Self {
            deadlines: Deadlines::default(),
            dying: Dying::default(),
            ready: 0,
            ready_bytes: 0,
            asked: BTreeMap::new(),
            asked_bytes: 0,
            dying_bytes: 0,
            overhead_bytes: OVERHEAD_BYTES,
        }
    }
}

impl Paging {
    /// A message was seen whole.
    pub(super) fn learn(&mut self, arrival: &Arrival<'_>) {
        let Arrival { exchange, routing_key, properties, blind_keys, .. } = arrival;
        let seen = exchange.len() + routing_key.len() + properties.len() + blind_keys.len();
        self.overhead_bytes = (self.overhead_bytes * 15 + OVERHEAD_BYTES / 2 + seen).div_ceil(16);
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let asked = self.asked.len() * size_of::<(Sequence, Asked)>();
        self.deadlines.memory_bytes() + asked + self.dying.len() * size_of::<DyingMessage>()
    }

    /// How many of the ready messages are paged out, and their bodies in bytes.
    pub(super) fn ready_counts(&self) -> (u64, u64) {
        (self.ready as u64, self.ready_bytes)
    }

    pub(super) fn has_deadlines(&self) -> bool {
        self.deadlines.len() > 0
    }

    /// A message that is paged out waits in a line now.
    pub(super) fn entered_ready(&mut self, entry: Entry) {
        self.ready += 1;
        self.ready_bytes += entry.paged_body_bytes();
    }

    /// One that was paged out does not wait any more, or is not paged out any more.
    fn left_ready(&mut self, entry: Entry) {
        self.ready -= 1;
        self.ready_bytes -= entry.paged_body_bytes();
    }

    fn is_idle(&self) -> bool {
        let has_any = self.has_deadlines() || self.dying.len() > 0;
        self.ready == 0 && self.asked.is_empty() && !has_any
    }

    fn ask(&mut self, entry: Entry, by: Asker, sink: &mut impl Sink) {
        let Some(backing) = entry.backing() else { return };
        let bytes = usize::try_from(entry.paged_body_bytes()).unwrap_or(usize::MAX);
        let bytes = bytes.saturating_add(self.overhead_bytes);
        *self.bytes_of(by) += bytes;
        self.asked.insert(entry.sequence, Asked { by, bytes });
        sink.want(entry.sequence, backing);
    }

    fn bytes_of(&mut self, by: Asker) -> &mut usize {
        match by {
            Asker::Ready(_) => &mut self.asked_bytes,
            Asker::Dying(_) | Asker::Held(_) => &mut self.dying_bytes,
        }
    }

    /// What was asked for is here, or is not needed any more.
    fn answered(&mut self, sequence: Sequence) -> Option<Asker> {
        let Asked { by, bytes } = self.asked.remove(&sequence)?;
        *self.bytes_of(by) -= bytes;
        Some(by)
    }

    /// Somebody else needs it now. Whether it was asked for.
    fn reassign(&mut self, sequence: Sequence, by: Asker) -> bool {
        let Some(bytes) = self.asked.get(&sequence).map(|asked| asked.bytes) else { return false };
        self.answered(sequence);
        *self.bytes_of(by) += bytes;
        self.asked.insert(sequence, Asked { by, bytes });
        true
    }

    /// All that was ready is gone; `deadlines` are those of the others.
    pub(super) fn purge(&mut self, deadlines: Deadlines) {
        self.deadlines = deadlines;
        (self.ready, self.ready_bytes, self.asked_bytes) = (0, 0, 0);
        self.asked.retain(|_, asked| !matches!(asked.by, Asker::Ready(_)));
    }
}

impl Queue {
    /// A content that was asked for is here: `payload` as it was written to the log or handed to [`Sink::spill`].
    /// What waited for it goes on. One that is not needed any more is passed over.
    ///
    /// `false`: it is not the content that it should be, and is treated as by [`page_failed`](Self::page_failed).
    pub fn page_in(
        &mut self,
        now: Timestamp,
        sequence: Sequence,
        payload: &[u8],
        sink: &mut impl Sink,
    ) -> bool {
        let Some((by, entry)) = self.answered(sequence) else { return true };
        let record = MessageRecord::read(payload).ok();
        let record = record.filter(|it| it.body.len() as u64 == entry.paged_body_bytes());
        match &record {
            Some(record) => self.make_resident(by, entry, record, sink),
            None => self.drop_failed(by, entry, sink),
        }
        self.go_on(now, sink);
        record.is_some()
    }

    /// A content that was asked for cannot be read: its message is dropped. Whether it was still here.
    pub fn page_failed(
        &mut self,
        now: Timestamp,
        sequence: Sequence,
        sink: &mut impl Sink,
    ) -> bool {
        let Some((by, entry)) = self.answered(sequence) else { return false };
        self.drop_failed(by, entry, sink);
        self.go_on(now, sink);
        true
    }

    fn paging(&mut self) -> &mut Paging {
        self.paging.get_or_insert_default()
    }

    fn answered(&mut self, sequence: Sequence) -> Option<(Asker, Entry)> {
        let paging = self.paging.as_mut()?;
        let by = paging.answered(sequence)?;
        let entry = match by {
            Asker::Ready(place) => self.ready.at(place),
            Asker::Dying(number) => paging.dying.get_mut(number)?.entry,
            Asker::Held(slot) => self.unacked.get(slot)?.entry,
        };
        debug_assert_eq!(entry.sequence, sequence, "the place is the message's own");
        Some((by, entry))
    }

    fn make_resident(
        &mut self,
        by: Asker,
        entry: Entry,
        record: &MessageRecord<'_>,
        sink: &mut impl Sink,
    ) {
        let paging = self.paging.get_or_insert_default();
        let mut deadline = None;
        if entry.is(Mark::Deadline) {
            deadline = paging.deadlines.remove(entry.sequence);
        }
        let logged = entry.is(Mark::Logged);
        let arrival = Arrival { logged, ..record.arrival(entry.sequence) };
        paging.learn(&arrival);
        let (resident, bytes) = self.content.store(&arrival, entry.paged_level(), deadline);
        let resident = resident.with_if(Mark::Returned, entry.is(Mark::Returned));
        if entry.is(Mark::Spilled) {
            sink.settled(entry.sequence, Backing::Spill);
        }
        match by {
            Asker::Ready(place) => {
                paging.left_ready(entry);
                self.ready.set_resident(place, resident);
            }
            Asker::Dying(number) => {
                if let Some(message) = paging.dying.get_mut(number) {
                    (message.entry, message.bytes) = (resident, bytes);
                }
            }
            Asker::Held(slot) => {
                if let Some(unacked) = self.unacked.get_mut(slot) {
                    (unacked.entry, unacked.bytes) = (resident, bytes);
                }
                self.send_if_due(slot, sink);
            }
        }
    }

    fn drop_failed(&mut self, by: Asker, entry: Entry, sink: &mut impl Sink) {
        match by {
            Asker::Ready(place) => {
                self.ready.take_out(place);
                self.ready_bytes -= entry.paged_body_bytes();
                self.paging().left_ready(entry);
            }
            Asker::Dying(number) => {
                self.paging().dying.take(number);
            }
            Asker::Held(slot) => {
                self.unacked.remove(slot);
                if let Some(held) = &mut self.held {
                    held.remove(slot);
                }
            }
        }
        self.forget(entry, 0, sink);
    }

    fn go_on(&mut self, now: Timestamp, sink: &mut impl Sink) {
        self.send_dying(sink);
        self.send_held(sink);
        self.dispatch(now, sink);
    }

    /// Keeps a new message outside of memory, if that is possible.
    #[cold]
    pub(super) fn store_elsewhere(
        &mut self,
        arrival: &Arrival<'_>,
        level: u8,
        deadline: Option<Timestamp>,
        sink: &mut impl Sink,
    ) -> Option<Entry> {
        let backing = match arrival.logged {
            true => Backing::Log,
            false if sink.spill(arrival) => Backing::Spill,
            false => return None,
        };
        let entry = self.paged_entry(arrival, level, deadline, backing);
        let paging = self.paging();
        paging.learn(arrival);
        paging.entered_ready(entry);
        self.content.is_still_over();
        Some(entry)
    }

    /// An entry of a message whose content is kept elsewhere.
    pub(super) fn paged_entry(
        &mut self,
        arrival: &Arrival<'_>,
        level: u8,
        deadline: Option<Timestamp>,
        backing: Backing,
    ) -> Entry {
        let body_bytes = arrival.body.as_bytes().len();
        let entry = Entry::paged(arrival.sequence, level, body_bytes, backing);
        let Some(deadline) = deadline else { return entry };
        self.paging().deadlines.insert(arrival.sequence, deadline);
        entry.with(Mark::Deadline)
    }

    /// Gives up the content of a message that the log has, and that is in no line.
    pub(super) fn page_out(&mut self, entry: Entry, bytes: u32) -> Entry {
        let record = self.content.read(entry);
        let (level, deadline) = (record.level, record.deadline());
        let body_bytes = usize::try_from(record.body_bytes()).expect("it lies in memory");
        if let Some(deadline) = deadline {
            self.paging().deadlines.insert(entry.sequence, deadline);
        }
        self.content.release(entry, bytes);
        Entry::paged(entry.sequence, level, body_bytes, Backing::Log)
            .with_if(Mark::Returned, entry.is(Mark::Returned))
            .with_if(Mark::Deadline, deadline.is_some())
    }

    /// An unacked message whose content the log has gives it up.
    pub(super) fn page_out_unacked(&mut self, slot: Slot) {
        let Some(unacked) = self.unacked.get(slot) else { return };
        let entry = self.page_out(unacked.entry, unacked.bytes);
        if let Some(unacked) = self.unacked.get_mut(slot) {
            (unacked.entry, unacked.bytes) = (entry, 0);
        }
    }

    /// A message is no more, whose content was not in memory.
    pub(super) fn release_paged(&mut self, entry: Entry) {
        let Some(paging) = &mut self.paging else { return };
        paging.answered(entry.sequence);
        if entry.is(Mark::Deadline) {
            paging.deadlines.remove(entry.sequence);
        }
    }

    /// What was asked for of a message is not needed any more.
    pub(super) fn forget_wish(&mut self, entry: Entry) {
        if let Some(paging) = &mut self.paging {
            paging.answered(entry.sequence);
        }
    }

    /// A paged message was taken out of its line.
    pub(super) fn left_ready(&mut self, entry: Entry) {
        self.paging().left_ready(entry);
    }

    /// Whether a line's next message cannot go out yet.
    #[inline]
    pub(super) fn is_head_paged(&self, line: Line) -> bool {
        self.paging.is_some() && self.ready.front(line).is_some_and(|head| head.is(Mark::Paged))
    }

    /// Asks for contents ahead of the head, if few are there and somebody `wants` them.
    pub(super) fn ask_ahead(&mut self, is_wanted: bool, sink: &mut impl Sink) {
        let Some(paging) = &mut self.paging else { return };
        if paging.ready == 0 || !is_wanted {
            if paging.is_idle() {
                self.paging = None;
            }
            return;
        }
        let head = self.ready.first_line().and_then(|line| self.ready.front(line));
        let head = head.filter(|head| head.is(Mark::Paged));
        let is_stuck = head.is_some_and(|head| !paging.asked.contains_key(&head.sequence));
        let low = self.content.low_bytes();
        let resident = (self.ready.len() - paging.ready) as u64 * paging.overhead_bytes as u64;
        let resident = resident + (self.ready_bytes - paging.ready_bytes);
        let is_short = head.is_some() || resident < low as u64 && !self.content.is_over();
        let most = low.min(ASKED_BYTES_MAX);
        let has_room = paging.asked_bytes <= most / 2;
        if !(is_stuck || is_short && has_room) {
            return;
        }
        let lines: Vec<_> = self.ready.lines().collect();
        for line in lines {
            while let Some((place, entry)) = self.ready.next_unasked(line) {
                paging.ask(entry, Asker::Ready(place), sink);
                if paging.asked_bytes >= most {
                    return;
                }
            }
        }
    }

    /// Whether messages are dying whose letters have not left.
    #[inline]
    pub(super) fn has_dying(&self) -> bool {
        self.paging.as_ref().is_some_and(|paging| paging.dying.len() > 0)
    }

    /// Whether so many are dying that no more should die of themselves: their contents are read one after another, and
    /// a line is a cheaper place to wait in.
    pub(super) fn is_dying_busy(&self) -> bool {
        self.paging.as_ref().is_some_and(|paging| paging.dying.len() >= DYING_MAX)
    }

    /// A message dies whose letter cannot leave at once.
    pub(super) fn die_slowly(
        &mut self,
        now: Timestamp,
        entry: Entry,
        bytes: u32,
        reason: DeathReason,
        sink: &mut impl Sink,
    ) {
        let entry = self.without_paged_deadline(entry);
        let paging = self.paging.get_or_insert_default();
        let message = DyingMessage { entry, bytes, reason, died_at: now, is_asked: false };
        let number = paging.dying.push(message);
        let is_asked = paging.reassign(entry.sequence, Asker::Dying(number));
        if let Some(message) = paging.dying.get_mut(number) {
            message.is_asked = is_asked;
        }
        self.ask_for_dying(sink);
    }

    /// What is dead does not expire any more.
    pub(super) fn without_paged_deadline(&mut self, entry: Entry) -> Entry {
        if !entry.is(Mark::Paged) || !entry.is(Mark::Deadline) {
            return entry;
        }
        self.paging().deadlines.remove(entry.sequence);
        entry.without(Mark::Deadline)
    }

    fn ask_for_dying(&mut self, sink: &mut impl Sink) {
        let most = self.content.low_bytes().min(ASKED_BYTES_MAX);
        let Some(paging) = &mut self.paging else { return };
        while (paging.dying_bytes == 0 || paging.dying_bytes < most)
            && let Some((number, entry)) = paging.dying.next_unasked()
        {
            paging.ask(entry, Asker::Dying(number), sink);
        }
    }

    /// Sends the letters whose contents have come.
    fn send_dying(&mut self, sink: &mut impl Sink) {
        while let Some(message) = self.paging.as_mut().and_then(|paging| paging.dying.pop()) {
            self.send_letter(message, sink);
        }
        self.ask_for_dying(sink);
    }

    /// The content of a dead letter that the queue holds is needed.
    pub(super) fn ask_for_held(&mut self, slot: Slot, entry: Entry, sink: &mut impl Sink) {
        let paging = self.paging();
        if !paging.asked.contains_key(&entry.sequence) {
            paging.ask(entry, Asker::Held(slot), sink);
        }
    }

    /// A message that may have been asked for is held as a dead letter from now on.
    pub(super) fn reassign_to_held(&mut self, entry: Entry, slot: Slot) {
        if let Some(paging) = &mut self.paging {
            paging.reassign(entry.sequence, Asker::Held(slot));
        }
    }
}

/// How many messages may be dying before those that expire wait in their line instead.
const DYING_MAX: usize = 1000;
