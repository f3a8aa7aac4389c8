//! How long things take, by hand: `cargo test --release -p pillarbox-store timing -- --ignored --nocapture`.

use std::hint::black_box;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::RwLock;

use super::*;
use crate::{Disk, DiskFile};

/// Files in memory that cost as little as possible.
#[derive(Debug, Default, Clone)]
struct MemoryDisk(Arc<RwLock<BTreeMap<String, MemoryFile>>>);

#[derive(Debug, Default, Clone)]
struct MemoryFile(Arc<RwLock<Vec<u8>>>);

impl Disk for MemoryDisk {
    type File = MemoryFile;

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.0.read().keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<MemoryFile> {
        Ok(self.0.write().entry(name.to_owned()).or_default().clone())
    }

    fn open(&self, name: &str) -> io::Result<MemoryFile> {
        self.0.read().get(name).cloned().ok_or(io::ErrorKind::NotFound.into())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let file = self.0.write().remove(from).ok_or(io::ErrorKind::NotFound)?;
        self.0.write().insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.0.write().remove(name).map(drop).ok_or(io::ErrorKind::NotFound.into())
    }

    fn sync_dir(&self) -> io::Result<()> {
        Ok(())
    }
}

impl DiskFile for MemoryFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.read().len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.write().resize(usize::try_from(len).unwrap(), 0);
        Ok(())
    }

    fn read_at(&self, out: &mut [u8], offset: u64) -> io::Result<usize> {
        let bytes = self.0.read();
        let rest = bytes.get(usize::try_from(offset).unwrap()..).unwrap_or_default();
        let count = rest.len().min(out.len());
        out[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let (from, mut all) = (usize::try_from(offset).unwrap(), self.0.write());
        let end = from + bytes.len();
        if all.len() < end {
            all.resize(end, 0);
        }
        all[from..end].copy_from_slice(bytes);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "the time is what is asked for")]
fn time<R>(act: impl FnOnce() -> R) -> (Duration, R) {
    let start = Instant::now();
    let result = act();
    (start.elapsed(), result)
}

fn each(what: &str, count: u64, took: Duration) {
    let nanos = took.as_secs_f64() * 1e9 / count as f64;
    println!("{what:50} {nanos:8.1} ns each, {took:8.2?} in all");
}

fn open_memory(disk: &MemoryDisk) -> (Log<MemoryDisk>, Recovery) {
    Log::open(disk.clone(), Options::new(1), &mut |_| {}).unwrap()
}

#[test]
#[ignore = "it measures, and is to be run by hand"]
fn appending_and_releasing() {
    let disk = MemoryDisk::default();
    let (log, _) = open_memory(&disk);
    append_definition(&log);
    let run = 100_u64;
    for round in 0..5 {
        let base = 10 + round * 1_000_000;
        let (mut appending, mut writing, mut releasing) = Default::default();
        for part in 0..10 {
            let base = base + part * 100_000;
            appending += time(|| {
                for first in (base..base + 100_000).step_by(100) {
                    let mut appender = log.append();
                    for sequence in first..first + run {
                        appender.content(sequence, &[1], 16, |out| out.copy_from_slice(&[7; 16]));
                    }
                }
            })
            .0;
            writing += time(|| log.turn().unwrap()).0;
        }
        each("append 16 bytes, 100 at a time", 1_000_000, appending);
        each("write them, and enter them into the index", 1_000_000, writing);
        let all: Vec<u64> = (base..base + 1_000_000).collect();
        releasing += time(|| {
            for part in all.chunks(50) {
                log.append().release(1, part);
            }
        })
        .0;
        each("release them from the index, 50 at a time", 1_000_000, releasing);
        each("write that", 1_000_000, time(|| settle_memory(&log)).0);
    }
    let base = 100_000_000;
    let (took, ()) = time(|| {
        for sequence in base..base + 1_000_000 {
            let mut appender = log.append();
            appender.content(sequence, &[1], 16, |out| out.copy_from_slice(&[7; 16]));
            drop(appender);
            if sequence % 2000 == 1999 {
                black_box(&log).turn().unwrap();
            }
        }
    });
    each("append 16 bytes one at a time, and write", 1_000_000, took);
    let base = 200_000_000;
    let (mut appending, mut releasing) = Default::default();
    for part in 0..10_u64 {
        let base = base + part * 100_000;
        let all: Vec<u64> = (base..base + 100_000).collect();
        appending += time(|| {
            for part in all.chunks(100) {
                let mut appender = log.append();
                for &sequence in part {
                    appender.content(sequence, &[1], 16, |out| out.copy_from_slice(&[7; 16]));
                }
            }
        })
        .0;
        releasing += time(|| {
            for part in all.chunks(50) {
                log.append().release(1, part);
            }
        })
        .0;
        each("write what was withdrawn", 100_000, time(|| log.turn().unwrap()).0);
    }
    each("append", 1_000_000, appending);
    each("withdraw", 1_000_000, releasing);
}

fn append_definition(log: &Log<MemoryDisk>) {
    log.append().content(1, &[0], 4, |out| out.copy_from_slice(b"mine"));
}

fn settle_memory(log: &Log<MemoryDisk>) {
    while log.turn().unwrap() == Turn::Wrote || log.tidy() {}
}

#[test]
#[ignore = "it measures, and is to be run by hand"]
fn recovering() {
    for count in [1_000_000_u64, 10_000_000] {
        let disk = MemoryDisk::default();
        let (log, _) = open_memory(&disk);
        append_definition(&log);
        for first in (10..10 + count).step_by(1000) {
            let mut appender = log.append();
            for sequence in first..first + 1000 {
                appender.content(sequence, &[1], 100, |out| out.fill(b'x'));
            }
            drop(appender);
            log.turn().unwrap();
            log.tidy();
        }
        let stats = log.stats();
        drop(log);
        let (took, (log, recovery)) = time(|| open_memory(&disk));
        assert_eq!(recovery.contents, count + 1);
        each("recover contents of 100 bytes", count, took);
        let (log_bytes, index_bytes) = (stats.used_bytes, log.state.lock().index.memory());
        println!("{} MB of log, {} MB of index", log_bytes / 1_000_000, index_bytes / 1_000_000);
        let mut bytes = 0;
        let visit = |_, _: &[u64], payload: Result<&[u8], _>| bytes += payload.unwrap().len();
        each("visit them all", count, time(|| log.for_each_live(|_| true, visit)).0);
        assert_eq!(bytes as u64, count * 100 + 4);
    }
}
