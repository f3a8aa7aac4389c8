//! Queues: what is waiting, who consumes, and which message goes where.

mod dead_letter;
mod delivery;
mod pool;
pub mod settings;

pub use self::{
    dead_letter::{DeadLetter, DeathReason},
    delivery::{
        Admission, Cancelled, ConsumerId, ConsumerSettings, Counters, Delivery, Fate, Settlement,
        Sink, Slot,
    },
    pool::SegmentPool,
};
use crate::{
    QueueName, Refusal, Timestamp, VhostName, message::Arrival, queue::settings::QueueSettings,
};

/// A queue: the messages that wait, those that are unacked, and the consumers that share them.
#[derive(Debug)]
pub struct Queue {}

#[expect(unused_variables, clippy::todo, reason = "the interface first, the machine next")]
impl Queue {
    /// An empty queue. Allocates nothing until its first message or consumer.
    pub fn new(
        name: QueueName,
        settings: QueueSettings,
        pool: SegmentPool,
        now: Timestamp,
    ) -> Self {
        todo!()
    }

    /// Takes a message: gives it to a consumer, or stores it.
    pub fn publish(
        &mut self,
        now: Timestamp,
        arrival: &Arrival<'_>,
        sink: &mut impl Sink,
    ) -> Admission {
        todo!()
    }

    /// Whether a consumer would be taken, without taking it.
    ///
    /// # Errors
    /// [`Refusal::ExclusiveUse`].
    pub fn check_consume(&self, vhost: &VhostName, exclusive: bool) -> Result<(), Refusal> {
        todo!()
    }

    /// Takes a consumer. Nothing is delivered yet: once its consume-ok is on its way, call
    /// [`dispatch`](Self::dispatch).
    ///
    /// # Errors
    /// [`Refusal::ExclusiveUse`].
    pub fn consume(
        &mut self,
        now: Timestamp,
        vhost: &VhostName,
        settings: ConsumerSettings,
    ) -> Result<ConsumerId, Refusal> {
        todo!()
    }

    /// Hands out messages while there are any and a consumer is ready.
    pub fn dispatch(&mut self, now: Timestamp, sink: &mut impl Sink) {
        todo!()
    }

    /// Forgets a consumer. Its unacked messages stay its own until they are settled.
    pub fn cancel(&mut self, id: ConsumerId, now: Timestamp, sink: &mut impl Sink) -> Cancelled {
        todo!()
    }

    /// Changes how many unacked messages a consumer may hold; fewer than it has just stops it.
    pub fn set_prefetch(
        &mut self,
        id: ConsumerId,
        prefetch: u32,
        now: Timestamp,
        sink: &mut impl Sink,
    ) {
        todo!()
    }

    /// A starved consumer can take deliveries again. Harmless for any other.
    pub fn resume(&mut self, id: ConsumerId, now: Timestamp, sink: &mut impl Sink) {
        todo!()
    }

    /// Whether messages can be fetched one by one.
    ///
    /// # Errors
    /// [`Refusal::SingleActiveConsumerGet`] on a quorum queue with a single active consumer.
    pub fn check_get(&self, vhost: &VhostName) -> Result<(), Refusal> {
        todo!()
    }

    /// Fetches the message at the head, if any: `deliver` gets it, and how many ready ones remain.
    pub fn get(
        &mut self,
        now: Timestamp,
        no_ack: bool,
        sink: &mut impl Sink,
        deliver: impl FnOnce(&Delivery<'_>, u64),
    ) -> bool {
        todo!()
    }

    /// Settles unacked messages, in the order given, then dispatches.
    pub fn settle(
        &mut self,
        now: Timestamp,
        slots: &[Slot],
        settlement: Settlement,
        sink: &mut impl Sink,
    ) {
        todo!()
    }

    /// Settles a dead letter that the queue holds: gone if it was accepted, sent again later if not.
    pub fn settle_dead_letter(
        &mut self,
        now: Timestamp,
        slot: Slot,
        accepted: bool,
        sink: &mut impl Sink,
    ) {
        todo!()
    }

    /// Drops all ready messages and says how many they were.
    pub fn purge(&mut self) -> u64 {
        todo!()
    }

    /// The queue was declared again: its time to live unused starts anew (classic only).
    pub fn touch(&mut self, now: Timestamp) {
        todo!()
    }

    /// Does what is due: messages expire, held dead letters go out again, the queue itself expires.
    pub fn handle_time(&mut self, now: Timestamp, sink: &mut impl Sink) -> Fate {
        todo!()
    }

    /// When [`handle_time`](Self::handle_time) has something to do next. May have moved after any other call.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        todo!()
    }

    /// The queue is deleted: its messages are gone; everyone in the answer is to be told.
    pub fn close(&mut self) -> Vec<ConsumerId> {
        todo!()
    }

    /// Its name.
    pub fn name(&self) -> &QueueName {
        todo!()
    }

    /// What it was declared with.
    pub fn settings(&self) -> &QueueSettings {
        todo!()
    }

    /// How many messages are ready.
    pub fn ready(&self) -> u64 {
        todo!()
    }

    /// How many messages are delivered and not yet settled.
    pub fn unacked(&self) -> u64 {
        todo!()
    }

    /// How many dead letters it holds until their targets accept them.
    pub fn held_dead_letters(&self) -> u64 {
        todo!()
    }

    /// How many consumers it has.
    pub fn consumer_count(&self) -> u32 {
        todo!()
    }

    /// The one consumer that is served, if the queue has a single active consumer.
    pub fn single_active_consumer(&self) -> Option<ConsumerId> {
        todo!()
    }

    /// How many unacked messages a consumer holds.
    pub fn consumer_unacked(&self, id: ConsumerId) -> u32 {
        todo!()
    }

    /// What its entries and contents occupy, in bytes. Shared bodies count in each of their queues.
    pub fn memory_bytes(&self) -> u64 {
        todo!()
    }

    /// The bodies of the ready messages, in bytes.
    pub fn ready_bytes(&self) -> u64 {
        todo!()
    }

    /// What it did so far.
    pub fn counters(&self) -> Counters {
        todo!()
    }
}
