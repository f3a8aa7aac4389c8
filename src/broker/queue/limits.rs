//! `x-max-length` and `x-max-length-bytes`: what is ready, and the bodies of it. Unacked messages do not count, dead
//! letters that the queue holds do.

use super::{Backing, DeadLetter, DeathReason, Queue, Sink};
use crate::{Overflow, Timestamp, message::Arrival};

/// How many messages are dropped in one call: a million that are too many by a new policy stop nobody else.
const DROPPED_AT_ONCE_MAX: usize = 1000;

impl Queue {
    /// Whether the queue takes no more, and this message would be more.
    #[inline]
    pub(super) fn refuses(&self, arrival: &Arrival<'_>) -> bool {
        self.is_full_for(arrival.body.as_bytes().len() as u64)
    }

    /// A refused message is dead-lettered if the queue was declared so.
    pub(super) fn refuse(&mut self, now: Timestamp, arrival: &Arrival<'_>, sink: &mut impl Sink) {
        if self.settings.overflow == Overflow::RejectPublishDlx
            && let Some(target) = &self.settings.dead_letter
        {
            let reason = DeathReason::MaxLen;
            self.counters.count_death(reason);
            sink.dead_letter(DeadLetter::new(&self.name, target, arrival, reason, now, None));
        } else if arrival.logged {
            sink.settled(arrival.sequence, Backing::Log);
        }
    }

    /// Drops messages from the head, the next to be delivered first, until the rest is within the limits. After a limit
    /// was lowered that can be many: what is too much for one call is left to [`handle_time`](Self::handle_time).
    #[inline]
    pub(super) fn drop_overflow(&mut self, now: Timestamp, sink: &mut impl Sink) {
        if self.settings.overflow != Overflow::DropHead {
            return;
        }
        let mut dropped = 0;
        while self.exceeds(0, 0)
            && dropped < DROPPED_AT_ONCE_MAX
            && let Some(entry) = self.ready.first_line().and_then(|line| self.ready.pop(line))
        {
            self.die_waiting(now, entry, DeathReason::MaxLen, sink);
            self.tidy();
            dropped += 1;
        }
        if dropped == DROPPED_AT_ONCE_MAX {
            self.is_overfull = true;
        }
    }

    /// Goes on with what was too much for one call; not while the letters of too many others wait for their contents.
    pub(super) fn drop_rest(&mut self, now: Timestamp, sink: &mut impl Sink) {
        if !self.is_dying_busy() && std::mem::take(&mut self.is_overfull) {
            self.drop_overflow(now, sink);
        }
    }

    /// Whether what is ready would be too much with so much more.
    #[inline]
    pub(super) fn exceeds(&self, messages: u64, body_bytes: u64) -> bool {
        let (length_max, bytes_max) = (self.settings.max_length, self.settings.max_length_bytes);
        if length_max.is_none() && bytes_max.is_none() {
            return false;
        }
        let held_bytes = self.held.as_ref().map_or(0, |held| held.body_bytes());
        let length = self.ready() + self.held_dead_letters() + messages;
        let bytes = self.ready_bytes + held_bytes + body_bytes;
        length_max.is_some_and(|max| length > max) || bytes_max.is_some_and(|max| bytes > max)
    }
}
