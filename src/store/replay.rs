//! What the records of a log leave behind.

use std::collections::HashMap;

use crate::Record;
use crate::fault::Damage;
use crate::format::{Owners, Ranges, length_u32, note_len};
use crate::hash::FastHash;
use crate::index::{Index, LengthCode, Place};
use crate::owners::{OwnerSet, OwnerSets};
use crate::recovery::{Note, Progress, Recovery};
use crate::scan::{BatchAt, RecordAt, SegmentAt, Visitor};
use crate::segments::Tally;
use crate::state::{NotePlace, State};

/// No more damage than this is told one by one.
const DAMAGE_MAX: usize = 1000;
/// Ranges no longer than this are looked for one by one.
const SHORT_RANGE: u64 = 64;
/// How many sequences of a long range are looked for at once.
const PORTION: usize = 1024;

/// Does again what the records say.
pub(crate) struct Replay<'p> {
    index: Index,
    owners: OwnerSets,
    /// By number of the segment, ascending; the last one is being read.
    tallies: Vec<(u32, Tally)>,
    notes: HashMap<(u64, u64), LastNote, FastHash>,
    notes_seen: u64,
    sequence: u64,
    batches: u64,
    damage: Vec<Damage>,
    damage_count: u64,
    cut: Option<Damage>,
    progress: &'p mut dyn FnMut(Progress),
    /// Kept for their memory.
    owner_list: Vec<u64>,
    found: Vec<u64>,
}

struct LastNote {
    /// The how many-th of all it was.
    seen: u64,
    segment: u32,
    note: Box<[u8]>,
}

impl<'p> Replay<'p> {
    pub(crate) fn new(progress: &'p mut dyn FnMut(Progress)) -> Self {
        Self {
            index: Index::default(),
            owners: OwnerSets::new(),
            tallies: Vec::new(),
            notes: HashMap::default(),
            notes_seen: 0,
            sequence: 0,
            batches: 0,
            damage: Vec::new(),
            damage_count: 0,
            cut: None,
            progress,
            owner_list: Vec::new(),
            found: Vec::new(),
        }
    }

    /// Puts what is left into the state of a log whose segments are known.
    pub(crate) fn finish<F>(mut self, state: &mut State<F>, recovery: &mut Recovery) {
        recovery.orphans = self.drop_unknown_owners();
        let Self { index, owners, tallies, notes, .. } = self;
        for (number, tally) in tallies {
            if let Some(segment) = state.segments.get_mut(number) {
                segment.tally = tally;
            }
        }
        let mut live: Vec<_> = notes
            .into_iter()
            .filter(|((owner, sequence), _)| {
                index.find(*sequence).is_some_and(|place| owners.has(place.owners, *owner))
            })
            .collect();
        live.sort_unstable_by_key(|(_, note)| note.seen);
        for ((owner, sequence), LastNote { segment: number, note, .. }) in live {
            let len = length_u32(note_len(&note));
            if let Some(segment) = state.segments.get_mut(number) {
                segment.tally.notes += 1;
                segment.tally.note_bytes += u64::from(len);
                state.notes.insert((owner, sequence), NotePlace { segment: Some(number), len });
            }
            recovery.notes.push(Note { owner, sequence, note });
        }
        recovery.contents = index.len();
        recovery.batches = self.batches;
        recovery.next_sequence = self.sequence.saturating_add(1);
        (recovery.damage, recovery.damage_count) = (self.damage, self.damage_count);
        recovery.cut = self.cut;
        (state.index, state.owners, state.sequence) = (index, owners, self.sequence);
    }

    fn tally(&mut self, segment: u32) -> Option<&mut Tally> {
        match self.tallies.last_mut() {
            Some((number, _)) if *number == segment => {}
            _ => {
                let position = self.tallies.binary_search_by_key(&segment, |(number, _)| *number);
                return self.tallies.get_mut(position.ok()?).map(|(_, tally)| tally);
            }
        }
        self.tallies.last_mut().map(|(_, tally)| tally)
    }

    fn leave(&mut self, place: &Place) {
        if let Some(tally) = self.tally(place.segment) {
            tally.leave(place.length);
        }
    }

    fn content(&mut self, at: &RecordAt<'_>, sequence: u64, owners: Owners<'_>) {
        self.sequence = self.sequence.max(sequence);
        let segment = segment_u32(at.segment);
        let (Ok(offset), Ok(len)) = (u32::try_from(at.offset), u32::try_from(at.len)) else {
            return;
        };
        self.owner_list.clear();
        self.owner_list.extend(owners.iter());
        let length = LengthCode::new(len);
        let Some(tally) = self.tally(segment) else { return };
        tally.saw(sequence);
        let owners = self.owners.take(&self.owner_list);
        if owners == OwnerSet::NONE {
            return;
        }
        if let Some(tally) = self.tally(segment) {
            tally.enter(length);
        }
        if let Some(before) = self.index.insert(sequence, Place { segment, offset, length, owners })
        {
            self.leave(&before);
            self.owners.give_back(before.owners);
            if let Some(tally) = self.tally(segment)
                && before.segment != segment
            {
                tally.copied_from.insert(before.segment);
            }
        }
    }

    fn release(&mut self, segment: u32, owner: u64, ranges: Ranges<'_>) {
        for (first, last) in ranges.iter() {
            if last - first < SHORT_RANGE {
                (first..=last).for_each(|sequence| self.release_one(segment, owner, sequence));
                continue;
            }
            // Looked for among what is there: the range may have any length.
            let mut from = Some(first);
            while let Some(first) = from {
                let mut found = std::mem::take(&mut self.found);
                found.extend(self.index.range(first, last).map(|(s, _)| s).take(PORTION));
                from =
                    found.last().filter(|_| found.len() == PORTION).and_then(|s| s.checked_add(1));
                from = from.filter(|next| *next <= last);
                found.drain(..).for_each(|sequence| self.release_one(segment, owner, sequence));
                self.found = found;
            }
        }
    }

    fn release_one(&mut self, segment: u32, owner: u64, sequence: u64) {
        let Self { index, owners, .. } = self;
        let change = |before| owners.without(before, owner);
        let Some((place, rest)) = index.change_owners(sequence, change) else { return };
        if rest == place.owners {
            return;
        }
        if rest == OwnerSet::NONE {
            self.leave(&place);
        }
        if place.segment != segment
            && let Some(tally) = self.tally(segment)
        {
            tally.refers_to.insert(place.segment);
        }
    }

    /// Contents of owners that are not known any more are dead; how many those were.
    fn drop_unknown_owners(&mut self) -> u64 {
        let before = self.index.len();
        let Self { index, owners, .. } = &mut *self;
        let definitions: Vec<OwnerSet> = owners.with(0);
        let is_known = |owner: u64| {
            owner == 0 || index.find(owner).is_some_and(|place| definitions.contains(&place.owners))
        };
        let known = owners.without_unknown(is_known);
        if known.iter().all(Option::is_none) {
            return 0;
        }
        let has_unknown = |place: &Place| matches!(known.get(place.owners.index()), Some(Some(_)));
        let mut from = Some(0);
        while let Some(first) = from {
            let all = self.index.range(first, u64::MAX).filter(|(_, place)| has_unknown(place));
            let found: Vec<u64> = all.map(|(sequence, _)| sequence).take(PORTION).collect();
            from = found.last().filter(|_| found.len() == PORTION).and_then(|s| s.checked_add(1));
            for sequence in found {
                let rest = |set: OwnerSet| known.get(set.index()).copied().flatten().unwrap_or(set);
                let Some((place, rest)) = self.index.change_owners(sequence, rest) else {
                    continue;
                };
                self.owners.use_again(rest);
                self.owners.give_back(place.owners);
                if rest == OwnerSet::NONE {
                    self.leave(&place);
                }
            }
        }
        known.into_iter().flatten().for_each(|set| self.owners.give_back(set));
        before - self.index.len()
    }
}

/// Segments are found only if they have such a number.
fn segment_u32(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl Visitor for Replay<'_> {
    fn segment(&mut self, segment: &SegmentAt<'_>) {
        self.sequence = self.sequence.max(segment.sequence);
        self.tallies.push((segment_u32(segment.segment), Tally::default()));
    }

    fn batch(&mut self, batch: &BatchAt<'_>) {
        self.sequence = self.sequence.max(batch.sequence);
        self.batches += 1;
    }

    fn record(&mut self, at: &RecordAt<'_>, record: &Record<'_>) {
        let segment = segment_u32(at.segment);
        match *record {
            Record::Content { sequence, owners, .. } => self.content(at, sequence, owners),
            Record::Release { owner, ranges, is_copy } => {
                self.release(segment, owner, ranges);
                if let Some(tally) = self.tally(segment).filter(|_| is_copy) {
                    tally.again_bytes += at.len;
                }
            }
            Record::Note { owner, sequence, note, .. } => {
                self.notes_seen += 1;
                let note = LastNote { seen: self.notes_seen, segment, note: note.into() };
                self.notes.insert((owner, sequence), note);
            }
            Record::Dropped { .. } | Record::Stopped => {}
        }
    }

    fn damage(&mut self, damage: Damage) {
        self.damage_count += 1;
        if self.damage.len() < DAMAGE_MAX {
            self.damage.push(damage);
        }
    }

    fn cut(&mut self, cut: Damage) {
        self.cut = Some(cut);
    }

    fn progress(&mut self, read: u64, all: u64) {
        (self.progress)(Progress { read, all });
    }
}
