//! The data folder: what of the broker outlives its process, and the lock that keeps two brokers from sharing it.
//!
//! Beside what the [`disk`] crate knows, it has two folders:
//!
//! ```text
//! DIR/spill/    transient messages that their queues do not keep in memory; emptied at every start
//!     traces/   what traces have written
//! ```

use std::io;
use std::path::{Path, PathBuf};

use disk::{Folder, LOG, Lock, make_folder};

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

    /// Where traces write.
    pub(crate) fn traces(&self) -> PathBuf {
        self.path.join("traces")
    }

    fn folder(&self, name: &str) -> Result<Folder, DataDirError> {
        let path = self.path.join(name);
        Folder::make(path.clone()).map_err(|source| failed("make", &path, source))
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
        drop(first);
        assert!(DataDir::open(&path.join("deep")).is_ok());
        std::fs::remove_dir_all(path).unwrap();
    }
}
