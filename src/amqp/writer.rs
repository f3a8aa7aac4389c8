//! Appends the primitive types of the wire to a buffer.

use crate::{RawTable, TooLong};

/// A buffer being appended to, which remembers the first string that did not fit.
///
/// Such a string is never cut: whoever asked for it gets the error and the buffer as it was.
pub(crate) struct Writer<'a> {
    out: &'a mut Vec<u8>,
    too_long: Option<TooLong>,
}

impl<'a> Writer<'a> {
    #[inline]
    pub(crate) const fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, too_long: None }
    }

    #[inline]
    pub(crate) const fn finish(self) -> Result<(), TooLong> {
        match self.too_long {
            None => Ok(()),
            Some(error) => Err(error),
        }
    }

    #[inline]
    pub(crate) fn octet(&mut self, value: u8) {
        self.out.push(value);
    }

    #[inline]
    pub(crate) fn short(&mut self, value: u16) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    #[inline]
    pub(crate) fn long(&mut self, value: u32) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    #[inline]
    pub(crate) fn longlong(&mut self, value: u64) {
        self.out.extend_from_slice(&value.to_be_bytes());
    }

    #[inline]
    pub(crate) fn shortstr(&mut self, value: &[u8]) {
        match u8::try_from(value.len()) {
            Ok(len) => {
                self.out.push(len);
                self.out.extend_from_slice(value);
            }
            Err(_) => self.too_long = self.too_long.or(Some(TooLong { len: value.len() })),
        }
    }

    #[inline]
    pub(crate) fn utf8(&mut self, value: &str) {
        self.shortstr(value.as_bytes());
    }

    /// A string or table of up to 4 GiB; frames are far smaller.
    #[inline]
    pub(crate) fn longstr(&mut self, value: &[u8]) {
        match u32::try_from(value.len()) {
            Ok(len) => {
                self.long(len);
                self.out.extend_from_slice(value);
            }
            Err(_) => self.too_long = self.too_long.or(Some(TooLong { len: value.len() })),
        }
    }

    #[inline]
    pub(crate) fn table(&mut self, value: RawTable<'_>) {
        self.longstr(value.as_bytes());
    }
}
