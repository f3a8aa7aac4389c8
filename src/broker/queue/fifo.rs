//! Entries in the order they came, in a ring that grows by pieces: no entry is ever copied as it grows.
//!
//! Each entry has a position, which never changes while it is here: the place of the entry that was asked for is found
//! without a search.

mod walk;

use std::collections::VecDeque;

use super::entry::{Entry, Mark};

const CHUNK_ENTRIES_MIN: usize = 16;
/// 4 KiB: of more than a page, the allocator would take a quarter more than it gives.
const CHUNK_ENTRIES_MAX: usize = 256;
/// An emptied ring keeps no larger a chunk.
const KEPT_ENTRIES_MAX: usize = 64;

/// First in, first out. Empty and new, it holds no memory.
///
/// - The front is never an entry that is gone.
/// - Every paged entry before `unasked_from` was asked for.
#[derive(Debug, Default)]
pub(super) struct Fifo {
    /// Only the first may be partly taken, only the last partly filled.
    chunks: VecDeque<Chunk>,
    /// How many of the first chunk are taken.
    head: usize,
    len: usize,
    /// How many entries are paged out.
    paged: usize,
    /// Of all chunks.
    absent: usize,
    unasked_from: u64,
    spare: Vec<Entry>,
}

#[derive(Debug, Default)]
struct Chunk {
    entries: Vec<Entry>,
    /// The position of its first entry.
    start: u64,
    /// How many entries that are not taken have no content in memory: paged out, or gone.
    absent: usize,
}

impl Fifo {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// How many entries are paged out.
    #[inline]
    pub(super) fn paged(&self) -> usize {
        self.paged
    }

    /// How many chunks [`resident_mut`](Self::resident_mut) looks at.
    pub(super) fn chunks(&self) -> usize {
        self.chunks.len()
    }

    #[inline]
    pub(super) fn front(&self) -> Option<Entry> {
        self.chunks.front()?.entries.get(self.head).copied()
    }

    #[inline]
    pub(super) fn push_back(&mut self, entry: Entry) {
        self.len += 1;
        match self.chunks.back_mut() {
            Some(chunk) if chunk.entries.len() < chunk.entries.capacity() => {
                chunk.entries.push(entry);
            }
            _ => self.push_chunk(entry),
        }
        if entry.is(Mark::Paged) {
            self.count_paged();
        }
    }

    #[inline]
    pub(super) fn pop_front(&mut self) -> Option<Entry> {
        let chunk = self.chunks.front()?;
        let entry = *chunk.entries.get(self.head)?;
        self.head += 1;
        self.len -= 1;
        if self.absent > 0 {
            self.took_beside_absent(entry);
        } else if self.head == chunk.entries.len() {
            self.pop_chunk();
        }
        Some(entry)
    }

    /// The first paged entry that was not given out here before, with its position.
    pub(super) fn next_unasked(&mut self) -> Option<(u64, Entry)> {
        let (position, entry) = self.peek_unasked()?;
        self.unasked_from = position + 1;
        Some((position, entry))
    }

    /// What [`next_unasked`](Self::next_unasked) gives next.
    pub(super) fn peek_unasked(&mut self) -> Option<(u64, Entry)> {
        let first = self.chunks.front()?;
        let mut at = self.unasked_from.max(first.start + self.head as u64);
        let mut index = self.chunk_of(at);
        while let Some(chunk) = self.chunks.get(index) {
            let skipped = usize::try_from(at - chunk.start).expect("it lies in this chunk");
            let entries = chunk.entries.get(skipped..).unwrap_or_default();
            let is_paged = |entry: &Entry| entry.is(Mark::Paged) && !entry.is(Mark::Gone);
            if chunk.absent > 0
                && let Some(offset) = entries.iter().position(is_paged)
            {
                let position = at + offset as u64;
                self.unasked_from = position;
                return Some((position, entries[offset]));
            }
            at = chunk.start + chunk.entries.len() as u64;
            index += 1;
        }
        self.unasked_from = at;
        None
    }

    /// The entry at a position that was given out and is not taken.
    pub(super) fn at(&self, position: u64) -> Entry {
        let (chunk, offset) = self.locate(position);
        self.chunks[chunk].entries[offset]
    }

    /// The content of the entry at this position is in memory now.
    pub(super) fn set_resident(&mut self, position: u64, entry: Entry) {
        let (chunk, offset) = self.locate(position);
        let chunk = &mut self.chunks[chunk];
        chunk.entries[offset] = entry;
        chunk.absent -= 1;
        self.absent -= 1;
        self.paged -= 1;
    }

    /// Takes an entry out of the middle. Its place counts as one without content until the front has passed it.
    pub(super) fn bury(&mut self, position: u64) {
        let (chunk, offset) = self.locate(position);
        let chunk = &mut self.chunks[chunk];
        let entry = &mut chunk.entries[offset];
        if entry.is(Mark::Paged) {
            self.paged -= 1;
        } else {
            chunk.absent += 1;
            self.absent += 1;
        }
        *entry = entry.with(Mark::Gone).with(Mark::Paged);
        self.len -= 1;
        self.skip_gone();
    }

    /// Every entry whose content is in memory.
    pub(super) fn resident_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        let head = self.head;
        self.chunks.iter_mut().enumerate().flat_map(move |(index, chunk)| {
            let taken = if index == 0 { head } else { 0 };
            let entries = &mut chunk.entries[taken..];
            let resident = if entries.len() == chunk.absent { &mut [] } else { entries };
            resident.iter_mut().filter(|entry| !entry.is(Mark::Paged))
        })
    }

    fn chunk_of(&self, position: u64) -> usize {
        self.chunks.partition_point(|chunk| chunk.start <= position).saturating_sub(1)
    }

    fn locate(&self, position: u64) -> (usize, usize) {
        let index = self.chunk_of(position);
        let offset = usize::try_from(position - self.chunks[index].start);
        (index, offset.expect("it lies in this chunk"))
    }

    fn count_paged(&mut self) {
        self.paged += 1;
        self.absent += 1;
        if let Some(chunk) = self.chunks.back_mut() {
            chunk.absent += 1;
        }
    }

    /// The rest of [`pop_front`](Self::pop_front), if any entry is paged out or gone.
    #[cold]
    fn took_beside_absent(&mut self, entry: Entry) {
        if entry.is(Mark::Paged) {
            self.paged -= 1;
            self.uncount_front();
        }
        if self.is_front_chunk_taken() {
            self.pop_chunk();
        }
        self.skip_gone();
    }

    /// Takes what is gone off the front.
    fn skip_gone(&mut self) {
        if self.len == 0 {
            self.empty();
            return;
        }
        while self.front().is_some_and(|front| front.is(Mark::Gone)) {
            self.head += 1;
            self.uncount_front();
            if self.is_front_chunk_taken() {
                self.pop_chunk();
            }
        }
    }

    fn is_front_chunk_taken(&self) -> bool {
        self.chunks.front().is_some_and(|chunk| chunk.entries.len() == self.head)
    }

    fn uncount_front(&mut self) {
        self.absent -= 1;
        if let Some(chunk) = self.chunks.front_mut() {
            chunk.absent -= 1;
        }
    }

    #[cold]
    fn push_chunk(&mut self, entry: Entry) {
        let mut entries = std::mem::take(&mut self.spare);
        let last = self.chunks.back();
        if entries.capacity() == 0 {
            let last = last.map_or(0, |chunk| chunk.entries.capacity());
            entries.reserve_exact((last * 2).clamp(CHUNK_ENTRIES_MIN, CHUNK_ENTRIES_MAX));
        }
        let start = last.map_or(0, |chunk| chunk.start + chunk.entries.len() as u64);
        entries.push(entry);
        self.chunks.push_back(Chunk { entries, start, absent: 0 });
    }

    fn pop_chunk(&mut self) {
        if self.len == 0 {
            self.empty();
            return;
        }
        self.head = 0;
        if let Some(Chunk { mut entries, .. }) = self.chunks.pop_front()
            && entries.capacity() == CHUNK_ENTRIES_MAX
        {
            entries.clear();
            self.spare = entries;
        }
    }

    /// Nothing is left: nobody knows a position any more.
    fn empty(&mut self) {
        let is_small = |chunk: &Chunk| chunk.entries.capacity() <= KEPT_ENTRIES_MAX;
        if self.chunks.len() > 1 || !self.chunks.front().is_some_and(is_small) {
            *self = Self::default();
            return;
        }
        if let Some(chunk) = self.chunks.front_mut() {
            chunk.entries.clear();
            (chunk.start, chunk.absent) = (0, 0);
        }
        (self.head, self.paged, self.absent, self.unasked_from) = (0, 0, 0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{message::Sequence, queue::Backing};

    fn entry(sequence: u64) -> Entry {
        Entry::new(Sequence(sequence), 0, 0)
    }

    fn paged(sequence: u64) -> Entry {
        Entry::paged(Sequence(sequence), 0, 5, Backing::Log)
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
            assert_eq!(fifo.resident_mut().count(), fifo.len());
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
        let kept: usize = fifo.chunks.iter().map(|chunk| chunk.entries.capacity()).sum();
        assert!(kept + fifo.spare.capacity() <= KEPT_ENTRIES_MAX);
        assert!(fifo.chunks.capacity() <= 8);
    }

    /// Pushes, pops, asks, answers and buries at random, beside a list that does the same.
    #[test]
    fn what_is_asked_for_is_found_again_wherever_it_stands() {
        let (mut fifo, mut list) = (Fifo::default(), VecDeque::<(u64, bool, bool)>::new());
        let mut asked: Vec<(u64, u64)> = Vec::new();
        let (mut state, mut next) = (1_u64, 0_u64);
        for _ in 0..200_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let dice = state >> 33;
            let pick = usize::try_from(dice >> 8).unwrap() % asked.len().max(1);
            match dice % 16 {
                // Grows to a few thousand, then shrinks.
                0..=5 if (next / 5000).is_multiple_of(2) => {
                    let is_paged = dice & 64 != 0;
                    fifo.push_back(if is_paged { paged(next) } else { entry(next) });
                    list.push_back((next, is_paged, false));
                    next += 1;
                }
                0..=8 => {
                    let popped = fifo.pop_front().map(|entry| entry.sequence.0);
                    assert_eq!(popped, list.pop_front().map(|(sequence, ..)| sequence));
                    asked.retain(|(sequence, _)| Some(*sequence) != popped);
                    next += u64::from(popped.is_none());
                }
                9..=11 => {
                    let expected = list.iter_mut().find(|(_, is_paged, asked)| *is_paged && !asked);
                    let found = fifo.next_unasked();
                    let sequences = found.map(|(_, entry)| entry.sequence.0);
                    assert_eq!(sequences, expected.as_ref().map(|(sequence, ..)| *sequence));
                    if let (Some((position, _)), Some(expected)) = (found, expected) {
                        expected.2 = true;
                        asked.push((expected.0, position));
                    }
                }
                _ if asked.is_empty() => {}
                12..=14 => {
                    let (sequence, position) = asked.swap_remove(pick);
                    assert_eq!(fifo.at(position).sequence.0, sequence);
                    fifo.set_resident(position, entry(sequence));
                    list.iter_mut().filter(|it| it.0 == sequence).for_each(|it| it.1 = false);
                }
                _ => {
                    let (sequence, position) = asked.swap_remove(pick);
                    fifo.bury(position);
                    list.retain(|(other, ..)| *other != sequence);
                }
            }
            assert_eq!(fifo.len(), list.len());
            assert_eq!(fifo.paged(), list.iter().filter(|(_, is_paged, _)| *is_paged).count());
            assert_eq!(fifo.front().map(|e| e.sequence.0), list.front().map(|(first, ..)| *first));
            if dice.is_multiple_of(512) {
                let resident: Vec<_> = fifo.resident_mut().map(|entry| entry.sequence.0).collect();
                let expected = list.iter().filter(|(_, is_paged, _)| !is_paged);
                assert_eq!(resident, expected.map(|(sequence, ..)| *sequence).collect::<Vec<_>>());
            }
        }
    }
}
