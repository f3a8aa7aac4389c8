//! What the disk does when nobody stands before it: overwriting a file, with a flush after each write.

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::Context;

/// How long the file is: a segment of the log.
const FILE_BYTES: u64 = 64 << 20;

/// What is written before each flush: a sector, as much as a small batch needs.
const SECTOR: [u8; 512] = [0xA5; 512];

/// A file that was written before, so that a flush has nothing but its data to bring to the disk.
#[derive(Debug)]
pub(super) struct RawDisk {
    file: File,
    path: PathBuf,
    at: u64,
}

impl RawDisk {
    /// Writes the file beside `folder`, on the same disk.
    pub(super) fn beside(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.with_extension("raw");
        let opened = OpenOptions::new().write(true).create(true).truncate(true).open(&path);
        let file = opened.with_context(|| format!("cannot create {}", path.display()))?;
        let zeros = vec![0; 1 << 20];
        for at in (0..FILE_BYTES).step_by(zeros.len()) {
            file.write_all_at(&zeros, at)?;
        }
        file.sync_all()?;
        Ok(Self { file, path, at: 0 })
    }

    /// How many writes of a sector, one behind the other, are flushed a second.
    pub(super) fn flushes_per_sec(&mut self, seconds: f64) -> anyhow::Result<f64> {
        let (begun, time) = (Instant::now(), Duration::from_secs_f64(seconds));
        let mut flushes = 0;
        while begun.elapsed() < time {
            self.file.write_all_at(&SECTOR, self.at)?;
            self.file.sync_data()?;
            self.at = (self.at + SECTOR.len() as u64) % FILE_BYTES;
            flushes += 1;
        }
        Ok(f64::from(flushes) / begun.elapsed().as_secs_f64())
    }
}

impl Drop for RawDisk {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}
