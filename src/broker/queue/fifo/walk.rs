//! Looking at entries without taking them.

use super::Fifo;
use crate::queue::entry::{Entry, Mark};

impl Fifo {
    /// The entries from this position on, each with its own.
    pub(in crate::queue) fn from(&self, position: u64) -> impl Iterator<Item = (u64, Entry)> {
        let front = self.chunks.front().map_or(0, |chunk| chunk.start + self.head as u64);
        let start = position.max(front);
        let chunks = self.chunks.range(self.chunk_of(start).min(self.chunks.len())..);
        chunks.flat_map(move |chunk| {
            let passed = usize::try_from(start.saturating_sub(chunk.start)).unwrap_or(usize::MAX);
            let entries = chunk.entries.iter().copied().enumerate().skip(passed);
            let there = entries.filter(|(_, entry)| !entry.is(Mark::Gone));
            there.map(|(offset, entry)| (chunk.start + offset as u64, entry))
        })
    }

    /// The entry at a position, if one is there.
    pub(in crate::queue) fn get(&self, position: u64) -> Option<Entry> {
        self.from(position).next().filter(|(found, _)| *found == position).map(|(_, entry)| entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Sequence;
    use crate::queue::Backing;

    /// Sequences are positions: 0 to 999 came, 300 were taken, and some are gone; every third is paged out.
    fn fifo(gone: &[u64]) -> Fifo {
        let mut fifo = Fifo::default();
        for number in 0..1000 {
            let sequence = Sequence(number);
            fifo.push_back(match number % 3 {
                0 => Entry::paged(sequence, 0, 5, Backing::Log),
                _ => Entry::new(sequence, 0, 0),
            });
        }
        (0..300).for_each(|_| assert!(fifo.pop_front().is_some()));
        gone.iter().for_each(|position| fifo.bury(*position));
        fifo
    }

    fn sequences(fifo: &Fifo, from: u64) -> Vec<u64> {
        fifo.from(from)
            .map(|(position, entry)| {
                assert_eq!(position, entry.sequence.0, "nothing was emptied in between");
                position
            })
            .collect()
    }

    #[test]
    fn a_walk_begins_anywhere_and_passes_over_what_is_gone() {
        let gone = [301, 302, 303, 500, 999];
        let fifo = fifo(&gone);
        let left = |from| (from..1000).filter(|n| !gone.contains(n)).collect::<Vec<_>>();
        for (from, first) in [(0, 300), (300, 300), (301, 304), (500, 501), (511, 511), (512, 512)]
        {
            assert_eq!(sequences(&fifo, from), left(first), "{from}");
        }
        assert!(sequences(&fifo, 999).is_empty() && sequences(&fifo, u64::MAX).is_empty());
        assert!(sequences(&Fifo::default(), 0).is_empty());
        let found = |position| fifo.get(position).map(|entry| entry.sequence.0);
        assert_eq!((found(298), found(300), found(301)), (None, Some(300), None));
        assert_eq!((found(998), found(999), found(1000)), (Some(998), None, None));
    }

    #[test]
    fn what_is_gone_is_never_served() {
        let gone: Vec<u64> = (301..600).filter(|n| n % 2 == 0).collect();
        let mut fifo = fifo(&gone);
        let left: Vec<u64> = (300..1000).filter(|n| !gone.contains(n)).collect();
        assert_eq!(fifo.len(), left.len());
        let resident = left.iter().filter(|n| *n % 3 != 0).count();
        assert_eq!(fifo.resident_mut().count(), resident);
        assert_eq!(fifo.paged(), left.len() - resident);
        let served: Vec<u64> =
            std::iter::from_fn(|| fifo.pop_front()).map(|e| e.sequence.0).collect();
        assert_eq!(served, left);
        fifo.push_back(Entry::new(Sequence(7), 0, 0));
        assert_eq!(sequences_of(&fifo), [7]);
    }

    fn sequences_of(fifo: &Fifo) -> Vec<u64> {
        fifo.from(0).map(|(_, entry)| entry.sequence.0).collect()
    }
}
