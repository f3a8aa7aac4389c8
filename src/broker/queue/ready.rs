//! The messages that wait, in the order they go out.
//!
//! Returned messages of a quorum queue go first, in the order they came back. Then the highest priority level that
//! has any; within a level by age: what came back to a classic queue stands in its old place.

mod walk;

use std::collections::{BTreeMap, BTreeSet};

pub use self::walk::Cursor;
use super::{
    entry::{Entry, Mark},
    fifo::Fifo,
};
use crate::message::Sequence;

/// Which order an entry stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// The list of returned messages.
    Returned,
    /// A priority level.
    Level(u8),
}

/// Where a message waits whose content was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In the order in which messages came into this line.
    InLine(Line, u64),
    /// Among those that stand in their old places on this level.
    Restored(u8, Sequence),
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
    /// Those of them whose content is not in memory and was not asked for yet.
    unasked: BTreeSet<u64>,
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
        let lane = self.lane_mut(level);
        let before = lane.returned.insert(entry.sequence.0, entry);
        assert!(before.is_none(), "a queue holds each sequence once");
        if entry.is(Mark::Paged) {
            lane.unasked.insert(entry.sequence.0);
        }
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
    // A call would cost each delivery an instruction in a hundred: only what few queues need is one.
    #[inline(always)]
    pub(super) fn pop(&mut self, line: Line) -> Option<Entry> {
        let entry =
            if line == Line::Level(0) { self.base.pop() } else { self.pop_beside_base(line) }?;
        self.len -= 1;
        Some(entry)
    }

    /// The rest of [`pop`](Self::pop), for every line but level 0.
    #[inline(never)]
    fn pop_beside_base(&mut self, line: Line) -> Option<Entry> {
        match line {
            Line::Returned => self.returned.as_mut()?.pop_front(),
            Line::Level(level) => self.upper.as_mut()?.pop(level),
        }
    }

    /// Whether new messages of this level stand behind one that is paged out.
    pub(super) fn has_paged(&self, level: u8) -> bool {
        let lane = match level {
            0 => Some(&self.base),
            _ => self.upper.as_ref().and_then(|upper| upper.lanes.get(usize::from(level) - 1)),
        };
        lane.is_some_and(|lane| lane.fifo.paged() > 0)
    }

    /// The next message of a line whose content is not in memory and was not asked for: now it is.
    pub(super) fn next_unasked(&mut self, line: Line) -> Option<(Place, Entry)> {
        let level = match line {
            Line::Returned => {
                let (position, entry) = self.returned.as_mut()?.next_unasked()?;
                return Some((Place::InLine(line, position), entry));
            }
            Line::Level(level) => level,
        };
        let lane = self.lane_mut(level);
        let restored = lane.unasked.first().copied();
        match (lane.fifo.peek_unasked(), restored) {
            (Some((_, first)), Some(restored)) if restored < first.sequence.0 => {}
            (Some(_), _) => {
                let (position, entry) = lane.fifo.next_unasked()?;
                return Some((Place::InLine(line, position), entry));
            }
            (None, _) => {}
        }
        let entry = *lane.returned.get(&lane.unasked.pop_first()?)?;
        Some((Place::Restored(level, entry.sequence), entry))
    }

    /// The message at a place that was given out and is not taken.
    pub(super) fn at(&mut self, place: Place) -> Entry {
        match place {
            Place::InLine(line, position) => self.fifo_mut(line).at(position),
            Place::Restored(level, sequence) => self.lane_mut(level).returned[&sequence.0],
        }
    }

    /// The content of the message at this place is in memory now.
    pub(super) fn set_resident(&mut self, place: Place, entry: Entry) {
        match place {
            Place::InLine(line, position) => self.fifo_mut(line).set_resident(position, entry),
            Place::Restored(level, sequence) => {
                self.lane_mut(level).returned.insert(sequence.0, entry);
            }
        }
    }

    /// Takes the message at a place out of the middle of its line.
    pub(super) fn take_out(&mut self, place: Place) {
        self.len -= 1;
        match place {
            Place::InLine(line, position) => self.fifo_mut(line).bury(position),
            Place::Restored(level, sequence) => {
                let lane = self.lane_mut(level);
                lane.returned.remove(&sequence.0);
                lane.unasked.remove(&sequence.0);
            }
        }
        if let (
            Some(upper),
            Place::InLine(Line::Level(level @ 1..), _) | Place::Restored(level @ 1.., _),
        ) = (&mut self.upper, place)
        {
            upper.note_emptied(level);
        }
    }

    /// Every entry whose content is in memory, in no particular order.
    pub(super) fn resident_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        let returned = self.returned.iter_mut().flat_map(|returned| returned.resident_mut());
        let upper = self.upper.iter_mut().flat_map(|upper| &mut upper.lanes);
        std::iter::once(&mut self.base).chain(upper).flat_map(Lane::resident_mut).chain(returned)
    }

    /// How much more than the entries that it gives [`resident_mut`](Self::resident_mut) looks at.
    pub(super) fn chunks(&self) -> usize {
        let upper = self.upper.iter().flat_map(|upper| &upper.lanes);
        let lanes = std::iter::once(&self.base).chain(upper);
        let returned = self.returned.as_ref().map_or(0, |returned| returned.chunks());
        lanes.map(|lane| lane.fifo.chunks() + lane.returned.len()).sum::<usize>() + returned
    }

    #[inline]
    fn lane_mut(&mut self, level: u8) -> &mut Lane {
        if level == 0 { &mut self.base } else { self.upper.get_or_insert_default().lane_mut(level) }
    }

    fn fifo_mut(&mut self, line: Line) -> &mut Fifo {
        match line {
            Line::Returned => self.returned.get_or_insert_default(),
            Line::Level(level) => &mut self.lane_mut(level).fifo,
        }
    }
}

impl Upper {
    /// The lane of a level in which there is, or will be, a message.
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

    /// A message was taken out of this lane.
    fn note_emptied(&mut self, level: u8) {
        if self.lanes.get(usize::from(level) - 1).is_none_or(Lane::is_empty) {
            self.occupied[usize::from(level) / 64] &= !(1 << (level % 64));
        }
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
        if self.returned.is_empty() { self.fifo.pop_front() } else { self.pop_oldest() }
    }

    /// The rest of [`pop`](Self::pop), if any came back.
    #[inline(never)]
    fn pop_oldest(&mut self) -> Option<Entry> {
        let first = self.front()?;
        match self.returned.remove(&first.sequence.0) {
            Some(entry) => {
                if entry.is(Mark::Paged) {
                    self.unasked.remove(&entry.sequence.0);
                }
                Some(entry)
            }
            None => self.fifo.pop_front(),
        }
    }

    fn resident_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        let returned = self.returned.values_mut().filter(|entry| !entry.is(Mark::Paged));
        self.fifo.resident_mut().chain(returned)
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
        assert_eq!(ready.resident_mut().count(), 3);
        assert_eq!(drain(&mut ready), [9, 3, 1]);
    }
}
