//! Content headers and the properties of messages.
//!
//! ```text
//! header       class u16 = 60 │ weight u16 = 0 │ body size u64 │ properties
//! properties   flags u16 │ the values of the set flags, from bit 15 down
//!
//! 15 content-type      shortstr    10 correlation-id  shortstr     5 type        shortstr
//! 14 content-encoding  shortstr     9 reply-to        shortstr     4 user-id     shortstr
//! 13 headers           table        8 expiration      shortstr     3 app-id      shortstr
//! 12 delivery-mode     octet        7 message-id      shortstr     2 cluster-id  shortstr
//! 11 priority          octet        6 timestamp       u64
//! ```
//!
//! Messages keep their properties in this form, from the publisher's frame to the consumer's.
//!
//! Specification: AMQP 0-9-1 §4.2.6.1. RabbitMQ ignores the bits 1 and 0 and knows no further flag words.

mod owned;
mod raw;

pub use self::{
    owned::Properties,
    raw::{PropertyPeek, RawProperties},
};
use crate::{
    TableError,
    reader::{ReadError, Reader},
};

/// Why properties, or the header in front of them, are malformed. RabbitMQ closes the connection, with 541 where
/// nothing else is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PropertyError {
    /// The payload of the header frame is shorter than its fixed part: 501, see [`FrameError::unknown`].
    ///
    /// [`FrameError::unknown`]: crate::FrameError::unknown
    #[error("the content header is cut short")]
    HeaderTruncated,
    /// They end before the values of their flags do.
    #[error("the properties are cut short")]
    Truncated,
    /// They go on after the last value.
    #[error("octets follow the properties")]
    TrailingBytes,
    /// The table of headers is malformed.
    #[error("the headers are malformed: {0}")]
    Table(TableError),
}

impl From<ReadError> for PropertyError {
    fn from(error: ReadError) -> Self {
        match error {
            // Strings in properties may be any octets.
            ReadError::Truncated | ReadError::InvalidUtf8 => Self::Truncated,
            ReadError::Table(error) => Self::Table(error),
        }
    }
}

/// The payload of a header frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentHeader<'a> {
    /// The class of the method before it; 60 for every method with content.
    pub class_id: u16,
    /// Unused, and 0.
    pub weight: u16,
    /// How many octets the body frames carry in all.
    pub body_size: u64,
    /// The properties, not yet looked at.
    pub properties: RawProperties<'a>,
}

impl<'a> ContentHeader<'a> {
    /// Decodes the payload of a header frame. The properties are validated by whoever needs them.
    ///
    /// # Errors
    /// [`PropertyError::HeaderTruncated`] if it is shorter than its fixed part.
    #[inline]
    pub fn decode(payload: &'a [u8]) -> Result<Self, PropertyError> {
        let (fixed, properties) =
            payload.split_first_chunk::<12>().ok_or(PropertyError::HeaderTruncated)?;
        let mut fixed = Reader::new(fixed);
        Ok(Self {
            class_id: fixed.short()?,
            weight: fixed.short()?,
            body_size: fixed.longlong()?,
            properties: RawProperties::from_bytes(properties),
        })
    }
}

#[cfg(test)]
mod tests;
