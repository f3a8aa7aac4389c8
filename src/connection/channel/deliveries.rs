//! The deliveries of one channel: the next tag, what is unacked, and the window of `basic.qos(global=true)`.
//!
//! The server keeps this beside the connection's outbox, because a delivery is numbered as it is written there.

use std::collections::VecDeque;

use ::broker::Timestamp;

use crate::{DeliveryTag, UnknownDeliveryTag};

/// A delivery that the client has yet to settle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unacked<L> {
    /// Its number on the channel.
    pub delivery_tag: DeliveryTag,
    /// Where it came from, as the server needs to know it.
    pub link: L,
    /// When it was delivered.
    pub delivered_at: Timestamp,
    /// Whether it takes room in the channel's window; a `basic.get` does not.
    pub in_window: bool,
}

/// Numbers deliveries, keeps the unacked ones, and counts them against the channel's window.
///
/// Invariants: `entries` ascend by tag; the first and the last are not settled; at most half of them, and a few, are
/// settled; `in_use` counts the entries in the window that are unacked or held.
#[derive(Debug)]
pub struct Deliveries<L> {
    last_tag: u64,
    entries: VecDeque<Entry<L>>,
    settled: usize,
    /// 0 is no limit.
    window_limit: u32,
    window_in_use: u32,
}

#[derive(Clone, Copy, Debug)]
struct Entry<L> {
    unacked: Unacked<L>,
    settled: bool,
}

/// Below this many entries the settled ones are not worth removing.
const COMPACT_LEN_MIN: usize = 32;

impl<L> Default for Deliveries<L> {
    fn default() -> Self {
        Self {
            last_tag: 0,
            entries: VecDeque::new(),
            settled: 0,
            window_limit: 0,
            window_in_use: 0,
        }
    }
}

impl<L: Copy> Deliveries<L> {
    /// A channel that has delivered nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The number of a delivery that needs no ack.
    #[inline]
    pub fn next_tag(&mut self) -> DeliveryTag {
        self.last_tag += 1;
        DeliveryTag(self.last_tag)
    }

    /// Numbers a delivery and keeps it until it is settled.
    #[inline]
    pub fn push(&mut self, link: L, now: Timestamp, in_window: bool) -> DeliveryTag {
        let delivery_tag = self.next_tag();
        self.window_in_use += u32::from(in_window);
        let unacked = Unacked { delivery_tag, link, delivered_at: now, in_window };
        self.entries.push_back(Entry { unacked, settled: false });
        delivery_tag
    }

    /// Takes out a delivery, or with `multiple` every one up to it, in order of their tags, and gives back their room
    /// in the window. Tag 0 with `multiple` is all there are.
    ///
    /// # Errors
    /// [`UnknownDeliveryTag`] if exactly this delivery is not unacked; nothing has changed then.
    #[inline]
    pub fn take(
        &mut self,
        delivery_tag: DeliveryTag,
        multiple: bool,
        out: &mut Vec<Unacked<L>>,
    ) -> Result<(), UnknownDeliveryTag> {
        let from = out.len();
        self.hold(delivery_tag, multiple, out)?;
        self.release(&out[from..]);
        Ok(())
    }

    /// Like [`take`](Self::take), but what is taken keeps its room in the window until it is
    /// [released](Self::release) or [put back](Self::put_back).
    ///
    /// # Errors
    /// [`UnknownDeliveryTag`] if exactly this delivery is not unacked; nothing has changed then.
    pub fn hold(
        &mut self,
        delivery_tag: DeliveryTag,
        multiple: bool,
        out: &mut Vec<Unacked<L>>,
    ) -> Result<(), UnknownDeliveryTag> {
        if multiple && delivery_tag == DeliveryTag(0) {
            self.drain_into(self.entries.len(), out);
            return Ok(());
        }
        let at = self.find(delivery_tag).ok_or(UnknownDeliveryTag(delivery_tag))?;
        if multiple {
            self.drain_into(at + 1, out);
            return Ok(());
        }
        let entry = &mut self.entries[at];
        entry.settled = true;
        out.push(entry.unacked);
        self.settled += 1;
        self.trim();
        Ok(())
    }

    /// Gives back the room in the window of what was [held](Self::hold) and is now settled.
    #[inline]
    pub fn release(&mut self, held: &[Unacked<L>]) {
        let counted = held.iter().filter(|unacked| unacked.in_window).count();
        self.window_in_use -= u32::try_from(counted).expect("no more than were counted in");
    }

    /// Makes what was [held](Self::hold) unacked again.
    pub fn put_back(&mut self, held: impl IntoIterator<Item = Unacked<L>>) {
        self.entries.retain(|entry| !entry.settled);
        self.settled = 0;
        self.entries.extend(held.into_iter().map(|unacked| Entry { unacked, settled: false }));
        self.entries.make_contiguous().sort_unstable_by_key(|entry| entry.unacked.delivery_tag);
    }

    /// Takes out every delivery, in order of their tags: the channel ends, or recovers.
    pub fn drain(&mut self, out: &mut Vec<Unacked<L>>) {
        let from = out.len();
        self.drain_into(self.entries.len(), out);
        self.release(&out[from..]);
    }

    /// Takes out the deliveries that `matches`: those of one consumer, say.
    pub fn drain_matching(
        &mut self,
        mut matches: impl FnMut(&Unacked<L>) -> bool,
        out: &mut Vec<Unacked<L>>,
    ) {
        let from = out.len();
        self.entries.retain(|entry| {
            let taken = !entry.settled && matches(&entry.unacked);
            if taken {
                out.push(entry.unacked);
            }
            !entry.settled && !taken
        });
        self.settled = 0;
        self.release(&out[from..]);
    }

    /// The unacked deliveries, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Unacked<L>> {
        self.entries.iter().filter(|entry| !entry.settled).map(|entry| &entry.unacked)
    }

    /// The delivery that has been unacked for the longest.
    #[must_use]
    pub fn oldest(&self) -> Option<&Unacked<L>> {
        self.entries.front().map(|entry| &entry.unacked)
    }

    /// How many are unacked, without those held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len() - self.settled
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sets the channel's window, for all its consumers that need acks; 0 is no limit.
    pub fn set_window(&mut self, prefetch_count: u16) {
        self.window_limit = u32::from(prefetch_count);
    }

    /// The channel's window; 0 is no limit.
    #[must_use]
    pub const fn window(&self) -> u32 {
        self.window_limit
    }

    /// Whether the channel's window takes one more.
    #[inline]
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.window_limit == 0 || self.window_in_use < self.window_limit
    }

    /// Where the entry of this tag is, unless it is settled.
    #[inline]
    fn find(&self, delivery_tag: DeliveryTag) -> Option<usize> {
        let first = self.entries.front()?.unacked.delivery_tag;
        let offset = usize::try_from(delivery_tag.0.checked_sub(first.0)?).ok()?;
        // With no gaps, and gaps are made only by deliveries that need no ack, the place follows from the tag.
        let at = match self.entries.get(offset) {
            Some(entry) if entry.unacked.delivery_tag == delivery_tag => offset,
            _ => {
                self.entries.binary_search_by_key(&delivery_tag, |e| e.unacked.delivery_tag).ok()?
            }
        };
        (!self.entries[at].settled).then_some(at)
    }

    fn drain_into(&mut self, count: usize, out: &mut Vec<Unacked<L>>) {
        for entry in self.entries.drain(..count) {
            if entry.settled {
                self.settled -= 1;
            } else {
                out.push(entry.unacked);
            }
        }
        self.trim();
    }

    /// Restores the invariants after something was settled; constant time for each settled entry, over all.
    #[inline]
    fn trim(&mut self) {
        while self.entries.front().is_some_and(|entry| entry.settled) {
            self.entries.pop_front();
            self.settled -= 1;
        }
        while self.entries.back().is_some_and(|entry| entry.settled) {
            self.entries.pop_back();
            self.settled -= 1;
        }
        if self.settled > self.entries.len() / 2 && self.entries.len() >= COMPACT_LEN_MIN {
            self.entries.retain(|entry| !entry.settled);
            self.settled = 0;
        }
        if self.entries.is_empty() && self.entries.capacity() > SPARE_CAPACITY_MAX {
            self.entries = VecDeque::new();
        }
    }
}

/// The room that an empty list keeps.
const SPARE_CAPACITY_MAX: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(0);

    fn filled(count: u32) -> Deliveries<u32> {
        let mut deliveries = Deliveries::new();
        for link in 1..=count {
            deliveries.push(link, NOW, true);
        }
        deliveries
    }

    fn take(deliveries: &mut Deliveries<u32>, tag: u64, multiple: bool) -> Option<Vec<u32>> {
        let mut out = Vec::new();
        deliveries.take(DeliveryTag(tag), multiple, &mut out).ok()?;
        Some(out.iter().map(|unacked| unacked.link).collect())
    }

    #[test]
    fn one_or_all_up_to_a_tag() {
        let mut deliveries = filled(6);
        assert_eq!(take(&mut deliveries, 2, false), Some(vec![2]));
        assert_eq!(take(&mut deliveries, 4, true), Some(vec![1, 3, 4]));
        assert_eq!(take(&mut deliveries, 6, false), Some(vec![6]));
        assert_eq!(take(&mut deliveries, 0, true), Some(vec![5]));
        assert_eq!(take(&mut deliveries, 0, true), Some(vec![]));
        assert!(deliveries.is_empty());
    }

    #[test]
    fn exactly_this_tag_has_to_be_unacked() {
        let mut deliveries = filled(3);
        assert_eq!(deliveries.next_tag(), DeliveryTag(4));
        assert_eq!(take(&mut deliveries, 0, false), None);
        assert_eq!(take(&mut deliveries, 4, false), None, "it needed no ack");
        assert_eq!(take(&mut deliveries, 4, true), None);
        assert_eq!(take(&mut deliveries, 99, true), None, "it was never issued");
        assert_eq!(take(&mut deliveries, 2, false), Some(vec![2]));
        assert_eq!(take(&mut deliveries, 2, false), None, "it is settled already");
        assert_eq!(take(&mut deliveries, 2, true), None);
        assert_eq!(deliveries.len(), 2);
    }

    #[test]
    fn a_delivery_is_found_behind_gaps() {
        let mut deliveries = filled(1);
        for _ in 0..1_000_000 {
            deliveries.next_tag();
        }
        deliveries.push(2, NOW, true);
        assert_eq!(deliveries.entries.len(), 2);
        assert_eq!(take(&mut deliveries, 1_000_002, false), Some(vec![2]));
        assert_eq!(take(&mut deliveries, 1, false), Some(vec![1]));
    }

    #[test]
    fn an_old_unacked_delivery_does_not_keep_the_settled_ones_behind_it() {
        let mut deliveries = filled(1);
        for tag in 2..100_000 {
            deliveries.push(0, NOW, true);
            deliveries.push(0, NOW, true);
            // The back is never settled, or it would be trimmed from there.
            assert_eq!(take(&mut deliveries, 2 * tag - 2, false), Some(vec![0]));
            if tag > 2 {
                assert_eq!(take(&mut deliveries, 2 * tag - 3, false), Some(vec![0]));
            }
            assert!(deliveries.entries.len() <= 2 * COMPACT_LEN_MIN);
        }
        assert_eq!(deliveries.oldest().map(|unacked| unacked.link), Some(1));
    }

    #[test]
    fn the_window_counts_what_is_unacked_or_held() {
        let mut deliveries = filled(2);
        deliveries.set_window(3);
        assert_eq!(deliveries.window(), 3);
        assert!(deliveries.has_room());
        deliveries.push(3, NOW, false);
        assert!(deliveries.has_room(), "a get takes no room");
        deliveries.push(4, NOW, true);
        assert!(!deliveries.has_room());
        let mut held = Vec::new();
        deliveries.hold(DeliveryTag(2), true, &mut held).unwrap();
        assert!(!deliveries.has_room());
        deliveries.release(&held[..1]);
        assert!(deliveries.has_room());
        deliveries.put_back(held.drain(1..));
        assert_eq!(deliveries.iter().map(|unacked| unacked.link).collect::<Vec<_>>(), [2, 3, 4]);
        deliveries.set_window(2);
        assert!(!deliveries.has_room());
        deliveries.set_window(0);
        assert!(deliveries.has_room());
        deliveries.drain(&mut held);
        deliveries.set_window(1);
        assert!(deliveries.has_room());
    }

    #[test]
    fn one_consumers_deliveries_are_drained() {
        let mut deliveries = filled(4);
        take(&mut deliveries, 2, false);
        let mut out = Vec::new();
        deliveries.drain_matching(|unacked| unacked.link % 2 == 0, &mut out);
        assert_eq!(out.len(), 1);
        assert_eq!(take(&mut deliveries, 0, true), Some(vec![1, 3]));
    }
}
