//! Publisher confirms of one channel: which publishes are settled, and how few methods tell the client so.
//!
//! A confirm may cover several publishes (`multiple`) only up to the tag below which every one is settled; beyond the
//! first that waits for the log each is told alone. A nack is never swallowed by an ack that covers it.

use std::collections::VecDeque;

use ::broker::LogPosition;
use mutants::Mutant;

use crate::DeliveryTag;

/// A confirm to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Confirm {
    Ack { delivery_tag: DeliveryTag, multiple: bool },
    Nack { delivery_tag: DeliveryTag, multiple: bool },
}

/// The publishes since `confirm.select`.
///
/// ```text
/// tag      1 … told │ told + 1 …                               … the last
///                   │ Waits(7)  Told  Waits(8)  Told │ Accepted  Rejected  Waits(9)
///                                                 seen
/// ```
///
/// Invariants: all publishes up to `told` are settled and the client knows; `runs` are those since, without a gap;
/// positions do not descend; none of the first `seen` runs is `Accepted` or `Rejected` between two calls.
#[derive(Debug, Default)]
pub(crate) struct Confirms {
    told: u64,
    runs: VecDeque<Run>,
    /// How many of the runs the last [`drain`](Self::drain) left.
    seen: usize,
    /// How many of the settled ones were accepted, and how many rejected.
    confirmed: u64,
    rejected: u64,
}

/// Publishes with consecutive tags, from behind the run before it, and the same fate.
#[derive(Clone, Copy, Debug)]
struct Run {
    last: u64,
    fate: Fate,
}

/// What became of a publish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is to be acked.
    Accepted,
    /// It is to be nacked.
    Rejected,
    /// It is to be acked once the log is flushed so far.
    Waits(LogPosition),
    /// The client knows.
    Told,
}

impl Fate {
    /// What becomes of a publish that is accepted.
    #[inline]
    pub(crate) fn accepted(after: Option<LogPosition>) -> Self {
        after.map_or(Self::Accepted, Self::Waits)
    }
}

impl Confirms {
    /// Numbers the next publishes, which have the same fate.
    #[inline]
    pub(crate) fn push(&mut self, count: u64, fate: Fate) {
        if count == 0 {
            return;
        }
        let is_news = self.runs.len() > self.seen;
        match self.runs.back_mut() {
            Some(back) if is_news && back.fate == fate => back.last += count,
            back => {
                let last = back.map_or(self.told, |back| back.last) + count;
                self.runs.push_back(Run { last, fate });
            }
        }
    }

    /// How many publishes were confirmed with an ack.
    pub(crate) const fn confirmed(&self) -> u64 {
        self.confirmed
    }

    /// How many publishes the client does not know the fate of.
    pub(crate) fn unconfirmed(&self) -> u64 {
        let last = self.runs.back().map_or(self.told, |back| back.last);
        last - self.confirmed - self.rejected
    }

    /// The client is about to know the fate of so many.
    #[inline]
    fn count(&mut self, fate: Fate, count: u64) {
        match fate {
            Fate::Accepted => self.confirmed += count,
            Fate::Rejected => self.rejected += count,
            Fate::Waits(_) | Fate::Told => {}
        }
    }

    /// The lowest position that a publish waits for.
    pub(crate) fn awaits(&self) -> Option<LogPosition> {
        position(self.runs.iter())
    }

    /// The highest position that a publish waits for.
    pub(crate) fn awaits_last(&self) -> Option<LogPosition> {
        position(self.runs.iter().rev())
    }

    /// The log is flushed as far as `flushed`: [`drain`](Self::drain) tells what waited for it.
    pub(crate) fn flush(&mut self, flushed: LogPosition) {
        for run in &mut self.runs {
            match run.fate {
                Fate::Waits(position) if position > flushed => break,
                Fate::Waits(_) => run.fate = Fate::Accepted,
                Fate::Accepted | Fate::Rejected | Fate::Told => {}
            }
        }
    }

    /// Calls `emit` with what the client does not know yet, in ascending order.
    pub(crate) fn drain(&mut self, mut emit: impl FnMut(Confirm)) {
        let before = self.runs.len();
        while let Some(front) = self.pop_settled() {
            if front.fate == Fate::Told {
                continue;
            }
            let (mut last_news, mut is_one) = (front.last, front.is_one);
            // What follows and has the same fate, or is known already, is covered as well.
            let is_covered = |next: &Run| next.fate == front.fate || next.fate == Fate::Told;
            while self.runs.front().is_some_and(is_covered) {
                match self.pop_settled() {
                    Some(next) if next.fate == front.fate => {
                        (last_news, is_one) = (next.last, false)
                    }
                    Some(_) | None => {}
                }
            }
            let delivery_tag = DeliveryTag(last_news);
            emit(if front.fate == Fate::Accepted {
                Confirm::Ack { delivery_tag, multiple: !is_one }
            } else {
                // RabbitMQ sets `multiple` here even if it is one.
                Confirm::Nack { delivery_tag, multiple: true }
            });
        }
        self.seen = self.seen.saturating_sub(before - self.runs.len());
        if self.runs.len() > self.seen {
            self.drain_beyond_gap(emit);
        }
    }

    /// Takes the first run out, unless it waits.
    #[inline]
    fn pop_settled(&mut self) -> Option<Settled> {
        let Run { last, fate } = *self.runs.front()?;
        if matches!(fate, Fate::Waits(_)) {
            return None;
        }
        self.runs.pop_front();
        let is_one = last == self.told + 1;
        self.count(fate, last - self.told);
        self.told = last;
        Some(Settled { last, fate, is_one })
    }

    /// Tells each of what is new behind the first that waits.
    fn drain_beyond_gap(&mut self, mut emit: impl FnMut(Confirm)) {
        let multiple = mutants::is_planted(Mutant::ConfirmCoversGap);
        let mut kept = self.seen;
        let mut first = kept.checked_sub(1).map_or(self.told, |before| self.runs[before].last) + 1;
        for at in self.seen..self.runs.len() {
            let mut run = self.runs[at];
            self.count(run.fate, run.last + 1 - first);
            for delivery_tag in (first..=run.last).map(DeliveryTag) {
                match run.fate {
                    Fate::Accepted => emit(Confirm::Ack { delivery_tag, multiple }),
                    Fate::Rejected => emit(Confirm::Nack { delivery_tag, multiple: false }),
                    Fate::Waits(_) | Fate::Told => break,
                }
            }
            first = run.last + 1;
            if matches!(run.fate, Fate::Accepted | Fate::Rejected) {
                run.fate = Fate::Told;
            }
            // Equal neighbours become one, so that they take no more room than what waits between them.
            match kept.checked_sub(1).map(|before| &mut self.runs[before]) {
                Some(before) if before.fate == run.fate => before.last = run.last,
                Some(_) | None => {
                    self.runs[kept] = run;
                    kept += 1;
                }
            }
        }
        self.runs.truncate(kept);
        self.seen = kept;
    }
}

/// A run that does not wait, and whether it is a single publish.
#[derive(Clone, Copy, Debug)]
struct Settled {
    last: u64,
    fate: Fate,
    is_one: bool,
}

/// The first position that one of the runs waits for.
fn position<'a>(mut runs: impl Iterator<Item = &'a Run>) -> Option<LogPosition> {
    runs.find_map(|run| match run.fate {
        Fate::Waits(position) => Some(position),
        Fate::Accepted | Fate::Rejected | Fate::Told => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAITS_5: Fate = Fate::Waits(LogPosition(5));
    const WAITS_6: Fate = Fate::Waits(LogPosition(6));

    fn ack(tag: u64, multiple: bool) -> Confirm {
        Confirm::Ack { delivery_tag: DeliveryTag(tag), multiple }
    }

    fn nack(tag: u64, multiple: bool) -> Confirm {
        Confirm::Nack { delivery_tag: DeliveryTag(tag), multiple }
    }

    fn drained(confirms: &mut Confirms) -> Vec<Confirm> {
        let mut out = Vec::new();
        let waits = |run: &Run| matches!(run.fate, Fate::Waits(_));
        let before = (confirms.confirmed + confirms.rejected, confirms.unconfirmed());
        confirms.drain(|confirm| out.push(confirm));
        let told = confirms.confirmed + confirms.rejected - before.0;
        assert_eq!(confirms.unconfirmed(), before.1 - told);
        assert_eq!(confirms.unconfirmed() > 0, confirms.runs.iter().any(waits));
        confirms.drain(|confirm| panic!("{confirm:?} is told twice"));
        out
    }

    fn flushed(confirms: &mut Confirms, position: u64) -> Vec<Confirm> {
        confirms.flush(LogPosition(position));
        drained(confirms)
    }

    #[test]
    fn one_is_told_alone_and_several_together() {
        let mut confirms = Confirms::default();
        confirms.push(1, Fate::Accepted);
        assert_eq!(drained(&mut confirms), [ack(1, false)]);
        confirms.push(2, Fate::Accepted);
        confirms.push(1, Fate::Accepted);
        assert_eq!(drained(&mut confirms), [ack(4, true)]);
        assert_eq!(drained(&mut confirms), []);
    }

    #[test]
    fn nacks_stand_between_the_acks() {
        let mut confirms = Confirms::default();
        confirms.push(2, Fate::Accepted);
        confirms.push(1, Fate::Rejected);
        confirms.push(1, Fate::Accepted);
        confirms.push(2, Fate::Rejected);
        let expected = [ack(2, true), nack(3, true), ack(4, false), nack(6, true)];
        assert_eq!(drained(&mut confirms), expected);
        assert_eq!((confirms.confirmed(), confirms.rejected, confirms.unconfirmed()), (3, 3, 0));
    }

    #[test]
    fn what_waits_is_told_when_it_is_flushed_and_not_before() {
        let mut confirms = Confirms::default();
        confirms.push(2, WAITS_5);
        confirms.push(3, WAITS_6);
        assert_eq!(drained(&mut confirms), []);
        assert_eq!(confirms.awaits(), Some(LogPosition(5)));
        assert_eq!(confirms.awaits_last(), Some(LogPosition(6)));
        assert_eq!(flushed(&mut confirms, 4), []);
        assert_eq!(flushed(&mut confirms, 5), [ack(2, true)]);
        assert_eq!(flushed(&mut confirms, 6), [ack(5, true)]);
        assert_eq!(confirms.awaits(), None);
    }

    #[test]
    fn positions_flushed_together_are_told_together() {
        let mut confirms = Confirms::default();
        confirms.push(1, WAITS_5);
        confirms.push(1, WAITS_6);
        confirms.push(1, Fate::Accepted);
        assert_eq!(flushed(&mut confirms, 9), [ack(3, true)]);
    }

    #[test]
    fn beyond_a_gap_each_is_told_alone_and_only_once() {
        let mut confirms = Confirms::default();
        confirms.push(2, WAITS_5);
        confirms.push(2, Fate::Accepted);
        confirms.push(1, WAITS_6);
        confirms.push(1, Fate::Rejected);
        assert_eq!(drained(&mut confirms), [ack(3, false), ack(4, false), nack(6, false)]);
        assert_eq!((confirms.confirmed(), confirms.rejected, confirms.unconfirmed()), (2, 1, 3));
        assert_eq!(flushed(&mut confirms, 5), [ack(2, true)]);
        assert_eq!(flushed(&mut confirms, 6), [ack(5, false)]);
        assert!(confirms.runs.is_empty());
        confirms.push(1, Fate::Waits(LogPosition(7)));
        confirms.push(1, Fate::Accepted);
        assert_eq!(drained(&mut confirms), [ack(8, false)]);
    }

    #[test]
    fn an_ack_that_covers_a_told_nack_is_no_second_answer() {
        let mut confirms = Confirms::default();
        confirms.push(1, WAITS_5);
        confirms.push(1, Fate::Rejected);
        assert_eq!(drained(&mut confirms), [nack(2, false)]);
        confirms.push(1, Fate::Accepted);
        assert_eq!(flushed(&mut confirms, 5), [ack(3, true)]);
    }

    #[test]
    fn what_is_told_beyond_a_gap_takes_no_room() {
        let mut confirms = Confirms::default();
        confirms.push(1, WAITS_5);
        for _ in 0..1000 {
            confirms.push(1, Fate::Accepted);
            confirms.push(1, Fate::Rejected);
            assert_eq!(drained(&mut confirms).len(), 2);
        }
        assert_eq!(confirms.runs.len(), 2);
        assert_eq!(flushed(&mut confirms, 5), [ack(1, false)]);
    }
}
