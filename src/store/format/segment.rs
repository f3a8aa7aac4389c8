//! What a segment begins and ends with.

use super::{ALIGN, FORMAT_VERSION, field, length_u32, put, u32_at, u64_at};

/// What every segment begins with: that it is one, whose, and what was there when it was begun.
///
/// ```text
/// 0      8        12   16    32      40    48           56        64     68
/// magic  version  crc  node  number  size  first batch  sequence  chain  count │ count × (number:8 last batch:8 chain:4) │ crc:4
/// ```
///
/// The crc at 12 is of what is before it, in this and all later versions; the one at the end is of everything.
/// `size` is that of the file, `first batch` the lowest number that a batch in it can have, `sequence` the highest that
/// a content had before, `chain` the checksum of the batch before it. The list names the segments that existed then,
/// this one left out, each with the number and the checksum of its last batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    pub(crate) node: u128,
    pub(crate) number: u64,
    pub(crate) size: u64,
    pub(crate) first_batch: u64,
    pub(crate) sequence: u64,
    pub(crate) chain: u32,
    pub(crate) others: Vec<SegmentEnd>,
}

/// Where a segment ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SegmentEnd {
    pub(crate) number: u64,
    pub(crate) last_batch: u64,
    pub(crate) chain: u32,
}

const MAGIC: [u8; 8] = *b"PILLARBX";
const FIXED: usize = 72;
const END: usize = 20;

/// What is wrong with the beginning of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BadHeader {
    /// It is none, or not readable as one.
    Unreadable,
    /// It is longer than these bytes.
    Longer(usize),
    /// It was written by a later program.
    Version(u32),
}

impl SegmentHeader {
    /// No log has more segments.
    pub(crate) const OTHERS_MAX: usize = 1 << 16;
    /// What is to be read to know how long it is, and mostly all of it.
    pub(crate) const LIKELY_LEN: usize = 4 << 10;

    pub(crate) fn len(&self) -> usize {
        FIXED + self.others.len() * END + 4
    }

    /// Where the first batch begins.
    pub(crate) fn end(&self) -> u64 {
        self.len().next_multiple_of(ALIGN) as u64
    }

    /// Where the first batch would begin in a segment that has so many others.
    pub(crate) fn end_with(others: usize) -> u64 {
        (FIXED + others * END + 4).next_multiple_of(ALIGN) as u64
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.len());
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        out.extend_from_slice(&crc32fast::hash(&out).to_le_bytes());
        out.extend_from_slice(&self.node.to_le_bytes());
        for number in [self.number, self.size, self.first_batch, self.sequence] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.chain.to_le_bytes());
        out.extend_from_slice(&length_u32(self.others.len()).to_le_bytes());
        for SegmentEnd { number, last_batch, chain } in &self.others {
            out.extend_from_slice(&number.to_le_bytes());
            out.extend_from_slice(&last_batch.to_le_bytes());
            out.extend_from_slice(&chain.to_le_bytes());
        }
        out.extend_from_slice(&crc32fast::hash(&out).to_le_bytes());
        out
    }

    /// Reads the header that `bytes` begin with.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, BadHeader> {
        let unreadable = BadHeader::Unreadable;
        let start = bytes.get(..12).ok_or(unreadable)?;
        if !start.starts_with(&MAGIC) || u32_at(bytes, 12) != Some(crc32fast::hash(start)) {
            return Err(unreadable);
        }
        let version = u32_at(bytes, 8).ok_or(unreadable)?;
        if version > FORMAT_VERSION {
            return Err(BadHeader::Version(version));
        }
        let count = u32_at(bytes, 68).ok_or(unreadable)? as usize;
        if count > Self::OTHERS_MAX {
            return Err(unreadable);
        }
        let length = FIXED + count * END + 4;
        let Some(header) = bytes.get(..length - 4) else { return Err(BadHeader::Longer(length)) };
        if u32_at(bytes, length - 4).ok_or(BadHeader::Longer(length))? != crc32fast::hash(header) {
            return Err(unreadable);
        }
        let number = |at| u64_at(header, at).ok_or(unreadable);
        let ends = header.get(FIXED..).unwrap_or_default().chunks_exact(END);
        Ok(Self {
            node: u128::from_le_bytes(field(header, 16).ok_or(unreadable)?),
            number: number(32)?,
            size: number(40)?,
            first_batch: number(48)?,
            sequence: number(56)?,
            chain: u32_at(header, 64).ok_or(unreadable)?,
            others: ends
                .filter_map(|end| {
                    let (number, last_batch) = (u64_at(end, 0)?, u64_at(end, 8)?);
                    Some(SegmentEnd { number, last_batch, chain: u32_at(end, 16)? })
                })
                .collect(),
        })
    }
}

/// What stands behind the last batch of a full segment: that another was begun. If that one is missing, it shows.
///
/// ```text
/// 0      4         8             16     20
/// magic  reserved  next segment  chain  crc:4, of the place and of what is before it
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Footer {
    pub(crate) next_segment: u64,
    /// The checksum of the last batch.
    pub(crate) chain: u32,
}

const FOOTER_MAGIC: [u8; 4] = *b"\xB1End";

impl Footer {
    pub(crate) const LEN: usize = 24;

    /// `place` is the checksum of where it lies, to go on with.
    pub(crate) fn encode(self, mut place: crc32fast::Hasher) -> [u8; Self::LEN] {
        let mut out = [0; Self::LEN];
        put(&mut out, 0, &FOOTER_MAGIC);
        put(&mut out, 8, &self.next_segment.to_le_bytes());
        put(&mut out, 16, &self.chain.to_le_bytes());
        place.update(out.get(..20).unwrap_or_default());
        put(&mut out, 20, &place.finalize().to_le_bytes());
        out
    }

    pub(crate) fn decode(bytes: &[u8], mut place: crc32fast::Hasher) -> Option<Self> {
        if !bytes.starts_with(&FOOTER_MAGIC) {
            return None;
        }
        place.update(bytes.get(..20)?);
        if u32_at(bytes, 20)? != place.finalize() {
            return None;
        }
        Some(Self { next_segment: u64_at(bytes, 8)?, chain: u32_at(bytes, 16)? })
    }
}

const SUFFIX: &str = ".seg";
const SPARE: &str = "spare-";
const RESERVE: &str = "reserve-";
const SCRATCH: &str = "new-";
const DAMAGED: &str = "damaged-";

/// The name of a segment's file.
pub(crate) fn name_of(number: u64) -> String {
    format!("{number:016X}{SUFFIX}")
}

/// The number of the segment that a file is named after.
pub(crate) fn number_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    let number = u64::from_str_radix(digits, 16).ok()?;
    (name_of(number) == name).then_some(number)
}

/// The name of a spare file.
pub(crate) fn spare_name(number: u64) -> String {
    format!("{SPARE}{number}")
}

/// The number of a spare file. Higher ones than there will ever be are somebody else's, and not counted on from.
pub(crate) fn spare_number(name: &str) -> Option<u64> {
    name.strip_prefix(SPARE)?.parse().ok().filter(|number| *number < u64::MAX / 2)
}

/// The name of a segment's file that is damaged, and that the log needs no more.
pub(crate) fn damaged_name(number: u64) -> String {
    format!("{DAMAGED}{number:016X}")
}

/// The name of a file with room that is kept for the time when the disk is full.
pub(crate) fn reserve_name(number: usize) -> String {
    format!("{RESERVE}{number}")
}

/// The number of such a file.
pub(crate) fn reserve_number(name: &str) -> Option<usize> {
    let number = name.strip_prefix(RESERVE)?.parse().ok()?;
    (reserve_name(number) == name).then_some(number)
}

/// The name of a file that is being made.
pub(crate) fn scratch_name(number: u64) -> String {
    format!("{SCRATCH}{number}")
}

/// Whether a file was being made, and was not finished.
pub(crate) fn is_scratch(name: &str) -> bool {
    name.starts_with(SCRATCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_named_by_number() {
        assert_eq!(name_of(255), "00000000000000FF.seg");
        assert_eq!(number_of(&name_of(u64::MAX)), Some(u64::MAX));
        for other in [
            "ff.seg",
            "00000000000000FG.seg",
            "spare-3",
            "00000000000000FF",
            "+000000000000001.seg",
        ] {
            assert_eq!(number_of(other), None, "{other}");
        }
        assert_eq!(spare_number(&spare_name(3)), Some(3));
        assert_eq!(reserve_number(&reserve_name(3)), Some(3));
        assert_eq!(reserve_number("reserve-03"), None);
        assert!(is_scratch(&scratch_name(3)));
    }

    fn header() -> SegmentHeader {
        let end = SegmentEnd { number: 3, last_batch: 40, chain: 5 };
        SegmentHeader {
            node: 1 << 100,
            number: 7,
            size: 4 << 20,
            first_batch: 90,
            sequence: 1000,
            chain: 0xABCD,
            others: vec![end, SegmentEnd { number: 6, ..end }],
        }
    }

    #[test]
    fn a_header_is_read_back_and_a_wrong_byte_of_it_is_seen() {
        let bytes = header().encode();
        assert_eq!(bytes.len(), header().len());
        assert_eq!(SegmentHeader::decode(&bytes), Ok(header()));
        for at in 0..bytes.len() {
            let mut wrong = bytes.clone();
            wrong[at] ^= 0x10;
            let found = SegmentHeader::decode(&wrong);
            assert!(
                matches!(found, Err(BadHeader::Unreadable | BadHeader::Longer(_))),
                "{at}: {found:?}"
            );
            assert!(SegmentHeader::decode(&bytes[..at]).is_err());
        }
    }

    #[test]
    fn a_later_version_is_recognised_whatever_else_it_changed() {
        let mut bytes = header().encode();
        bytes[8] = 9;
        let crc = crc32fast::hash(&bytes[..12]);
        bytes[12..16].copy_from_slice(&crc.to_le_bytes());
        assert_eq!(SegmentHeader::decode(&bytes[..20]), Err(BadHeader::Version(9)));
    }
}
