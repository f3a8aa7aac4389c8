//! What stays in memory of every message: its place in the order, and where its content lies.

use super::Backing;
use crate::message::Sequence;

const OFFSET_BITS: u32 = 24;
const OFFSET_MASK: u32 = (1 << OFFSET_BITS) - 1;

/// Something worth knowing about a message without reading its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Mark {
    /// It came back from a consumer.
    Returned = 1 << OFFSET_BITS,
    /// It has a deadline: its record begins with it, or it is set down beside the entries.
    Deadline = 2 << OFFSET_BITS,
    /// Its body is shared, so its record only says which one it is.
    SharedBody = 4 << OFFSET_BITS,
    /// Its content is in the log too, until the queue says that it is settled.
    Logged = 8 << OFFSET_BITS,
    /// Its content is not in memory, but in the log or where it was spilled to.
    Paged = 16 << OFFSET_BITS,
    /// Its content was spilled; it is paged out as well.
    Spilled = 32 << OFFSET_BITS,
    /// It was taken out of the middle of a line, where its place is left.
    Gone = 64 << OFFSET_BITS,
}

/// What makes the end of a message more than that of its record.
const NOTEWORTHY: u32 = Mark::Returned as u32 | Mark::Logged as u32 | Mark::Paged as u32;

/// One message of a queue, in 16 bytes.
///
/// ```text
/// 0         8         12
/// sequence  segment   offset:24 marks:8    its record is in memory
/// sequence  body len  level:24  marks:8    it is paged out
/// ```
///
/// An offset is less than the largest segment; a record too large for that has a segment of its own, at offset 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    /// Unique in the queue, and the order among returned messages.
    pub(super) sequence: Sequence,
    segment: u32,
    place: u32,
}

impl Entry {
    /// An entry without marks for the record at `offset`.
    pub(super) fn new(sequence: Sequence, segment: u32, offset: usize) -> Self {
        let mut entry = Self { sequence, segment, place: 0 };
        entry.move_to(segment, offset);
        entry
    }

    /// The entry of a message whose content is elsewhere.
    pub(super) fn paged(
        sequence: Sequence,
        level: u8,
        body_bytes: usize,
        backing: Backing,
    ) -> Self {
        let body = u32::try_from(body_bytes).expect("a body is far below 4 GiB");
        let entry = Self { sequence, segment: body, place: u32::from(level) }.with(Mark::Paged);
        match backing {
            Backing::Log => entry.with(Mark::Logged),
            Backing::Spill => entry.with(Mark::Spilled),
        }
    }

    /// Which of the queue's segments holds the content.
    #[inline]
    pub(super) fn segment(self) -> u32 {
        debug_assert!(!self.is(Mark::Paged));
        self.segment
    }

    /// Where in the segment the record begins.
    #[inline]
    pub(super) fn offset(self) -> usize {
        debug_assert!(!self.is(Mark::Paged));
        (self.place & OFFSET_MASK) as usize
    }

    /// The priority level of a message that is paged out.
    pub(super) fn paged_level(self) -> u8 {
        debug_assert!(self.is(Mark::Paged));
        self.place.to_le_bytes()[0]
    }

    /// The length of the body of a message that is paged out.
    pub(super) fn paged_body_bytes(self) -> u64 {
        debug_assert!(self.is(Mark::Paged));
        u64::from(self.segment)
    }

    /// Where the content is besides or instead of memory.
    pub(super) fn backing(self) -> Option<Backing> {
        match (self.is(Mark::Logged), self.is(Mark::Spilled)) {
            (true, _) => Some(Backing::Log),
            (false, true) => Some(Backing::Spill),
            (false, false) => None,
        }
    }

    #[inline]
    pub(super) fn is(self, mark: Mark) -> bool {
        self.place & mark as u32 != 0
    }

    /// Whether more than the record is to be thought of when the message goes.
    #[inline]
    pub(super) fn is_noteworthy(self) -> bool {
        self.place & NOTEWORTHY != 0
    }

    #[inline]
    pub(super) fn with(self, mark: Mark) -> Self {
        Self { place: self.place | mark as u32, ..self }
    }

    pub(super) fn without(self, mark: Mark) -> Self {
        Self { place: self.place & !(mark as u32), ..self }
    }

    /// With a mark that another one has, too.
    pub(super) fn with_if(self, mark: Mark, has: bool) -> Self {
        if has { self.with(mark) } else { self }
    }

    /// Its content lies elsewhere now.
    pub(super) fn move_to(&mut self, segment: u32, offset: usize) {
        let offset = u32::try_from(offset).expect("a segment is far smaller than 4 GiB");
        assert!(offset <= OFFSET_MASK, "a record begins within the largest segment");
        self.segment = segment;
        self.place = self.place & !OFFSET_MASK | offset;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_and_offset_share_a_word() {
        assert_eq!(size_of::<Entry>(), 16);
        let mut entry =
            Entry::new(Sequence(9), 3, 0x00AB_CDEF).with(Mark::Deadline).with(Mark::Returned);
        assert_eq!((entry.offset(), entry.segment()), (0x00AB_CDEF, 3));
        entry.move_to(4, 7);
        assert_eq!((entry.offset(), entry.segment()), (7, 4));
        assert!(entry.is(Mark::Deadline) && entry.is(Mark::Returned));
        assert!(!entry.is(Mark::SharedBody));
        assert!(!entry.without(Mark::Deadline).is(Mark::Deadline));
    }

    #[test]
    fn what_is_paged_out_knows_its_level_and_length() {
        let entry = Entry::paged(Sequence(9), 255, 5_000_000, Backing::Log).with(Mark::Returned);
        assert_eq!((entry.paged_level(), entry.paged_body_bytes()), (255, 5_000_000));
        assert_eq!(entry.backing(), Some(Backing::Log));
        assert_eq!(Entry::paged(Sequence(9), 0, 0, Backing::Spill).backing(), Some(Backing::Spill));
        assert_eq!(Entry::new(Sequence(9), 0, 0).backing(), None);
    }
}
