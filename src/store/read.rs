//! Reading contents back.

use std::sync::Arc;

use crate::format::{Seal, name_of};
use crate::index::Place;
use crate::log::Log;
use crate::owners::OwnerSet;
use crate::prepared::Prepared;
use crate::state::State;
use crate::{Disk, DiskFile, Fault, Record};

/// How far apart two contents may lie to be read at once.
const GAP_MAX: u64 = 64 << 10;
/// How much is read at once, unless a single content is larger.
const RUN_MAX: u64 = 1 << 20;
/// How many contents are looked for while the log is locked.
const FOUND_AT_ONCE: usize = 256;
/// How many places of the disk are kept at hand while contents are visited in order.
const WINDOWS: usize = 8;

/// Why a content cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is none of this sequence, or it is released.
    #[error("there is no content {0} in the log")]
    Gone(u64),
    /// It is not what was written.
    #[error("content {sequence} at offset {offset} of {file} is not what was written")]
    Damaged {
        /// Which content.
        sequence: u64,
        /// In which file.
        file: String,
        /// Where.
        offset: u64,
    },
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] Arc<Fault>),
}

/// A content to be read.
struct Wanted<F> {
    sequence: u64,
    place: Place,
    file: Arc<F>,
    /// How much of the segment is written.
    used: u64,
}

/// A content that is not on the disk.
enum InMemory {
    Filling(Vec<u8>),
    Writing(Arc<Prepared>, u32, u32),
}

/// Where a content is.
enum Whereabouts<F> {
    Memory(InMemory),
    Disk(Wanted<F>),
    /// In a batch whose bytes are being made.
    Soon,
    Gone,
}

impl<D: Disk> Log<D> {
    /// Reads contents and gives each to `visit`, once, in whatever order is the fastest. Waits for the disk: not for who
    /// must not.
    ///
    /// Contents that are not on the disk yet are found as well.
    pub fn read(&self, sequences: &[u64], mut visit: impl FnMut(u64, Result<&[u8], ReadError>)) {
        let mut wanted = Vec::new();
        let mut in_memory = Vec::new();
        for portion in sequences.chunks(FOUND_AT_ONCE) {
            self.find(portion, &mut wanted, &mut in_memory);
            for (sequence, found) in in_memory.drain(..) {
                match &found {
                    Some(InMemory::Filling(payload)) => visit(sequence, Ok(payload)),
                    Some(InMemory::Writing(prepared, offset, len)) => {
                        match Record::decode(prepared.record(*offset, *len)) {
                            Some((Record::Content { payload, .. }, _)) => {
                                visit(sequence, Ok(payload))
                            }
                            _ => visit(sequence, Err(ReadError::Gone(sequence))),
                        }
                    }
                    None => visit(sequence, Err(ReadError::Gone(sequence))),
                }
            }
        }
        wanted.sort_unstable_by_key(|wanted| (wanted.place.segment, wanted.place.offset));
        let mut rest = &wanted[..];
        let mut buffer = Vec::new();
        while let Some(first) = rest.first() {
            let start = u64::from(first.place.offset);
            let mut end = start;
            let count = rest
                .iter()
                .take_while(|next| {
                    let from = u64::from(next.place.offset);
                    let to = from + next.place.length.bytes();
                    let is_near = next.place.segment == first.place.segment
                        && from <= end + GAP_MAX
                        && (to - start <= RUN_MAX || from == start);
                    end = if is_near { end.max(to) } else { end };
                    is_near
                })
                .count();
            let (run, behind) = rest.split_at(count.max(1));
            read_run(run, start, end, &mut buffer, &mut visit);
            rest = behind;
        }
    }

    /// Finds out where contents are.
    fn find(
        &self,
        sequences: &[u64],
        wanted: &mut Vec<Wanted<D::File>>,
        in_memory: &mut Vec<(u64, Option<InMemory>)>,
    ) {
        let mut state = self.state.lock();
        for &sequence in sequences {
            loop {
                match state.whereabouts(sequence) {
                    Whereabouts::Memory(found) => in_memory.push((sequence, Some(found))),
                    Whereabouts::Disk(found) => wanted.push(found),
                    Whereabouts::Gone => in_memory.push((sequence, None)),
                    Whereabouts::Soon if state.fault.is_none() => {
                        self.moved.wait(&mut state);
                        continue;
                    }
                    Whereabouts::Soon => in_memory.push((sequence, None)),
                }
                break;
            }
        }
    }

    /// Visits every live content that is on the disk and has an owner that `is_wanted`, by sequence, with all its owners
    /// and its payload.
    ///
    /// For who has just opened the log: what is appended or released meanwhile may be seen or not.
    pub fn for_each_live(
        &self,
        is_wanted: impl Fn(u64) -> bool,
        mut visit: impl FnMut(u64, &[u64], Result<&[u8], ReadError>),
    ) {
        let mut windows: Vec<Window> = Vec::new();
        let mut from = Some(0);
        while let Some(first) = from {
            let found = self.live_from(first);
            from = found.last().and_then(|(wanted, _)| wanted.sequence.checked_add(1));
            for (wanted, owners) in &found {
                if owners.iter().any(|owner| is_wanted(*owner)) {
                    let content = read_through(&mut windows, wanted);
                    visit(wanted.sequence, owners, content);
                }
            }
        }
    }

    /// Some live contents on the disk, by sequence, with their owners.
    fn live_from(&self, first: u64) -> Vec<(Wanted<D::File>, Vec<u64>)> {
        let state = self.state.lock();
        let live = state.index.range(first, u64::MAX).take(FOUND_AT_ONCE);
        live.filter_map(|(sequence, place)| {
            let segment = state.segments.get(place.segment)?;
            let (file, used) = (Arc::clone(&segment.file), segment.used);
            let owners = state.owners.owners(place.owners).to_vec();
            Some((Wanted { sequence, place, file, used }, owners))
        })
        .collect()
    }
}

impl<F> State<F> {
    fn whereabouts(&self, sequence: u64) -> Whereabouts<F> {
        if let Some(position) = self.filling.contents.position(sequence) {
            let content = self.filling.contents.get(position);
            let Some(content) = content.filter(|content| content.owners != OwnerSet::NONE) else {
                return Whereabouts::Gone;
            };
            let record = self.filling.records.get(content.offset as usize, content.len as usize);
            let Some((Record::Content { payload, .. }, _)) = Record::decode(record) else {
                return Whereabouts::Gone;
            };
            return Whereabouts::Memory(InMemory::Filling(payload.to_vec()));
        }
        match self.writing.as_ref().and_then(|writing| writing.find(sequence)) {
            Some(Some((prepared, offset, len))) => {
                return Whereabouts::Memory(InMemory::Writing(prepared, offset, len));
            }
            Some(None) => return Whereabouts::Soon,
            None => {}
        }
        let Some(place) = self.index.find(sequence) else { return Whereabouts::Gone };
        let Some(segment) = self.segments.get(place.segment) else { return Whereabouts::Gone };
        let (file, used) = (Arc::clone(&segment.file), segment.used);
        Whereabouts::Disk(Wanted { sequence, place, file, used })
    }
}

fn damaged(sequence: u64, place: &Place) -> ReadError {
    let file = name_of(place.segment.into());
    ReadError::Damaged { sequence, file, offset: place.offset.into() }
}

/// The content in a record that lies at its place, if it is what was written.
fn content<'b>(record: &'b [u8], sequence: u64, place: &Place) -> Result<&'b [u8], ReadError> {
    match Record::decode(record) {
        Some((Record::Content { sequence: found, payload, .. }, len))
            if found == sequence
                && Seal::new(place.segment.into()).is_on(record.get(..len).unwrap_or_default()) =>
        {
            Ok(payload)
        }
        _ => Err(damaged(sequence, place)),
    }
}

fn read_run<F: DiskFile>(
    run: &[Wanted<F>],
    start: u64,
    end: u64,
    buffer: &mut Vec<u8>,
    visit: &mut impl FnMut(u64, Result<&[u8], ReadError>),
) {
    let Some(first) = run.first() else { return };
    match fill(&*first.file, first.place.segment, start, end, buffer) {
        Ok(()) => {
            for Wanted { sequence, place, .. } in run {
                let at = usize::try_from(u64::from(place.offset) - start).unwrap_or(usize::MAX);
                let record = buffer.get(at..).unwrap_or_default();
                visit(*sequence, content(record, *sequence, place));
            }
        }
        Err(fault) => {
            let fault = Arc::new(fault);
            run.iter().for_each(|wanted| visit(wanted.sequence, Err(Arc::clone(&fault).into())));
        }
    }
}

/// Fills the buffer with what lies from `start` to `end`, or to the end of the file.
fn fill(
    file: &impl DiskFile,
    segment: u32,
    start: u64,
    end: u64,
    buffer: &mut Vec<u8>,
) -> Result<(), Fault> {
    buffer.resize(usize::try_from(end - start).unwrap_or(usize::MAX), 0);
    let read = file.read_at(buffer, start);
    let read = read.map_err(Fault::at("read", &name_of(segment.into()), start));
    buffer.truncate(*read.as_ref().unwrap_or(&0));
    read.map(drop)
}

/// A part of a segment that was read.
struct Window {
    segment: u32,
    start: u64,
    bytes: Vec<u8>,
}

impl Window {
    fn get(&self, place: &Place) -> Option<&[u8]> {
        let at = u64::from(place.offset)
            .checked_sub(self.start)
            .filter(|_| self.segment == place.segment)?;
        self.bytes.get(usize::try_from(at).ok()?..)
    }

    fn covers(&self, place: &Place) -> bool {
        // What is rounded up may reach behind the end of the file.
        self.get(place).and_then(Record::decode).is_some()
    }
}

/// Reads a content through what was read before: neighbours mostly lie beside each other.
fn read_through<'w, F: DiskFile>(
    windows: &'w mut Vec<Window>,
    wanted: &Wanted<F>,
) -> Result<&'w [u8], ReadError> {
    let place = &wanted.place;
    match windows.iter().position(|window| window.covers(place)) {
        Some(0) => {}
        Some(position) => {
            let window = windows.remove(position);
            windows.insert(0, window);
        }
        None => {
            windows.truncate(WINDOWS - 1);
            let start = u64::from(place.offset);
            let end =
                start + place.length.bytes().max(RUN_MAX.min(wanted.used.saturating_sub(start)));
            let mut bytes = Vec::new();
            fill(&*wanted.file, place.segment, start, end, &mut bytes).map_err(Arc::new)?;
            windows.insert(0, Window { segment: place.segment, start, bytes });
        }
    }
    let record = windows.first().and_then(|window| window.get(place)).unwrap_or_default();
    content(record, wanted.sequence, place)
}
