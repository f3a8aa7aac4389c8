//! What time does to a queue: messages expire, held dead letters go out again, and an unused queue goes.
//!
//! As in RabbitMQ a message's time is fixed as it arrives and looked at only at the head of its line: an expired one
//! behind one that lives still waits, and counts.

use super::{DeathReason, Fate, Queue, Sink, entry::Mark, ready::Line};
use crate::Timestamp;

/// How many messages expire in one call of [`Queue::handle_time`]: a million that expire together stop nobody else.
const EXPIRED_AT_ONCE_MAX: usize = 1000;

impl Queue {
    /// Does what is due: messages expire, held dead letters go out again, the queue itself expires. What is too much for
    /// one call stays due.
    pub fn handle_time(&mut self, now: Timestamp, sink: &mut impl Sink) -> Fate {
        self.expire_some(now, sink);
        self.drop_rest(now, sink);
        if let Some(held) = &mut self.held {
            held.handle_time(now);
            self.send_held(sink);
        }
        if self.paging.is_some() {
            // One may have expired whose content others waited for.
            self.dispatch(now, sink);
        }
        self.tidy();
        match self.expires_at() {
            Some(deadline) if deadline <= now => Fate::Expired,
            _ => Fate::Alive,
        }
    }

    /// When [`handle_time`](Self::handle_time) has something to do next. May have moved after any other call.
    #[inline]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        if self.is_overfull && !self.is_dying_busy() {
            return Some(Timestamp(0));
        }
        let mut next = self.expires_at();
        let mut consider = |deadline: Option<Timestamp>| {
            next = match (next, deadline) {
                (Some(next), Some(deadline)) => Some(next.min(deadline)),
                (next, deadline) => next.or(deadline),
            };
        };
        if self.has_deadlines() {
            for line in self.ready.lines() {
                consider(self.deadline_of_head(line));
            }
        }
        if let Some(held) = &self.held {
            consider(held.next_deadline());
        }
        next
    }

    /// When a message that arrived then expires: the sooner of what it and the queue say.
    #[inline]
    pub(super) fn deadline(
        &self,
        arrived_at: Timestamp,
        expiration_ms: Option<u64>,
    ) -> Option<Timestamp> {
        let ttl_ms = match (self.settings.message_ttl_ms, expiration_ms) {
            (Some(queue), Some(message)) => queue.min(message),
            (queue, message) => queue.or(message)?,
        };
        Some(arrived_at.plus_ms(ttl_ms))
    }

    /// Removes the expired messages at the head of a line, and says how many they were.
    pub(super) fn expire(&mut self, line: Line, now: Timestamp, sink: &mut impl Sink) -> usize {
        self.expire_up_to(usize::MAX, line, now, sink)
    }

    fn expire_up_to(
        &mut self,
        most: usize,
        line: Line,
        now: Timestamp,
        sink: &mut impl Sink,
    ) -> usize {
        let mut count = 0;
        while count < most
            && self.deadline_of_head(line).is_some_and(|deadline| deadline <= now)
            && let Some(entry) = self.ready.pop(line)
        {
            self.die_waiting(now, entry, DeathReason::Expired, sink);
            count += 1;
        }
        count
    }

    /// Removes the expired messages at the heads of all lines.
    pub(super) fn expire_all(&mut self, now: Timestamp, sink: &mut impl Sink) {
        if self.has_deadlines() {
            let lines: Vec<_> = self.ready.lines().collect();
            for line in lines {
                self.expire(line, now, sink);
            }
        }
    }

    /// Removes expired messages, but no more than others can wait for.
    fn expire_some(&mut self, now: Timestamp, sink: &mut impl Sink) {
        if self.has_deadlines() {
            let mut left = EXPIRED_AT_ONCE_MAX;
            let lines: Vec<_> = self.ready.lines().collect();
            for line in lines {
                left -= self.expire_up_to(left, line, now, sink);
            }
        }
    }

    /// Whether any message has a deadline.
    #[inline]
    pub(super) fn has_deadlines(&self) -> bool {
        self.content.has_deadlines()
            || self.paging.as_ref().is_some_and(|paging| paging.has_deadlines())
    }

    /// When the head of a line expires; not while the letters of too many others wait for their contents.
    fn deadline_of_head(&self, line: Line) -> Option<Timestamp> {
        let head = self.ready.front(line).filter(|head| head.is(Mark::Deadline))?;
        if !head.is(Mark::Paged) {
            return self.content.read(head).deadline();
        }
        let paging = self.paging.as_ref().filter(|_| !self.is_dying_busy())?;
        paging.deadlines.get(head.sequence)
    }

    /// When the queue goes if nobody uses it until then.
    fn expires_at(&self) -> Option<Timestamp> {
        let expires_ms = self.settings.expires_ms.filter(|_| !self.is_closed)?;
        (self.consumers.count() == 0).then(|| self.used_at.plus_ms(expires_ms))
    }
}
