//! The log: one append-only sequence of batches on disk, shared by everything that must outlive the process.
//!
//! It knows records, not AMQP: contents that live until each of their owners has released them. It is synchronous and
//! sees the disk through [`Disk`] alone, so that a test can be the disk.
//!
//! ```text
//! owners append, release, note ─▶ Log::append ─▶ Batch ─▶ Log::run: write, flush, announce ─▶ segments on the Disk
//! who waits for a flush or for room ◀── wakers ────────────┘                                      │     ▲
//!                                                          Log::run_tidying: emptied, dropped ◀───┘     └─ spares
//! Log::read ◀── Index: sequence ─▶ segment, offset, owners ◀── Log::open: scan, verify, replay ◀── segments
//! ```
//!
//! What may be relied upon, with [`Sync::Flush`]:
//!
//! - What [`Log::flushed`] has reached is there when the log is opened again, whatever happened in between; what one
//!   [`Appender`] has appended is there as a whole or not at all.
//! - Nothing is served that was not written: every batch and record tells its checksum and its place.
//! - Bytes that are not what was written, and segments that are missing, are told in [`Recovery::damage`]; only a batch
//!   that was being written as the log ended is [cut off](Recovery::cut) without loss. What cannot be told from a log
//!   that never was is one of which every segment is gone.

#![cfg_attr(not(test), warn(clippy::indexing_slicing))]

mod appender;
mod batch;
mod disk;
mod fault;
mod format;
mod hash;
mod index;
mod log;
mod options;
mod owners;
mod position;
mod prepared;
mod read;
mod recovery;
mod replay;
mod reserve;
mod rotation;
mod scan;
mod segments;
#[cfg(any(test, feature = "sim"))]
#[cfg_attr(
    not(test),
    expect(clippy::indexing_slicing, reason = "a test that reaches beyond an end is to fail")
)]
pub mod sim;
mod snapshot;
mod spread;
mod state;
mod stats;
mod survey;
mod sync;
mod system;
#[cfg(test)]
#[cfg(not(pillarbox_loom))]
mod tests;
#[cfg(test)]
mod threads;
mod tidy;
mod varint;
mod writer;

pub use self::appender::Appender;
pub use self::disk::{Disk, DiskFile};
pub use self::fault::{Damage, Fault, OpenError};
pub use self::format::{FORMAT_VERSION, Owners, Ranges, Record};
pub use self::log::Log;
pub use self::options::{Options, Sync};
pub use self::position::Position;
pub use self::read::ReadError;
pub use self::recovery::{Note, Progress, Recovery};
pub use self::scan::{BatchAt, RecordAt, Scan, SegmentAt, Visitor, scan};
pub use self::snapshot::{Snapshot, SnapshotFile};
pub use self::spread::{Spread, SpreadCounts};
pub use self::stats::Stats;
pub use self::survey::{Survey, survey};
pub use self::writer::Turn;
