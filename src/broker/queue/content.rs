//! A queue's contents: records in segments, and the large bodies that are only referred to.
//!
//! - Only the open segment grows, and never past its capacity: a record does not move as others come.
//! - A segment without a living record goes back to the pool at once; the open one begins anew instead.
//! - A sealed segment less than an eighth alive is *sparse*. [`Content::relocate`] copies its survivors out.
//! - Without a living record at most one segment of the smallest size is kept.

use bytes::Bytes;

use super::{
    entry::{Entry, Mark},
    pool::{SEGMENT_BYTES_MAX, SEGMENT_BYTES_MIN, SegmentPool},
    record::{Draft, Record, StoredBody},
};
use crate::{
    Timestamp,
    message::{Arrival, Body, SHARED_BODY_BYTES_MIN},
};

/// One sparse segment is left alone.
const SPARSE_SEGMENTS_KEPT: u32 = 1;
/// An emptied queue keeps room for no more references to bodies.
const KEPT_BODIES_MAX: usize = 16;

/// The contents of all messages of one queue, ready or not.
#[derive(Debug)]
pub(super) struct Content {
    segments: Vec<Segment>,
    vacant: Vec<u32>,
    open: Option<u32>,
    bodies: SharedBodies,
    records: usize,
    /// How many records have a deadline: while there are none, nobody needs to look for one.
    with_deadline: usize,
    segment_bytes: usize,
    sparse_bytes: usize,
    sparse_segments: u32,
    /// It holds more than it should: what can be had from elsewhere is not to be kept here. Judged whenever it takes
    /// memory or gives some back.
    is_over: bool,
    pool: SegmentPool,
}

#[derive(Debug, Default)]
struct Segment {
    bytes: Box<[u8]>,
    /// How much of it is written: the next record begins here.
    filled: usize,
    live_records: u32,
    live_bytes: u32,
    is_sparse: bool,
}

/// Bodies that are shared with other queues or too large to copy, by number.
#[derive(Debug, Default)]
struct SharedBodies {
    bodies: Vec<Option<Bytes>>,
    vacant: Vec<u32>,
    bytes: usize,
}

impl Content {
    /// No contents, and no memory for any.
    pub(super) fn new(pool: SegmentPool) -> Self {
        Self {
            segments: Vec::new(),
            vacant: Vec::new(),
            open: None,
            bodies: SharedBodies::default(),
            records: 0,
            with_deadline: 0,
            segment_bytes: 0,
            sparse_bytes: 0,
            sparse_segments: 0,
            is_over: false,
            pool,
        }
    }

    /// How many records live.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.records
    }

    /// Whether any record has a deadline.
    #[inline]
    pub(super) fn has_deadlines(&self) -> bool {
        self.with_deadline > 0
    }

    /// Whether it holds more than it should.
    #[inline]
    pub(super) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Whether it holds more than it should, judged anew: others may have given back enough meanwhile.
    pub(super) fn is_still_over(&mut self) -> bool {
        self.judge();
        self.is_over
    }

    /// How many bytes there should be of what is needed next.
    pub(super) fn low_bytes(&self) -> usize {
        self.pool.budget().low_bytes
    }

    fn judge(&mut self) {
        self.is_over = self.memory_bytes() > self.pool.budget().high_bytes;
    }

    /// The memory it holds, in bytes.
    pub(super) fn memory_bytes(&self) -> usize {
        self.segment_bytes + self.bodies.bytes
    }

    /// Copies a message in. Also says how much of a segment it takes, which [`release`](Self::release) asks for.
    #[inline]
    pub(super) fn store(
        &mut self,
        arrival: &Arrival<'_>,
        level: u8,
        deadline: Option<Timestamp>,
    ) -> (Entry, u32) {
        let shared_body = match arrival.body {
            Body::Inline(bytes) if bytes.len() < SHARED_BODY_BYTES_MIN => None,
            body @ (Body::Inline(_) | Body::Shared(_)) => Some(self.keep_body(body.to_bytes())),
        };
        let draft = Draft::new(arrival, shared_body, level, deadline);
        let index = self.open_for(draft.bytes);
        let segment = &mut self.segments[index as usize];
        let mut entry = Entry::new(arrival.sequence, index, segment.filled);
        draft.write(segment.append(draft.bytes));
        self.records += 1;
        if deadline.is_some() {
            self.with_deadline += 1;
            entry = entry.with(Mark::Deadline);
        }
        if shared_body.is_some() {
            entry = entry.with(Mark::SharedBody);
        }
        if arrival.logged {
            entry = entry.with(Mark::Logged);
        }
        (entry, draft.bytes)
    }

    /// The record of a message.
    #[inline]
    pub(super) fn read(&self, entry: Entry) -> Record<'_> {
        Record::read(&self.segments[entry.segment() as usize].bytes[entry.offset()..])
    }

    /// The body of a record.
    #[inline]
    pub(super) fn body<'a>(&'a self, record: &Record<'a>) -> Body<'a> {
        match record.body() {
            StoredBody::Inline(bytes) => Body::Inline(bytes),
            StoredBody::Shared(number) => Body::Shared(self.bodies.get(number)),
        }
    }

    /// Forgets a message whose record takes `bytes`.
    #[inline]
    pub(super) fn release(&mut self, entry: Entry, bytes: u32) {
        if entry.is(Mark::SharedBody) {
            self.release_body(entry);
        }
        if entry.is(Mark::Deadline) {
            self.with_deadline -= 1;
        }
        self.records -= 1;
        self.leave(entry.segment(), bytes);
        if self.records == 0 {
            self.shrink();
        }
    }

    fn keep_body(&mut self, body: Bytes) -> u32 {
        let bytes = body.len();
        let number = self.bodies.insert(body);
        if bytes >= SHARED_BODY_BYTES_MIN {
            self.pool.hold(bytes);
            self.judge();
        }
        number
    }

    fn release_body(&mut self, entry: Entry) {
        if let StoredBody::Shared(number) = self.read(entry).body() {
            let bytes = self.bodies.remove(number);
            if bytes >= SHARED_BODY_BYTES_MIN {
                self.pool.let_go(bytes);
                self.judge();
            }
        }
    }

    /// Forgets everything and gives all memory back.
    pub(super) fn clear(&mut self) {
        *self = Self::new(self.pool.clone());
    }

    /// As [`clear`](Self::clear), but nothing is kept for other queues: what many have that are at rest is seldom of use.
    pub(super) fn rest(&mut self) {
        self.segments.drain(..).for_each(|segment| self.pool.give_up(segment.bytes));
        self.clear();
    }

    /// Whether what [`relocate`](Self::relocate) would give back is worth calling it for every entry, and looking at
    /// `others` to find them.
    ///
    /// A queue that is served in order always has a sparse segment for a moment: the one it is reading.
    #[inline]
    pub(super) fn is_worth_relocating(&self, others: impl FnOnce() -> usize) -> bool {
        self.sparse_segments > SPARSE_SEGMENTS_KEPT
            && self.sparse_bytes > (self.records + others()) * size_of::<Entry>()
    }

    /// Copies a message out of a sparse segment; nothing happens to others.
    pub(super) fn relocate(&mut self, entry: &mut Entry) {
        let source = entry.segment();
        if !self.segments[source as usize].is_sparse {
            return;
        }
        let size = self.read(*entry).bytes();
        // The open segment is never sparse, so the source is another one.
        let index = self.open_for(size);
        let from = std::mem::take(&mut self.segments[source as usize].bytes);
        let target = &mut self.segments[index as usize];
        let offset = target.filled;
        let record = &from[entry.offset()..entry.offset() + size as usize];
        target.append(size).copy_from_slice(record);
        self.segments[source as usize].bytes = from;
        entry.move_to(index, offset);
        self.leave(source, size);
    }

    /// The open segment, or a new one if its room is less than `bytes`.
    #[inline]
    fn open_for(&mut self, bytes: u32) -> u32 {
        if let Some(open) = self.open {
            let segment = &self.segments[open as usize];
            if segment.bytes.len() - segment.filled >= bytes as usize {
                return open;
            }
        }
        self.open_another(bytes as usize)
    }

    #[cold]
    fn open_another(&mut self, bytes: usize) -> u32 {
        let mut size = SEGMENT_BYTES_MIN;
        if let Some(sealed) = self.open.take() {
            let segment = &self.segments[sealed as usize];
            size = (segment.bytes.len() * 2).clamp(SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX);
            if segment.live_records == 0 {
                self.remove(sealed);
            } else if segment.is_mostly_dead() {
                self.mark_sparse(sealed);
            }
        }
        // A record must not outgrow its segment; the largest ones have one to themselves.
        while size < bytes && size < SEGMENT_BYTES_MAX {
            size *= 2;
        }
        let segment = Segment { bytes: self.pool.take(size.max(bytes)), ..Segment::default() };
        self.segment_bytes += segment.bytes.len();
        self.judge();
        let index = match self.vacant.pop() {
            Some(index) => {
                self.segments[index as usize] = segment;
                index
            }
            None => {
                self.segments.push(segment);
                u32::try_from(self.segments.len() - 1).expect("memory holds fewer segments")
            }
        };
        self.open = Some(index);
        index
    }

    /// A record of this size in this segment is no more.
    #[inline]
    fn leave(&mut self, index: u32, bytes: u32) {
        let is_open = self.open == Some(index);
        let segment = &mut self.segments[index as usize];
        segment.live_records -= 1;
        segment.live_bytes -= bytes;
        if segment.live_records > 0 {
            if !is_open && !segment.is_sparse && segment.is_mostly_dead() {
                self.mark_sparse(index);
            }
        } else if is_open {
            segment.filled = 0;
        } else {
            self.remove(index);
        }
    }

    fn mark_sparse(&mut self, index: u32) {
        let segment = &mut self.segments[index as usize];
        segment.is_sparse = true;
        self.sparse_bytes += segment.bytes.len();
        self.sparse_segments += 1;
    }

    fn remove(&mut self, index: u32) {
        let segment = std::mem::take(&mut self.segments[index as usize]);
        self.segment_bytes -= segment.bytes.len();
        if segment.is_sparse {
            self.sparse_bytes -= segment.bytes.len();
            self.sparse_segments -= 1;
        }
        self.pool.give_back(segment.bytes);
        self.judge();
        self.vacant.push(index);
    }

    /// Nothing lives: at most the smallest segment stays.
    #[inline]
    fn shrink(&mut self) {
        let is_small = self.segment_bytes <= SEGMENT_BYTES_MIN;
        if !is_small || self.bodies.bodies.len() > KEPT_BODIES_MAX {
            self.give_back_all_but_little();
        }
    }

    fn give_back_all_but_little(&mut self) {
        if let Some(open) = self.open
            && self.segments[open as usize].bytes.len() > SEGMENT_BYTES_MIN
        {
            self.remove(open);
            self.open = None;
        }
        if self.open.is_none() {
            self.segments = Vec::new();
            self.vacant = Vec::new();
        }
        if self.bodies.bodies.len() > KEPT_BODIES_MAX {
            self.bodies = SharedBodies::default();
        }
    }
}

impl Drop for Content {
    fn drop(&mut self) {
        for body in self.bodies.bodies.drain(..).flatten() {
            if body.len() >= SHARED_BODY_BYTES_MIN {
                self.pool.let_go(body.len());
            }
        }
        for segment in self.segments.drain(..) {
            self.pool.give_back(segment.bytes);
        }
    }
}

impl Segment {
    /// Room for one more living record. The caller has seen to it that there is so much.
    #[inline]
    fn append(&mut self, bytes: u32) -> &mut [u8] {
        let start = self.filled;
        self.filled += bytes as usize;
        self.live_records += 1;
        self.live_bytes += bytes;
        &mut self.bytes[start..self.filled]
    }

    #[inline]
    fn is_mostly_dead(&self) -> bool {
        (self.live_bytes as usize) < self.bytes.len() / 8
    }
}

impl SharedBodies {
    fn insert(&mut self, body: Bytes) -> u32 {
        self.bytes += body.len();
        if let Some(number) = self.vacant.pop() {
            self.bodies[number as usize] = Some(body);
            return number;
        }
        self.bodies.push(Some(body));
        u32::try_from(self.bodies.len() - 1).expect("memory holds fewer bodies")
    }

    fn get(&self, number: u32) -> &Bytes {
        self.bodies[number as usize].as_ref().expect("a body lives as long as its record")
    }

    /// Forgets a body and says how large it was.
    fn remove(&mut self, number: u32) -> usize {
        let Some(body) = self.bodies[number as usize].take() else { return 0 };
        self.bytes -= body.len();
        self.vacant.push(number);
        body.len()
    }
}

#[cfg(test)]
mod tests;
