//! Who consumes, and whose turn it is.
//!
//! Only consumers that could take a message right now stand in a circle, one circle a priority, so that the next one
//! is found without looking at any other.

use super::{ConsumerId, ConsumerSettings, ConsumerStatus, ConsumerWait};
use crate::Timestamp;

/// What a consumer waits for.
///
/// ```text
/// Inactive ──chosen──▶ Ready ◀─settle, larger prefetch── OutOfCredit
///    ▲                  │ ▲ └──────delivery─────────────────▲
///    └─────set back─────┘ └──resume── Starved ◀──refused by the sink── Ready
/// any ──cancel──▶ Cancelled ──last settle──▶ Vacant
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A message: it stands in the circle of its priority.
    Ready,
    /// A settle: it has as many unacked messages as it may.
    OutOfCredit,
    /// Room in its outbox.
    Starved,
    /// Its turn to be the single active consumer.
    Inactive,
    /// Nothing; it is gone, but messages of its are unacked.
    Cancelled,
    /// Nobody: the index is free.
    Vacant,
}

#[derive(Debug)]
struct Consumer {
    settings: ConsumerSettings,
    state: State,
    unacked: u32,
    /// 0 is never.
    delivered_at: Timestamp,
    /// 0 is never.
    acked_at: Timestamp,
    /// When it came, relative to others.
    registration: u64,
    /// Its neighbours in the circle while it is `Ready`.
    previous: u32,
    next: u32,
}

/// The ready consumers of one priority.
#[derive(Debug)]
struct Circle {
    priority: i64,
    /// Whose turn it is; the one before it is the last.
    turn: u32,
}

/// Whether only one consumer is served at a time, and which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Serving {
    /// Everyone.
    All,
    /// One at a time.
    Single {
        /// Who, if there is any consumer.
        active: Option<ConsumerId>,
        /// Whether a new one of higher priority takes over (quorum queues).
        by_priority: bool,
    },
}

/// The consumers of one queue.
#[derive(Debug)]
pub(super) struct Consumers {
    all: Vec<Consumer>,
    vacant: Vec<u32>,
    /// Only those that are not empty, highest priority first.
    circles: Vec<Circle>,
    count: u32,
    registrations: u64,
    exclusive: Option<ConsumerId>,
    serving: Serving,
}

impl Consumers {
    /// No consumers. With `single`, one is active at a time; `by_priority` lets a higher one take over.
    pub(super) fn new(single: bool, by_priority: bool) -> Self {
        let serving =
            if single { Serving::Single { active: None, by_priority } } else { Serving::All };
        Self {
            all: Vec::new(),
            vacant: Vec::new(),
            circles: Vec::new(),
            count: 0,
            registrations: 0,
            exclusive: None,
            serving,
        }
    }

    pub(super) fn count(&self) -> u32 {
        self.count
    }

    pub(super) fn exclusive(&self) -> Option<ConsumerId> {
        self.exclusive
    }

    pub(super) fn single_active(&self) -> Option<ConsumerId> {
        match self.serving {
            Serving::All => None,
            Serving::Single { active, .. } => active,
        }
    }

    pub(super) fn unacked(&self, id: ConsumerId) -> u32 {
        self.all.get(id.0 as usize).map_or(0, |consumer| consumer.unacked)
    }

    /// Everyone who is not cancelled.
    pub(super) fn ids(&self) -> impl Iterator<Item = ConsumerId> {
        (0..)
            .zip(&self.all)
            .filter(|(_, consumer)| consumer.is_here())
            .map(|(id, _)| ConsumerId(id))
    }

    /// What everyone does who is not cancelled.
    pub(super) fn statuses(&self) -> impl Iterator<Item = ConsumerStatus> {
        let known = |at: Timestamp| (at > Timestamp(0)).then_some(at);
        (0..).zip(&self.all).filter_map(move |(id, consumer)| {
            Some(ConsumerStatus {
                id: ConsumerId(id),
                settings: consumer.settings,
                waits_for: consumer.waits_for()?,
                unacked: consumer.unacked,
                delivered_at: known(consumer.delivered_at),
                acked_at: known(consumer.acked_at),
            })
        })
    }

    /// Whose turn it is, and whether deliveries to it count as settled.
    #[inline]
    pub(super) fn next(&self) -> Option<(ConsumerId, bool)> {
        let turn = self.circles.first()?.turn;
        Some((ConsumerId(turn), self.all[turn as usize].settings.no_ack))
    }

    /// Takes a consumer.
    pub(super) fn insert(&mut self, settings: ConsumerSettings) -> ConsumerId {
        let consumer = Consumer {
            settings,
            state: State::Inactive,
            unacked: 0,
            delivered_at: Timestamp(0),
            acked_at: Timestamp(0),
            registration: self.registrations,
            previous: 0,
            next: 0,
        };
        self.registrations += 1;
        self.count += 1;
        let index = match self.vacant.pop() {
            Some(index) => {
                self.all[index as usize] = consumer;
                index
            }
            None => {
                self.all.push(consumer);
                u32::try_from(self.all.len() - 1).expect("memory holds fewer consumers")
            }
        };
        let id = ConsumerId(index);
        if settings.exclusive {
            self.exclusive = Some(id);
        }
        match self.serving {
            Serving::All => self.wake(id),
            Serving::Single { .. } => self.choose_active(),
        }
        id
    }

    /// Forgets a consumer; `false` if there is none.
    pub(super) fn remove(&mut self, id: ConsumerId) -> bool {
        let Some(consumer) = self.all.get(id.0 as usize).filter(|consumer| consumer.is_here())
        else {
            return false;
        };
        let keep_index = consumer.unacked > 0;
        self.sleep(id, State::Cancelled);
        self.count -= 1;
        if !keep_index {
            self.vacate(id);
        }
        if self.exclusive == Some(id) {
            self.exclusive = None;
        }
        if let Serving::Single { active, .. } = &mut self.serving {
            *active = active.filter(|active| *active != id);
            self.choose_active();
        }
        true
    }

    /// The consumer whose turn it is got a message.
    #[inline]
    pub(super) fn delivered(&mut self, id: ConsumerId, now: Timestamp) {
        let consumer = &mut self.all[id.0 as usize];
        consumer.delivered_at = now;
        if !consumer.settings.no_ack {
            consumer.unacked += 1;
            if !consumer.has_credit() {
                self.sleep(id, State::OutOfCredit);
                return;
            }
        }
        let next = consumer.next;
        if next != id.0
            && let Some(circle) = self.circles.first_mut()
        {
            circle.turn = next;
        }
    }

    /// A message of this consumer was settled.
    #[inline]
    pub(super) fn settled(&mut self, id: ConsumerId) {
        let consumer = &mut self.all[id.0 as usize];
        consumer.unacked -= 1;
        match consumer.state {
            State::OutOfCredit if consumer.has_credit() => self.wake(id),
            State::Cancelled if consumer.unacked == 0 => self.vacate(id),
            State::Inactive if consumer.unacked == 0 => self.choose_active(),
            State::Ready
            | State::OutOfCredit
            | State::Starved
            | State::Inactive
            | State::Cancelled
            | State::Vacant => {}
        }
    }

    /// This consumer has acked something.
    #[inline]
    pub(super) fn note_ack(&mut self, id: ConsumerId, now: Timestamp) {
        self.all[id.0 as usize].acked_at = now;
    }

    /// The sink refused the consumer whose turn it is.
    pub(super) fn starve(&mut self, id: ConsumerId) {
        self.sleep(id, State::Starved);
    }

    /// A starved consumer has room again.
    pub(super) fn resume(&mut self, id: ConsumerId) {
        if self.all.get(id.0 as usize).is_some_and(|consumer| consumer.state == State::Starved) {
            self.wake(id);
        }
    }

    /// Changes how many unacked messages a consumer may hold.
    pub(super) fn set_prefetch(&mut self, id: ConsumerId, prefetch: u32) {
        let Some(consumer) = self.all.get_mut(id.0 as usize) else { return };
        consumer.settings.prefetch = prefetch;
        match consumer.state {
            State::Ready if !consumer.has_credit() => self.sleep(id, State::OutOfCredit),
            State::OutOfCredit if consumer.has_credit() => self.wake(id),
            State::Ready
            | State::OutOfCredit
            | State::Starved
            | State::Inactive
            | State::Cancelled
            | State::Vacant => {}
        }
    }

    /// Sees to it that the right one is active, if only one is.
    ///
    /// Without an active one, that is the first of the highest priority. A quorum queue's active one is set back for
    /// a higher one, which takes over once the messages it has are settled.
    fn choose_active(&mut self) {
        let Serving::Single { active, by_priority } = self.serving else { return };
        let best = (0..)
            .zip(&self.all)
            .filter(|(_, consumer)| consumer.is_here())
            .min_by_key(|(_, consumer)| {
                (std::cmp::Reverse(consumer.settings.priority), consumer.registration)
            })
            .map(|(id, _)| ConsumerId(id));
        if let (Some(old), Some(best)) = (active, best) {
            let (old_one, best_one) = (&self.all[old.0 as usize], &self.all[best.0 as usize]);
            if !by_priority || best_one.settings.priority <= old_one.settings.priority {
                // Whoever was to take over is gone.
                if old_one.state == State::Inactive {
                    self.wake(old);
                }
                return;
            }
            let has_unacked = old_one.unacked > 0;
            self.sleep(old, State::Inactive);
            if has_unacked {
                return;
            }
        }
        self.serving = Serving::Single { active: best, by_priority };
        if let Some(best) = best {
            self.wake(best);
        }
    }

    /// Puts a consumer at the end of its circle, unless it has no credit.
    fn wake(&mut self, id: ConsumerId) {
        let consumer = &mut self.all[id.0 as usize];
        if !consumer.has_credit() {
            consumer.state = State::OutOfCredit;
            return;
        }
        consumer.state = State::Ready;
        let priority = consumer.settings.priority;
        let (previous, next) =
            match self.circles.binary_search_by(|circle| priority.cmp(&circle.priority)) {
                Ok(index) => {
                    let next = self.circles[index].turn;
                    (self.all[next as usize].previous, next)
                }
                Err(index) => {
                    self.circles.insert(index, Circle { priority, turn: id.0 });
                    (id.0, id.0)
                }
            };
        self.all[previous as usize].next = id.0;
        self.all[next as usize].previous = id.0;
        let consumer = &mut self.all[id.0 as usize];
        (consumer.previous, consumer.next) = (previous, next);
    }

    /// Takes a consumer out of its circle, if it stands in it.
    fn sleep(&mut self, id: ConsumerId, state: State) {
        let consumer = &mut self.all[id.0 as usize];
        let was_ready = consumer.state == State::Ready;
        consumer.state = state;
        if !was_ready {
            return;
        }
        let (previous, next, priority) =
            (consumer.previous, consumer.next, consumer.settings.priority);
        let Ok(index) = self.circles.binary_search_by(|circle| priority.cmp(&circle.priority))
        else {
            return;
        };
        if next == id.0 {
            self.circles.remove(index);
            return;
        }
        self.all[previous as usize].next = next;
        self.all[next as usize].previous = previous;
        if self.circles[index].turn == id.0 {
            self.circles[index].turn = next;
        }
    }

    fn vacate(&mut self, id: ConsumerId) {
        self.all[id.0 as usize].state = State::Vacant;
        self.vacant.push(id.0);
    }
}

impl Consumer {
    fn is_here(&self) -> bool {
        !matches!(self.state, State::Cancelled | State::Vacant)
    }

    /// `None` if it is gone.
    fn waits_for(&self) -> Option<ConsumerWait> {
        match self.state {
            State::Ready => Some(ConsumerWait::Message),
            State::OutOfCredit => Some(ConsumerWait::Credit),
            State::Starved => Some(ConsumerWait::Room),
            State::Inactive => Some(ConsumerWait::Activity),
            State::Cancelled | State::Vacant => None,
        }
    }

    #[inline]
    fn has_credit(&self) -> bool {
        self.settings.no_ack || self.settings.prefetch == 0 || self.unacked < self.settings.prefetch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn consumer(priority: i64, prefetch: u32) -> ConsumerSettings {
        ConsumerSettings { priority, prefetch, ..ConsumerSettings::default() }
    }

    /// Serves `count` messages and says who got them.
    fn serve(consumers: &mut Consumers, count: usize) -> Vec<u32> {
        let mut served = Vec::new();
        for _ in 0..count {
            let Some((id, _)) = consumers.next() else { break };
            consumers.delivered(id, Timestamp(7));
            served.push(id.0);
        }
        served
    }

    #[test]
    fn equals_take_turns() {
        let mut consumers = Consumers::new(false, false);
        for _ in 0..3 {
            consumers.insert(consumer(0, 0));
        }
        assert_eq!(serve(&mut consumers, 7), [0, 1, 2, 0, 1, 2, 0]);
        assert!(consumers.remove(ConsumerId(2)));
        assert_eq!(serve(&mut consumers, 3), [1, 0, 1]);
    }

    #[test]
    fn a_lower_priority_is_served_when_all_higher_ones_are_blocked() {
        let mut consumers = Consumers::new(false, false);
        let low = consumers.insert(consumer(-5, 0));
        let high = consumers.insert(consumer(10, 2));
        assert_eq!(serve(&mut consumers, 4), [high.0, high.0, low.0, low.0]);
        consumers.settled(high);
        assert_eq!(serve(&mut consumers, 2), [high.0, low.0]);
        consumers.set_prefetch(high, 3);
        consumers.starve(high);
        assert_eq!(serve(&mut consumers, 1), [low.0]);
        consumers.resume(high);
        assert_eq!(serve(&mut consumers, 2), [high.0, low.0]);
    }

    #[test]
    fn an_index_is_not_reused_while_messages_are_unacked() {
        let mut consumers = Consumers::new(false, false);
        let first = consumers.insert(consumer(0, 0));
        serve(&mut consumers, 1);
        assert!(consumers.remove(first));
        assert!(!consumers.remove(first));
        let second = consumers.insert(consumer(0, 0));
        assert_ne!(first, second);
        consumers.settled(first);
        assert_eq!(consumers.insert(consumer(0, 0)), first);
        assert_eq!((consumers.count(), consumers.ids().count()), (2, 2));
    }

    #[test]
    fn the_single_active_one_is_the_first_and_then_the_highest() {
        let mut consumers = Consumers::new(true, false);
        let first = consumers.insert(consumer(0, 0));
        let second = consumers.insert(consumer(1, 0));
        let third = consumers.insert(consumer(1, 0));
        assert_eq!(serve(&mut consumers, 2), [first.0, first.0]);
        consumers.remove(first);
        assert_eq!(consumers.single_active(), Some(second));
        consumers.remove(second);
        assert_eq!(serve(&mut consumers, 1), [third.0]);
        consumers.remove(third);
        assert_eq!((consumers.single_active(), consumers.next()), (None, None));
    }

    #[test]
    fn by_priority_a_higher_one_takes_over_once_the_unacked_are_settled() {
        let mut consumers = Consumers::new(true, true);
        let low = consumers.insert(consumer(0, 0));
        serve(&mut consumers, 2);
        let high = consumers.insert(consumer(5, 0));
        assert_eq!(serve(&mut consumers, 1), []);
        assert_eq!(consumers.single_active(), Some(low));
        consumers.settled(low);
        assert_eq!(serve(&mut consumers, 1), []);
        consumers.settled(low);
        assert_eq!(serve(&mut consumers, 1), [high.0]);
        let highest = consumers.insert(consumer(9, 0));
        consumers.remove(highest);
        assert_eq!(serve(&mut consumers, 1), [high.0]);
        let highest = consumers.insert(consumer(9, 0));
        assert_eq!(serve(&mut consumers, 1), []);
        consumers.settled(high);
        consumers.settled(high);
        assert_eq!(serve(&mut consumers, 1), [highest.0]);
    }
}
