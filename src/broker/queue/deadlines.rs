//! When messages expire whose content is not in memory.

use std::collections::VecDeque;

use crate::{Timestamp, message::Sequence};

const CHUNK_PAIRS_MAX: usize = 512;
/// Where a deadline was taken out.
const TAKEN: u64 = u64::MAX;

/// Deadlines by sequence, in 16 bytes each.
///
/// Sequences come nearly in order and go nearly in order, so that they are kept sorted in pieces: a new one mostly goes
/// to the end, and a piece is given back as soon as nothing in it is left.
///
/// - Pieces are sorted, and none is empty.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    chunks: VecDeque<Chunk>,
    len: usize,
}

#[derive(Debug, Default)]
struct Chunk {
    pairs: Vec<(u64, u64)>,
    live: usize,
}

impl Deadlines {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The memory it holds, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        self.chunks.len() * CHUNK_PAIRS_MAX * size_of::<(u64, u64)>()
    }

    /// Sets a message's deadline down, which it has not yet. One at the end of time is as good as none.
    pub(super) fn insert(&mut self, sequence: Sequence, deadline: Timestamp) {
        if deadline.0 == TAKEN {
            return;
        }
        let pair = (sequence.0, deadline.0);
        self.len += 1;
        let Some(last) = self.chunks.back_mut() else {
            self.chunks.push_back(Chunk::of(pair));
            return;
        };
        if last.pairs.last().is_some_and(|(before, _)| *before < sequence.0) {
            if last.pairs.len() < CHUNK_PAIRS_MAX {
                last.pairs.push(pair);
                last.live += 1;
            } else {
                self.chunks.push_back(Chunk::of(pair));
            }
            return;
        }
        let index = self.chunk_of(sequence);
        if let Some(half) = self.chunks[index].insert(pair) {
            self.chunks.insert(index + 1, half);
        }
    }

    pub(super) fn get(&self, sequence: Sequence) -> Option<Timestamp> {
        let chunk = self.chunks.get(self.chunk_of(sequence))?;
        Some(Timestamp(chunk.pairs[chunk.find(sequence)?].1))
    }

    /// Takes a message's deadline out.
    pub(super) fn remove(&mut self, sequence: Sequence) -> Option<Timestamp> {
        let index = self.chunk_of(sequence);
        let chunk = self.chunks.get_mut(index)?;
        let place = chunk.find(sequence)?;
        let deadline = std::mem::replace(&mut chunk.pairs[place].1, TAKEN);
        chunk.live -= 1;
        self.len -= 1;
        if chunk.live == 0 {
            self.chunks.remove(index);
        } else if chunk.live < chunk.pairs.len() / 4 {
            chunk.forget_taken();
        }
        Some(Timestamp(deadline))
    }

    /// The same deadlines, in as little memory as they need.
    pub(super) fn packed(mut self) -> Self {
        let mut packed = Self::default();
        while let Some(chunk) = self.chunks.pop_front() {
            for (sequence, deadline) in chunk.pairs.into_iter().filter(|pair| pair.1 != TAKEN) {
                packed.insert(Sequence(sequence), Timestamp(deadline));
            }
        }
        packed
    }

    /// The piece that the sequence lies in or belongs into, if there is any.
    fn chunk_of(&self, sequence: Sequence) -> usize {
        let begins_before = |chunk: &Chunk| chunk.pairs.first().is_some_and(|p| p.0 <= sequence.0);
        self.chunks.partition_point(begins_before).saturating_sub(1)
    }
}

impl Chunk {
    fn of(pair: (u64, u64)) -> Self {
        Self { pairs: vec![pair], live: 1 }
    }

    fn find(&self, sequence: Sequence) -> Option<usize> {
        let place = self.pairs.binary_search_by_key(&sequence.0, |pair| pair.0).ok()?;
        (self.pairs[place].1 != TAKEN).then_some(place)
    }

    /// Inserts into the middle, and gives the second half if it was full.
    fn insert(&mut self, pair: (u64, u64)) -> Option<Self> {
        self.live += 1;
        match self.pairs.binary_search_by_key(&pair.0, |pair| pair.0) {
            Ok(place) => {
                debug_assert_eq!(self.pairs[place].1, TAKEN, "a message has one deadline");
                self.pairs[place].1 = pair.1;
                return None;
            }
            Err(place) => self.pairs.insert(place, pair),
        }
        if self.pairs.len() <= CHUNK_PAIRS_MAX {
            return None;
        }
        self.forget_taken();
        if self.pairs.len() <= CHUNK_PAIRS_MAX {
            return None;
        }
        let pairs = self.pairs.split_off(CHUNK_PAIRS_MAX / 2);
        let live = pairs.len();
        self.live -= live;
        Some(Self { pairs, live })
    }

    fn forget_taken(&mut self) {
        self.pairs.retain(|pair| pair.1 != TAKEN);
        self.pairs.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Inserts, mostly at the end, and removes, mostly in order, beside a map that does the same.
    #[test]
    fn it_answers_as_a_map_does() {
        let (mut deadlines, mut map) = (Deadlines::default(), BTreeMap::new());
        let (mut state, mut next) = (7_u64, 0);
        for step in 0..100_000_u64 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let dice = state >> 33;
            let sequence = match dice % 8 {
                0..=5 => {
                    next += 1 + dice % 3;
                    next
                }
                _ => dice % next.max(1),
            };
            let is_growing = (step / 10_000).is_multiple_of(2);
            if is_growing && dice & 1024 != 0 {
                if map.insert(sequence, dice).is_none() {
                    deadlines.insert(Sequence(sequence), Timestamp(dice));
                } else {
                    map.insert(sequence, deadlines.get(Sequence(sequence)).unwrap().0);
                }
            } else {
                let oldest = map.keys().next().copied().filter(|_| dice & 64 == 0);
                let gone = oldest.unwrap_or(sequence);
                let expected = map.remove(&gone).map(Timestamp);
                assert_eq!(deadlines.remove(Sequence(gone)), expected);
            }
            assert_eq!(deadlines.len(), map.len());
            let asked = dice % next.max(1);
            assert_eq!(deadlines.get(Sequence(asked)), map.get(&asked).copied().map(Timestamp));
        }
        let packed = deadlines.packed();
        assert_eq!(packed.len(), map.len());
        assert!(map.iter().all(|(s, d)| packed.get(Sequence(*s)) == Some(Timestamp(*d))));
        assert!(packed.memory_bytes() <= (map.len() + CHUNK_PAIRS_MAX) * 16);
    }

    #[test]
    fn what_is_left_of_many_takes_little() {
        let mut deadlines = Deadlines::default();
        (0..100_000).for_each(|n| deadlines.insert(Sequence(n), Timestamp(n)));
        for n in (0..100_000).filter(|n| n % 1000 != 0) {
            assert_eq!(deadlines.remove(Sequence(n)), Some(Timestamp(n)));
        }
        assert_eq!(deadlines.len(), 100);
        let capacity: usize = deadlines.chunks.iter().map(|chunk| chunk.pairs.len()).sum();
        assert!(capacity <= 1000, "{capacity}");
    }
}
