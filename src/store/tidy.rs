//! Space comes back: segments that are mostly dead are emptied, files of dropped ones go, spares are made ahead.
//!
//! A release lies behind its content, and the segment that it lies in has to stay for as long as the content's: or the
//! content would live again after a restart. So:
//!
//! - A segment is free when nothing in it lives, no newest note lies in it, all segments are gone whose contents are
//!   released in it, and all those from which contents were copied to it. What is free is dropped: a record says so, and
//!   once that is flushed the file goes.
//! - A segment of which a quarter or less matters is emptied, the oldest first: live contents are written again with the
//!   owners that they have left, newest notes too, and releases that may concern a segment that is still there. When that
//!   is flushed it is free, whatever it refers to.
//! - What a content was copied from has to go first, so that the copy's releases need not be known there.

use std::io;
use std::sync::Arc;

use mutants::Mutant;

use crate::format::{
    BATCH_HEADER, BatchHeader, OWNERS_MAX, Places, Ranges, Released, Seal, name_of, scratch_name,
    spare_name,
};
use crate::log::Log;
use crate::rotation::SPARES_MAX;
use crate::scan::{Reader, next_header, sound_records};
use crate::segments::{Evacuation, Spare};
use crate::state::{NotePlace, State};
use crate::stats::count;
use crate::sync::MutexGuard;
use crate::{Disk, DiskFile, Fault, Record};

/// How much is written again before others may append, in bytes.
const COPIED_AT_ONCE: usize = 256 << 10;
/// How many records are looked at before others may append.
const RECORDS_AT_ONCE: usize = 2048;
/// How many released ranges are written again before others may append.
const RANGES_AT_ONCE: usize = 4096;

/// What is being tidied up.
#[derive(Debug)]
pub(crate) struct Tidying<F> {
    evacuation: Option<Evacuating<F>>,
}

impl<F> Default for Tidying<F> {
    fn default() -> Self {
        Self { evacuation: None }
    }
}

/// A segment out of which everything that matters is written again.
#[derive(Debug)]
struct Evacuating<F> {
    number: u32,
    file: Arc<F>,
    used: u64,
    /// Where the next batch is.
    at: u64,
    places: Places,
    /// The segments that its releases may concern, with the lowest and highest sequence in each.
    others: Vec<(u32, u64, u64)>,
    /// Some of it was damaged when the log was opened.
    is_damaged: bool,
}

/// What there is to be tidied up.
enum Chore {
    ClearAway,
    MakeSpare(u64),
    Empty(u32),
    /// There is something to be emptied, but no room for it among what is to be written.
    Wait,
    Nothing,
}

impl<D: Disk> Log<D> {
    /// Gives space back and makes spare segments until [`close`](Self::close): what a thread beside the log's does. What
    /// goes wrong here ends nothing.
    pub fn run_tidying(&self) {
        loop {
            while self.tidy() {}
            let mut state = self.state.lock();
            if state.is_closing || state.fault.is_some() {
                return;
            }
            // Also woken after each batch, when there may be room again.
            if !state.may_tidy {
                self.moved.wait(&mut state);
            }
        }
    }

    /// Does one thing of what there is to be tidied up; whether there may be more. For who has no thread for
    /// [`run_tidying`](Self::run_tidying).
    pub fn tidy(&self) -> bool {
        let mut tidying = self.tidying.lock();
        let chore = self.next_chore(&tidying);
        match chore {
            Chore::ClearAway => self.clear_away_one(),
            Chore::MakeSpare(size) => self.make_spare(size),
            Chore::Empty(number) => {
                self.empty_some(&mut tidying, number);
                true
            }
            Chore::Wait | Chore::Nothing => false,
        }
    }

    fn next_chore(&self, tidying: &Tidying<D::File>) -> Chore {
        let mut state = self.state.lock();
        if state.is_closing || state.fault.is_some() {
            return Chore::Nothing;
        }
        state.may_tidy = false;
        if !state.retired.is_empty() {
            return Chore::ClearAway;
        }
        let size = state.segment_bytes;
        if state.wants_spare && state.spares.len() < SPARES_MAX {
            if !state.spares.iter().any(|spare| spare.size >= size) {
                return Chore::MakeSpare(size);
            }
            state.wants_spare = false;
        }
        let running = tidying.evacuation.as_ref().map(|evacuation| evacuation.number);
        match running.or_else(|| state.segments.mostly_dead(self.options.segment_bytes_min)) {
            Some(_) if !state.has_room(&self.options) => Chore::Wait,
            Some(number) => Chore::Empty(number),
            None => Chore::Nothing,
        }
    }

    /// Makes a spare segment.
    fn make_spare(&self, size: u64) -> bool {
        let number = {
            let mut state = self.state.lock();
            state.wants_spare = false;
            state.next_scratch += 1;
            state.next_scratch
        };
        let (scratch, name) = (scratch_name(number), spare_name(number));
        let made = self.make_file(&scratch, size).and_then(|file| {
            if self.options.flushes() {
                file.sync().map_err(Fault::of("flush", &scratch))?;
            }
            self.disk.rename(&scratch, &name).map_err(Fault::of("rename", &scratch))?;
            Ok(file)
        });
        match made {
            Ok(file) => {
                let mut state = self.state.lock();
                state.spares.push(Spare { name, file: Arc::new(file), size });
            }
            // There may be none.
            Err(_) => drop(self.disk.remove(&scratch)),
        }
        true
    }

    /// Writes again some of what matters in a segment.
    fn empty_some(&self, tidying: &mut Tidying<D::File>, number: u32) {
        let Some(mut evacuation) = tidying.evacuation.take().or_else(|| self.begin(number)) else {
            return;
        };
        let is_read = self.copy_some(&mut evacuation);
        if matches!(is_read, Ok(false)) {
            tidying.evacuation = Some(evacuation);
            return;
        }
        let mut state = self.state.lock();
        // The batch that the last copies are in.
        let position = state.number - u64::from(state.filling.is_empty());
        if let Some(segment) = state.segments.get_mut(number) {
            // What cannot be read stays where it is; somebody may be able to read it some day.
            segment.evacuation =
                if is_read.is_ok() { Evacuation::Done(position) } else { Evacuation::Failed };
        }
        if mutants::is_planted(Mutant::SurvivorsNotFlushed) {
            state.retire(&[number]);
        }
        count(&self.counters.segments_emptied, 1);
        state.may_drop = true;
        self.wake_writer(&mut state);
    }

    fn begin(&self, number: u32) -> Option<Evacuating<D::File>> {
        let mut state = self.state.lock();
        let segment = state.segments.get_mut(number)?;
        segment.evacuation = Evacuation::Running;
        let (file, used) = (Arc::clone(&segment.file), segment.used);
        let is_damaged = segment.is_damaged;
        let refers_to = segment.tally.refers_to.clone();
        let others = refers_to
            .into_iter()
            .filter_map(|other| {
                let (first, last) = state.segments.get(other)?.tally.sequences?;
                Some((other, first, last))
            })
            .collect();
        let places = Places::new(self.options.node, number.into());
        Some(Evacuating { number, file, used, at: 0, places, others, is_damaged })
    }

    /// Writes again what matters in some batches; whether that were the last.
    fn copy_some(&self, evacuation: &mut Evacuating<D::File>) -> Result<bool, Fault> {
        let Evacuating { number, file, used, at, places, others, is_damaged } = evacuation;
        let name = name_of((*number).into());
        let mut reader = Reader::new(&**file, &name, *used);
        let mut copied = 0;
        while copied < COPIED_AT_ONCE {
            let found = next_header(&mut reader, *at, 0, places)?;
            let start = found.as_ref().map_or(*used, |(start, _)| *start);
            // Damage that was reported as the log was opened is passed over, as whatever is whole behind it counts. Of any
            // other the next start has to tell: what was released here might live again otherwise.
            let is_whole = match &found {
                Some((start, header)) => is_body_whole(&mut reader, *start, header)?,
                None => true,
            };
            if !*is_damaged && (*at > 0 && start != *at || !is_whole) {
                return Err(Fault::at("read", &name, start)(io::ErrorKind::InvalidData.into()));
            }
            let Some((start, header)) = found else { return Ok(true) };
            copied += self.copy_batch(&mut reader, *number, others, start, &header)?;
            *at = start + header.whole_len();
        }
        Ok(false)
    }

    fn copy_batch(
        &self,
        reader: &mut Reader<'_, D::File>,
        number: u32,
        others: &[(u32, u64, u64)],
        start: u64,
        header: &BatchHeader,
    ) -> Result<usize, Fault> {
        let start = start + BATCH_HEADER as u64;
        let body = reader.bytes(start, header.body_len as usize)?;
        let mut records = sound_records(body, Seal::new(number.into())).peekable();
        let mut copied = 0;
        while records.peek().is_some() {
            let mut state = self.state.lock();
            let before = state.filling.len();
            for (at, _, record) in records.by_ref().take(RECORDS_AT_ONCE) {
                match record {
                    Record::Release { owner, ranges, .. } => {
                        self.release_again(&mut state, others, owner, ranges);
                    }
                    Record::Content { .. }
                    | Record::Note { .. }
                    | Record::Dropped { .. }
                    | Record::Stopped => state.write_again(number, start + at as u64, &record),
                }
                if state.filling.len() - before > COPIED_AT_ONCE {
                    break;
                }
            }
            copied += state.filling.len().saturating_sub(before);
            self.wake_writer(&mut state);
        }
        Ok(copied)
    }

    /// Releases again what may lie in some other segment.
    fn release_again(
        &self,
        state: &mut MutexGuard<'_, State<D::File>>,
        others: &[(u32, u64, u64)],
        owner: u64,
        ranges: Ranges<'_>,
    ) {
        for (count, (first, last)) in ranges.iter().enumerate() {
            let mut span = None::<(u64, u64)>;
            for &(other, lowest, highest) in others {
                if first <= highest && last >= lowest && state.segments.has(other) {
                    state.filling.refer_to(other);
                    let (from, to) = span.unwrap_or((u64::MAX, 0));
                    span = Some((from.min(first.max(lowest)), to.max(last.min(highest))));
                }
            }
            if let Some((first, last)) = span {
                state.filling.releases_again.push(Released { owner, first, last });
            }
            if count % RANGES_AT_ONCE == RANGES_AT_ONCE - 1 {
                crate::sync::bump(state);
            }
        }
    }

    /// The log's thread has something to do.
    pub(crate) fn wake_writer(&self, state: &mut State<D::File>) {
        if state.is_asleep {
            state.is_asleep = false;
            self.filled.notify_one();
        }
    }
}

/// Whether the records of a batch are what was written.
fn is_body_whole<F: DiskFile>(
    reader: &mut Reader<'_, F>,
    start: u64,
    header: &BatchHeader,
) -> Result<bool, Fault> {
    let body = reader.bytes(start + BATCH_HEADER as u64, header.body_len as usize)?;
    Ok(crc32fast::hash(body) == header.body_crc)
}

impl<F> State<F> {
    /// Appends a content or a note of a segment again, if it still matters.
    fn write_again(&mut self, segment: u32, offset: u64, record: &Record<'_>) {
        match *record {
            Record::Content { sequence, payload, .. } => {
                let Some(place) = self.index.find(sequence) else { return };
                if (place.segment, u64::from(place.offset)) == (segment, offset) {
                    let owners = self.owners.owners(place.owners);
                    // There are more only where nobody will ever read them.
                    let owners = (owners.get(..OWNERS_MAX).unwrap_or(owners), place.owners);
                    self.filling.copy(sequence, owners, payload, (segment, place.offset));
                    self.owners.use_again(place.owners);
                }
            }
            Record::Note { owner, sequence, note, .. } => {
                let newest = self.notes.get(&(owner, sequence));
                if let Some(NotePlace { segment: Some(found), .. }) = newest
                    && *found == segment
                {
                    self.filling.note(owner, sequence, note, true);
                }
            }
            Record::Release { .. } | Record::Dropped { .. } | Record::Stopped => {}
        }
    }
}
