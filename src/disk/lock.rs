//! The lock of a data folder, which keeps two processes from writing there at once.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

/// The name of the file that is locked.
const FILE: &str = "pillarbox.lock";
/// How often the lock is tried: whoever just looks has it for a moment.
const ATTEMPTS: u32 = 10;
const BETWEEN: Duration = Duration::from_millis(20);

/// The lock of a data folder, held until this is dropped or the process ends, however it ends.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// The file that is locked in a data folder.
    #[must_use]
    pub fn path(data_dir: &Path) -> PathBuf {
        data_dir.join(FILE)
    }

    /// Locks a data folder; `None` if somebody else has.
    ///
    /// # Errors
    /// If the file cannot be opened or locked.
    pub fn take(data_dir: &Path) -> io::Result<Option<Self>> {
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(Self::path(data_dir))?;
        for _ in 0..ATTEMPTS {
            match file.try_lock() {
                Ok(()) => return Ok(Some(Self { _file: file })),
                Err(TryLockError::WouldBlock) => thread::sleep(BETWEEN),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        Ok(None)
    }
}

/// Whether somebody has locked a data folder. Changes nothing, and needs no right to write.
///
/// # Errors
/// If the file cannot be opened or locked.
pub fn is_locked(data_dir: &Path) -> io::Result<bool> {
    let file = match File::open(Lock::path(data_dir)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        opened => opened?,
    };
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_locked_by_one_at_a_time_and_looking_takes_nothing() {
        let folder = std::env::temp_dir().join(format!("pillarbox-lock-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        assert!(!is_locked(&folder).unwrap() && !Lock::path(&folder).exists());
        let lock = Lock::take(&folder).unwrap().unwrap();
        assert!(is_locked(&folder).unwrap());
        assert!(Lock::take(&folder).unwrap().is_none());
        drop(lock);
        assert!(!is_locked(&folder).unwrap());
        assert!(Lock::take(&folder).unwrap().is_some());
        std::fs::remove_dir_all(folder).unwrap();
    }
}
