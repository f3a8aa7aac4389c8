//! Methods as frames, what cannot be decoded as a method, and what RabbitMQ says to that.
//!
//! The methods themselves are in `methods.rs`, written from `spec/methods.txt`.

use crate::{
    ErlangBinary, FRAME_END, FRAME_OVERHEAD, FrameError, FrameType, Method, TableError, TooLong,
    frame::frame_head, reader::ReadError, writer::Writer,
};

/// Class and method: what stands before the arguments.
const IDS_LEN: usize = 4;

impl Method<'_> {
    /// Appends the method as one whole frame.
    ///
    /// # Panics
    /// If a short string has more than 255 octets. What came off the wire never has; where texts come from elsewhere,
    /// [`try_encode`](Self::try_encode) tells.
    #[inline]
    pub fn encode(&self, channel: u16, out: &mut Vec<u8>) {
        self.try_encode(channel, out).expect("short strings have at most 255 octets");
    }
}

/// Appends a method frame whose arguments take `arguments_len` octets and are appended by `write`.
#[inline]
pub(crate) fn encode_method(
    channel: u16,
    (class_id, method_id): (u16, u16),
    arguments_len: usize,
    out: &mut Vec<u8>,
    write: impl FnOnce(&mut Writer<'_>),
) -> Result<(), TooLong> {
    let len = IDS_LEN + arguments_len;
    let size = u32::try_from(len).map_err(|_| TooLong { len })?;
    out.reserve(len + FRAME_OVERHEAD);
    let start = out.len();
    let [f6, f5, f4, f3, f2, f1, f0] = frame_head(FrameType::Method, channel, size);
    let [c1, c0] = class_id.to_be_bytes();
    let [m1, m0] = method_id.to_be_bytes();
    out.extend_from_slice(&[f6, f5, f4, f3, f2, f1, f0, c1, c0, m1, m0]);
    let mut writer = Writer::new(out);
    write(&mut writer);
    writer.octet(FRAME_END);
    let written = writer.finish();
    if written.is_err() {
        out.truncate(start);
    }
    debug_assert!(written.is_err() || out.len() - start == len + FRAME_OVERHEAD);
    written
}

/// Why the payload of a method frame is no method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MethodError {
    /// There is no such class or method. RabbitMQ's reader crashes: the connection ends without a close.
    #[error("method {class_id}.{method_id} is unknown")]
    Unknown {
        /// The class as it came.
        class_id: u16,
        /// The method as it came.
        method_id: u16,
    },
    /// The payload ends before the arguments do; without class and method both are 0.
    #[error("the arguments of method {class_id}.{method_id} are cut short")]
    Truncated {
        /// The class of the method.
        class_id: u16,
        /// The method.
        method_id: u16,
    },
    /// The payload goes on after the arguments.
    #[error("octets follow the arguments of method {class_id}.{method_id}")]
    TrailingBytes {
        /// The class of the method.
        class_id: u16,
        /// The method.
        method_id: u16,
    },
    /// A short string of a method without content is not UTF-8.
    #[error("a short string of method {class_id}.{method_id} is not UTF-8")]
    InvalidUtf8 {
        /// The class of the method.
        class_id: u16,
        /// The method.
        method_id: u16,
    },
    /// A table among the arguments is malformed. RabbitMQ's reader crashes: the connection ends without a close.
    #[error("a table of method {class_id}.{method_id} is malformed: {error}")]
    Table {
        /// The class of the method.
        class_id: u16,
        /// The method.
        method_id: u16,
        /// What is wrong with it.
        error: TableError,
    },
}

impl MethodError {
    #[cold]
    pub(crate) const fn new(class_id: u16, method_id: u16, error: ReadError) -> Self {
        match error {
            ReadError::Truncated => Self::Truncated { class_id, method_id },
            ReadError::InvalidUtf8 => Self::InvalidUtf8 { class_id, method_id },
            ReadError::Table(error) => Self::Table { class_id, method_id, error },
        }
    }

    /// The class and the method that the payload began with.
    #[must_use]
    pub const fn ids(&self) -> (u16, u16) {
        match *self {
            Self::Unknown { class_id, method_id }
            | Self::Truncated { class_id, method_id }
            | Self::TrailingBytes { class_id, method_id }
            | Self::InvalidUtf8 { class_id, method_id }
            | Self::Table { class_id, method_id, .. } => (class_id, method_id),
        }
    }

    /// What RabbitMQ explains with `FRAME_ERROR`, 501, given the payload that failed; `None` where it ends the
    /// connection without a word.
    #[must_use]
    pub fn explanation(&self, payload: &[u8]) -> Option<String> {
        match self {
            Self::Unknown { .. } | Self::Table { .. } => None,
            Self::InvalidUtf8 { .. } => Some("Malformed UTF-8 in shortstr".to_owned()),
            Self::Truncated { .. } | Self::TrailingBytes { .. } => match payload.get(IDS_LEN..) {
                Some(arguments) => Some(format!("cannot decode {}", ErlangBinary(arguments))),
                None => Some(FrameError::unknown(FrameType::Method, 0, payload).to_string()),
            },
        }
    }
}

#[cfg(test)]
mod tests;
