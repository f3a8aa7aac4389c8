//! The log between threads: under loom in every schedule, otherwise in some.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use crate::{Disk, DiskFile, Log, Options, Position, ReadError, Turn};

#[cfg(pillarbox_loom)]
use loom::{future::block_on, thread};
#[cfg(not(pillarbox_loom))]
use std::thread;

/// Files in memory. While one is read or written, others get their turn.
#[derive(Debug, Clone, Default)]
struct MemoryDisk(Arc<Mutex<BTreeMap<String, MemoryFile>>>);

#[derive(Debug, Clone, Default)]
struct MemoryFile(Arc<Mutex<Vec<u8>>>);

impl Disk for MemoryDisk {
    type File = MemoryFile;

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.0.lock().unwrap().keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<MemoryFile> {
        Ok(self.0.lock().unwrap().entry(name.to_owned()).or_default().clone())
    }

    fn open(&self, name: &str) -> io::Result<MemoryFile> {
        self.0.lock().unwrap().get(name).cloned().ok_or(io::ErrorKind::NotFound.into())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut files = self.0.lock().unwrap();
        let file = files.remove(from).ok_or(io::ErrorKind::NotFound)?;
        files.insert(to.to_owned(), file);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.0.lock().unwrap().remove(name).map(drop).ok_or(io::ErrorKind::NotFound.into())
    }

    fn sync_dir(&self) -> io::Result<()> {
        Ok(())
    }
}

impl DiskFile for MemoryFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.lock().unwrap().resize(usize::try_from(len).unwrap(), 0);
        Ok(())
    }

    fn read_at(&self, out: &mut [u8], offset: u64) -> io::Result<usize> {
        thread::yield_now();
        let bytes = self.0.lock().unwrap();
        let rest = bytes.get(usize::try_from(offset).unwrap()..).unwrap_or_default();
        let count = rest.len().min(out.len());
        out[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let (from, mut all) = (usize::try_from(offset).unwrap(), self.0.lock().unwrap());
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

type Shared = Arc<Log<MemoryDisk>>;

fn open(disk: &MemoryDisk) -> Shared {
    let options = Options {
        segment_bytes_min: 8 << 10,
        segment_bytes_max: 8 << 10,
        buffer_bytes_max: 1 << 10,
        ..Options::new(1)
    };
    Arc::new(Log::open(disk.clone(), options, &mut |_| {}).unwrap().0)
}

/// A log with a definition, number 1, in it.
fn begin() -> (MemoryDisk, Shared) {
    let disk = MemoryDisk::default();
    let log = open(&disk);
    append(&log, 1, &[0], 1);
    log.turn().unwrap();
    (disk, log)
}

/// Appends a content that is made of its sequence.
fn append(log: &Shared, sequence: u64, owners: &[u64], len: usize) -> Position {
    let mut appender = log.append();
    appender.content(sequence, owners, len, |out| out.fill(fill_of(sequence)));
    appender.position()
}

fn fill_of(sequence: u64) -> u8 {
    sequence.to_le_bytes()[0]
}

/// The sequences of what lives on the disk, each verified.
fn live(disk: &MemoryDisk) -> Vec<u64> {
    let mut live = Vec::new();
    open(disk).for_each_live(
        |_| true,
        |sequence, _, payload| {
            assert!(payload.unwrap().iter().all(|byte| *byte == fill_of(sequence)));
            live.push(sequence);
        },
    );
    live
}

#[cfg_attr(not(pillarbox_loom), expect(clippy::disallowed_methods, reason = "it is about threads"))]
fn spawn(act: impl FnOnce() + Send + 'static) -> thread::JoinHandle<()> {
    thread::spawn(act)
}

/// Runs `act` beside the log's own thread, until the log is closed.
fn beside_the_log(log: &Shared, act: impl FnOnce()) {
    let running = Arc::clone(log);
    let thread = spawn(move || running.run().unwrap());
    act();
    log.close();
    thread.join().unwrap();
}

/// Every schedule that interrupts threads so often at most; `None`: all.
#[cfg(pillarbox_loom)]
fn check(preemptions: Option<usize>, act: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = preemptions;
    model.max_branches = 100_000;
    model.check(act);
}

#[cfg(not(pillarbox_loom))]
fn check(_preemptions: Option<usize>, act: impl Fn() + Send + Sync + 'static) {
    (0..100).for_each(|_| act());
}

#[cfg(not(pillarbox_loom))]
fn block_on<T>(future: impl Future<Output = T>) -> T {
    use std::task::{Context, Wake, Waker};

    struct Unpark(thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = std::pin::pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

async fn flushed(log: &Shared, position: Position) {
    poll_fn(|cx| {
        if log.wake_when_flushed(position, cx.waker()) { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
}

async fn room(log: &Shared) {
    poll_fn(|cx| if log.wake_when_room(cx.waker()) { Poll::Pending } else { Poll::Ready(()) })
        .await;
}

#[test]
fn nothing_is_lost_between_two_buffers() {
    check(None, || {
        let (disk, log) = begin();
        beside_the_log(&log, || {
            append(&log, 2, &[1], 2);
            append(&log, 3, &[1], 2);
            log.append().release(1, &[2]);
        });
        assert_eq!(live(&disk), [1, 3]);
        assert_eq!(log.flushed().0 + 1, log.append().position().0);
    });
}

#[test]
fn two_publishers_share_a_log() {
    check(Some(4), || {
        let (disk, log) = begin();
        beside_the_log(&log, || {
            let other = Arc::clone(&log);
            let thread = spawn(move || {
                append(&other, 2, &[1], 2);
            });
            append(&log, 3, &[1], 2);
            thread.join().unwrap();
        });
        assert_eq!(live(&disk), [1, 2, 3]);
    });
}

#[test]
fn who_waits_for_a_flush_is_woken_and_finds_it_flushed() {
    check(None, || {
        let (disk, log) = begin();
        beside_the_log(&log, || {
            let position = append(&log, 2, &[1], 2);
            block_on(flushed(&log, position));
            assert!(log.flushed() >= position);
            assert_eq!(live(&disk), [1, 2], "what is announced is on the disk");
        });
    });
}

#[test]
fn two_wait_for_the_same_flush() {
    check(Some(3), || {
        let (_, log) = begin();
        beside_the_log(&log, || {
            let position = append(&log, 2, &[1], 2);
            let other = Arc::clone(&log);
            let thread = spawn(move || block_on(flushed(&other, position)));
            block_on(flushed(&log, position));
            thread.join().unwrap();
        });
    });
}

#[test]
fn a_parked_publisher_goes_on_after_the_swap() {
    check(Some(3), || {
        let (disk, log) = begin();
        beside_the_log(&log, || {
            for sequence in [2, 3] {
                block_on(room(&log));
                append(&log, sequence, &[1], 1000);
            }
        });
        assert_eq!(live(&disk), [1, 2, 3]);
    });
}

#[test]
fn a_release_finds_its_content_wherever_it_is_by_then() {
    check(None, || {
        let (disk, log) = begin();
        beside_the_log(&log, || {
            append(&log, 2, &[1, 0], 2);
            log.append().release(1, &[2]);
            log.append().release(0, &[2]);
        });
        assert_eq!(live(&disk), [1]);
        assert_eq!(log.stats().live_contents, 1);
    });
}

#[test]
fn a_content_is_read_wherever_it_is_by_then() {
    check(None, || {
        let (_, log) = begin();
        beside_the_log(&log, || {
            append(&log, 2, &[1], 2);
            log.read(&[2], |_, payload| assert_eq!(payload.unwrap(), [2, 2]));
        });
    });
}

/// A segment is dropped, and its file used again, while somebody reads from it.
#[test]
fn a_reader_never_sees_what_came_into_a_file_later() {
    check(None, || {
        let (_, log) = begin();
        append(&log, 2, &[1], 3000);
        log.turn().unwrap();
        append(&log, 3, &[1], 3000);
        log.turn().unwrap();
        assert_eq!(log.stats().segments, 2);
        log.append().release(0, &[1]);
        let reading = Arc::clone(&log);
        let reader = spawn(move || {
            reading.read(&[2], |_, payload| match payload {
                Ok(payload) => assert!(payload.iter().all(|byte| *byte == 2)),
                Err(ReadError::Gone(_)) => {}
                Err(error) => panic!("{error}"),
            });
        });
        log.append().release(1, &[2]);
        while log.turn().unwrap() == Turn::Wrote || log.tidy() {}
        append(&log, 4, &[3], 3000);
        log.turn().unwrap();
        reader.join().unwrap();
        assert!(log.stats().segments_begun >= 3);
    });
}
