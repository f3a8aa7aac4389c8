//! The messages that wait, in the order they go out.
//!
//! Returned messages of a quorum queue go first, in the order they came back. Then the highest priority level that
//! has any; within a level by age: what came back to a classic queue stands in its old place.

use std::collections::BTreeMap;

use super::{entry::Entry, fifo::Fifo};

/// Which order an entry stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// The list of returned messages.
    Returned,
    /// A priority level.
    Level(u8),
}

/// Everything that waits.
#[derive(Debug, Default)]
pub(super) struct Ready {
    /// Level 0, the only one in most queues.
    base: Lane,
    /// The levels above, once there is a message in one.
    upper: Option<Box<Upper>>,
    returned: Option<Box<Fifo>>,
    len: usize,
}

#[derive(Debug, Default)]
struct Lane {
    fifo: Fifo,
    /// Back from a consumer, by sequence.
    returned: BTreeMap<u64, Entry>,
}

#[derive(Debug, Default)]
struct Upper {
    /// Bit `n` of word `n / 64`: level `n` is not empty.
    occupied: [u64; 4],
    /// Level 1 is the first.
    lanes: Vec<Lane>,
}

impl Ready {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Puts a new message at the end of its level.
    #[inline]
    pub(super) fn push(&mut self, level: u8, entry: Entry) {
        self.len += 1;
        self.lane_mut(level).fifo.push_back(entry);
    }

    /// Puts a message that came back into its old place.
    pub(super) fn restore(&mut self, level: u8, entry: Entry) {
        self.len += 1;
        let before = self.lane_mut(level).returned.insert(entry.sequence.0, entry);
        assert!(before.is_none(), "a queue holds each sequence once");
    }

    /// Puts a message that came back at the end of the list of returned ones.
    pub(super) fn push_returned(&mut self, entry: Entry) {
        self.len += 1;
        self.returned.get_or_insert_default().push_back(entry);
    }

    /// The line whose head goes out next.
    #[inline]
    pub(super) fn first_line(&self) -> Option<Line> {
        if self.len == 0 {
            return None;
        }
        if self.returned.is_none() && self.upper.is_none() {
            return Some(Line::Level(0));
        }
        self.lines().next()
    }

    /// Every line that has a message, in the order they are served.
    pub(super) fn lines(&self) -> impl Iterator<Item = Line> {
        let returned = self.returned.as_ref().filter(|returned| returned.len() > 0);
        let mut occupied = self.upper.as_ref().map_or([0; 4], |upper| upper.occupied);
        let upper = std::iter::from_fn(move || {
            let (word, bits) =
                occupied.iter_mut().enumerate().rev().find(|(_, bits)| **bits != 0)?;
            let bit = bits.ilog2();
            *bits &= !(1 << bit);
            Some(Line::Level(u8::try_from(word * 64 + bit as usize).expect("4 × 64 levels")))
        });
        let base = (!self.base.is_empty()).then_some(Line::Level(0));
        returned.map(|_| Line::Returned).into_iter().chain(upper).chain(base)
    }

    /// The head of a line.
    #[inline]
    pub(super) fn front(&self, line: Line) -> Option<Entry> {
        match line {
            Line::Returned => self.returned.as_ref()?.front(),
            Line::Level(0) => self.base.front(),
            Line::Level(level) => self.upper.as_ref()?.lanes.get(usize::from(level) - 1)?.front(),
        }
    }

    /// Takes the head of a line.
    #[inline]
    pub(super) fn pop(&mut self, line: Line) -> Option<Entry> {
        let entry = match line {
            Line::Returned => self.returned.as_mut()?.pop_front(),
            Line::Level(0) => self.base.pop(),
            Line::Level(level) => self.upper.as_mut()?.pop(level),
        }?;
        self.len -= 1;
        Some(entry)
    }

    /// Every entry, in no particular order.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        let returned = self.returned.iter_mut().flat_map(|returned| returned.iter_mut());
        let upper = self.upper.iter_mut().flat_map(|upper| &mut upper.lanes);
        std::iter::once(&mut self.base).chain(upper).flat_map(Lane::iter_mut).chain(returned)
    }

    #[inline]
    fn lane_mut(&mut self, level: u8) -> &mut Lane {
        if level == 0 { &mut self.base } else { self.upper.get_or_insert_default().lane_mut(level) }
    }
}

impl Upper {
    fn lane_mut(&mut self, level: u8) -> &mut Lane {
        self.occupied[usize::from(level) / 64] |= 1 << (level % 64);
        let index = usize::from(level) - 1;
        if self.lanes.len() <= index {
            self.lanes.resize_with(index + 1, Lane::default);
        }
        &mut self.lanes[index]
    }

    fn pop(&mut self, level: u8) -> Option<Entry> {
        let lane = self.lanes.get_mut(usize::from(level) - 1)?;
        let entry = lane.pop();
        if lane.is_empty() {
            self.occupied[usize::from(level) / 64] &= !(1 << (level % 64));
        }
        entry
    }
}

impl Lane {
    #[inline]
    fn is_empty(&self) -> bool {
        self.fifo.len() == 0 && self.returned.is_empty()
    }

    #[inline]
    fn front(&self) -> Option<Entry> {
        let front = self.fifo.front();
        if self.returned.is_empty() {
            return front;
        }
        let returned = self.returned.first_key_value().map(|(_, entry)| *entry);
        match (front, returned) {
            (Some(front), Some(returned)) if front.sequence < returned.sequence => Some(front),
            (front, returned) => returned.or(front),
        }
    }

    #[inline]
    fn pop(&mut self) -> Option<Entry> {
        if self.returned.is_empty() {
            return self.fifo.pop_front();
        }
        let first = self.front()?;
        match self.returned.remove(&first.sequence.0) {
            Some(entry) => Some(entry),
            None => self.fifo.pop_front(),
        }
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.fifo.iter_mut().chain(self.returned.values_mut())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Sequence;

    fn entry(sequence: u64) -> Entry {
        Entry::new(Sequence(sequence), 0, 0)
    }

    fn drain(ready: &mut Ready) -> Vec<u64> {
        let mut out = Vec::new();
        while let Some(line) = ready.first_line() {
            let front = ready.front(line);
            let popped = ready.pop(line);
            assert_eq!(front, popped);
            out.extend(popped.map(|entry| entry.sequence.0));
        }
        assert!(ready.is_empty());
        out
    }

    #[test]
    fn the_highest_level_goes_first_and_age_decides_within_it() {
        let mut ready = Ready::default();
        for (sequence, level) in [(1, 0), (2, 255), (3, 64), (4, 0), (5, 63), (6, 255)] {
            ready.push(level, entry(sequence));
        }
        assert_eq!(ready.lines().count(), 4);
        assert_eq!(drain(&mut ready), [2, 6, 3, 5, 1, 4]);
    }

    #[test]
    fn what_came_back_stands_in_its_old_place() {
        let mut ready = Ready::default();
        (1..=6).for_each(|n| ready.push(0, entry(n)));
        let taken: Vec<_> = (0..4).filter_map(|_| ready.pop(Line::Level(0))).collect();
        ready.restore(0, taken[3]);
        ready.restore(0, taken[0]);
        assert_eq!(drain(&mut ready), [1, 4, 5, 6]);
    }

    #[test]
    fn the_list_of_returned_ones_goes_before_all_levels_in_its_own_order() {
        let mut ready = Ready::default();
        ready.push(31, entry(1));
        ready.push_returned(entry(9));
        ready.push_returned(entry(3));
        assert_eq!(ready.iter_mut().count(), 3);
        assert_eq!(drain(&mut ready), [9, 3, 1]);
    }
}
