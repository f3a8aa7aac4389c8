//! Reads a log from its files: everything is verified before anything of it is believed.

mod reader;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(crate) use self::reader::Reader;
use self::walk::{Walked, Walker};
pub(crate) use self::walk::{next_header, sound_records};
use crate::format::{BadHeader, FORMAT_VERSION, SegmentEnd, SegmentHeader, name_of, number_of};
use crate::{Damage, Disk, DiskFile, Fault, OpenError, Record};

/// What a scan finds, in the order of the log.
pub trait Visitor {
    /// A segment begins, which was begun when no content had a higher sequence than this.
    fn segment(&mut self, segment: &SegmentAt<'_>) {
        let _ = segment;
    }

    /// A batch, whose records follow; of a damaged one just those that are whole.
    fn batch(&mut self, batch: &BatchAt<'_>) {
        let _ = batch;
    }

    /// A record.
    fn record(&mut self, at: &RecordAt<'_>, record: &Record<'_>);

    /// What a record seems to be in a batch that is damaged, where its own checksum is wrong: not to be believed, but it
    /// may say what was hit.
    fn unsound(&mut self, at: &RecordAt<'_>, record: &Record<'_>) {
        let _ = (at, record);
    }

    /// Bytes that are not what was written, or are missing. Of a damaged batch it comes before the records in it.
    fn damage(&mut self, damage: Damage);

    /// A batch at the end that was being written as the log was ended: it counts as never written.
    fn cut(&mut self, cut: Damage) {
        let _ = cut;
    }

    /// So many bytes of all were read.
    fn progress(&mut self, read: u64, all: u64) {
        let _ = (read, all);
    }
}

/// A segment of a log that is scanned.
#[derive(Debug, Clone, Copy)]
pub struct SegmentAt<'a> {
    /// Its file.
    pub file: &'a str,
    /// Its number.
    pub segment: u64,
    /// The length of the file.
    pub len: u64,
    /// The number of the first batch that may be in it, if its header is readable.
    pub first_batch: Option<u64>,
    /// The highest sequence that a content had before.
    pub sequence: u64,
}

/// A batch of a log that is scanned.
#[derive(Debug, Clone, Copy)]
pub struct BatchAt<'a> {
    /// The file it is in.
    pub file: &'a str,
    /// The number of its segment.
    pub segment: u64,
    /// Where it begins in there.
    pub offset: u64,
    /// What it takes.
    pub len: u64,
    /// Its number.
    pub number: u64,
    /// The last batch that was known to be on the disk as it was written.
    pub flushed: u64,
    /// The highest sequence that a content had had by then.
    pub sequence: u64,
    /// Whether it is the log's own, with the number of the one before.
    pub is_system: bool,
}

/// A record of a log that is scanned.
#[derive(Debug, Clone, Copy)]
pub struct RecordAt<'a> {
    /// The file it is in.
    pub file: &'a str,
    /// The number of its segment.
    pub segment: u64,
    /// Where it begins in there.
    pub offset: u64,
    /// What it takes.
    pub len: u64,
}

/// A log as a scan found it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scan {
    /// Whose it is; `None` if there is none.
    pub node: Option<u128>,
    /// How many segments it has.
    pub segments: u64,
    /// Up to where batches were read, in all files together.
    pub bytes: u64,
    /// The number of its last batch.
    pub last_batch: u64,
    /// Whether it was closed.
    pub was_closed: bool,
}

/// Whose log is to be read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Expected {
    Node(u128),
    /// This node's, or whichever is there.
    Any(u128),
}

/// A file that is named as a segment.
struct Candidate<F> {
    number: u64,
    name: String,
    file: Arc<F>,
    len: u64,
    header: Option<SegmentHeader>,
}

/// A segment that was read.
#[derive(Debug)]
pub(crate) struct Scanned<F> {
    pub(crate) number: u32,
    pub(crate) file: Arc<F>,
    pub(crate) len: u64,
    /// What it begins with, if that is readable.
    pub(crate) header: Option<SegmentHeader>,
    /// Where the next batch would begin.
    pub(crate) used: u64,
    pub(crate) last_batch: u64,
    /// The checksum that the next batch would be chained to.
    pub(crate) chain: u32,
    /// Whether it says at its end that the log was closed.
    pub(crate) is_closed: bool,
    pub(crate) is_damaged: bool,
}

/// All that was found.
#[derive(Debug)]
pub(crate) struct Found<F> {
    pub(crate) node: Option<u128>,
    /// By number, ascending.
    pub(crate) segments: Vec<Scanned<F>>,
    /// Files of segments that were dropped.
    pub(crate) left_over: Vec<String>,
    /// No file has a higher number.
    pub(crate) highest_number: u64,
    /// The last batch that is there, or should be.
    pub(crate) last_batch: u64,
}

/// Reads and verifies all of a log, and changes nothing.
///
/// # Errors
/// [`OpenError`].
pub fn scan<D: Disk>(disk: &D, visitor: &mut impl Visitor) -> Result<Scan, OpenError> {
    let found = scan_all(disk, Expected::Any(0), visitor)?;
    Ok(Scan {
        node: found.node,
        segments: found.segments.len() as u64,
        bytes: found.segments.iter().map(|segment| segment.used).sum(),
        last_batch: found.last_batch,
        was_closed: found.segments.last().is_some_and(|newest| newest.is_closed),
    })
}

pub(crate) fn scan_all<D: Disk>(
    disk: &D,
    expected: Expected,
    visitor: &mut impl Visitor,
) -> Result<Found<D::File>, OpenError> {
    let mut candidates = candidates(disk, visitor)?;
    let highest_number = candidates.last().map_or(0, |newest| newest.number);
    let node = identify(&candidates, expected)?;
    candidates.retain(|candidate| is_ours(candidate, node, visitor));
    let mut left_over = Vec::new();
    let mut ends = BTreeMap::new();
    let base = candidates.iter().rev().find_map(|candidate| candidate.header.as_ref());
    if let Some(SegmentHeader { number: base, others, .. }) = base {
        let base = *base;
        ends = others.iter().map(|end| (end.number, *end)).collect();
        // Those that are not listed were dropped before; what was dropped since is written in what follows.
        let dropped = dropped_since(&candidates, base, node)?;
        let is_gone =
            |number: u64| number < base && !ends.contains_key(&number) || dropped.contains(&number);
        for (number, _) in ends.iter().filter(|(number, _)| !is_gone(**number)) {
            if candidates.binary_search_by_key(number, |candidate| candidate.number).is_err() {
                let what = "this segment is missing";
                visitor.damage(Damage { file: name_of(*number), offset: 0, len: 0, what });
            }
        }
        candidates.retain(|candidate| {
            let is_gone = is_gone(candidate.number);
            if is_gone {
                left_over.push(candidate.name.clone());
            }
            !is_gone
        });
    }
    let all = candidates.iter().map(|candidate| candidate.len).sum();
    let mut walker = Walker::new(node, all);
    let newest = candidates.last().map(|newest| newest.number);
    let mut segments = Vec::new();
    for candidate in &candidates {
        let end = ends.get(&candidate.number).copied();
        let walked = walk(&mut walker, candidate, end, newest, visitor)?;
        segments.push(scanned(candidate, &walked));
        if let (true, Some(next)) = (Some(candidate.number) == newest, walked.next_segment)
            && next > candidate.number
        {
            let what = "this segment is missing";
            visitor.damage(Damage { file: name_of(next), offset: 0, len: 0, what });
        }
    }
    let node = (!candidates.is_empty()).then_some(node);
    Ok(Found { node, segments, left_over, highest_number, last_batch: walker.last_batch() })
}

fn walk<F: DiskFile>(
    walker: &mut Walker,
    candidate: &Candidate<F>,
    end: Option<SegmentEnd>,
    newest: Option<u64>,
    visitor: &mut impl Visitor,
) -> Result<Walked, Fault> {
    let is_newest = Some(candidate.number) == newest;
    let Candidate { number, name, file, len, header } = candidate;
    walker.walk(
        &mut Reader::new(&**file, name, *len),
        *number,
        header.as_ref(),
        end,
        is_newest,
        visitor,
    )
}

fn scanned<F>(candidate: &Candidate<F>, walked: &Walked) -> Scanned<F> {
    Scanned {
        number: u32::try_from(candidate.number).unwrap_or(u32::MAX),
        file: Arc::clone(&candidate.file),
        len: candidate.len,
        header: candidate.header.clone(),
        used: walked.used,
        last_batch: walked.last_batch,
        chain: walked.chain,
        is_closed: walked.is_closed,
        is_damaged: walked.is_damaged,
    }
}

/// All files that are named as segments, by number.
fn candidates<D: Disk>(
    disk: &D,
    visitor: &mut impl Visitor,
) -> Result<Vec<Candidate<D::File>>, OpenError> {
    let names = disk.list().map_err(Fault::of("list the files of", "the log"))?;
    let mut candidates = Vec::new();
    for name in names {
        let Some(number) = number_of(&name) else { continue };
        if number >= u64::from(u32::MAX) {
            let what = "no segment has such a number";
            visitor.damage(Damage { file: name, offset: 0, len: 0, what });
            continue;
        }
        let file = disk.open(&name).map_err(Fault::of("open", &name))?;
        let len = file.len().map_err(Fault::of("ask the length of", &name))?;
        let header = read_header(&file, &name, len)?;
        candidates.push(Candidate { number, name, file: Arc::new(file), len, header });
    }
    candidates.sort_unstable_by_key(|candidate| candidate.number);
    Ok(candidates)
}

/// The header of a segment, if it is readable.
fn read_header(
    file: &impl DiskFile,
    name: &str,
    len: u64,
) -> Result<Option<SegmentHeader>, OpenError> {
    let mut reader = Reader::new(file, name, len);
    let mut wanted = SegmentHeader::LIKELY_LEN;
    loop {
        match SegmentHeader::decode(reader.bytes(0, wanted)?) {
            Ok(header) => return Ok(Some(header)),
            Err(BadHeader::Longer(longer)) if wanted < longer && longer as u64 <= len => {
                wanted = longer;
            }
            Err(BadHeader::Unreadable | BadHeader::Longer(_)) => return Ok(None),
            Err(BadHeader::Version(found)) => {
                let (file, known) = (name.to_owned(), FORMAT_VERSION);
                return Err(OpenError::NewerVersion { file, found, known });
            }
        }
    }
}

/// Whose log this is.
fn identify<F>(candidates: &[Candidate<F>], expected: Expected) -> Result<u128, OpenError> {
    let (Expected::Node(wanted) | Expected::Any(wanted)) = expected;
    let headers = || candidates.iter().rev().filter_map(|c| Some((&c.name, c.header.as_ref()?)));
    if headers().any(|(_, header)| header.node == wanted) {
        return Ok(wanted);
    }
    match (headers().next(), expected) {
        (None, _) => Ok(wanted),
        (Some((_, newest)), Expected::Any(_)) => Ok(newest.node),
        (Some((name, newest)), Expected::Node(_)) => {
            Err(OpenError::WrongNode { file: name.clone(), found: newest.node, expected: wanted })
        }
    }
}

/// Whether a file is one of this log's segments.
fn is_ours<F>(candidate: &Candidate<F>, node: u128, visitor: &mut impl Visitor) -> bool {
    let what = match &candidate.header {
        // Its batches may still be readable: they tell their place themselves.
        None => return true,
        Some(header) if header.node != node => "this is a segment of another node",
        Some(header) if header.number != candidate.number => "this is another segment's file",
        Some(_) => return true,
    };
    visitor.damage(Damage { file: candidate.name.clone(), offset: 0, len: candidate.len, what });
    false
}

/// The segments of which the last ones, from `base` on, say that they were dropped.
fn dropped_since<F: DiskFile>(
    candidates: &[Candidate<F>],
    base: u64,
    node: u128,
) -> Result<BTreeSet<u64>, OpenError> {
    #[derive(Default)]
    struct Dropped(BTreeSet<u64>);
    impl Visitor for Dropped {
        fn record(&mut self, _at: &RecordAt<'_>, record: &Record<'_>) {
            if let Record::Dropped { segment } = record {
                self.0.insert(*segment);
            }
        }

        fn damage(&mut self, _damage: Damage) {}
    }
    let mut dropped = Dropped::default();
    let mut walker = Walker::new(node, 0);
    let newest = candidates.last().map(|newest| newest.number);
    for candidate in candidates.iter().filter(|candidate| candidate.number >= base) {
        walk(&mut walker, candidate, None, newest, &mut dropped)?;
    }
    Ok(dropped.0)
}
