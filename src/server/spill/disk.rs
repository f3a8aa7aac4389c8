//! The disk of what is spilled: nothing on it lasts, and it is full while others need the room that is left.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use disk::{FILE_MODE, free_bytes, make_folder, read_fully};
use store::{Disk, DiskFile};

/// A folder with what is spilled.
#[derive(Debug)]
pub(super) struct SpillDisk {
    path: PathBuf,
    is_shut: Arc<AtomicBool>,
    /// No file is begun with less room than this on the disk, in bytes.
    spare_bytes: u64,
}

/// An open file in it.
#[derive(Debug)]
pub(super) struct SpillFile {
    file: File,
    is_shut: Arc<AtomicBool>,
}

impl SpillDisk {
    /// An empty folder at `path`, whatever was in it.
    ///
    /// # Errors
    /// If it cannot be made or emptied.
    pub(super) fn make(
        path: PathBuf,
        is_shut: Arc<AtomicBool>,
        spare_bytes: u64,
    ) -> io::Result<Self> {
        make_folder(&path)?;
        clear(&path)?;
        Ok(Self { path, is_shut, spare_bytes })
    }
}

/// Removes the files in a folder.
///
/// # Errors
/// If one cannot be removed.
pub(super) fn clear(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn check_open(is_shut: &AtomicBool) -> io::Result<()> {
    if is_shut.load(Ordering::Relaxed) { Err(kept_for_others()) } else { Ok(()) }
}

fn kept_for_others() -> io::Error {
    io::Error::new(ErrorKind::StorageFull, "the room that is left is kept for the log")
}

impl Disk for SpillDisk {
    type File = SpillFile;

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn create(&self, name: &str) -> io::Result<SpillFile> {
        check_open(&self.is_shut)?;
        // What is spilled never raises the alarm of the disk.
        if free_bytes(&self.path)? < self.spare_bytes {
            return Err(kept_for_others());
        }
        let mut options = File::options();
        options.read(true).write(true).create_new(true).mode(FILE_MODE);
        let file = options.open(self.path.join(name))?;
        Ok(SpillFile { file, is_shut: Arc::clone(&self.is_shut) })
    }

    fn open(&self, _: &str) -> io::Result<SpillFile> {
        // Nothing was there as it began, and what is made stays open.
        Err(ErrorKind::NotFound.into())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    fn sync_dir(&self) -> io::Result<()> {
        Ok(())
    }
}

impl DiskFile for SpillFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn read_at(&self, out: &mut [u8], offset: u64) -> io::Result<usize> {
        read_fully(&self.file, out, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        check_open(&self.is_shut)?;
        self.file.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}
