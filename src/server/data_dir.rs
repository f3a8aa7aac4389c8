//! The data folder: what of the broker outlives its process, and the lock that keeps two brokers from sharing it.
//!
//! Beside what the [`disk`] crate knows, `reserve` lies there: room that is given up when the disk is full, so that acks
//! can still be written.
//!
//! ```text
//! DIR/spill/    transient messages that their queues do not keep in memory; emptied at every start
//!     reserve   room that is given up when the disk is full
//! ```

use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use disk::{Folder, LOG, Lock, make_folder, sync_folder};

/// How much is kept for the time when the disk is full: what acks and deletions need until they have freed something.
///
/// More than the log's buffer holds of publishes: they may be in the batch that waits for room, in front of the first
/// ack, and the segment for that batch has to fit as well.
pub(crate) const RESERVE_BYTES: u64 = 16 << 20;

const RESERVE: &str = "reserve";

/// A data folder that is this process's own.
#[derive(Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
    /// Held until the process ends, however it ends.
    _lock: Lock,
}

/// Why a data folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// Another broker runs on it, or somebody copies it.
    #[error(
        "another broker is running on the data folder {}, or a backup of it: wait for it, stop it, or choose another folder \
         with --data-dir",
        path.display()
    )]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// The operating system refuses something.
    #[error("cannot {operation} {}", path.display())]
    Io {
        /// What was tried.
        operation: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}

impl DataDir {
    /// Makes the folder if there is none, and locks it.
    ///
    /// # Errors
    /// [`DataDirError`]; nothing in the folder has changed then.
    pub(crate) fn open(path: &Path) -> Result<Self, DataDirError> {
        make_folder(path).map_err(|source| failed("make the data folder", path, source))?;
        let lock = Lock::take(path);
        match lock.map_err(|source| failed("lock", &Lock::path(path), source))? {
            Some(lock) => Ok(Self { path: path.to_owned(), _lock: lock }),
            None => Err(DataDirError::InUse { path: path.to_owned() }),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the log lies.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub(crate) fn log(&self) -> Result<Folder, DataDirError> {
        self.folder(LOG)
    }

    /// Where what is spilled lies, if anything can be.
    pub(crate) fn spill(&self) -> PathBuf {
        self.path.join("spill")
    }

    fn folder(&self, name: &str) -> Result<Folder, DataDirError> {
        let path = self.path.join(name);
        Folder::make(path.clone()).map_err(|source| failed("make", &path, source))
    }

    /// Whether the reserve is there.
    pub(crate) fn has_reserve(&self) -> bool {
        let reserve = self.path.join(RESERVE).metadata();
        reserve.is_ok_and(|reserve| reserve.len() == RESERVE_BYTES)
    }

    /// Sees to it that the reserve is there; whether it is.
    pub(crate) fn keep_reserve(&self) -> bool {
        if self.has_reserve() {
            return true;
        }
        let path = self.path.join(RESERVE);
        // Written, not just lengthened: only so is the room really taken.
        let made = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| {
                io::copy(&mut io::repeat(0).take(RESERVE_BYTES), &mut file)?;
                file.sync_all()
            })
            .and_then(|()| sync_folder(&self.path));
        if made.is_err() {
            self.give_reserve_up();
        }
        made.is_ok()
    }

    /// Makes the room of the reserve free; whether there was any.
    pub(crate) fn give_reserve_up(&self) -> bool {
        std::fs::remove_file(self.path.join(RESERVE)).is_ok()
    }
}

fn failed(operation: &'static str, path: &Path, source: io::Error) -> DataDirError {
    DataDirError::Io { operation, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_broker_at_a_time() {
        let path = std::env::temp_dir().join(format!("pillarbox-data-dir-{}", std::process::id()));
        let first = DataDir::open(&path.join("deep")).unwrap();
        let second = DataDir::open(first.path());
        assert!(matches!(second, Err(DataDirError::InUse { .. })));
        assert!(first.keep_reserve() && first.keep_reserve());
        assert!(first.give_reserve_up() && !first.give_reserve_up());
        drop(first);
        assert!(DataDir::open(&path.join("deep")).is_ok());
        std::fs::remove_dir_all(path).unwrap();
    }
}
