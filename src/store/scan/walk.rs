//! One segment from its first batch to its last, over whatever damage there is.

use mutants::Mutant;

use super::{BatchAt, Reader, RecordAt, SegmentAt, Visitor};
use crate::format::{
    ALIGN, BATCH_HEADER, BatchHeader, Footer, Places, Seal, SegmentEnd, SegmentHeader,
};
use crate::{Damage, DiskFile, Fault, Record};

const STEP: u64 = ALIGN as u64;
/// How much is looked through at once for something that looks like a batch.
const SEARCHED_AT_ONCE: usize = 1 << 20;

/// Walks through the segments of a log, in their order.
pub(crate) struct Walker {
    node: u128,
    /// The highest number of a batch that is known to have been on the disk.
    mark: u64,
    /// The number of the last batch that was found.
    last: u64,
    read: u64,
    all: u64,
}

/// Where a segment ends.
#[derive(Debug)]
pub(crate) struct Walked {
    pub(crate) used: u64,
    pub(crate) last_batch: u64,
    pub(crate) chain: u32,
    pub(crate) is_closed: bool,
    pub(crate) is_damaged: bool,
    /// The segment that was begun when this one was full.
    pub(crate) next_segment: Option<u64>,
}

/// Where in a segment the walk is.
struct Step {
    at: u64,
    last: u64,
    /// `None`: what came before is damaged.
    chain: Option<u32>,
    /// Whether the last batch says that the log was closed.
    is_closed: bool,
    /// Where the last batch begins, and what it is chained to.
    before: (u64, u32),
}

/// What is at a place where a batch should begin.
enum Here {
    Whole(BatchHeader, u32),
    /// A batch whose body is not what was written.
    Torn(BatchHeader),
    /// A batch that does not follow what was read last.
    Stray,
    Nothing,
}

impl Walker {
    /// `all` is how many bytes there are to be read.
    pub(crate) fn new(node: u128, all: u64) -> Self {
        Self { node, mark: 0, last: 0, read: 0, all }
    }

    /// The number of the last batch that there is, or should be.
    pub(crate) fn last_batch(&self) -> u64 {
        self.last.max(self.mark)
    }

    /// Walks through one segment; `end` is where it ends, if that is known.
    pub(crate) fn walk<F: DiskFile>(
        &mut self,
        reader: &mut Reader<'_, F>,
        number: u64,
        header: Option<&SegmentHeader>,
        end: Option<SegmentEnd>,
        is_newest: bool,
        visitor: &mut impl Visitor,
    ) -> Result<Walked, Fault> {
        let places = Places::new(self.node, number);
        let mut step = self.begin(reader, number, header, visitor);
        let is_short = header.is_some_and(|header| header.size > reader.len());
        let (mut next_segment, mut is_damaged) = (None, header.is_none() || is_short);
        loop {
            let here = batch_at(reader, &step, &places)?;
            if let Here::Whole(header, crc) = here {
                self.enter(reader, number, &mut step, header, crc, visitor)?;
                continue;
            }
            if let Some(footer) = footer_at(reader, &step, &places)? {
                next_segment = Some(footer.next_segment);
                break;
            }
            if end.is_some_and(|end| (end.last_batch, Some(end.chain)) == (step.last, step.chain)) {
                break;
            }
            let from = if matches!(here, Here::Stray) { step.at } else { step.at + STEP };
            let next = next_header(reader, from, step.last, &places)?;
            self.mark = self.mark.max(next.map_or(0, |(_, next)| next.flushed));
            let may_be_lost = is_newest
                && step.at > 0
                && self.mark <= step.last
                && next.is_none_or(|(_, next)| next.is_unflushed);
            if may_be_lost || is_newest && mutants::is_planted(Mutant::CutAtFirstBadBatch) {
                cut(reader, &step, &here, next, visitor);
                break;
            }
            let Some((at, next)) = next else {
                let is_missing = end.is_some() || self.mark > step.last;
                if is_missing || matches!(here, Here::Torn(_)) {
                    self.lose(reader, number, &step, &here, reader.len(), visitor)?;
                    is_damaged = true;
                }
                break;
            };
            is_damaged = true;
            self.lose(reader, number, &step, &here, at, visitor)?;
            // What is missing before it was reported.
            let last = if next.is_system { next.number } else { next.number.saturating_sub(1) };
            step = Step { at, last: step.last.max(last), chain: None, is_closed: false, ..step };
        }
        self.last = self.last.max(step.last);
        self.read += reader.len();
        visitor.progress(self.read, self.all);
        let is_closed = step.is_closed;
        // What says so is written over.
        let (used, chain) =
            if is_closed { step.before } else { (step.at, step.chain.unwrap_or_default()) };
        Ok(Walked { used, last_batch: step.last, chain, is_closed, is_damaged, next_segment })
    }

    fn begin<F: DiskFile>(
        &mut self,
        reader: &Reader<'_, F>,
        number: u64,
        header: Option<&SegmentHeader>,
        visitor: &mut impl Visitor,
    ) -> Step {
        visitor.segment(&SegmentAt {
            file: reader.name(),
            segment: number,
            len: reader.len(),
            first_batch: header.map(|header| header.first_batch),
            sequence: header.map_or(0, |header| header.sequence),
        });
        if let Some(header) = header.filter(|header| header.size > reader.len()) {
            let (file, offset) = (reader.name().to_owned(), reader.len());
            let (len, what) = (header.size - offset, "the file is shorter than it was");
            visitor.damage(Damage { file, offset, len, what });
        }
        let (at, last, chain) = match header {
            Some(header) => {
                (header.end(), header.first_batch.saturating_sub(1), Some(header.chain))
            }
            None => {
                let what = "the beginning of the segment is unreadable";
                let file = reader.name().to_owned();
                visitor.damage(Damage { file, offset: 0, len: reader.len().min(STEP), what });
                (0, self.last, None)
            }
        };
        Step { at, last, chain, is_closed: false, before: (at, chain.unwrap_or_default()) }
    }

    /// Goes through a batch that is whole.
    fn enter<F: DiskFile>(
        &mut self,
        reader: &mut Reader<'_, F>,
        number: u64,
        step: &mut Step,
        header: BatchHeader,
        crc: u32,
        visitor: &mut impl Visitor,
    ) -> Result<(), Fault> {
        self.mark = self.mark.max(header.flushed);
        visitor.batch(&batch(reader, number, step.at, &header));
        let (file, start) = (reader.name(), step.at + BATCH_HEADER as u64);
        let mut rest = reader.bytes(start, header.body_len as usize)?;
        let (mut offset, mut is_closed) = (start, false);
        while let Some((record, len)) = Record::decode(rest) {
            is_closed |= record == Record::Stopped;
            let len_u64 = len as u64;
            visitor.record(&RecordAt { file, segment: number, offset, len: len_u64 }, &record);
            offset += len_u64;
            rest = rest.get(len..).unwrap_or_default();
        }
        if !rest.is_empty() {
            let what = "this is no record";
            visitor.damage(Damage { file: file.to_owned(), offset, len: rest.len() as u64, what });
        }
        step.before = (step.at, step.chain.unwrap_or(header.chain));
        step.is_closed = is_closed;
        step.at += header.whole_len();
        (step.last, step.chain) = (header.number, Some(crc));
        visitor.progress(self.read + step.at, self.all);
        Ok(())
    }

    /// Reports that what is here, up to `to`, is not what was written; and what is whole in it.
    fn lose<F: DiskFile>(
        &mut self,
        reader: &mut Reader<'_, F>,
        number: u64,
        step: &Step,
        here: &Here,
        to: u64,
        visitor: &mut impl Visitor,
    ) -> Result<(), Fault> {
        let file = reader.name();
        let mut report = |offset: u64, end: u64, what| {
            let len = end.saturating_sub(offset);
            visitor.damage(Damage { file: file.to_owned(), offset, len, what });
        };
        match here {
            Here::Torn(header) => {
                self.mark = self.mark.max(header.flushed);
                let start = step.at + BATCH_HEADER as u64;
                let end = (step.at + header.whole_len()).min(reader.len());
                report(step.at, end, "a batch is not what was written");
                if to > end && to < reader.len() {
                    report(end, to, "a batch is missing here");
                }
                visitor.batch(&batch(reader, number, step.at, header));
                let body = reader.bytes(start, header.body_len as usize)?;
                let seal = Seal::new(number);
                for (at, record, bytes) in records(body) {
                    let (offset, len) = (start + at as u64, bytes.len() as u64);
                    let at = RecordAt { file, segment: number, offset, len };
                    match seal.is_on(bytes) {
                        true => visitor.record(&at, &record),
                        false => visitor.unsound(&at, &record),
                    }
                }
            }
            Here::Stray => report(step.at, to, "a batch is missing before this one"),
            // The header is unreadable, and that was reported.
            Here::Whole(..) | Here::Nothing if step.at == 0 => {}
            Here::Whole(..) | Here::Nothing => {
                report(step.at, to, "this is no batch, and one should be here");
            }
        }
        Ok(())
    }
}

fn batch<'f, F: DiskFile>(
    reader: &Reader<'f, F>,
    segment: u64,
    offset: u64,
    header: &BatchHeader,
) -> BatchAt<'f> {
    BatchAt {
        file: reader.name(),
        segment,
        offset,
        len: header.whole_len(),
        number: header.number,
        flushed: header.flushed,
        sequence: header.sequence,
        is_system: header.is_system,
    }
}

fn batch_at<F: DiskFile>(
    reader: &mut Reader<'_, F>,
    step: &Step,
    places: &Places,
) -> Result<Here, Fault> {
    let Some((header, crc)) =
        BatchHeader::decode(reader.bytes(step.at, BATCH_HEADER)?, places.at(step.at))
    else {
        return Ok(Here::Nothing);
    };
    if !header.may_follow(step.last) {
        return Ok(Here::Nothing);
    }
    let is_chained = step.chain.is_none_or(|chain| chain == header.chain);
    if !is_chained && !mutants::is_planted(Mutant::ChainNotChecked) {
        return Ok(Here::Stray);
    }
    let len = header.body_len as usize;
    let body = reader.bytes(step.at + BATCH_HEADER as u64, len)?;
    let is_whole = body.len() == len && crc32fast::hash(body) == header.body_crc;
    Ok(if is_whole { Here::Whole(header, crc) } else { Here::Torn(header) })
}

fn footer_at<F: DiskFile>(
    reader: &mut Reader<'_, F>,
    step: &Step,
    places: &Places,
) -> Result<Option<Footer>, Fault> {
    let footer = Footer::decode(reader.bytes(step.at, Footer::LEN)?, places.at(step.at));
    Ok(footer.filter(|footer| Some(footer.chain) == step.chain))
}

/// The next place from `from` on where the header of a batch lies that may follow number `last`.
pub(crate) fn next_header<F: DiskFile>(
    reader: &mut Reader<'_, F>,
    from: u64,
    last: u64,
    places: &Places,
) -> Result<Option<(u64, BatchHeader)>, Fault> {
    let mut from = from.next_multiple_of(STEP);
    while from < reader.len() {
        let bytes = reader.bytes(from, SEARCHED_AT_ONCE)?;
        if bytes.is_empty() {
            break;
        }
        for (at, block) in (from..).step_by(ALIGN).zip(bytes.chunks(ALIGN)) {
            if let Some((header, _)) = BatchHeader::decode(block, places.at(at))
                && header.may_follow(last)
            {
                return Ok(Some((at, header)));
            }
        }
        from += (bytes.len() as u64).next_multiple_of(STEP);
    }
    Ok(None)
}

/// The end of the log is not on the disk, and needs not be: what was being written there is cut off.
fn cut<F: DiskFile>(
    reader: &Reader<'_, F>,
    step: &Step,
    here: &Here,
    next: Option<(u64, BatchHeader)>,
    visitor: &mut impl Visitor,
) {
    let end = match (next, here) {
        (Some((at, next)), _) => at + next.whole_len(),
        (None, Here::Torn(header)) => step.at + header.whole_len(),
        // Perhaps something was being written, but nothing of it is to be seen.
        (None, Here::Whole(..) | Here::Stray | Here::Nothing) => return,
    };
    let len = end.min(reader.len()).saturating_sub(step.at);
    let what = "this was being written when the log ended";
    visitor.cut(Damage { file: reader.name().to_owned(), offset: step.at, len, what });
}

/// The records of a body that have the right checksum, with where they are, and their lengths.
pub(crate) fn sound_records(
    body: &[u8],
    seal: Seal,
) -> impl Iterator<Item = (usize, usize, Record<'_>)> {
    records(body)
        .filter(move |(_, _, bytes)| seal.is_on(bytes))
        .map(|(at, record, bytes)| (at, bytes.len(), record))
}

/// What looks like the records of a body, with where they are, and their bytes.
fn records(body: &[u8]) -> impl Iterator<Item = (usize, Record<'_>, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = body.get(at..)?;
        let (record, len) = Record::decode(rest)?;
        let found = (at, record, rest.get(..len)?);
        at += len;
        Some(found)
    })
}
