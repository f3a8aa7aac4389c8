//! Entries in the order they came, in a ring that grows by pieces: no entry is ever copied as it grows.

use std::collections::VecDeque;

use super::entry::Entry;

const CHUNK_ENTRIES_MIN: usize = 16;
const CHUNK_ENTRIES_MAX: usize = 512;
/// An emptied ring keeps no larger a chunk.
const KEPT_ENTRIES_MAX: usize = 64;

/// First in, first out. Empty and new, it holds no memory.
#[derive(Debug, Default)]
pub(super) struct Fifo {
    /// Only the first may be partly taken, only the last partly filled.
    chunks: VecDeque<Vec<Entry>>,
    /// How many of the first chunk are taken.
    head: usize,
    len: usize,
    spare: Vec<Entry>,
}

impl Fifo {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub(super) fn front(&self) -> Option<Entry> {
        self.chunks.front()?.get(self.head).copied()
    }

    #[inline]
    pub(super) fn push_back(&mut self, entry: Entry) {
        self.len += 1;
        match self.chunks.back_mut() {
            Some(chunk) if chunk.len() < chunk.capacity() => chunk.push(entry),
            _ => self.push_chunk(entry),
        }
    }

    #[inline]
    pub(super) fn pop_front(&mut self) -> Option<Entry> {
        let chunk = self.chunks.front()?;
        let entry = *chunk.get(self.head)?;
        self.head += 1;
        self.len -= 1;
        if self.head == chunk.len() {
            self.pop_chunk();
        }
        Some(entry)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.chunks.iter_mut().flatten().skip(self.head)
    }

    #[cold]
    fn push_chunk(&mut self, entry: Entry) {
        let mut chunk = std::mem::take(&mut self.spare);
        if chunk.capacity() == 0 {
            let last = self.chunks.back().map_or(0, Vec::capacity);
            chunk.reserve_exact((last * 2).clamp(CHUNK_ENTRIES_MIN, CHUNK_ENTRIES_MAX));
        }
        chunk.push(entry);
        self.chunks.push_back(chunk);
    }

    fn pop_chunk(&mut self) {
        self.head = 0;
        if self.len == 0 {
            match self.chunks.front_mut() {
                Some(chunk) if chunk.capacity() <= KEPT_ENTRIES_MAX => chunk.clear(),
                _ => *self = Self::default(),
            }
        } else if let Some(mut chunk) = self.chunks.pop_front()
            && chunk.capacity() == CHUNK_ENTRIES_MAX
        {
            chunk.clear();
            self.spare = chunk;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Sequence;

    fn entry(sequence: u64) -> Entry {
        Entry::new(Sequence(sequence), 0, 0)
    }

    #[test]
    fn first_in_is_first_out_across_chunks() {
        let mut fifo = Fifo::default();
        let (mut next_in, mut next_out) = (0, 0);
        for round in 0..200 {
            for _ in 0..round {
                fifo.push_back(entry(next_in));
                next_in += 1;
            }
            assert_eq!(fifo.iter_mut().count(), fifo.len());
            for _ in 0..(round * 9 / 10).max(if round == 199 { usize::MAX } else { 0 }) {
                assert_eq!(
                    fifo.front().map(|e| e.sequence.0),
                    (next_out < next_in).then_some(next_out)
                );
                if fifo.pop_front().is_none() {
                    break;
                }
                next_out += 1;
            }
            assert_eq!(fifo.len() as u64, next_in - next_out);
        }
        assert_eq!(next_in, next_out);
        assert!(fifo.front().is_none());
    }

    #[test]
    fn an_emptied_ring_keeps_little() {
        let mut fifo = Fifo::default();
        assert_eq!(fifo.chunks.capacity(), 0);
        (0..10_000).for_each(|n| fifo.push_back(entry(n)));
        while fifo.pop_front().is_some() {}
        let kept: usize = fifo.chunks.iter().map(Vec::capacity).sum();
        assert!(kept + fifo.spare.capacity() <= KEPT_ENTRIES_MAX);
        assert!(fifo.chunks.capacity() <= 8);
    }
}
