//! The segments of a log, and what is known of each.

use std::collections::BTreeSet;
use std::sync::Arc;

use mutants::Mutant;

use crate::index::LengthCode;

/// A file with batches.
#[derive(Debug)]
pub(crate) struct Segment<F> {
    pub(crate) number: u32,
    pub(crate) file: Arc<F>,
    /// The length of the file.
    pub(crate) size: u64,
    /// How much of it is written.
    pub(crate) used: u64,
    /// The number of the last batch in it.
    pub(crate) last_batch: u64,
    /// The checksum of the last batch in it.
    pub(crate) chain: u32,
    pub(crate) tally: Tally,
    /// Nothing is written here any more.
    pub(crate) is_sealed: bool,
    /// Some of it is not what was written.
    pub(crate) is_damaged: bool,
    pub(crate) evacuation: Evacuation,
    /// That it is not needed any more is written in the batch on its way.
    pub(crate) is_dropped: bool,
}

/// What of a segment matters.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// The batch in which the last of its contents or notes was released.
    pub(crate) left_in: u64,
    /// How many live contents lie here, and what they take.
    pub(crate) live: u64,
    pub(crate) live_bytes: u64,
    /// How many notes of live contents lie here, and what they take.
    pub(crate) notes: u64,
    pub(crate) note_bytes: u64,
    /// What releases take that were written again, and could not be made any shorter.
    pub(crate) again_bytes: u64,
    /// The lowest and the highest sequence of the contents that ever lay here.
    pub(crate) sequences: Option<(u64, u64)>,
    /// The other segments whose contents are released here: for as long as one of them exists, this one matters.
    pub(crate) refers_to: BTreeSet<u32>,
    /// The other segments from which contents were copied: they must be gone before this one is.
    pub(crate) copied_from: BTreeSet<u32>,
}

/// Whether what matters in a segment is written again elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Evacuation {
    No,
    Running,
    /// It is, once this batch is flushed.
    Done(u64),
    /// Some of it cannot be read.
    Failed,
}

/// A file for a segment to come: written once already, so that to write it again needs no new room.
#[derive(Debug)]
pub(crate) struct Spare<F> {
    pub(crate) name: String,
    pub(crate) file: Arc<F>,
    pub(crate) size: u64,
}

/// All segments, by number.
#[derive(Debug)]
pub(crate) struct Segments<F>(Vec<Segment<F>>);

/// A sealed segment of which no more than a quarter matters is emptied.
const LIVE_SHARE: u64 = 4;
/// So is one as small as this, of which there would be many after many restarts.
const SMALL_SHARE: u64 = 16;

impl<F> Segment<F> {
    pub(crate) fn new(number: u32, file: Arc<F>, size: u64, used: u64) -> Self {
        Self {
            number,
            file,
            size,
            used,
            last_batch: 0,
            chain: 0,
            tally: Tally::default(),
            is_sealed: false,
            is_damaged: false,
            evacuation: Evacuation::No,
            is_dropped: false,
        }
    }
}

impl Tally {
    /// A content lies here.
    #[inline]
    pub(crate) fn saw(&mut self, sequence: u64) {
        let (first, last) = self.sequences.unwrap_or((sequence, sequence));
        self.sequences = Some((first.min(sequence), last.max(sequence)));
    }

    /// A content that lives lies here.
    #[inline]
    pub(crate) fn enter(&mut self, length: LengthCode) {
        self.live += 1;
        self.live_bytes += length.bytes();
    }

    /// A content that lay here is dead, or lies elsewhere.
    #[inline]
    pub(crate) fn leave(&mut self, length: LengthCode) {
        self.live -= 1;
        self.live_bytes -= length.bytes();
    }
}

impl<F> Default for Segments<F> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<F> Segments<F> {
    #[inline]
    fn position(&self, number: u32) -> Result<usize, usize> {
        let first = self.0.first().map_or(0, |first| first.number);
        // Mostly there is no gap.
        let guess = number.wrapping_sub(first) as usize;
        match self.0.get(guess) {
            Some(segment) if segment.number == number => Ok(guess),
            _ => self.0.binary_search_by_key(&number, |segment| segment.number),
        }
    }

    #[inline]
    pub(crate) fn get(&self, number: u32) -> Option<&Segment<F>> {
        self.0.get(self.position(number).ok()?)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, number: u32) -> Option<&mut Segment<F>> {
        let position = self.position(number).ok()?;
        self.0.get_mut(position)
    }

    pub(crate) fn has(&self, number: u32) -> bool {
        self.position(number).is_ok()
    }

    pub(crate) fn insert(&mut self, segment: Segment<F>) {
        match self.position(segment.number) {
            Ok(position) | Err(position) => self.0.insert(position, segment),
        }
    }

    pub(crate) fn remove(&mut self, number: u32) -> Option<Segment<F>> {
        self.position(number).ok().map(|position| self.0.remove(position))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Segment<F>> {
        self.0.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    fn has_any(&self, numbers: &BTreeSet<u32>) -> bool {
        numbers.iter().any(|&number| self.has(number))
    }

    /// Whether nothing needs a segment any more, with everything up to batch `flushed` on the disk.
    fn is_free(&self, segment: &Segment<F>, flushed: u64) -> bool {
        let is_evacuated =
            matches!(segment.evacuation, Evacuation::Done(position) if position <= flushed);
        let tally = &segment.tally;
        let is_evacuated = is_evacuated || mutants::is_planted(Mutant::ReleaseDroppedFirst);
        segment.is_sealed
            && !segment.is_dropped
            && segment.evacuation != Evacuation::Running
            && tally.live == 0
            && (tally.notes == 0 || mutants::is_planted(Mutant::NotesDropped))
            && (is_evacuated || !self.has_any(&tally.refers_to))
            && !self.has_any(&tally.copied_from)
    }

    /// The segments that nothing needs any more since this batch; from here on it counts as written that they are dropped.
    pub(crate) fn take_free(&mut self, flushed: u64, since: u64) -> Vec<u32> {
        let is_free = |s: &&Segment<F>| self.is_free(s, flushed) && s.tally.left_in <= since;
        let free: Vec<u32> = self.iter().filter(is_free).map(|s| s.number).collect();
        for &number in &free {
            if let Some(segment) = self.get_mut(number) {
                segment.is_dropped = true;
            }
        }
        free
    }

    /// Whether a segment is worth being emptied; `small_bytes` is what a small one has.
    fn is_mostly_dead(&self, segment: &Segment<F>, least: u64) -> bool {
        let tally = &segment.tally;
        if !segment.is_sealed || segment.is_dropped || segment.evacuation != Evacuation::No {
            return false;
        }
        let matters = tally.live_bytes + tally.note_bytes + tally.again_bytes;
        let is_small = segment.used <= least / SMALL_SHARE;
        (is_small || matters * LIVE_SHARE <= segment.used)
            // Nothing to be gained: it is free already, or will be by itself.
            && (tally.live > 0 || tally.notes > 0 || self.has_any(&tally.refers_to))
            && !self.has_any(&tally.copied_from)
    }

    /// The oldest segment that is worth being emptied; `least` is the size of the smallest.
    pub(crate) fn mostly_dead(&self, least: u64) -> Option<u32> {
        self.iter().find(|segment| self.is_mostly_dead(segment, least)).map(|s| s.number)
    }

    /// Whether a segment that lost a content may have become worth a look.
    #[inline]
    pub(crate) fn is_worth_a_look(segment: &Segment<F>) -> bool {
        segment.is_sealed && segment.tally.live_bytes * LIVE_SHARE <= segment.used
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(number: u32, live: u64) -> Segment<()> {
        let mut segment = Segment::new(number, Arc::new(()), 1000, 1000);
        segment.is_sealed = true;
        for _ in 0..live {
            segment.tally.enter(LengthCode::new(100));
        }
        segment
    }

    #[test]
    fn a_segment_is_free_once_those_are_gone_that_it_refers_to() {
        let mut segments = Segments::default();
        let (mut second, mut third) = (sealed(2, 0), sealed(3, 0));
        second.tally.refers_to.insert(1);
        third.tally.copied_from.insert(2);
        [third, second, sealed(1, 1)].into_iter().for_each(|segment| segments.insert(segment));
        assert!(segments.take_free(9, u64::MAX).is_empty());
        segments.get_mut(1).unwrap().tally.leave(LengthCode::new(100));
        for number in [1, 2, 3] {
            assert_eq!(segments.take_free(9, u64::MAX), [number]);
            assert!(segments.take_free(9, u64::MAX).is_empty(), "once is enough");
            segments.remove(number);
        }
    }

    #[test]
    fn what_is_mostly_dead_is_emptied_oldest_first() {
        let mut segments = Segments::default();
        let mut held = sealed(3, 0);
        held.tally.refers_to.insert(1);
        [sealed(1, 3), sealed(2, 2), held].into_iter().for_each(|s| segments.insert(s));
        assert_eq!(segments.mostly_dead(100), Some(2));
        segments.get_mut(2).unwrap().evacuation = Evacuation::Running;
        assert_eq!(segments.mostly_dead(100), Some(3));
        segments.get_mut(3).unwrap().tally.again_bytes = 300;
        assert_eq!(segments.mostly_dead(100), None);
        assert_eq!(segments.mostly_dead(1 << 20), Some(1), "small ones always");
    }
}
