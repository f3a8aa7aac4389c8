//! What stays in memory of every message: its place in the order, and where its content lies.

use crate::message::Sequence;

const OFFSET_BITS: u32 = 24;
const OFFSET_MASK: u32 = (1 << OFFSET_BITS) - 1;

/// Something worth knowing about a message without reading its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Mark {
    /// It came back from a consumer.
    Returned = 1 << OFFSET_BITS,
    /// Its record begins with a deadline.
    Deadline = 2 << OFFSET_BITS,
    /// Its body is shared, so its record only says which one it is.
    SharedBody = 4 << OFFSET_BITS,
    /// Its content is in the log too, until the queue says that it is settled.
    Logged = 8 << OFFSET_BITS,
}

/// One message of a queue, in 16 bytes.
///
/// ```text
/// 0         8         12                16
/// sequence  segment   offset:24 marks:8
/// ```
///
/// An offset is less than the largest segment; a record too large for that has a segment of its own, at offset 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    /// Unique in the queue, and the order among returned messages.
    pub(super) sequence: Sequence,
    /// Which of the queue's segments holds the content.
    pub(super) segment: u32,
    place: u32,
}

impl Entry {
    /// An entry without marks for the record at `offset`.
    pub(super) fn new(sequence: Sequence, segment: u32, offset: usize) -> Self {
        let mut entry = Self { sequence, segment, place: 0 };
        entry.move_to(segment, offset);
        entry
    }

    /// Where in the segment the record begins.
    #[inline]
    pub(super) fn offset(self) -> usize {
        (self.place & OFFSET_MASK) as usize
    }

    #[inline]
    pub(super) fn is(self, mark: Mark) -> bool {
        self.place & mark as u32 != 0
    }

    #[inline]
    pub(super) fn with(self, mark: Mark) -> Self {
        Self { place: self.place | mark as u32, ..self }
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
        assert_eq!((entry.offset(), entry.segment), (0x00AB_CDEF, 3));
        entry.move_to(4, 7);
        assert_eq!((entry.offset(), entry.segment), (7, 4));
        assert!(entry.is(Mark::Deadline) && entry.is(Mark::Returned));
        assert!(!entry.is(Mark::SharedBody));
    }
}
