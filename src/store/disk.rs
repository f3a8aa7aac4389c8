//! The disk, as a handful of calls: what a log needs of a folder and its files.

use std::io;

/// A folder that belongs to one log.
///
/// Names are plain file names without a path. A call that fails has changed nothing that can be relied upon.
pub trait Disk: Send + Sync + 'static {
    /// A file of this disk. Dropping it closes it.
    type File: DiskFile;

    /// The names of all files, in no particular order.
    ///
    /// # Errors
    /// If the folder cannot be read.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Makes a new, empty file. Its name survives a power cut once [`sync_dir`](Self::sync_dir) has returned.
    ///
    /// # Errors
    /// If there is one of this name already, or there is no room.
    fn create(&self, name: &str) -> io::Result<Self::File>;

    /// Opens a file for reading and writing.
    ///
    /// # Errors
    /// If there is none, or it cannot be opened.
    fn open(&self, name: &str) -> io::Result<Self::File>;

    /// Gives a file another name, in place of whatever had that name. Atomic, and lasting as [`create`](Self::create).
    ///
    /// # Errors
    /// If there is no file `from`.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a name. Who has the file open goes on reading it.
    ///
    /// # Errors
    /// If there is none.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes names last: those created, renamed and removed before.
    ///
    /// # Errors
    /// If the disk failed; nothing is known of those names then.
    fn sync_dir(&self) -> io::Result<()>;
}

/// An open file.
pub trait DiskFile: Send + Sync + 'static {
    /// Its length in bytes.
    ///
    /// # Errors
    /// If the disk failed.
    fn len(&self) -> io::Result<u64>;

    /// Whether there is nothing in it.
    ///
    /// # Errors
    /// If the disk failed.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Cuts it, or lengthens it with zeros that may take no room yet.
    ///
    /// # Errors
    /// If the disk failed or is full.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Reads up to `out.len()` bytes from `offset`; fewer only at the end of the file.
    ///
    /// # Errors
    /// If the disk failed.
    fn read_at(&self, out: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes all of `bytes` at `offset`. They may be lost, in part and in any order, until [`sync`](Self::sync).
    ///
    /// # Errors
    /// If the disk failed or is full; any part of `bytes` may have been written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Returns once everything written before is on the disk, with the length that is needed to read it.
    ///
    /// # Errors
    /// If the disk failed. What was written before may be lost then, and a later success says nothing about it.
    fn sync(&self) -> io::Result<()>;

    /// The same, for a batch that somebody waits for: a disk that knows the time can tell how long that took.
    ///
    /// # Errors
    /// As [`sync`](Self::sync).
    fn sync_batch(&self) -> io::Result<()> {
        self.sync()
    }
}
