//! What a queue holds and has done, in numbers that anybody may ask for.

use amqp::RawProperties;

use super::{
    ConsumerId, ConsumerStatus, Counters, Queue,
    entry::{Entry, Mark},
};

/// How many messages are in the log, and their bodies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Persistent {
    pub(super) messages: u64,
    pub(super) body_bytes: u64,
}

impl Persistent {
    #[inline]
    pub(super) fn add(&mut self, body_bytes: u64) {
        self.messages += 1;
        self.body_bytes += body_bytes;
    }

    #[inline]
    pub(super) fn remove(&mut self, body_bytes: u64) {
        self.messages -= 1;
        self.body_bytes -= body_bytes;
    }
}

impl Queue {
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
        let paging = self.paging.as_ref().map_or(0, |paging| paging.memory_bytes());
        (entries + self.content.memory_bytes() + paging) as u64
    }

    /// What it did so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// The bodies of the unacked messages, in bytes.
    pub fn unacked_bytes(&self) -> u64 {
        let held = self.held.as_ref().map_or(0, |held| held.body_bytes());
        self.unacked.body_bytes() - held
    }

    /// How many messages it has that survive a restart: ready, unacked and dead letters that it holds.
    pub fn persistent(&self) -> u64 {
        self.persistent.messages
    }

    /// The bodies of those, in bytes.
    pub fn persistent_bytes(&self) -> u64 {
        self.persistent.body_bytes
    }

    /// How many of the ready messages are not in memory.
    pub fn paged_out(&self) -> u64 {
        self.paging.as_ref().map_or(0, |paging| paging.ready_counts().0)
    }

    /// The bodies of those, in bytes.
    pub fn paged_out_bytes(&self) -> u64 {
        self.paging.as_ref().map_or(0, |paging| paging.ready_counts().1)
    }

    /// The property `timestamp` of the next message, in seconds since 1970, if it has one and is in memory.
    pub fn head_timestamp(&self) -> Option<u64> {
        let head = self.ready.front(self.ready.first_line()?)?;
        if head.is(Mark::Paged) {
            return None;
        }
        let record = self.content.read(head);
        RawProperties::from_bytes(record.properties()).timestamp().ok().flatten()
    }

    /// What each of its consumers does.
    pub fn consumers(&self) -> impl Iterator<Item = ConsumerStatus> {
        self.consumers.statuses()
    }

    /// Whether a consumer would get a message that came now.
    pub fn has_ready_consumer(&self) -> bool {
        self.consumers.next().is_some()
    }

    /// What is in the log of the messages that are not ready.
    pub(super) fn persistent_of_the_others(&self) -> Persistent {
        let mut others = Persistent::default();
        if self.persistent.messages > 0 {
            let dying = self.paging.iter().flat_map(|paging| paging.dying.entries());
            for entry in self.unacked.iter().chain(dying).filter(|entry| entry.is(Mark::Logged)) {
                others.add(self.weigh(entry).1);
            }
        }
        others
    }
}
