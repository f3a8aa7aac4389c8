//! When messages came: a few moments, each with the first number that was given out from then on.
//!
//! A message's number is its place in the order of everything that the node accepted, so the newest moment whose number is
//! not greater than its own is when it came. One is kept for each millisecond in which anything was published; of those
//! that are older only some, the fewer the older they are, so that an age is wrong by 2 % at most. So no message carries a
//! time, however long it waits.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};

use broker::Timestamp;
use broker::message::Sequence;
use parking_lot::RwLock;

/// How many moments of one age are kept.
const TIER_LEN: usize = 1024;

/// How far apart the moments of each age are, in milliseconds, each 16 times as far as those before.
const TIERS: usize = 7;

/// When the numbers of the last months were given out.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    /// The newest moment.
    newest: AtomicU64,
    moments: RwLock<Moments>,
}

#[derive(Debug, Default)]
struct Moments {
    /// The newest first; within each the oldest first.
    tiers: [VecDeque<Moment>; TIERS],
}

#[derive(Clone, Copy, Debug)]
struct Moment {
    /// The first number that was given out from then on.
    first: u64,
    at: u64,
}

impl Arrivals {
    /// Numbers are about to be taken from this counter.
    #[inline]
    pub(crate) fn note(&self, now: Timestamp, sequences: &AtomicU64) {
        // Whoever finds the moment there takes its numbers later than whoever noted it looked at the counter.
        if now.as_ms() > self.newest.load(Ordering::Acquire) {
            self.note_moment(now, || sequences.load(Ordering::Relaxed));
        }
    }

    /// A message with this number came then; these are told in about this order, before any is noted.
    pub(crate) fn restore(&self, sequence: Sequence, at: Timestamp) {
        if at.as_ms() > self.newest.load(Ordering::Acquire) {
            self.note_moment(at, || sequence.0);
        }
    }

    #[cold]
    fn note_moment(&self, now: Timestamp, first: impl FnOnce() -> u64) {
        let mut moments = self.moments.write();
        if now.as_ms() <= self.newest.load(Ordering::Relaxed) {
            return;
        }
        let first = first();
        if moments.tiers[0].back().is_none_or(|last| last.first <= first) {
            moments.push(Moment { first, at: now.as_ms() });
        }
        self.newest.store(now.as_ms(), Ordering::Release);
    }

    /// When a message came; `None` if that is not known any more.
    pub(crate) fn of(&self, sequence: Sequence) -> Option<Timestamp> {
        self.moments.read().find(sequence.0).map(|moment| Timestamp(moment.at))
    }
}

impl Moments {
    fn push(&mut self, moment: Moment) {
        let mut moment = moment;
        let mut step_ms = 1;
        for tier in &mut self.tiers {
            // Between two that are kept there is always so much time.
            if tier.back().is_some_and(|last| moment.at.saturating_sub(last.at) < step_ms) {
                return;
            }
            tier.push_back(moment);
            if tier.len() <= TIER_LEN {
                return;
            }
            let Some(oldest) = tier.pop_front() else { return };
            moment = oldest;
            step_ms *= 16;
        }
    }

    fn find(&self, sequence: u64) -> Option<Moment> {
        let tier = self
            .tiers
            .iter()
            .find(|tier| tier.front().is_some_and(|oldest| oldest.first <= sequence))?;
        let after = tier.partition_point(|moment| moment.first <= sequence);
        tier.get(after.checked_sub(1)?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 1_700_000_000_000;

    #[test]
    fn a_message_came_when_its_number_was_given_out() {
        let (arrivals, sequences) = (Arrivals::default(), AtomicU64::new(10));
        assert_eq!(arrivals.of(Sequence(10)), None);
        for (at, taken) in [(START, 3), (START, 2), (START + 5, 1), (START + 2, 4)] {
            arrivals.note(Timestamp(at), &sequences);
            sequences.fetch_add(taken, Ordering::Relaxed);
        }
        let came = |sequence| arrivals.of(Sequence(sequence)).map(|at| at.as_ms() - START);
        assert_eq!(came(9), None);
        assert_eq!([came(10), came(14), came(15), came(16)], [Some(0), Some(0), Some(5), Some(5)]);
        assert_eq!(came(99), Some(5), "whoever has an older time is a moment late");
    }

    #[test]
    fn the_age_of_what_is_old_is_known_nearly() {
        let (arrivals, sequences) = (Arrivals::default(), AtomicU64::new(0));
        // A message each 10 ms for 2 days, beside one that is put down exactly now and then.
        let mut exact = Vec::new();
        let last = 2 * 24 * 360_000;
        for number in 0..=last {
            let now = START + number * 10;
            arrivals.note(Timestamp(now), &sequences);
            let sequence = sequences.fetch_add(1, Ordering::Relaxed);
            if number % 9973 == 0 || last - number < 200 {
                exact.push((sequence, now));
            }
        }
        let now = START + last * 10;
        for (sequence, came) in exact {
            let found = arrivals.of(Sequence(sequence)).unwrap().as_ms();
            let age = now - came;
            assert!(
                found <= came && came - found <= age / 50 + 1,
                "{sequence}: {found} for {came}"
            );
        }
        let kept: usize = arrivals.moments.read().tiers.iter().map(VecDeque::len).sum();
        assert!(kept <= TIERS * TIER_LEN);
    }

    #[test]
    fn what_a_log_still_has_is_known_again() {
        let (arrivals, sequences) = (Arrivals::default(), AtomicU64::new(100));
        arrivals.restore(Sequence(20), Timestamp(START));
        arrivals.restore(Sequence(10), Timestamp(START + 7));
        arrivals.restore(Sequence(30), Timestamp(START + 9));
        arrivals.note(Timestamp(START + 50), &sequences);
        let came = |sequence| arrivals.of(Sequence(sequence)).map(|at| at.as_ms() - START);
        assert_eq!([came(10), came(20), came(30)], [None, Some(0), Some(9)]);
        assert_eq!(came(100), Some(50));
    }
}
