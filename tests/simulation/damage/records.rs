//! Every record of a log, so that it can be told which of them a damage took.

use store::sim::{Image, SimDisk};
use store::{Damage, Record, RecordAt, Visitor, scan};

use crate::catalog::QUEUES;
use crate::judge::{Expected, Found};
use crate::world::Life;

/// What kind of record it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Definition,
    Message,
    Release,
    Note,
    /// Of the log's own.
    Housekeeping,
}

#[derive(Debug)]
struct Known {
    place: (u64, u64),
    len: u64,
    kind: Kind,
    is_stop: bool,
    numbers: Vec<u64>,
    bytes: Vec<u8>,
}

/// The records of a log that is whole.
#[derive(Debug, Default)]
pub(super) struct Records {
    all: Vec<Known>,
    files: Vec<(String, u64)>,
}

/// What a scan of a damaged log found.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    pub(super) damage: u64,
    /// By their places in the list of all.
    pub(super) missing: Vec<usize>,
}

/// The numbers that make up a record, and its bytes.
fn taken_apart<'a>(record: &Record<'a>, numbers: &mut Vec<u64>) -> (Kind, &'a [u8]) {
    numbers.clear();
    match *record {
        Record::Content { sequence, owners, payload, is_copy } => {
            numbers.extend([sequence, is_copy.into()]);
            numbers.extend(owners.iter());
            let is_definition = owners.iter().eq([0]);
            (if is_definition { Kind::Definition } else { Kind::Message }, payload)
        }
        Record::Release { owner, ranges, is_copy } => {
            numbers.extend([owner, is_copy.into()]);
            numbers.extend(ranges.iter().flat_map(|(first, last)| [first, last]));
            (Kind::Release, &[])
        }
        Record::Note { owner, sequence, note, is_copy } => {
            numbers.extend([owner, sequence, is_copy.into()]);
            (Kind::Note, note)
        }
        Record::Dropped { segment } => {
            numbers.push(segment);
            (Kind::Housekeeping, &[])
        }
        Record::Stopped => (Kind::Housekeeping, &[]),
    }
}

impl Visitor for Records {
    fn record(&mut self, at: &RecordAt<'_>, record: &Record<'_>) {
        let mut numbers = Vec::new();
        let (kind, bytes) = taken_apart(record, &mut numbers);
        if self.files.last().is_none_or(|(file, _)| file != at.file) {
            self.files.push((at.file.to_owned(), at.segment));
        }
        let is_stop = matches!(record, Record::Stopped);
        let place = (at.segment, at.offset);
        self.all.push(Known { place, len: at.len, kind, is_stop, numbers, bytes: bytes.to_vec() });
    }

    fn damage(&mut self, _: Damage) {}
}

/// Compares what is scanned with what is known.
struct Comparison<'a> {
    known: &'a [Known],
    files: &'a [(String, u64)],
    seen: Vec<bool>,
    numbers: Vec<u64>,
    damage: u64,
    wrong: Option<String>,
}

impl Visitor for Comparison<'_> {
    fn record(&mut self, at: &RecordAt<'_>, record: &Record<'_>) {
        let place = (at.segment, at.offset);
        let known = self.known.binary_search_by_key(&place, |known| known.place);
        let (kind, bytes) = taken_apart(record, &mut self.numbers);
        let same = known.ok().filter(|known| {
            let known = &self.known[*known];
            known.kind == kind && known.numbers == self.numbers && known.bytes == bytes
        });
        match same {
            Some(known) => self.seen[known] = true,
            // Nobody says any more that this segment was dropped.
            None if self.files.iter().all(|(_, segment)| *segment != at.segment) => {}
            None => self.wrong = Some(format!("a record that never was: {at:?}, {record:?}")),
        }
    }

    fn damage(&mut self, _: Damage) {
        self.damage += 1;
    }
}

impl Records {
    pub(super) fn of(image: &Image) -> Result<Self, String> {
        let mut records = Self::default();
        scan(&SimDisk::from_image(image), &mut records).map_err(|error| error.to_string())?;
        Ok(records)
    }

    /// Scans a damaged log; `None` if that is refused.
    ///
    /// # Errors
    /// If it has something that the whole one has not.
    pub(super) fn compare(&self, image: &Image) -> Result<Option<Scanned>, String> {
        let seen = vec![false; self.all.len()];
        let mut comparison = Comparison {
            known: &self.all,
            files: &self.files,
            seen,
            numbers: Vec::new(),
            damage: 0,
            wrong: None,
        };
        let scanned = scan(&SimDisk::from_image(image), &mut comparison);
        let Comparison { seen, damage, wrong, .. } = comparison;
        match wrong {
            Some(wrong) => Err(wrong),
            None if scanned.is_err() => Ok(None),
            None => {
                let missing = seen.iter().enumerate().filter(|(_, seen)| !**seen);
                let missing = missing.map(|(at, _)| at).collect();
                Ok(Some(Scanned { damage, missing }))
            }
        }
    }

    /// Whether nothing is missing but that the log was closed, which is as if it had been killed then.
    pub(super) fn are_idle(&self, missing: &[usize]) -> bool {
        missing.iter().all(|at| self.all[*at].is_stop)
    }

    pub(super) fn is_definition(&self, file: &str, offset: usize) -> bool {
        let Some((_, segment)) = self.files.iter().find(|(name, _)| name == file) else {
            return false;
        };
        let is_in = |known: &Known| {
            let start = known.place.1;
            known.place.0 == *segment && (start..start + known.len).contains(&(offset as u64))
        };
        self.all.iter().any(|known| known.kind == Kind::Definition && is_in(known))
    }

    /// The file and the middle of every definition.
    pub(super) fn definitions(&self) -> impl Iterator<Item = (&str, usize)> {
        self.definitions_up_to(u64::MAX)
    }

    /// Of the first definitions: the vhost, its user, and what they may do.
    pub(super) fn first_definitions(&self) -> impl Iterator<Item = (&str, usize)> {
        self.definitions_up_to(3)
    }

    fn definitions_up_to(&self, last: u64) -> impl Iterator<Item = (&str, usize)> {
        let all = self.all.iter().filter(|known| known.kind == Kind::Definition);
        all.filter(move |known| known.numbers[0] <= last).filter_map(|known| {
            let (segment, offset) = known.place;
            let (name, _) = self.files.iter().find(|(_, number)| *number == segment)?;
            Some((name.as_str(), usize::try_from(offset + known.len / 2).ok()?))
        })
    }

    pub(super) fn count_kinds(&self, counts: &mut [u64; 5]) {
        self.all.iter().for_each(|known| counts[known.kind as usize] += 1);
    }

    /// With some records gone, all else is served by the queues that are left, and nothing that never was theirs.
    pub(super) fn judge_rest(
        &self,
        found: &Found,
        expected: &Expected,
        life: &Life,
        missing: &[usize],
    ) -> Result<(), String> {
        let gone = || missing.iter().map(|at| &self.all[*at]);
        let has_gone = |kind: Kind| gone().any(|known| known.kind == kind);
        let is_gone = |owner: &u64| {
            gone().any(|known| known.kind == Kind::Definition && known.numbers[0] == *owner)
        };
        // It is also lost with the definition of its queue, even if an older one of that name is there.
        let is_lost = |id: u32| {
            let body = life.specs[id as usize].body();
            let is_it =
                |known: &&Known| known.kind == Kind::Message && known.bytes.ends_with(&body);
            gone().any(|known| is_it(&known))
                || self.all.iter().filter(is_it).any(|known| known.numbers[2..].iter().any(is_gone))
        };
        let nothing = Vec::new();
        for (queue, kind) in (0..).zip(&QUEUES) {
            let is = found.contents.get(&queue).unwrap_or(&nothing);
            let should = expected.contents.get(&queue).unwrap_or(&nothing);
            let has_it = |definitions: &[String]| {
                definitions.iter().any(|line| line.strip_prefix("queue ") == Some(kind.name))
            };
            let is_there = has_it(&found.definitions);
            let is_named = |known: &Known| {
                let name = kind.name.as_bytes();
                known.bytes.windows(name.len()).any(|window| window == name)
            };
            let is_undefined =
                gone().any(|known| known.kind == Kind::Definition && is_named(known));
            if has_it(&expected.definitions) && !is_there && !is_undefined {
                return Err(format!("{} is not there, and its definition is whole", kind.name));
            }
            // Letters and messages that were held back need definitions to get where they belong.
            let came_by_itself = |seen: &crate::model::Seen| {
                seen.deaths.is_empty() && life.specs[seen.id as usize].delay_ms.is_none()
            };
            for seen in should {
                let has_come = is.iter().any(|other| other.id == seen.id);
                let can_come = is_there && (!has_gone(Kind::Definition) || came_by_itself(seen));
                if !has_come && can_come && !is_lost(seen.id) {
                    return Err(format!("{} lacks {seen:?}, which is whole", kind.name));
                }
            }
            // What was settled may come again if that it was is lost.
            let may_come_again =
                has_gone(Kind::Release) || has_gone(Kind::Housekeeping) || has_gone(Kind::Note);
            for seen in is {
                let is_known = should.iter().any(|other| other.id == seen.id);
                if !is_known && !may_come_again && !has_gone(Kind::Definition) {
                    return Err(format!("{} has {seen:?}, which is not its", kind.name));
                }
            }
        }
        Ok(())
    }
}
