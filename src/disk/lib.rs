//! The disk of this machine: the data folder with its lock, and the log's files in it behind the log's own
//! [`Disk`](store::Disk).
//!
//! ```text
//! DIR/pillarbox.lock   held by the broker that runs, or by who copies the folder without one
//!     admin.token      what lets those in at its API who can read this file; there while the broker runs
//!     control.sock     where the broker that runs can be asked for its files
//!     log/             the log
//! ```
//!
//! The broker and the tools that look at its data without it share this, so that there is one way to touch the disk.

mod admin_token;
mod control;
mod fail_point;
mod folder;
mod frozen;
mod lock;

pub use self::admin_token::{AdminTokenFile, AdminTokenText};
pub use self::control::ControlPath;
pub use self::folder::{
    FILE_MODE, Folder, FolderFile, free_bytes, make_folder, read_fully, sync_folder,
};
pub use self::frozen::{Frozen, FrozenFile};
pub use self::lock::{Lock, is_locked};

/// The folder of the log, in the data folder.
pub const LOG: &str = "log";
