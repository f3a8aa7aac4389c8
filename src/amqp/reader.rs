//! Reads the primitive types of the wire from the front of a slice.

use crate::{RawTable, ShortStr, TableError};

/// What is left to be read.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

/// Why an argument cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReadError {
    /// The input ended too early.
    Truncated,
    /// A short string that has to be UTF-8 is not.
    InvalidUtf8,
    /// A table is malformed.
    Table(TableError),
}

impl<'a> Reader<'a> {
    #[inline]
    pub(crate) const fn new(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(ReadError::Truncated)?;
        self.rest = rest;
        Ok(*bytes)
    }

    #[inline]
    fn bytes(&mut self, len: usize) -> Result<&'a [u8], ReadError> {
        let (bytes, rest) = self.rest.split_at_checked(len).ok_or(ReadError::Truncated)?;
        self.rest = rest;
        Ok(bytes)
    }

    #[inline]
    pub(crate) fn octet(&mut self) -> Result<u8, ReadError> {
        self.array().map(u8::from_be_bytes)
    }

    #[inline]
    pub(crate) fn short(&mut self) -> Result<u16, ReadError> {
        self.array().map(u16::from_be_bytes)
    }

    #[inline]
    pub(crate) fn long(&mut self) -> Result<u32, ReadError> {
        self.array().map(u32::from_be_bytes)
    }

    #[inline]
    pub(crate) fn longlong(&mut self) -> Result<u64, ReadError> {
        self.array().map(u64::from_be_bytes)
    }

    /// A short string of any octets.
    #[inline]
    pub(crate) fn shortstr(&mut self) -> Result<ShortStr<'a>, ReadError> {
        let len = self.octet()?;
        self.bytes(usize::from(len))
    }

    /// A short string that has to be UTF-8.
    #[inline]
    pub(crate) fn utf8(&mut self) -> Result<&'a str, ReadError> {
        std::str::from_utf8(self.shortstr()?).map_err(|_| ReadError::InvalidUtf8)
    }

    #[inline]
    pub(crate) fn longstr(&mut self) -> Result<&'a [u8], ReadError> {
        let len = self.long()?;
        self.bytes(usize::try_from(len).map_err(|_| ReadError::Truncated)?)
    }

    /// A table, walked once so that its values can be read without failing.
    #[inline]
    pub(crate) fn table(&mut self) -> Result<RawTable<'a>, ReadError> {
        RawTable::from_bytes(self.longstr()?).map_err(ReadError::Table)
    }
}
