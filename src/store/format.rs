//! How the files of a log are laid out. Numbers are little-endian.
//!
//! ```text
//! NNNNNNNNNNNNNNNN.seg    a segment, by its number in hexadecimal:
//!                         SegmentHeader, to a multiple of 64 │ Batch │ Batch │ … │ Footer, once it is full
//! Batch                   BatchHeader │ Record │ Record │ … │ zeros, to a multiple of 64
//! spare-N                 a file for a segment to come, of its full size; what is in it is of no meaning
//! reserve-N               one that becomes the next segment when there is room for no other
//! new-N                   one that is not finished; removed when the log is opened
//! ```

mod batch;
mod record;
mod segment;

pub(crate) use self::batch::{BATCH_HEADER, BatchHeader, Places};
pub(crate) use self::record::{
    OWNERS_MAX, Released, Seal, content_len, note_len, outline, push_dropped, push_releases,
    push_stopped, put_content, put_note, withdraw,
};
pub use self::record::{Owners, Ranges, Record};
pub(crate) use self::segment::{
    BadHeader, Footer, SegmentEnd, SegmentHeader, damaged_name, is_scratch, name_of, number_of,
    reserve_name, reserve_number, scratch_name, spare_name, spare_number,
};

/// The version of all this. A log of a later one is refused.
pub const FORMAT_VERSION: u32 = 1;

/// Everything in a segment begins at a multiple of this.
pub(crate) const ALIGN: usize = 64;
/// So much of a segment's end is for its [`Footer`] and for batches that the log needs for itself.
pub(crate) const RESERVED: u64 = 4 << 10;

/// So many bytes at a place.
#[inline]
pub(crate) fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

#[inline]
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    field(bytes, at).map(u32::from_le_bytes)
}

#[inline]
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    field(bytes, at).map(u64::from_le_bytes)
}

/// Overwrites what is at a place that is known to be there.
#[inline]
pub(crate) fn put(out: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = out.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    } else {
        debug_assert!(false, "{} bytes at {at} of {}", bytes.len(), out.len());
    }
}

pub(crate) fn length_u32(length: usize) -> u32 {
    u32::try_from(length).expect("a batch is far smaller than 4 GiB")
}
