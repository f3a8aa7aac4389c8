//! A copy of a log that goes on.

use std::sync::Arc;

use crate::format::{name_of, number_of};
use crate::log::Log;
use crate::{Disk, DiskFile, Fault};

/// How much is copied at once.
const PIECE: usize = 1 << 20;

/// The files of a log as they are at one moment: what becomes of the log does not matter to them.
#[derive(Debug)]
pub struct Snapshot<F> {
    files: Vec<SnapshotFile<F>>,
}

/// A segment at one moment.
#[derive(Debug)]
pub struct SnapshotFile<F> {
    /// The name of its file.
    pub name: String,
    /// Its file.
    pub file: Arc<F>,
    /// What of it belongs to the snapshot, in bytes: what is behind that is of no meaning.
    pub used: u64,
    /// How long the file is.
    pub size: u64,
}

impl<D: Disk> Log<D> {
    /// What is flushed by now. For as long as the snapshot lives, no file of it is used for anything else.
    pub fn snapshot(&self) -> Snapshot<D::File> {
        let state = self.state.lock();
        let file = |segment: &crate::segments::Segment<D::File>| SnapshotFile {
            name: name_of(segment.number.into()),
            file: Arc::clone(&segment.file),
            used: segment.used,
            size: segment.size,
        };
        Snapshot { files: state.segments.iter().map(file).collect() }
    }
}

impl<F> Snapshot<F> {
    /// One of files that are known to belong together. Only segments are: others are left out.
    pub fn of(files: impl IntoIterator<Item = SnapshotFile<F>>) -> Self {
        let files = files.into_iter().filter(|file| number_of(&file.name).is_some());
        Self { files: files.collect() }
    }

    /// Its files.
    pub fn files(&self) -> &[SnapshotFile<F>] {
        &self.files
    }
}

impl<F: DiskFile> Snapshot<F> {
    /// How many bytes are to be copied.
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.used).sum()
    }

    /// Writes the snapshot to an empty disk, and flushes it: a log that opens as one whose process was killed.
    /// `progress` is told how many bytes were copied.
    ///
    /// # Errors
    /// The first call that fails on either disk; what is on the empty one by then is of no use.
    pub fn copy_to<D: Disk>(&self, disk: &D, progress: &mut dyn FnMut(u64)) -> Result<(), Fault> {
        let mut buffer = vec![0; PIECE];
        let mut copied = 0;
        for SnapshotFile { name, file, used, size } in &self.files {
            let copy = disk.create(name).map_err(Fault::of("make", name))?;
            let mut at = 0;
            while at < *used {
                let len = usize::try_from(used - at).unwrap_or(PIECE).min(PIECE);
                let piece = buffer.get_mut(..len).unwrap_or_default();
                let read = file.read_at(piece, at).map_err(Fault::at("read", name, at))?;
                let piece = piece.get(..read).filter(|piece| !piece.is_empty());
                let end = || Fault::at("read", name, at)(std::io::ErrorKind::UnexpectedEof.into());
                let piece = piece.ok_or_else(end)?;
                copy.write_at(piece, at).map_err(Fault::at("write to", name, at))?;
                at += read as u64;
                copied += read as u64;
                progress(copied);
            }
            copy.set_len(*size).map_err(Fault::of("lengthen", name))?;
            copy.sync().map_err(Fault::of("flush", name))?;
        }
        disk.sync_dir().map_err(Fault::of("flush the folder of", "the copy"))
    }
}
