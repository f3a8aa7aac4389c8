//! The channels of the model: what clients hold, and what a transaction keeps for its commit.

use super::{Model, Target};
use crate::message::Spec;

/// What becomes of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Ack,
    Reject,
    Requeue { counted: bool },
}

/// A delivery that is not settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Held {
    queue: u8,
    generation: u64,
    place: u64,
    /// Known once the client has seen it.
    pub(crate) tag: Option<u64>,
}

impl Held {
    /// By tag; what the client has not yet seen was given to it last.
    fn order(&self) -> (bool, Option<u64>) {
        (self.tag.is_none(), self.tag)
    }
}

/// One client's channel.
#[derive(Debug, Clone, Default)]
pub(crate) struct Channel {
    pub(crate) held: Vec<Held>,
    /// What its transaction publishes, and settles, with the commit.
    pub(crate) to_publish: Vec<(Spec, Target)>,
    to_settle: Vec<(How, Vec<Held>)>,
}

impl Channel {
    pub(super) fn hold(&mut self, queue: u8, generation: u64, place: u64) {
        self.held.push(Held { queue, generation, place, tag: None });
    }

    /// The client saw a message with this tag.
    pub(crate) fn tagged(&mut self, queue: u8, place: u64, tag: u64) {
        let mut untagged = self.held.iter_mut().filter(|held| held.tag.is_none());
        if let Some(held) = untagged.find(|held| (held.queue, held.place) == (queue, place)) {
            held.tag = Some(tag);
        }
        self.held.sort_by_key(Held::order);
    }

    fn take(&mut self, tag: u64, multiple: bool) -> Vec<Held> {
        let is_meant =
            |held: &mut Held| held.tag.is_some_and(|other| other == tag || multiple && other < tag);
        self.held.extract_if(.., is_meant).collect()
    }
}

impl Model {
    /// Whether the deliveries up to a tag are of one queue again after those of another. If they all go back, what is in
    /// memory decides which are delivered again before the last of them is back.
    pub(crate) fn is_scattered(&self, client: usize, tag: u64) -> bool {
        let all = &self.channels[client].held;
        let up_to = all.iter().filter(|held| held.tag.is_some_and(|other| other <= tag));
        let mut queues: Vec<u8> = up_to.map(|held| held.queue).collect();
        queues.dedup();
        let count = queues.len();
        queues.sort_unstable();
        queues.dedup();
        queues.len() < count
    }

    /// Whether any of the deliveries up to a tag is of this queue.
    pub(crate) fn holds_of(&self, client: usize, tag: u64, queue: u8) -> bool {
        let mut all = self.channels[client].held.iter();
        all.any(|held| held.queue == queue && held.tag.is_some_and(|other| other <= tag))
    }

    /// Settles a delivery, or every one up to it.
    pub(crate) fn settle(&mut self, client: usize, tag: u64, multiple: bool, how: How) {
        let taken = self.channels[client].take(tag, multiple);
        self.settle_taken(&taken, how);
        self.settle_down();
    }

    /// The same with the commit.
    pub(crate) fn settle_later(&mut self, client: usize, tag: u64, multiple: bool, how: How) {
        let channel = &mut self.channels[client];
        let taken = channel.take(tag, multiple);
        channel.to_settle.push((how, taken));
    }

    /// Publishes and settles what the transaction kept; whether any of it is logged.
    pub(crate) fn commit(&mut self, client: usize) -> bool {
        let mut is_logged = false;
        let channel = &mut self.channels[client];
        let to_publish = std::mem::take(&mut channel.to_publish);
        let to_settle = std::mem::take(&mut channel.to_settle);
        for (spec, target) in to_publish {
            is_logged |= self.publish(&spec, target).is_logged;
        }
        for (how, taken) in to_settle {
            is_logged |= self.settle_taken(&taken, how);
        }
        self.settle_down();
        is_logged
    }

    /// Forgets what the transaction kept.
    pub(crate) fn roll_back(&mut self, client: usize) {
        let channel = &mut self.channels[client];
        channel.to_publish.clear();
        let back = std::mem::take(&mut channel.to_settle);
        channel.held.extend(back.into_iter().flat_map(|(_, held)| held));
        channel.held.sort_by_key(Held::order);
    }

    /// Neighbours of one queue are settled together; whether any was logged.
    fn settle_taken(&mut self, taken: &[Held], how: How) -> bool {
        let mut is_logged = false;
        for run in taken.chunk_by(|one, other| one.queue == other.queue) {
            for same in run.chunk_by(|one, other| one.generation == other.generation) {
                let places: Vec<u64> = same.iter().map(|held| held.place).collect();
                is_logged |= self.settle_at((same[0].queue, same[0].generation), &places, how);
            }
        }
        is_logged
    }

    /// A client is gone: its consumers first, then what it held goes back, each queue's together.
    pub(super) fn disconnect(&mut self, client: usize) {
        self.roll_back(client);
        for queue in self.queues.values_mut() {
            if queue.consumer.is_some_and(|consumer| consumer.client == client) {
                queue.take_consumer();
            }
        }
        let mut held = std::mem::take(&mut self.channels[client].held);
        held.sort_by_key(|held| (held.queue, held.generation));
        self.settle_taken(&held, How::Requeue { counted: true });
        self.settle_down();
    }
}
