//! What a batch begins with.

use super::{ALIGN, put, u32_at, u64_at};

/// What every batch begins with.
///
/// ```text
/// 0      4            8       16       24        32        36     40     44
/// magic  body length  number  flushed  sequence  body crc  chain  flags  header crc:4
/// ```
///
/// `flushed` is the number of the last batch that was known to be on the disk as this one was written, `sequence` the
/// highest that a content has had so far, `chain` the header crc of the batch before. The header crc is of the node, the
/// segment's number, the offset in it, and of what is before: whatever a content holds, it never looks like a batch,
/// and what was once written elsewhere is none here.
///
/// Flag 1: batches are written without waiting for each other's flush. Flag 2: the batch is the log's own and has the
/// number of the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BatchHeader {
    pub(crate) body_len: u32,
    pub(crate) number: u64,
    pub(crate) flushed: u64,
    pub(crate) sequence: u64,
    pub(crate) body_crc: u32,
    pub(crate) chain: u32,
    pub(crate) is_unflushed: bool,
    pub(crate) is_system: bool,
}

pub(crate) const BATCH_HEADER: usize = 48;
const CRC_AT: usize = 44;
const MAGIC: [u8; 4] = *b"\xB1Bat";
const UNFLUSHED: u32 = 1;
const SYSTEM: u32 = 2;

impl BatchHeader {
    /// The bytes, and the checksum that the next batch is chained to.
    pub(crate) fn encode(&self, mut place: crc32fast::Hasher) -> ([u8; BATCH_HEADER], u32) {
        let mut out = [0; BATCH_HEADER];
        let flags = if self.is_unflushed { UNFLUSHED } else { 0 };
        let flags = if self.is_system { flags | SYSTEM } else { flags };
        put(&mut out, 0, &MAGIC);
        put(&mut out, 4, &self.body_len.to_le_bytes());
        put(&mut out, 8, &self.number.to_le_bytes());
        put(&mut out, 16, &self.flushed.to_le_bytes());
        put(&mut out, 24, &self.sequence.to_le_bytes());
        put(&mut out, 32, &self.body_crc.to_le_bytes());
        put(&mut out, 36, &self.chain.to_le_bytes());
        put(&mut out, 40, &flags.to_le_bytes());
        place.update(out.get(..CRC_AT).unwrap_or_default());
        let crc = place.finalize();
        put(&mut out, CRC_AT, &crc.to_le_bytes());
        (out, crc)
    }

    /// Whether `bytes` may begin with one: to be asked before anything is calculated.
    #[inline]
    pub(crate) fn is_likely(bytes: &[u8]) -> bool {
        bytes.starts_with(&MAGIC)
    }

    /// The header that `bytes` begin with, if they do, and its checksum.
    pub(crate) fn decode(bytes: &[u8], mut place: crc32fast::Hasher) -> Option<(Self, u32)> {
        if !Self::is_likely(bytes) {
            return None;
        }
        place.update(bytes.get(..CRC_AT)?);
        let crc = place.finalize();
        if u32_at(bytes, CRC_AT)? != crc {
            return None;
        }
        let flags = u32_at(bytes, 40)?;
        let header = Self {
            body_len: u32_at(bytes, 4)?,
            number: u64_at(bytes, 8)?,
            flushed: u64_at(bytes, 16)?,
            sequence: u64_at(bytes, 24)?,
            body_crc: u32_at(bytes, 32)?,
            chain: u32_at(bytes, 36)?,
            is_unflushed: flags & UNFLUSHED != 0,
            is_system: flags & SYSTEM != 0,
        };
        Some((header, crc))
    }

    /// What it takes in its segment with its body.
    pub(crate) fn whole_len(&self) -> u64 {
        (BATCH_HEADER as u64 + u64::from(self.body_len)).next_multiple_of(ALIGN as u64)
    }

    /// Whether it may come after a batch of this number.
    pub(crate) fn may_follow(&self, last: u64) -> bool {
        self.number > last || self.is_system && self.number == last
    }
}

/// The checksums that begin with where something lies.
#[derive(Debug, Clone)]
pub(crate) struct Places(crc32fast::Hasher);

impl Places {
    /// Those in one segment.
    pub(crate) fn new(node: u128, segment: u64) -> Self {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&node.to_le_bytes());
        hasher.update(&segment.to_le_bytes());
        Self(hasher)
    }

    /// That of one offset.
    pub(crate) fn at(&self, offset: u64) -> crc32fast::Hasher {
        let mut hasher = self.0.clone();
        hasher.update(&offset.to_le_bytes());
        hasher
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_one_at_its_own_place_only() {
        let header = BatchHeader {
            body_len: 70,
            number: 8,
            flushed: 7,
            sequence: 99,
            body_crc: 1,
            chain: 2,
            is_unflushed: true,
            is_system: false,
        };
        let places = Places::new(5, 3);
        let (bytes, crc) = header.encode(places.at(640));
        assert_eq!(BatchHeader::decode(&bytes, places.at(640)), Some((header, crc)));
        assert_eq!(BatchHeader::decode(&bytes, places.at(704)), None);
        assert_eq!(BatchHeader::decode(&bytes, Places::new(5, 4).at(640)), None);
        assert_eq!(BatchHeader::decode(&bytes, Places::new(6, 3).at(640)), None);
        for at in 0..bytes.len() {
            let mut wrong = bytes;
            wrong[at] ^= 1;
            assert_eq!(BatchHeader::decode(&wrong, places.at(640)), None);
        }
        assert_eq!(header.whole_len(), 128);
        assert!(header.may_follow(7) && !header.may_follow(8));
        assert!(BatchHeader { is_system: true, ..header }.may_follow(8));
    }
}
