//! The records of a batch.

use super::{field, length_u32, put, u32_at, u64_at};
use crate::varint;

/// One record of a batch.
///
/// ```text
///           0    4     5         6        8      12          20
/// content   crc  kind  owners+:1  owners:2  len:4  sequence:8  owner:8 … payload
///                      5    6          8      12          20
/// release   crc  kind  0:3  len:4  owner:8    ranges
/// note      crc  kind  0:3  len:4  owner:8    sequence:8  note
/// dropped   crc  kind  0:3  segment:8
/// stopped   crc  kind  0:3
///
/// kind: 1 content  2 release  3 note  4 dropped  5 stopped; with 0x80 when it is written again, so that a segment can go
/// ranges: two varints each: how far it begins behind the end of the one before (the first: behind 0), and how many more follow
/// len: of the payload, the ranges or the note
/// owners: how many there are, with owners+ as a third, highest byte
/// ```
///
/// The crc is of the segment's number and of everything behind it, so that a record can be believed for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Record<'a> {
    /// Something that lives until each of its owners has released it.
    Content {
        /// Its number.
        sequence: u64,
        /// Who keeps it.
        owners: Owners<'a>,
        /// What it is.
        payload: &'a [u8],
        /// Whether it is written again, with the owners that it still had.
        is_copy: bool,
    },
    /// An owner has released contents.
    Release {
        /// Who.
        owner: u64,
        /// Which.
        ranges: Ranges<'a>,
        /// Whether it is written again.
        is_copy: bool,
    },
    /// What an owner notes of a content, in the place of what it noted before.
    Note {
        /// Who.
        owner: u64,
        /// Of which content.
        sequence: u64,
        /// What.
        note: &'a [u8],
        /// Whether it is written again.
        is_copy: bool,
    },
    /// A segment is not needed any more.
    Dropped {
        /// Its number.
        segment: u64,
    },
    /// The log was closed, with all that was before this on the disk.
    Stopped,
}

/// The owners of a content, as they lie in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owners<'a>(&'a [[u8; 8]]);

impl<'a> Owners<'a> {
    /// One by one, in the order in which they were given.
    pub fn iter(self) -> impl Iterator<Item = u64> + use<'a> {
        self.0.iter().map(|owner| u64::from_le_bytes(*owner))
    }

    /// How many there are.
    pub fn count(self) -> usize {
        self.0.len()
    }
}

/// Sequences, as they lie in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ranges<'a>(&'a [u8]);

impl<'a> Ranges<'a> {
    /// The first and last sequence of each range, ascending.
    pub fn iter(self) -> impl Iterator<Item = (u64, u64)> + use<'a> {
        let (mut rest, mut at) = (self.0, 0_u64);
        std::iter::from_fn(move || {
            let first = at.checked_add(varint::read(&mut rest)?)?;
            let last = first.checked_add(varint::read(&mut rest)?)?;
            at = last;
            Some((first, last))
        })
    }
}

const KIND_AT: usize = 4;
const CONTENT: u8 = 1;
const RELEASE: u8 = 2;
const NOTE: u8 = 3;
const DROPPED: u8 = 4;
const STOPPED: u8 = 5;
const COPY: u8 = 0x80;
/// In memory only: the kind of a content that is not to be written.
const WITHDRAWN: u8 = 0x40 | CONTENT;

/// What stands before the owners of a content.
const CONTENT_HEAD: usize = 20;
const RELEASE_HEAD: usize = 20;
const NOTE_HEAD: usize = 28;
const DROPPED_LEN: usize = 16;
const STOPPED_LEN: usize = 8;

/// More owners than a content may have.
pub(crate) const OWNERS_MAX: usize = (1 << 24) - 1;

/// How long the record of a content is.
#[inline]
pub(crate) fn content_len(owners: usize, payload_len: usize) -> usize {
    CONTENT_HEAD + owners * 8 + payload_len
}

/// Writes everything of a content but its payload, whose place is the answer. `out` is as long as the record.
#[inline]
pub(crate) fn put_content<'o>(
    out: &'o mut [u8],
    sequence: u64,
    owners: &[u64],
    is_copy: bool,
) -> &'o mut [u8] {
    const WHOLE: &str = "the caller has made room for the record";
    let payload_len = out.len() - content_len(owners.len(), 0);
    let [l0, l1, l2, l3] = length_u32(payload_len).to_le_bytes();
    let [s0, s1, s2, s3, s4, s5, s6, s7] = sequence.to_le_bytes();
    let [o0, o1, o2, o3] = length_u32(owners.len()).to_le_bytes();
    assert_eq!(o3, 0, "the caller has counted them");
    let kind = if is_copy { CONTENT | COPY } else { CONTENT };
    let (head, rest) = out.split_first_chunk_mut::<CONTENT_HEAD>().expect(WHOLE);
    *head = [0, 0, 0, 0, kind, o2, o0, o1, l0, l1, l2, l3, s0, s1, s2, s3, s4, s5, s6, s7];
    let (names, payload) = rest.split_at_mut(owners.len() * 8);
    for (name, owner) in names.as_chunks_mut::<8>().0.iter_mut().zip(owners) {
        *name = owner.to_le_bytes();
    }
    payload
}

/// The length of a note's record.
pub(crate) fn note_len(note: &[u8]) -> usize {
    NOTE_HEAD + note.len()
}

/// Writes a note. `out` is as long as the record.
pub(crate) fn put_note(out: &mut [u8], owner: u64, sequence: u64, note: &[u8], is_copy: bool) {
    let kind = if is_copy { NOTE | COPY } else { NOTE };
    put(out, 0, &[0, 0, 0, 0, kind, 0, 0, 0]);
    put(out, 8, &length_u32(note.len()).to_le_bytes());
    put(out, 12, &owner.to_le_bytes());
    put(out, 20, &sequence.to_le_bytes());
    put(out, NOTE_HEAD, note);
}

/// Appends that a segment is not needed any more.
pub(crate) fn push_dropped(out: &mut Vec<u8>, segment: u64) {
    out.extend_from_slice(&[0, 0, 0, 0, DROPPED, 0, 0, 0]);
    out.extend_from_slice(&segment.to_le_bytes());
}

/// Appends that the log was closed.
pub(crate) fn push_stopped(out: &mut Vec<u8>) {
    out.extend_from_slice(&[0, 0, 0, 0, STOPPED, 0, 0, 0]);
}

/// Contents that an owner released.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Released {
    pub(crate) owner: u64,
    pub(crate) first: u64,
    pub(crate) last: u64,
}

/// Appends one record for each owner; `released` is sorted for that.
pub(crate) fn push_releases(out: &mut Vec<u8>, released: &mut [Released], is_copy: bool) {
    released.sort_unstable();
    for of_owner in released.chunk_by(|one, other| one.owner == other.owner) {
        let Some(&Released { owner, mut first, mut last }) = of_owner.first() else { continue };
        let start = out.len();
        let kind = if is_copy { RELEASE | COPY } else { RELEASE };
        out.extend_from_slice(&[0, 0, 0, 0, kind, 0, 0, 0, 0, 0, 0, 0]);
        out.extend_from_slice(&owner.to_le_bytes());
        let mut at = 0;
        let mut push = |first: u64, last: u64| {
            varint::write(out, first - at);
            varint::write(out, last - first);
            at = last;
        };
        for next in of_owner {
            if next.first > last.saturating_add(1) {
                push(first, last);
                first = next.first;
                last = next.last;
            }
            last = last.max(next.last);
        }
        push(first, last);
        let length = length_u32(out.len() - start - RELEASE_HEAD);
        put(out, start + 8, &length.to_le_bytes());
    }
}

/// Marks a content that is not to be written.
#[inline]
pub(crate) fn withdraw(record: &mut [u8]) {
    put(record, KIND_AT, &[WITHDRAWN]);
}

/// What a record in memory is, without a look at what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outline {
    pub(crate) len: usize,
    /// The sequence of a content that is no copy.
    pub(crate) content: Option<u64>,
    /// The sequence of a content that was withdrawn.
    pub(crate) withdrawn: Option<u64>,
    /// The sequence that a note is of.
    pub(crate) noted: Option<u64>,
}

/// How many owners the content has that `bytes` begin with.
#[inline]
fn owner_count(bytes: &[u8]) -> Option<usize> {
    let [high, low @ ..] = field::<3>(bytes, 5)?;
    Some(usize::from(high) << 16 | usize::from(u16::from_le_bytes(low)))
}

/// The outline of the record that `bytes` begin with.
pub(crate) fn outline(bytes: &[u8]) -> Option<Outline> {
    let kind = *bytes.get(KIND_AT)?;
    let (mut content, mut withdrawn, mut noted) = (None, None, None);
    let len = match kind & !COPY {
        CONTENT | WITHDRAWN => {
            let sequence = Some(u64_at(bytes, 12)?);
            match kind {
                WITHDRAWN => withdrawn = sequence,
                CONTENT => content = sequence,
                _ => {}
            }
            content_len(owner_count(bytes)?, u32_at(bytes, 8)? as usize)
        }
        RELEASE => RELEASE_HEAD + u32_at(bytes, 8)? as usize,
        NOTE => {
            noted = Some(u64_at(bytes, 20)?);
            NOTE_HEAD + u32_at(bytes, 8)? as usize
        }
        DROPPED => DROPPED_LEN,
        STOPPED => STOPPED_LEN,
        _ => return None,
    };
    Some(Outline { len, content, withdrawn, noted })
}

impl<'a> Record<'a> {
    /// The record that `bytes` begin with, and its length; `None` if they begin with none. Its checksum is not looked at.
    pub(crate) fn decode(bytes: &'a [u8]) -> Option<(Self, usize)> {
        let kind = *bytes.get(KIND_AT)?;
        let is_copy = kind & COPY != 0;
        let len = outline(bytes)?.len;
        let bytes = bytes.get(..len)?;
        let record = match kind & !COPY {
            CONTENT => {
                let sequence = u64_at(bytes, 12)?;
                let rest = bytes.get(CONTENT_HEAD..)?;
                let (owners, payload) = rest.split_at_checked(owner_count(bytes)? * 8)?;
                Self::Content { sequence, owners: Owners(owners.as_chunks().0), payload, is_copy }
            }
            RELEASE => {
                let ranges = Ranges(bytes.get(RELEASE_HEAD..)?);
                Self::Release { owner: u64_at(bytes, 12)?, ranges, is_copy }
            }
            NOTE => {
                let (owner, sequence) = (u64_at(bytes, 12)?, u64_at(bytes, 20)?);
                Self::Note { owner, sequence, note: bytes.get(NOTE_HEAD..)?, is_copy }
            }
            DROPPED => Self::Dropped { segment: u64_at(bytes, 8)? },
            STOPPED => Self::Stopped,
            _ => return None,
        };
        Some((record, len))
    }
}

/// The checksums of the records of one segment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seal(u32);

impl Seal {
    pub(crate) fn new(segment: u64) -> Self {
        Self(crc32fast::hash(&segment.to_le_bytes()))
    }

    /// Gives a record its checksum.
    #[inline]
    pub(crate) fn put(self, record: &mut [u8]) {
        let crc = self.crc_of(record).to_le_bytes();
        put(record, 0, &crc);
    }

    /// Whether a record has the checksum that it should have.
    #[inline]
    pub(crate) fn is_on(self, record: &[u8]) -> bool {
        u32_at(record, 0) == Some(self.crc_of(record))
    }

    #[inline]
    fn crc_of(self, record: &[u8]) -> u32 {
        let mut hasher = crc32fast::Hasher::new_with_initial(self.0);
        hasher.update(record.get(KIND_AT..).unwrap_or_default());
        hasher.finalize()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(released: &[(u64, u64, u64)]) -> Vec<u8> {
        let mut released: Vec<_> =
            released.iter().map(|&(owner, first, last)| Released { owner, first, last }).collect();
        let mut out = Vec::new();
        push_releases(&mut out, &mut released, false);
        out
    }

    #[test]
    fn records_are_read_as_they_were_written() {
        let mut content = vec![0xEE; content_len(2, 3)];
        put_content(&mut content, 77, &[5, 9], true).copy_from_slice(b"abc");
        let (record, len) = Record::decode(&content).unwrap();
        assert_eq!(len, content.len());
        let Record::Content { sequence: 77, owners, payload: b"abc", is_copy: true } = record
        else {
            panic!("{record:?}")
        };
        assert!(owners.iter().eq([5, 9]));

        let mut note = vec![0xEE; note_len(b"xy")];
        put_note(&mut note, 4, 6, b"xy", false);
        let expected = Record::Note { owner: 4, sequence: 6, note: b"xy", is_copy: false };
        assert_eq!(Record::decode(&note), Some((expected, note.len())));

        let mut system = Vec::new();
        push_dropped(&mut system, 8);
        push_stopped(&mut system);
        assert_eq!(Record::decode(&system), Some((Record::Dropped { segment: 8 }, 16)));
        assert_eq!(Record::decode(&system[16..]), Some((Record::Stopped, 8)));
    }

    #[test]
    fn released_ranges_are_merged_by_owner() {
        let bytes =
            release(&[(2, 9, 9), (1, 5, 5), (1, 6, 9), (2, 3, 4), (1, 7, 7), (1, 11, u64::MAX)]);
        let (first, len) = Record::decode(&bytes).unwrap();
        let Record::Release { owner: 1, ranges, .. } = first else { panic!("{first:?}") };
        assert!(ranges.iter().eq([(5, 9), (11, u64::MAX)]));
        let (second, rest) = Record::decode(&bytes[len..]).unwrap();
        let Record::Release { owner: 2, ranges, .. } = second else { panic!("{second:?}") };
        assert!(ranges.iter().eq([(3, 4), (9, 9)]));
        assert_eq!(len + rest, bytes.len());
    }

    #[test]
    fn a_record_that_is_cut_is_none() {
        let mut content = vec![0; content_len(1, 30)];
        put_content(&mut content, 1, &[1], false);
        for bytes in [content, release(&[(1, 3, 900)])] {
            for at in 0..bytes.len() {
                assert_eq!(Record::decode(&bytes[..at]), None);
            }
        }
    }

    #[test]
    fn a_seal_is_of_its_segment() {
        let mut record = release(&[(1, 2, 3)]);
        Seal::new(4).put(&mut record);
        assert!(Seal::new(4).is_on(&record) && !Seal::new(5).is_on(&record));
        record[9] ^= 1;
        assert!(!Seal::new(4).is_on(&record));
    }
}
