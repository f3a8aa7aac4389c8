//! Queues: what is waiting, who consumes, and which message goes where.
//!
//! A queue is a table of 16-byte entries with an order over it; contents lie in segments of its own. It knows nothing
//! of sockets, tasks or clocks: the same calls in the same order always make the same decisions, which leave through a
//! [`Sink`] while the call lasts.
//!
//! - A message is ready, unacked or held as a dead letter, never two of them; every record belongs to one of these.
//! - While a message is ready, no consumer is, except between [`Queue::consume`] and [`Queue::dispatch`].

mod consumers;
mod content;
mod dead_letter;
mod death;
mod delivery;
mod dispatch;
mod entry;
mod expiry;
mod fifo;
mod limits;
mod paging;
mod pool;
mod quorum;
mod ready;
mod record;
mod remains;
pub mod settings;
mod settle;
mod unacked;

use std::collections::BTreeMap;

use self::{
    consumers::Consumers, content::Content, dead_letter::HeldLetters, entry::Entry, entry::Mark,
    quorum::Returns, ready::Ready, unacked::UnackedTable,
};
pub use self::{
    dead_letter::{DeadLetter, DeathReason},
    delivery::{
        Admission, Backing, Cancelled, Closed, ConsumerId, ConsumerSettings, Counters, Delivery,
        Fate, Got, Purged, Settlement, Sink, Slot,
    },
    pool::{ResidentBudget, SegmentPool},
    remains::Remains,
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
    content: Content,
    consumers: Consumers,
    /// Of messages in a quorum queue that came back.
    returns: BTreeMap<Sequence, Returns>,
    held: Option<Box<HeldLetters>>,
    counters: Counters,
    /// When somebody last used it, which `x-expires` counts from while there is no consumer.
    used_at: Timestamp,
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
            content: Content::new(pool),
            consumers: Consumers::new(settings.single_active_consumer, is_quorum),
            returns: BTreeMap::new(),
            held: None,
            counters: Counters::default(),
            used_at: now,
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

    /// Drops all ready messages.
    pub fn purge(&mut self) -> Purged {
        let count = self.ready();
        if self.unacked.len() == 0 {
            self.content.clear();
            self.returns = BTreeMap::new();
            self.ready = Ready::default();
        }
        while let Some(entry) = self.ready.first_line().and_then(|line| self.ready.pop(line)) {
            let bytes = self.content.read(entry).bytes();
            self.forget(entry, bytes);
        }
        self.ready_bytes = 0;
        self.tidy();
        Purged { count, remains: Remains::default() }
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
        self.content.clear();
        self.returns = BTreeMap::new();
        self.held = None;
        self.is_closed = true;
        Closed { consumers, remains: Remains::new(ready, unacked) }
    }

    /// Its name.
    pub fn name(&self) -> &QueueName {
        &self.name
    }

    /// What it was declared with.
    pub fn settings(&self) -> &QueueSettings {
        &self.settings
    }

    /// How many messages are ready.
    #[inline]
    pub fn ready(&self) -> u64 {
        self.ready.len() as u64
    }

    /// The bodies of the ready messages, in bytes.
    pub fn ready_bytes(&self) -> u64 {
        self.ready_bytes
    }

    /// How many messages are delivered and not yet settled.
    pub fn unacked(&self) -> u64 {
        self.unacked.len() as u64 - self.held_dead_letters()
    }

    /// How many dead letters it holds until their targets accept them.
    pub fn held_dead_letters(&self) -> u64 {
        self.held.as_ref().map_or(0, |held| held.len() as u64)
    }

    /// How many consumers it has.
    pub fn consumer_count(&self) -> u32 {
        self.consumers.count()
    }

    /// The one consumer that is served, if the queue has a single active consumer.
    pub fn single_active_consumer(&self) -> Option<ConsumerId> {
        self.consumers.single_active()
    }

    /// The consumer that has the queue for itself.
    pub fn exclusive_consumer(&self) -> Option<ConsumerId> {
        self.consumers.exclusive()
    }

    /// How many unacked messages a consumer holds.
    pub fn consumer_unacked(&self, id: ConsumerId) -> u32 {
        self.consumers.unacked(id)
    }

    /// What its entries and contents occupy, in bytes. Shared bodies count in each of their queues.
    pub fn memory_bytes(&self) -> u64 {
        let entries = self.ready.len() * size_of::<Entry>() + self.unacked.memory_bytes();
        (entries + self.content.memory_bytes()) as u64
    }

    /// What it did so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// A message is no more.
    #[inline]
    fn forget(&mut self, entry: Entry, bytes: u32) {
        if entry.is(Mark::Returned) {
            self.returns.remove(&entry.sequence);
        }
        self.content.release(entry, bytes);
    }

    /// Copies survivors out of sparse segments, once what comes back is worth a walk over all entries.
    #[inline]
    fn tidy(&mut self) {
        if self.content.is_worth_relocating() {
            for entry in self.ready.iter_mut().chain(self.unacked.iter_mut()) {
                self.content.relocate(entry);
            }
        }
    }
}

#[cfg(test)]
mod tests;
