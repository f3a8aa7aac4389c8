//! Looking at what waits, in the order it goes out, without taking it.

use std::iter;

use super::{Lane, Line, Place, Ready};
use crate::message::Sequence;
use crate::queue::{entry::Entry, fifo::Fifo};

/// How far a look through a queue has come. What is taken from the queue meanwhile does not make it pass over the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    line: Line,
    /// The next of those in the order in which they came.
    position: u64,
    /// The least that is next of those in their old places.
    restored: u64,
}

/// A message that waits.
pub(in crate::queue) struct Waiting {
    pub(in crate::queue) entry: Entry,
    pub(in crate::queue) place: Place,
    /// Where the walk goes on behind it.
    pub(in crate::queue) next: Cursor,
}

impl Line {
    /// Greater for a line that is served earlier.
    fn rank(self) -> u16 {
        match self {
            Self::Returned => 256,
            Self::Level(level) => u16::from(level),
        }
    }
}

impl Ready {
    /// Everything that waits, or what is behind a cursor.
    pub(in crate::queue) fn walk(&self, from: Option<Cursor>) -> impl Iterator<Item = Waiting> {
        let is_ahead = move |line: &Line| from.is_none_or(|from| line.rank() <= from.line.rank());
        self.lines().filter(is_ahead).flat_map(move |line| {
            let start = Cursor { line, position: 0, restored: 0 };
            self.walk_line(from.filter(|from| from.line == line).unwrap_or(start))
        })
    }

    fn walk_line(&self, from: Cursor) -> impl Iterator<Item = Waiting> {
        let Cursor { line, mut position, mut restored } = from;
        let (fifo, lane) = self.line(line);
        let mut came = fifo.into_iter().flat_map(move |fifo| fifo.from(position)).peekable();
        let back = lane.into_iter().flat_map(move |lane| lane.returned.range(restored..));
        let mut back = back.peekable();
        iter::from_fn(move || {
            let is_back_first = match (came.peek(), back.peek()) {
                (Some((_, came)), Some((back, _))) => **back < came.sequence.0,
                (None, Some(_)) => true,
                (_, None) => false,
            };
            let (entry, place) = match (line, is_back_first) {
                (Line::Level(level), true) => {
                    let (sequence, entry) = back.next()?;
                    restored = sequence + 1;
                    (*entry, Place::Restored(level, entry.sequence))
                }
                _ => {
                    let (at, entry) = came.next()?;
                    position = at + 1;
                    (entry, Place::InLine(line, at))
                }
            };
            Some(Waiting { entry, place, next: Cursor { line, position, restored } })
        })
    }

    /// The message of this sequence if it waits at this place still, or in its old place behind it.
    pub(in crate::queue) fn find(
        &self,
        place: Place,
        sequence: Sequence,
    ) -> Option<(Place, Entry)> {
        let level = match place {
            Place::InLine(line, position) => {
                let found = self.line(line).0.and_then(|fifo| fifo.get(position));
                if let Some(entry) = found.filter(|entry| entry.sequence == sequence) {
                    return Some((place, entry));
                }
                let Line::Level(level) = line else { return None };
                level
            }
            Place::Restored(level, _) => level,
        };
        let entry = *self.line(Line::Level(level)).1?.returned.get(&sequence.0)?;
        Some((Place::Restored(level, sequence), entry))
    }

    fn line(&self, line: Line) -> (Option<&Fifo>, Option<&Lane>) {
        let lane = match line {
            Line::Returned => return (self.returned.as_deref(), None),
            Line::Level(0) => Some(&self.base),
            Line::Level(level) => {
                self.upper.as_ref().and_then(|upper| upper.lanes.get(usize::from(level) - 1))
            }
        };
        (lane.map(|lane| &lane.fifo), lane)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(sequence: u64) -> Entry {
        Entry::new(Sequence(sequence), 0, 0)
    }

    /// Some of everything: levels, returned ones, and some in their old places.
    fn ready() -> Ready {
        let mut ready = Ready::default();
        (1..=6).for_each(|n| ready.push(0, entry(n)));
        (11..=13).for_each(|n| ready.push(9, entry(n)));
        let taken: Vec<_> = (0..4).filter_map(|_| ready.pop(Line::Level(0))).collect();
        ready.restore(0, taken[3]);
        ready.restore(0, taken[0]);
        ready.push_returned(entry(30));
        ready.push_returned(entry(20));
        ready
    }

    fn sequences(walk: impl Iterator<Item = Waiting>) -> Vec<u64> {
        walk.map(|waiting| waiting.entry.sequence.0).collect()
    }

    #[test]
    fn a_walk_goes_in_the_order_of_service_and_on_from_anywhere() {
        let mut ready = ready();
        let all = [30, 20, 11, 12, 13, 1, 4, 5, 6];
        assert_eq!(sequences(ready.walk(None)), all);
        let cursors: Vec<_> = ready.walk(None).map(|waiting| waiting.next).collect();
        for (passed, cursor) in (1..).zip(&cursors) {
            assert_eq!(sequences(ready.walk(Some(*cursor))), all[passed..]);
        }
        // What leaves the queue meanwhile takes nothing from the rest of the walk.
        assert!(ready.pop(Line::Returned).is_some() && ready.pop(Line::Level(9)).is_some());
        assert_eq!(sequences(ready.walk(Some(cursors[3]))), all[4..]);
        let served: Vec<_> = std::iter::from_fn(|| ready.pop(ready.first_line()?)).collect();
        assert_eq!(served.len(), 7);
        assert!(sequences(ready.walk(Some(cursors[3]))).is_empty());
    }

    #[test]
    fn a_message_is_found_where_it_was_seen_or_where_it_came_back_to() {
        let mut ready = ready();
        let seen: Vec<_> = ready.walk(None).map(|it| (it.place, it.entry.sequence)).collect();
        for (place, sequence) in &seen {
            assert_eq!(ready.find(*place, *sequence).map(|found| found.0), Some(*place));
            assert_eq!(ready.find(*place, Sequence(99)).map(|found| found.0), None);
        }
        let (place, sequence) = seen[7];
        for _ in 0..3 {
            let taken = ready.pop(Line::Level(0)).unwrap();
            if taken.sequence == sequence {
                assert!(ready.find(place, sequence).is_none());
                ready.restore(0, taken);
            }
        }
        let (place, _) = ready.find(place, sequence).unwrap();
        assert_eq!(place, Place::Restored(0, sequence));
        ready.take_out(place);
        assert_eq!(sequences(ready.walk(None)), [30, 20, 11, 12, 13, 6]);
        assert_eq!(ready.len(), 6);
    }
}
