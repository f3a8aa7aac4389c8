//! What the log keeps for the broker: messages, definitions, and what a queue notes about a message.
//!
//! The log itself sees opaque bytes. Each payload begins with the version of its layout; one of another version is
//! refused, never guessed at.

mod definition;
mod message;
mod note;

pub use self::{
    definition::{BindingDefinition, Definition, DurableQueue, PermissionDefinition},
    message::{MessageDraft, MessageRecord},
    note::{NOTE_BYTES_MAX, Note},
};

/// The version of every layout that is written here.
const VERSION: u8 = 1;

/// Why a payload cannot be understood. It passed its checksum, so it is of another version, or was written wrongly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Of another version.
    #[error("{record} of format version {found}, but this program knows version {VERSION} only")]
    Version {
        /// What it should be.
        record: &'static str,
        /// The version that it has.
        found: u8,
    },
    /// Not laid out as it should be.
    #[error("{record} is malformed: {fault}")]
    Malformed {
        /// What it should be.
        record: &'static str,
        /// What is wrong with it.
        fault: &'static str,
    },
}

/// Takes the version off the front of a record.
fn check_version<'a>(record: &'static str, bytes: &'a [u8]) -> Result<&'a [u8], RecordError> {
    match bytes.split_first() {
        Some((&VERSION, rest)) => Ok(rest),
        Some((&found, _)) => Err(RecordError::Version { record, found }),
        None => Err(RecordError::Malformed { record, fault: "it is empty" }),
    }
}

#[cfg(test)]
mod tests;
