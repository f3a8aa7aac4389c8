//! A disk that writes down every write and flush: `qemu-storage-daemon` with `blklogwrites`, seen as a file by FUSE.
//!
//! The kernel's `dm-log-writes` is for the same; this needs no module. What it writes down is in that format:
//!
//! ```text
//! sector 0   u64 magic  u64 version  u64 entries  u32 sector size                     (all little-endian)
//! then for each entry one sector
//!            u64 sector  u64 sectors  u64 flags  u64 data bytes
//!            followed by that many sectors of data, unless it is a discard
//! ```

use std::{
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::Child,
};

use crate::ground::{Ground, require, wait_until};

const MAGIC: u64 = 0x6a_7366_7773_6872;
const SECTOR_BYTES: u64 = 512;
const FLAG_FLUSH: u64 = 1;
const FLAG_FUA: u64 = 2;
const FLAG_DISCARD: u64 = 4;

/// A disk whose writes are written down.
pub(crate) struct Recorder {
    daemon: Child,
    folder: PathBuf,
}

/// Something that was done to the disk.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DiskEntry {
    /// Where on the disk, in bytes.
    pub(crate) at: u64,
    /// How much was written, in bytes.
    pub(crate) len: u64,
    /// Where in the log its data is.
    data_at: u64,
    /// Where in the log it ends: it had happened when the log was so long.
    pub(crate) end: u64,
    /// All that was written before lasts.
    pub(crate) is_flush: bool,
    /// This write lasts at once.
    pub(crate) is_fua: bool,
}

/// All that was done to a disk.
pub(crate) struct DiskLog {
    file: File,
    pub(crate) entries: Vec<DiskEntry>,
}

impl Recorder {
    /// An empty disk.
    pub(crate) fn start(ground: &Ground, bytes: u64) -> Self {
        require("qemu-storage-daemon", "qemu-system-common");
        let folder = ground.folder().path().join("recorder");
        fs::create_dir(&folder).expect("a folder can be made");
        let path = |name: &str| folder.join(name).display().to_string();
        let disk = File::create(path("disk")).expect("a file can be made");
        disk.set_len(bytes).expect("a file can be long");
        for name in ["log", "export"] {
            File::create(path(name)).expect("a file can be made");
        }
        // That the machine itself does not lose power is taken for granted.
        let daemon = ground
            .command("qemu-storage-daemon")
            .args([
                "--blockdev",
                &format!("driver=file,node-name=disk,filename={},cache.no-flush=on", path("disk")),
            ])
            .args([
                "--blockdev",
                &format!("driver=file,node-name=log,filename={},cache.no-flush=on", path("log")),
            ])
            .args([
                "--blockdev",
                "driver=blklogwrites,node-name=both,file=disk,log=log,log-sector-size=512",
            ])
            .args([
                "--export",
                &format!(
                    "type=fuse,id=export,node-name=both,mountpoint={},writable=on",
                    path("export")
                ),
            ])
            .spawn()
            .expect("nsenter runs");
        let recorder = Self { daemon, folder };
        wait_until("the daemon exports the disk", || {
            let found = fs::metadata(ground.outside(&recorder.device()));
            found.is_ok_and(|found| found.len() == bytes)
        });
        recorder
    }

    /// The disk, as a file inside the namespace.
    pub(crate) fn device(&self) -> PathBuf {
        self.folder.join("export")
    }

    fn log_path(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// A clock for histories: how long the log is.
    pub(crate) fn clock(&self) -> witness::history::Clock {
        let log = File::open(self.log_path()).expect("the log is there");
        Box::new(move || log.metadata().expect("an open file has a length").len())
    }

    /// Sends the daemon a signal: it stands still with `STOP`, and goes on with `CONT`.
    pub(crate) fn signal(&self, name: &str) {
        signal(self.daemon.id(), name);
    }

    /// Ends the daemon and reads what it has written down.
    pub(crate) fn finish(mut self) -> DiskLog {
        self.signal("TERM");
        wait_until("the daemon ends", || matches!(self.daemon.try_wait(), Ok(Some(_))));
        DiskLog::read(&self.log_path())
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // Where it ended in good order there is nothing left to end.
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

/// Sends a signal to a process.
pub(crate) fn signal(pid: u32, name: &str) {
    let done =
        std::process::Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status();
    assert!(done.is_ok_and(|status| status.success()), "kill -{name} {pid}");
}

impl DiskLog {
    /// Reads the head of every entry.
    ///
    /// # Panics
    /// If it is no such log.
    pub(crate) fn read(path: &Path) -> Self {
        let file = File::open(path).expect("the log is there");
        let [magic, version, count] = words(&file, 0);
        assert_eq!((magic, version), (MAGIC, 1), "a log of writes");
        let mut entries = Vec::new();
        let mut at = SECTOR_BYTES;
        for _ in 0..count {
            let [sector, sectors, flags, _] = words(&file, at);
            let data_at = at + SECTOR_BYTES;
            let has_data = flags & FLAG_DISCARD == 0;
            let len = if has_data { sectors * SECTOR_BYTES } else { 0 };
            at = data_at + len;
            entries.push(DiskEntry {
                at: sector * SECTOR_BYTES,
                len,
                data_at,
                end: at,
                is_flush: flags & FLAG_FLUSH != 0,
                is_fua: flags & FLAG_FUA != 0,
            });
        }
        Self { file, entries }
    }

    /// Does to another disk what was done in this entry, but only so many of its bytes.
    pub(crate) fn replay(&self, entry: &DiskEntry, len: u64, disk: &File) {
        let mut bytes =
            vec![0; usize::try_from(len.min(entry.len)).expect("it was in memory once")];
        self.file.read_exact_at(&mut bytes, entry.data_at).expect("the log can be read");
        disk.write_all_at(&bytes, entry.at).expect("the disk can be written");
    }
}

fn words<const N: usize>(file: &File, at: u64) -> [u64; N] {
    let mut bytes = vec![0; 8 * N];
    file.read_exact_at(&mut bytes, at).expect("the log is as long as it says");
    std::array::from_fn(|index| {
        let word = &bytes[8 * index..8 * index + 8];
        u64::from_le_bytes(word.try_into().expect("it is eight bytes"))
    })
}
