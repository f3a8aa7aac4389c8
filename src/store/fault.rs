//! What goes wrong with the disk, and with what lies on it.

use std::{fmt, io};

/// A call to the disk that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {operation} {file}{}: {source}", at(*offset))]
pub struct Fault {
    /// What was tried.
    pub operation: &'static str,
    /// With which file.
    pub file: String,
    /// Where in it, if somewhere.
    pub offset: Option<u64>,
    /// What the disk says.
    pub source: io::Error,
}

impl Fault {
    /// Makes a fault of what the disk says about a file.
    pub(crate) fn of(operation: &'static str, file: &str) -> impl FnOnce(io::Error) -> Self {
        let file = file.to_owned();
        move |source| Self { operation, file, offset: None, source }
    }

    /// Makes a fault of what the disk says about a place in a file.
    pub(crate) fn at(
        operation: &'static str,
        file: &str,
        offset: u64,
    ) -> impl FnOnce(io::Error) -> Self {
        let file = file.to_owned();
        move |source| Self { operation, file, offset: Some(offset), source }
    }

    /// Whether there was no room, which may change.
    pub fn is_full_disk(&self) -> bool {
        matches!(self.source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
    }
}

fn at(offset: Option<u64>) -> String {
    offset.map_or_else(String::new, |offset| format!(" at offset {offset}"))
}

/// Bytes of the log that are not what was written, or are missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// In which file.
    pub file: String,
    /// From where.
    pub offset: u64,
    /// How many; 0 if there is nothing where something should be.
    pub len: u64,
    /// What is wrong with them.
    pub what: &'static str,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, offset, len, what } = self;
        write!(f, "{file}: {len} bytes at offset {offset}: {what}")
    }
}

/// Why a log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It was written by a later program.
    #[error(
        "{file} has format version {found}, and this program knows versions up to {known}: use the program that wrote \
         it, or a later one"
    )]
    NewerVersion {
        /// The file.
        file: String,
        /// Its version.
        found: u32,
        /// The highest that is known here.
        known: u32,
    },
    /// It is another node's.
    #[error("{file} belongs to node {found:032x}, and this is node {expected:032x}")]
    WrongNode {
        /// The file.
        file: String,
        /// Whose it is.
        found: u128,
        /// Whose it should be.
        expected: u128,
    },
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] Fault),
}
