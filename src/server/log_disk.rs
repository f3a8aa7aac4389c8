//! What the log lies on: a folder of this machine, or in a simulation a disk in memory.
//!
//! It knows how long flushes take: the log itself has no clock.
//!
//! A value rather than a type, so that a node is the same code on either; the disk is called once a batch.

use std::io;
use std::sync::Arc;
use std::time::Instant;

#[cfg(feature = "simulation")]
use store::sim::{SimDisk, SimFile};
use store::{Disk, DiskFile, Spread};

use disk::{Folder, FolderFile};

/// The disk of a log.
#[derive(Debug, Clone)]
pub(crate) enum LogDisk {
    /// The one that outlives the process, and how long its flushes take.
    Folder(Folder, FlushTimes),
    /// One that a test can fill, fail and cut off.
    #[cfg(feature = "simulation")]
    Simulated(SimDisk),
}

/// An open file of a [`LogDisk`].
#[derive(Debug)]
pub(crate) enum LogFile {
    Folder(FolderFile, FlushTimes),
    #[cfg(feature = "simulation")]
    Simulated(SimFile),
}

/// How long flushes took, in microseconds.
pub(crate) type FlushTimes = Arc<Spread>;

/// Calls the disk that it is.
macro_rules! on_either {
    ($disk:expr, $it:ident => $call:expr) => {
        match $disk {
            Self::Folder($it, _) => $call,
            #[cfg(feature = "simulation")]
            Self::Simulated($it) => $call,
        }
    };
}

impl Disk for LogDisk {
    type File = LogFile;

    fn list(&self) -> io::Result<Vec<String>> {
        on_either!(self, disk => disk.list())
    }

    fn create(&self, name: &str) -> io::Result<LogFile> {
        match self {
            Self::Folder(disk, times) => {
                disk.create(name).map(|file| LogFile::Folder(file, Arc::clone(times)))
            }
            #[cfg(feature = "simulation")]
            Self::Simulated(disk) => disk.create(name).map(LogFile::Simulated),
        }
    }

    fn open(&self, name: &str) -> io::Result<LogFile> {
        match self {
            Self::Folder(disk, times) => {
                disk.open(name).map(|file| LogFile::Folder(file, Arc::clone(times)))
            }
            #[cfg(feature = "simulation")]
            Self::Simulated(disk) => disk.open(name).map(LogFile::Simulated),
        }
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        on_either!(self, disk => disk.rename(from, to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        on_either!(self, disk => disk.remove(name))
    }

    fn sync_dir(&self) -> io::Result<()> {
        on_either!(self, disk => disk.sync_dir())
    }
}

impl DiskFile for LogFile {
    fn len(&self) -> io::Result<u64> {
        on_either!(self, file => file.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        on_either!(self, file => file.set_len(len))
    }

    fn read_at(&self, out: &mut [u8], offset: u64) -> io::Result<usize> {
        on_either!(self, file => file.read_at(out, offset))
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        on_either!(self, file => file.write_at(bytes, offset))
    }

    fn sync(&self) -> io::Result<()> {
        on_either!(self, file => file.sync())
    }

    fn sync_batch(&self) -> io::Result<()> {
        match self {
            Self::Folder(file, times) => {
                let began = Instant::now();
                let flushed = file.sync();
                times.add(u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX));
                flushed
            }
            #[cfg(feature = "simulation")]
            Self::Simulated(file) => file.sync(),
        }
    }
}
