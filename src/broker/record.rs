//! What the log keeps for the broker: messages, definitions, and what a queue notes about a message.
//!
//! The log itself sees opaque bytes. Each payload begins with the version of its layout; one of another version is
//! refused, never guessed at.

mod definition;
mod message;
mod note;

pub use self::{
    definition::{
        BindingDefinition, Definition, DurableQueue, GlobalParameterDefinition, LimitsDefinition,
        PermissionDefinition, PolicyDefinition, TopicPermissionDefinition,
    },
    message::{MessageDraft, MessageRecord},
    note::{NOTE_BYTES_MAX, Note},
};

/// The version of every layout that is written here, unless its own module knows of a later one.
const VERSION: u8 = 1;

/// Why a payload cannot be understood. It passed its checksum, so it is of another version, or was written wrongly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Of another version.
    #[error("{record} of format version {found}, but this program knows none above {known}")]
    Version {
        /// What it should be.
        record: &'static str,
        /// The version that it has.
        found: u8,
        /// The latest version that is known; the first is 1.
        known: u8,
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

/// Takes the version off the front of a record of which there is one version only.
fn check_version<'a>(record: &'static str, bytes: &'a [u8]) -> Result<&'a [u8], RecordError> {
    take_version(record, VERSION, bytes).map(|(_, rest)| rest)
}

/// Takes the version off the front of a record, from 1 to `known`.
fn take_version<'a>(
    record: &'static str,
    known: u8,
    bytes: &'a [u8],
) -> Result<(u8, &'a [u8]), RecordError> {
    match bytes.split_first() {
        Some((&found, rest)) if (1..=known).contains(&found) => Ok((found, rest)),
        Some((&found, _)) => Err(RecordError::Version { record, found, known }),
        None => Err(RecordError::Malformed { record, fault: "it is empty" }),
    }
}

#[cfg(test)]
mod tests;
