//! Publisher confirms of one channel: which publishes are settled, and how few methods tell the client so.
//!
//! A confirm may cover several publishes (`multiple`) only up to the tag below which every one is settled; beyond that
//! gap each is told alone. A nack is never swallowed by an ack that covers it.

use std::collections::VecDeque;

use crate::DeliveryTag;

/// A confirm to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Confirm {
    Ack { delivery_tag: DeliveryTag, multiple: bool },
    Nack { delivery_tag: DeliveryTag, multiple: bool },
}

/// The publishes since `confirm.select`.
///
/// Invariants: all publishes up to `told` are settled and the client knows; `settled` ascends, does not overlap and
/// lies beyond `told`.
#[derive(Debug, Default)]
pub(crate) struct Confirms {
    issued: u64,
    told: u64,
    settled: VecDeque<Settled>,
}

/// Publishes with consecutive tags and the same fate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Settled {
    first: u64,
    last: u64,
    accepted: bool,
    /// The client knows already.
    told: bool,
}

impl Confirms {
    /// Numbers the messages of a run, and returns the tag before the first.
    #[inline]
    pub(crate) const fn issue(&mut self, count: u64) -> u64 {
        let before = self.issued;
        self.issued += count;
        before
    }

    /// Settles the publishes from `first` to `last`, which are consecutive and were not settled before.
    pub(crate) fn settle(&mut self, first: u64, last: u64, accepted: bool) {
        if first > last {
            return;
        }
        debug_assert!(
            first > self.told && last <= self.issued,
            "settled once, after it was issued"
        );
        let settled = Settled { first, last, accepted, told: false };
        match self.settled.back_mut() {
            Some(back) if back.last + 1 == first && back.accepted == accepted && !back.told => {
                back.last = last;
            }
            Some(back) if back.last >= first => {
                let at = self.settled.partition_point(|other| other.first < first);
                self.settled.insert(at, settled);
            }
            _ => self.settled.push_back(settled),
        }
    }

    /// Whether [`drain`](Self::drain) has something to tell.
    #[cfg(test)]
    fn has_news(&self) -> bool {
        self.settled.iter().any(|settled| !settled.told)
    }

    /// Calls `emit` with what the client does not know yet, in ascending order.
    pub(crate) fn drain(&mut self, mut emit: impl FnMut(Confirm)) {
        while let Some(front) = self.settled.front().copied() {
            if front.first != self.told + 1 {
                break;
            }
            self.settled.pop_front();
            self.told = front.last;
            if front.told {
                continue;
            }
            let (mut last_news, mut is_one) = (front.last, front.first == front.last);
            // What follows without a gap and has the same fate, or is known already, is covered as well.
            while let Some(next) = self.settled.front().copied() {
                let known = next.told || next.accepted == front.accepted;
                if next.first != self.told + 1 || !known {
                    break;
                }
                self.settled.pop_front();
                self.told = next.last;
                if !next.told {
                    (last_news, is_one) = (next.last, false);
                }
            }
            let delivery_tag = DeliveryTag(last_news);
            emit(if front.accepted {
                Confirm::Ack { delivery_tag, multiple: !is_one }
            } else {
                // RabbitMQ sets `multiple` here even if it is one.
                Confirm::Nack { delivery_tag, multiple: true }
            });
        }
        for settled in self.settled.iter_mut().filter(|settled| !settled.told) {
            settled.told = true;
            for tag in settled.first..=settled.last {
                let delivery_tag = DeliveryTag(tag);
                emit(if settled.accepted {
                    Confirm::Ack { delivery_tag, multiple: false }
                } else {
                    Confirm::Nack { delivery_tag, multiple: false }
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ack(tag: u64, multiple: bool) -> Confirm {
        Confirm::Ack { delivery_tag: DeliveryTag(tag), multiple }
    }

    fn nack(tag: u64, multiple: bool) -> Confirm {
        Confirm::Nack { delivery_tag: DeliveryTag(tag), multiple }
    }

    fn drained(confirms: &mut Confirms) -> Vec<Confirm> {
        let mut out = Vec::new();
        confirms.drain(|confirm| out.push(confirm));
        assert!(!confirms.has_news());
        out
    }

    #[test]
    fn one_is_told_alone_and_several_together() {
        let mut confirms = Confirms::default();
        assert_eq!(confirms.issue(4), 0);
        confirms.settle(1, 1, true);
        assert_eq!(drained(&mut confirms), [ack(1, false)]);
        confirms.settle(2, 3, true);
        confirms.settle(4, 4, true);
        assert_eq!(drained(&mut confirms), [ack(4, true)]);
        assert_eq!(drained(&mut confirms), []);
    }

    #[test]
    fn nacks_stand_between_the_acks() {
        let mut confirms = Confirms::default();
        confirms.issue(6);
        confirms.settle(1, 2, true);
        confirms.settle(3, 3, false);
        confirms.settle(4, 4, true);
        confirms.settle(5, 6, false);
        let expected = [ack(2, true), nack(3, true), ack(4, false), nack(6, true)];
        assert_eq!(drained(&mut confirms), expected);
    }

    #[test]
    fn beyond_a_gap_each_is_told_alone_and_only_once() {
        let mut confirms = Confirms::default();
        confirms.issue(6);
        confirms.settle(3, 4, true);
        confirms.settle(6, 6, false);
        assert_eq!(drained(&mut confirms), [ack(3, false), ack(4, false), nack(6, false)]);
        confirms.settle(1, 1, true);
        confirms.settle(2, 2, true);
        assert_eq!(drained(&mut confirms), [ack(2, true)]);
        confirms.settle(5, 5, true);
        assert_eq!(drained(&mut confirms), [ack(5, false)]);
        assert!(confirms.settled.is_empty());
    }

    #[test]
    fn an_ack_that_covers_a_told_nack_is_no_second_answer() {
        let mut confirms = Confirms::default();
        confirms.issue(3);
        confirms.settle(2, 2, false);
        assert_eq!(drained(&mut confirms), [nack(2, false)]);
        confirms.settle(3, 3, true);
        confirms.settle(1, 1, true);
        assert_eq!(drained(&mut confirms), [ack(3, true)]);
    }
}
