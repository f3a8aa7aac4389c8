//! The log: one append-only sequence of batches on disk, shared by everything that must outlive the process.
//!
//! It knows records, not AMQP: contents that live until each of their owners has released them. It is synchronous and
//! sees the disk through [`Disk`] alone, so that a test can be the disk.

mod disk;
#[cfg(any(test, feature = "sim"))]
pub mod sim;

pub use self::disk::{Disk, DiskFile};
