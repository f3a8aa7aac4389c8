//! Queues: what is waiting, who consumes, and which message goes where.
//!
//! A queue is a table of 16-byte entries with an order over it; contents lie in segments of its own. It knows nothing
//! of sockets, tasks or clocks: the same calls in the same order always make the same decisions, which leave through a
//! [`Sink`] while the call lasts.
//!
//! - A message is ready, unacked, dying or held as a dead letter, never two of them; every record belongs to one of
//!   these.
//! - What is logged and not settled is exactly what the queue holds of logged messages.
//! - While a message is ready, no consumer is, unless the head waits for its content, and except between
//!   [`Queue::consume`] and [`Queue::dispatch`].

mod browse;
mod change;
mod chosen;
mod consumers;
mod content;
mod dead_letter;
mod deadlines;
mod death;
mod delivery;
mod dispatch;
mod dying;
mod entry;
mod expiry;
mod fifo;
mod figures;
mod limits;
mod paging;
mod pool;
mod quorum;
mod ready;
mod record;
mod recovery;
mod remains;
mod sampling;
pub mod settings;
mod settle;
mod unacked;

use std::collections::BTreeMap;

pub use self::{
    browse::{Bookmark, Look, LookLimits, ReadySpot, Seen, SeenContent, Spot},
    dead_letter::{DeadLetter, DeathReason},
    death::CameFrom,
    delivery::{
        Admission, Backing, Cancelled, Closed, ConsumerId, ConsumerSettings, ConsumerStatus,
        ConsumerWait, Counters, Delivery, Fate, Got, Purged, Settlement, Sink, Slot,
    },
    pool::{ResidentBudget, SegmentPool},
    ready::Cursor,
    recovery::QueueRecovery,
    remains::Remains,
    sampling::SAMPLE_EVERY_MS,
};
use self::{
    consumers::Consumers,
    content::Content,
    dead_letter::HeldLetters,
    deadlines::Deadlines,
    entry::{Entry, Mark},
    figures::Persistent,
    paging::Paging,
    quorum::Returns,
    ready::Ready,
    sampling::Sampling,
    unacked::UnackedTable,
};
use crate::{
    QueueKind, QueueName, QueueSettings, Refusal, Timestamp, VhostName, message::Sequence,
};

/// A queue: the messages that wait, those that are unacked, and the consumers that share them.
#[derive(Debug)]
pub struct Queue {
    name: QueueName,
    settings: QueueSettings,
    ready: Ready,
    /// The bodies of what is ready.
    ready_bytes: u64,
    unacked: UnackedTable,
    /// What of all this is in the log.
    persistent: Persistent,
    content: Content,
    consumers: Consumers,
    /// Of messages in a quorum queue that came back.
    returns: BTreeMap<Sequence, Returns>,
    held: Option<Box<HeldLetters>>,
    /// While anything is not in memory.
    paging: Option<Box<Paging>>,
    /// The last message that was queued.
    newest: Sequence,
    /// Grows with all that comes back or is held, as their notes tell.
    order: u64,
    counters: Counters,
    sampling: Sampling,
    /// When somebody last used it, which `x-expires` counts from while there is no consumer.
    used_at: Timestamp,
    /// More is ready than may be, and waits to be dropped.
    is_overfull: bool,
    is_closed: bool,
}

impl Queue {
    /// An empty queue. Allocates nothing until its first message or consumer.
    pub fn new(
        name: QueueName,
        settings: QueueSettings,
        pool: SegmentPool,
        now: Timestamp,
    ) -> Self {
        let is_quorum = settings.kind == QueueKind::Quorum;
        Self {
            name,
            ready: Ready::default(),
            ready_bytes: 0,
            unacked: UnackedTable::default(),
            persistent: Persistent::default(),
            content: Content::new(pool),
            consumers: Consumers::new(settings.single_active_consumer, is_quorum),
            returns: BTreeMap::new(),
            held: None,
            paging: None,
            newest: Sequence(0),
            order: 0,
            counters: Counters::default(),
            sampling: Sampling::default(),
            used_at: now,
            is_overfull: false,
            is_closed: false,
            settings,
        }
    }

    /// Whether a consumer would be taken, without taking it.
    ///
    /// # Errors
    /// [`Refusal::ExclusiveUse`] if there is an exclusive consumer, or it asks to be one and is not alone or the queue
    /// picks its single active consumer itself. A quorum queue ignores the wish.
    pub fn check_consume(&self, vhost: &VhostName, exclusive: bool) -> Result<(), Refusal> {
        let is_taken = match self.settings.kind {
            QueueKind::Quorum => false,
            QueueKind::Classic => {
                self.consumers.exclusive().is_some()
                    || exclusive
                        && (self.consumers.count() > 0 || self.settings.single_active_consumer)
            }
        };
        if is_taken {
            return Err(Refusal::ExclusiveUse { queue: self.name.clone(), vhost: vhost.clone() });
        }
        Ok(())
    }

    /// Takes a consumer. Nothing is delivered yet: once its consume-ok is on its way, call
    /// [`dispatch`](Self::dispatch).
    ///
    /// # Errors
    /// As [`check_consume`](Self::check_consume).
    pub fn consume(
        &mut self,
        now: Timestamp,
        vhost: &VhostName,
        settings: ConsumerSettings,
    ) -> Result<ConsumerId, Refusal> {
        self.check_consume(vhost, settings.exclusive)?;
        self.used_at = now;
        let exclusive = settings.exclusive && self.settings.kind == QueueKind::Classic;
        Ok(self.consumers.insert(ConsumerSettings { exclusive, ..settings }))
    }

    /// Forgets a consumer. Its unacked messages stay its own until they are settled.
    pub fn cancel(&mut self, id: ConsumerId, now: Timestamp, sink: &mut impl Sink) -> Cancelled {
        if !self.consumers.remove(id) {
            return Cancelled { queue_unused: false };
        }
        self.dispatch(now, sink);
        let was_last = self.consumers.count() == 0;
        if was_last {
            self.used_at = now;
        }
        Cancelled { queue_unused: was_last && self.settings.auto_delete }
    }

    /// Changes how many unacked messages a consumer may hold; fewer than it has just stops it.
    pub fn set_prefetch(
        &mut self,
        id: ConsumerId,
        prefetch: u32,
        now: Timestamp,
        sink: &mut impl Sink,
    ) {
        self.consumers.set_prefetch(id, prefetch);
        self.dispatch(now, sink);
    }

    /// A starved consumer can take deliveries again. Harmless for any other.
    pub fn resume(&mut self, id: ConsumerId, now: Timestamp, sink: &mut impl Sink) {
        self.consumers.resume(id);
        self.dispatch(now, sink);
    }

    /// Drops all ready messages. What is logged of them is in the answer.
    pub fn purge(&mut self) -> Purged {
        let count = self.ready();
        let mut ready = std::mem::take(&mut self.ready);
        self.ready_bytes = 0;
        self.persistent = self.persistent_of_the_others();
        if self.unacked.len() == 0 && !self.has_dying() {
            self.content.clear();
        } else {
            for entry in ready.resident_mut() {
                let bytes = self.content.read(*entry).bytes();
                self.content.release(*entry, bytes);
            }
        }
        if !self.returns.is_empty() {
            let mut returns = std::mem::take(&mut self.returns);
            let kept =
                self.unacked.iter().filter_map(|entry| returns.remove_entry(&entry.sequence));
            self.returns = kept.collect();
        }
        if let Some(paging) = &mut self.paging {
            let mut deadlines = Deadlines::default();
            for entry in
                self.unacked.iter().filter(|it| it.is(Mark::Paged) && it.is(Mark::Deadline))
            {
                if let Some(deadline) = paging.deadlines.get(entry.sequence) {
                    deadlines.insert(entry.sequence, deadline);
                }
            }
            paging.purge(deadlines);
        }
        self.tidy();
        Purged { count, remains: Remains::new(ready, UnackedTable::default(), None) }
    }

    /// Gives back the memory that an empty queue keeps for its next message: for one that nobody has used for a while.
    pub fn rest(&mut self) {
        let is_empty = self.ready() == 0 && self.unacked.len() == 0;
        if is_empty && self.held.is_none() && self.paging.is_none() {
            self.ready = Ready::default();
            self.content.rest();
        }
    }

    /// The queue was declared again: its time to live unused starts anew. A quorum queue's does not.
    pub fn touch(&mut self, now: Timestamp) {
        if self.settings.kind == QueueKind::Classic {
            self.used_at = now;
        }
    }

    /// The queue is deleted: its messages are gone.
    ///
    /// Whatever is still asked of it finds an empty queue.
    pub fn close(&mut self) -> Closed {
        let consumers = self.consumers.ids().collect();
        self.consumers = Consumers::new(self.settings.single_active_consumer, false);
        let ready = std::mem::take(&mut self.ready);
        let unacked = std::mem::take(&mut self.unacked);
        self.ready_bytes = 0;
        self.persistent = Persistent::default();
        self.content.clear();
        self.returns = BTreeMap::new();
        self.held = None;
        let paging = self.paging.take();
        self.is_overfull = false;
        self.is_closed = true;
        Closed { consumers, remains: Remains::new(ready, unacked, paging) }
    }

    /// Its name.
    pub fn name(&self) -> &QueueName {
        &self.name
    }

    /// What it works by.
    pub fn settings(&self) -> &QueueSettings {
        &self.settings
    }

    /// A message is no more.
    #[inline]
    fn forget(&mut self, entry: Entry, bytes: u32, sink: &mut impl Sink) {
        if entry.is_noteworthy() {
            self.release(entry, bytes);
            if let Some(backing) = entry.backing() {
                sink.settled(entry.sequence, backing);
            }
        } else {
            self.content.release(entry, bytes);
        }
    }

    /// Lets go of all that is here of a message that is no more.
    fn release(&mut self, entry: Entry, bytes: u32) {
        if entry.is(Mark::Returned) {
            self.returns.remove(&entry.sequence);
        }
        if entry.is(Mark::Logged) {
            let (_, body_bytes) = self.weigh(entry);
            self.persistent.remove(body_bytes);
        }
        if entry.is(Mark::Paged) {
            self.release_paged(entry);
        } else {
            self.content.release(entry, bytes);
        }
    }

    /// A message's level, and the length of its body.
    #[inline]
    fn weigh(&self, entry: Entry) -> (u8, u64) {
        if entry.is(Mark::Paged) {
            return (entry.paged_level(), entry.paged_body_bytes());
        }
        let record = self.content.read(entry);
        (record.level, record.body_bytes())
    }

    /// The next number for what comes back or is held.
    fn take_order(&mut self) -> u64 {
        self.order += 1;
        self.order
    }

    /// Copies survivors out of sparse segments, once what comes back is worth a walk over all entries.
    #[inline]
    fn tidy(&mut self) {
        if self.content.is_worth_relocating(|| self.ready.chunks() + self.unacked.len()) {
            let dying = self.paging.iter_mut().flat_map(|paging| paging.dying.resident_mut());
            let unacked = self.unacked.resident_mut();
            for entry in self.ready.resident_mut().chain(unacked).chain(dying) {
                self.content.relocate(entry);
            }
        }
    }
}

#[cfg(test)]
mod tests;
