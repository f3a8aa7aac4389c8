//! What a broker should do: lists, looked through for everything.
//!
//! A [`Model`] is told every operation of a script, and says what each client is given. What it holds at the end of a
//! batch of the log, [restarted](Model::restart), is what a broker must hold that finds the log so.

mod channels;
mod exchanges;
mod queue;

use std::collections::{BTreeMap, VecDeque};

pub(crate) use self::channels::{Channel, How};
pub(crate) use self::exchanges::Binding;
use self::exchanges::{Exchange, HeldBack};
pub(crate) use self::queue::{Consumer, Message, Reason};
use self::queue::{Letter, Queue};
use crate::catalog::QUEUES;
use crate::message::Spec;

/// How long a dead letter waits that nobody took.
const RETRY_MS: u64 = 10_000;

/// A message as a client sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) id: u32,
    pub(crate) redelivered: bool,
    /// How often a quorum queue says it came back, and how often in vain.
    pub(crate) acquired: u32,
    pub(crate) failed: u32,
    /// Where it died of what, newest first.
    pub(crate) deaths: Vec<(u8, Reason)>,
}

/// A message that a client is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) client: usize,
    pub(crate) queue: u8,
    pub(crate) seen: Seen,
    pub(crate) place: u64,
    /// The client will have to settle it.
    pub(crate) is_held: bool,
}

/// What became of a message that was published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Published {
    pub(crate) is_rejected: bool,
    /// Its confirm says that it outlives the process.
    pub(crate) is_logged: bool,
}

/// Where a message is published to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Queue(u8),
    All,
    Keyed(u8),
    Later(u8),
}

/// The broker.
#[derive(Debug, Clone, Default)]
pub(crate) struct Model {
    pub(crate) now: u64,
    queues: BTreeMap<u8, Queue>,
    exchanges: BTreeMap<u8, Exchange>,
    pub(crate) channels: Vec<Channel>,
    /// What was given to clients and not yet compared with what they saw.
    pub(crate) given: Vec<Given>,
    /// Dead letters that go on once all else is done that one client asked for.
    letters: VecDeque<(u8, Letter)>,
    places: u64,
    returns: u64,
    generations: u64,
}

impl Model {
    pub(crate) fn new(now: u64, clients: usize) -> Self {
        Self { now, channels: vec![Channel::default(); clients], ..Self::default() }
    }

    pub(crate) fn has_queue(&self, queue: u8) -> bool {
        self.queues.contains_key(&queue)
    }

    pub(crate) fn has_consumer(&self, queue: u8) -> bool {
        self.queues.get(&queue).is_some_and(|queue| queue.consumer.is_some())
    }

    /// Declares a queue; whether it is new.
    pub(crate) fn declare(&mut self, queue: u8) -> bool {
        if self.has_queue(queue) {
            return false;
        }
        self.generations += 1;
        self.queues.insert(queue, Queue::new(queue, self.generations));
        true
    }

    /// Deletes a queue with its bindings: how many messages were ready, and whether there was one.
    pub(crate) fn delete(&mut self, queue: u8) -> (usize, bool) {
        let Some(gone) = self.queues.remove(&queue) else { return (0, false) };
        for exchange in self.exchanges.values_mut() {
            exchange.bindings.retain(|binding| binding.queue != queue);
        }
        (gone.ready_count(), true)
    }

    /// Drops what is ready: how many that were, and whether any was logged.
    pub(crate) fn purge(&mut self, queue: u8) -> (usize, bool) {
        let Some(purged) = self.queues.get_mut(&queue) else { return (0, false) };
        let is_logged = purged.has_logged(None);
        let count = purged.purge();
        self.settle_down();
        (count, is_logged)
    }

    /// Gives a queue to a client's consumer.
    pub(crate) fn consume(&mut self, queue: u8, consumer: Consumer) {
        self.on_queue(queue, |queue, now| {
            queue.consumer = Some(consumer);
            queue.dispatch(now);
        });
        self.settle_down();
    }

    /// The consumer goes; what it holds stays with its channel.
    pub(crate) fn cancel(&mut self, queue: u8) -> Option<Consumer> {
        self.queues.get_mut(&queue)?.take_consumer()
    }

    /// Fetches one message.
    pub(crate) fn get(&mut self, client: usize, queue: u8, no_ack: bool) {
        self.on_queue(queue, |queue, now| queue.get(now, client, no_ack));
        self.settle_down();
    }

    /// Publishes a message.
    pub(crate) fn publish(&mut self, spec: &Spec, target: Target) -> Published {
        self.places += 1;
        let message = Message::new(spec, self.places);
        if let Target::Later(key) = target
            && let Some(delay_ms) = spec.delay_ms
        {
            return self.hold_back(message, key, self.now + delay_ms);
        }
        let published = self.route(&message, target);
        self.settle_down();
        published
    }

    /// A due time that no message that is held back has.
    pub(crate) fn free_delay(&self, mut delay_ms: u64) -> u64 {
        while self.held_back().iter().any(|held| held.due == self.now + delay_ms) {
            delay_ms += 1;
        }
        delay_ms
    }

    fn route(&mut self, message: &Message, target: Target) -> Published {
        let mut published = Published::default();
        for queue in self.queues_of(target) {
            let logs = QUEUES[usize::from(queue)].logs(message.persistent);
            let accepted = self.on_queue(queue, |queue, now| queue.publish(message.clone(), now));
            published.is_logged |= logs;
            published.is_rejected |= accepted == Some(false);
        }
        published
    }

    /// Settles what a client was given, and says whether any was logged; `places` are those of one queue, by tag.
    fn settle_at(&mut self, (queue, generation): (u8, u64), places: &[u64], how: How) -> bool {
        let returns = self.returns;
        self.returns += places.len() as u64;
        let same = self.queues.get(&queue).filter(|queue| queue.generation == generation);
        let Some(is_logged) = same.map(|queue| queue.has_logged(Some(places))) else {
            return false;
        };
        self.on_queue(queue, |queue, now| queue.settle(places, how, now, returns));
        is_logged
    }

    /// Acts on a queue, and carries out what that leads to.
    fn on_queue<R>(&mut self, place: u8, act: impl FnOnce(&mut Queue, u64) -> R) -> Option<R> {
        let queue = self.queues.get_mut(&place)?;
        let result = act(queue, self.now);
        let generation = queue.generation;
        let letters = std::mem::take(&mut queue.letters);
        for (client, is_held, message) in std::mem::take(&mut queue.delivered) {
            let given =
                Given { client, queue: place, seen: message.seen(), place: message.place, is_held };
            if is_held {
                self.channels[client].hold(place, generation, message.place);
            }
            self.given.push(given);
        }
        self.letters.extend(letters.into_iter().map(|letter| (place, letter)));
        Some(result)
    }

    /// Sends a dead letter on its way; one that has to arrive waits if there is nobody to take it.
    fn bury(&mut self, from: u8, letter: Letter) {
        let kind = &QUEUES[usize::from(from)];
        let Some(target) = kind.letters_to else { return };
        self.places += 1;
        let copy = letter.message.clone().dead(from, letter.reason, self.places);
        let arrived = self.on_queue(target, |queue, now| queue.publish(copy, now)).is_some();
        if kind.at_least_once
            && !arrived
            && let Some(queue) = self.queues.get_mut(&from)
        {
            queue.kept.push((self.now + RETRY_MS, letter));
        }
    }

    fn bury_all(&mut self) {
        while let Some((from, letter)) = self.letters.pop_front() {
            self.bury(from, letter);
        }
    }

    /// Does what is due.
    fn settle_down(&mut self) {
        self.bury_all();
        let places: Vec<u8> = self.queues_by_name();
        for place in places {
            let due = self.on_queue(place, |queue, now| {
                queue.expire(now);
                queue.dispatch(now);
                queue.take_due_letters(now)
            });
            due.into_iter().flatten().for_each(|letter| self.bury(place, letter));
            self.bury_all();
        }
    }

    fn queues_by_name(&self) -> Vec<u8> {
        let mut places: Vec<u8> = self.queues.keys().copied().collect();
        places.sort_by_key(|place| QUEUES[usize::from(*place)].name);
        places
    }

    /// Lets time pass.
    pub(crate) fn advance(&mut self, ms: u64) {
        self.now += ms;
        self.settle_down();
        while let Some(HeldBack { message, key, .. }) = self.take_due() {
            self.places += 1;
            let message = message.at(self.places);
            self.route(&message, Target::Later(key));
        }
        self.settle_down();
    }

    /// The broker ends in order: its clients go, one after the other.
    pub(crate) fn close(&mut self) {
        for client in 0..self.channels.len() {
            self.disconnect(client);
        }
        self.given.clear();
    }

    /// What is left after the broker ended, and is there again at a time. `was_closed`: it ended in order.
    pub(crate) fn restart(&mut self, was_closed: bool, now: u64) {
        self.now = now;
        self.channels.iter_mut().for_each(|channel| *channel = Channel::default());
        self.given.clear();
        self.queues.retain(|place, _| QUEUES[usize::from(*place)].is_durable);
        for exchange in self.exchanges.values_mut() {
            exchange.bindings.retain(|binding| QUEUES[usize::from(binding.queue)].is_durable);
            exchange.held_back.retain(|held| held.message.persistent);
        }
        self.queues.values_mut().for_each(|queue| queue.restart(was_closed));
        self.advance(0);
    }

    /// How many messages wait somewhere.
    pub(crate) fn message_count(&self) -> usize {
        self.held_back().len() + self.queues.values().map(Queue::ready_count).sum::<usize>()
    }
}
