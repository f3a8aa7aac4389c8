//! A queue as it was before a restart, from what the log still has of it.

use std::{cmp::Reverse, collections::BinaryHeap};

use mutants::Mutant;

use super::{
    Backing, DeathReason, Queue, SegmentPool,
    entry::{Entry, Mark},
    fifo::Fifo,
    paging::Paging,
    quorum::Returns,
    unacked::{Holder, Unacked, narrow},
};
use crate::{
    QueueKind, QueueName, QueueSettings, Timestamp,
    message::Sequence,
    record::{MessageRecord, Note},
};

/// How many messages that come out of order are sorted together.
const STRAYS_SORTED: usize = 64 * 1024;

/// A queue in the making: it is told every message that is logged for it and not settled, in any order, then finished.
///
/// The messages are ready, paged out, in the places that they had; what was unacked is ready again. The log's order is
/// mostly that of the sequences, which is what makes this quick. Each message takes the 16 bytes that it will take in
/// the queue, and 16 with a deadline.
#[derive(Debug)]
pub struct QueueRecovery {
    queue: Queue,
    /// In order, and sorted pieces of those that were not.
    in_order: Fifo,
    pieces: Vec<Fifo>,
    strays: Vec<Entry>,
    last: Option<Sequence>,
    paging: Paging,
    /// How long messages may live that came from there on.
    times_to_live: Vec<(Sequence, u64)>,
    returned: Vec<(Came, Entry)>,
    held: Vec<(u64, Entry, DeathReason, Timestamp)>,
}

/// When a message came back: after which one, and as how many-th.
type Came = (Sequence, u64);

impl Queue {
    /// Begins to make a queue from what the log has of it.
    pub fn recover(
        name: QueueName,
        settings: QueueSettings,
        pool: SegmentPool,
        now: Timestamp,
    ) -> QueueRecovery {
        let times_to_live =
            settings.message_ttl_ms.map(|ttl_ms| (Sequence(0), ttl_ms)).into_iter().collect();
        QueueRecovery {
            times_to_live,
            queue: Self::new(name, settings, pool, now),
            in_order: Fifo::default(),
            pieces: Vec::new(),
            strays: Vec::new(),
            last: None,
            paging: Paging::default(),
            returned: Vec::new(),
            held: Vec::new(),
        }
    }
}

impl QueueRecovery {
    /// Says for how long messages may live, each of these for what came from a sequence on: a policy means nothing to
    /// what was there before it.
    #[must_use]
    pub fn with_times_to_live(self, times_to_live: Vec<(Sequence, u64)>) -> Self {
        Self { times_to_live, ..self }
    }

    /// A message that is logged and not settled, with the newest note about it. Each comes once.
    pub fn add(&mut self, sequence: Sequence, record: &MessageRecord<'_>, note: Option<Note>) {
        let queue = &mut self.queue;
        let level = queue.level(record.priority);
        let mut entry = Entry::paged(sequence, level, record.body.len(), Backing::Log);
        queue.newest = queue.newest.max(sequence);
        self.paging.learn(&record.arrival(sequence));
        if let Some(Note::Held { reason, died_at, order }) = note {
            queue.order = queue.order.max(order);
            self.held.push((order, entry, reason, died_at));
            return;
        }
        let of_queue = self.times_to_live.iter().filter(|(since, _)| *since <= sequence);
        let time_to_live = of_queue.map(|(_, ttl_ms)| *ttl_ms).chain(record.expiration_ms).min();
        if let Some(deadline) = time_to_live.map(|ttl_ms| record.arrived_at.plus_ms(ttl_ms)) {
            self.paging.deadlines.insert(sequence, deadline);
            entry = entry.with(Mark::Deadline);
        }
        match note {
            Some(Note::Returned { acquired, failed, order, after }) => {
                queue.order = queue.order.max(order);
                queue.newest = queue.newest.max(after);
                entry = entry.with(Mark::Returned);
                if queue.settings.kind == QueueKind::Quorum {
                    if !mutants::is_planted(Mutant::DeliveryCountNotRecovered) {
                        queue.returns.insert(sequence, Returns { acquired, failed });
                    }
                    self.returned.push(((after, order), entry));
                    return;
                }
            }
            Some(Note::Redelivered) => entry = entry.with(Mark::Returned),
            Some(Note::Held { .. }) | None => {}
        }
        self.put(entry);
    }

    /// How many messages it was told so far.
    pub fn messages(&self) -> u64 {
        let pieces: usize = self.pieces.iter().map(Fifo::len).sum();
        let others = self.strays.len() + self.returned.len() + self.held.len();
        (self.in_order.len() + pieces + others) as u64
    }

    /// The queue. Messages before `maybe_delivered` may have been delivered already, without that being known: they are
    /// marked as redelivered.
    ///
    /// What is due goes, and held dead letters are sent, with the first call of
    /// [`handle_time`](super::Queue::handle_time).
    pub fn finish(mut self, maybe_delivered: Sequence) -> Queue {
        self.sort_strays();
        let Self {
            queue: mut made, in_order, mut pieces, mut paging, mut returned, mut held, ..
        } = self;
        if !pieces.is_empty() {
            paging.deadlines = std::mem::take(&mut paging.deadlines).packed();
        }
        pieces.push(in_order);
        made.paging = Some(Box::new(paging));
        returned.sort_unstable_by_key(|(came, _)| *came);
        let mut returned = returned.into_iter().peekable();
        if made.settings.delivery_limit.is_some() {
            // They go first, however old they are.
            let mut by_order: Vec<_> = returned.by_ref().collect();
            by_order.sort_unstable_by_key(|((_, order), _)| *order);
            for (_, entry) in by_order {
                made.restore_paged(entry, |ready, entry| ready.push_returned(entry));
            }
        }
        let push = |made: &mut Queue, entry: Entry| {
            made.restore_paged(entry, |ready, entry| ready.push(entry.paged_level(), entry));
        };
        let mut heads: BinaryHeap<_> = (0..pieces.len())
            .filter_map(|piece| Some(Reverse((pieces[piece].front()?.sequence, piece))))
            .collect();
        let mut last = None;
        while let Some(Reverse((_, piece))) = heads.pop() {
            let until = heads.peek().map(|Reverse((sequence, _))| *sequence);
            let piece_fifo = &mut pieces[piece];
            while let Some(entry) = piece_fifo.front()
                && until.is_none_or(|until| entry.sequence <= until)
            {
                piece_fifo.pop_front();
                debug_assert!(last < Some(entry.sequence), "each comes once");
                if last.replace(entry.sequence) == Some(entry.sequence) {
                    continue;
                }
                // One that came back to the end stands behind all that had come by then.
                while let Some((_, back)) = returned.next_if(|(came, _)| came.0 < entry.sequence) {
                    push(&mut made, back);
                }
                push(&mut made, entry.with_if(Mark::Returned, entry.sequence < maybe_delivered));
            }
            if let Some(entry) = piece_fifo.front() {
                heads.push(Reverse((entry.sequence, piece)));
            }
        }
        for (_, back) in returned {
            push(&mut made, back);
        }
        held.sort_unstable_by_key(|(order, ..)| *order);
        for (_, entry, reason, died_at) in held {
            let holder = Holder::DeadLetter;
            let body_bytes = entry.paged_body_bytes();
            let unacked = Unacked { entry, bytes: 0, body_bytes: narrow(body_bytes), holder };
            let slot = made.unacked.insert(unacked);
            made.persistent.add(body_bytes);
            made.held.get_or_insert_default().insert(slot, reason, died_at, body_bytes);
        }
        made
    }

    fn put(&mut self, entry: Entry) {
        if self.last.is_none_or(|last| last < entry.sequence) {
            self.last = Some(entry.sequence);
            self.in_order.push_back(entry);
            return;
        }
        self.strays.push(entry);
        if self.strays.len() == STRAYS_SORTED {
            self.sort_strays();
        }
    }

    fn sort_strays(&mut self) {
        if self.strays.is_empty() {
            return;
        }
        self.strays.sort_unstable_by_key(|entry| entry.sequence);
        let mut piece = Fifo::default();
        self.strays.drain(..).for_each(|entry| piece.push_back(entry));
        self.pieces.push(piece);
    }
}

impl Queue {
    fn restore_paged(&mut self, entry: Entry, push: impl FnOnce(&mut super::ready::Ready, Entry)) {
        self.ready_bytes += entry.paged_body_bytes();
        self.persistent.add(entry.paged_body_bytes());
        self.paging.get_or_insert_default().entered_ready(entry);
        push(&mut self.ready, entry);
    }
}
