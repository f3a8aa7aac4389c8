//! What the broker writes into its log, and what waits for it.
//!
//! A message is in the log before any queue can assign it, and a copy is there before its original is released: nothing
//! is taken back that a crash could still need. Whoever promises durability names the [`LogPosition`] it waits for.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Waker;
use std::thread::JoinHandle;

use broker::message::{Arrival, Sequence};
use broker::record::{Definition, MessageDraft};
use broker::{LogPosition, Timestamp};
use parking_lot::Mutex;
use store::{
    Appender, Fault, Log, Options, Position, Progress, ReadError, Recovery, Snapshot, SpreadCounts,
    Stats,
};
use tokio_util::sync::CancellationToken;

use crate::data_dir::DataDir;
use crate::log_disk::{FlushTimes, LogDisk, LogFile};
use crate::options::StoreOptions;
use crate::queue_cell::QueueCell;
use crate::start_error::StartError;
use crate::vital::Vital;

/// What keeps a content of the log alive: a durable queue, an exchange that holds messages back, or the definitions.
pub(crate) type Owner = u64;

/// The owner of every definition.
pub(crate) const DEFINITIONS: Owner = 0;

/// How much may wait to be written before publishers are held back.
const BUFFER_BYTES_MAX: usize = 8 << 20;

/// Something that was defined, as the log knows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Logged {
    /// The sequence of its definition, by which it owns contents.
    pub(crate) id: Owner,
    /// When it is durable.
    pub(crate) at: LogPosition,
}

/// The log of a node.
#[derive(Debug)]
pub(crate) struct Journal {
    log: Arc<Log<LogDisk>>,
    /// The next sequence; shared with whatever is not logged.
    sequences: Arc<AtomicU64>,
    failed: CancellationToken,
    flush_times: FlushTimes,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// Something that is being written into the log as a whole: the log is locked for as long as this lives.
pub(crate) struct Entry<'a> {
    appender: Appender<'a, LogDisk>,
    sequences: &'a AtomicU64,
}

impl Journal {
    /// Opens the log of a data folder. Nothing is written before [`start`](Self::start).
    ///
    /// # Errors
    /// If it cannot be read or is of a later program's making.
    pub(crate) fn open(
        data_dir: &DataDir,
        options: &StoreOptions,
        node: u128,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(Self, Recovery), StartError> {
        let folder = data_dir.log()?;
        let path = folder.path().to_owned();
        let options = Options {
            // A folder that was moved or restored goes on under its own name.
            adopts_node: true,
            sync: options.sync,
            segment_bytes_max: options.segment_bytes_max,
            buffer_bytes_max: BUFFER_BYTES_MAX,
            ..Options::new(node)
        };
        let times = FlushTimes::default();
        let disk = LogDisk::Folder(folder, Arc::clone(&times));
        let (journal, recovery) = Self::open_on(disk, path, options, progress)?;
        Ok((Self { flush_times: times, ..journal }, recovery))
    }

    /// Opens the log on a disk, which errors call `path`.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub(crate) fn open_on(
        disk: LogDisk,
        path: PathBuf,
        options: Options,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(Self, Recovery), StartError> {
        let failed = |source| StartError::Log { path, source };
        let (log, recovery) = Log::open(disk, options, progress).map_err(failed)?;
        let journal = Self {
            log: Arc::new(log),
            sequences: Arc::new(AtomicU64::new(recovery.next_sequence)),
            failed: CancellationToken::new(),
            flush_times: FlushTimes::default(),
            threads: Mutex::default(),
        };
        Ok((journal, recovery))
    }

    /// Starts the threads that write, flush and tidy up.
    ///
    /// # Errors
    /// If the operating system gives no thread.
    pub(crate) fn start(&self, vital: &Vital) -> io::Result<()> {
        let (writing, failed) = (Arc::clone(&self.log), self.failed.clone());
        let writer = vital.thread("log", "writes the log", move || {
            if writing.run().is_err() {
                failed.cancel();
            }
        })?;
        let tidying = Arc::clone(&self.log);
        let tidier =
            vital.thread("log-tidier", "tidies the log up", move || tidying.run_tidying())?;
        self.threads.lock().extend([writer, tidier]);
        Ok(())
    }

    /// Flushes what there is, marks the log as closed and ends its threads.
    pub(crate) fn close(&self) {
        self.log.close();
        for thread in std::mem::take(&mut *self.threads.lock()) {
            // A thread that panicked has said so itself.
            let _ = thread.join();
        }
    }

    /// The log itself, for who writes it turn by turn instead of with [`start`](Self::start).
    #[cfg(feature = "simulation")]
    pub(crate) fn log(&self) -> &Log<LogDisk> {
        &self.log
    }

    /// Waits until the disk has failed, if it ever does.
    pub(crate) async fn failed(&self) -> Option<Arc<Fault>> {
        self.failed.cancelled().await;
        self.log.failure()
    }

    /// Why nothing is flushed any more, if it is so.
    pub(crate) fn fault(&self) -> Option<Arc<Fault>> {
        self.log.failure()
    }

    /// The counter that gives every message its place.
    pub(crate) fn sequences(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.sequences)
    }

    /// Begins to write something into the log.
    #[inline]
    pub(crate) fn append(&self) -> Entry<'_> {
        Entry { appender: self.log.append(), sequences: &self.sequences }
    }

    /// Writes a definition.
    pub(crate) fn define(&self, definition: &Definition) -> Logged {
        let payload = definition.encode();
        let mut entry = self.append();
        Logged { id: entry.definition(&payload), at: entry.position() }
    }

    /// Writes a definition in the place of another, if there is one: both, or nothing.
    pub(crate) fn redefine(&self, definition: &Definition, old: Option<Owner>) -> Logged {
        let payload = definition.encode();
        let mut entry = self.append();
        let id = entry.definition(&payload);
        entry.release(DEFINITIONS, old.as_slice());
        Logged { id, at: entry.position() }
    }

    /// Writes definitions, all of them or none; their numbers, in order.
    pub(crate) fn define_together<'d>(
        &self,
        definitions: impl IntoIterator<Item = &'d Definition>,
    ) -> Vec<Owner> {
        let mut entry = self.append();
        let definitions = definitions.into_iter();
        definitions.map(|definition| entry.definition(&definition.encode())).collect()
    }

    /// Writes that definitions are no more, all of them or none.
    pub(crate) fn undefine(&self, gone: &[Owner]) -> LogPosition {
        let mut entry = self.append();
        entry.release(DEFINITIONS, gone);
        entry.position()
    }

    /// Messages of an owner that is deleted are no more: nothing has to be written for that.
    pub(crate) fn forget(&self, owner: Owner, sequences: &[u64]) {
        self.log.forget_all(owner, sequences);
    }

    /// Reads messages back; waits for the disk.
    pub(crate) fn read(&self, sequences: &[u64], visit: impl FnMut(u64, Result<&[u8], ReadError>)) {
        self.log.read(sequences, visit);
    }

    /// The log's files as they are flushed now; nothing else comes into them while it lives.
    pub(crate) fn snapshot(&self) -> Snapshot<LogFile> {
        self.log.snapshot()
    }

    /// How large the log is, and what it has done.
    pub(crate) fn stats(&self) -> Stats {
        self.log.stats()
    }

    /// How long it took to flush a batch, in microseconds.
    pub(crate) fn flush_times(&self) -> SpreadCounts {
        self.flush_times.read()
    }

    /// Visits every definition, or everything else, that was found in the log as it was opened.
    pub(crate) fn for_each_live(
        &self,
        definitions: bool,
        visit: impl FnMut(u64, &[Owner], Result<&[u8], ReadError>),
    ) {
        self.log.for_each_live(|owner| (owner == DEFINITIONS) == definitions, visit);
    }

    #[inline]
    pub(crate) fn flushed(&self) -> LogPosition {
        LogPosition(self.log.flushed().0)
    }

    /// What has to be waited for so that something logged at `at` is durable; `None` if it is.
    pub(crate) fn unflushed(&self, at: LogPosition) -> Option<LogPosition> {
        (self.flushed() < at).then_some(at)
    }

    /// Has a task woken once the log is flushed so far; `false` if it is.
    pub(crate) fn wake_when_flushed(&self, position: LogPosition, waker: &Waker) -> bool {
        self.log.wake_when_flushed(Position(position.0), waker)
    }

    /// Whether something cannot be written for want of room on the disk.
    pub(crate) fn is_disk_full(&self) -> bool {
        self.log.is_disk_full()
    }

    /// How much room is kept for acks and deletions on a full disk, in bytes.
    pub(crate) fn reserve_bytes(&self) -> u64 {
        self.log.reserve_bytes()
    }

    /// Whether all of it is there.
    pub(crate) fn has_reserve(&self) -> bool {
        self.log.has_reserve()
    }

    /// Sees to it that all of it is there.
    ///
    /// # Errors
    /// If the disk has no room for it, or refuses something else.
    pub(crate) fn keep_reserve(&self) -> Result<(), Fault> {
        self.log.keep_reserve()
    }

    /// Lets the log take what is there of it; whether there was any.
    pub(crate) fn hand_reserve_over(&self) -> bool {
        self.log.hand_reserve_over()
    }

    pub(crate) fn has_room(&self) -> bool {
        self.log.has_room()
    }

    /// Has a task woken once there is room; `false` if there is.
    pub(crate) fn wake_when_room(&self, waker: &Waker) -> bool {
        self.log.wake_when_room(waker)
    }
}

impl Entry<'_> {
    /// Takes places in the order of everything; while this lives, nobody else takes one for the log.
    #[inline]
    pub(crate) fn take_sequences(&mut self, count: usize) -> Sequence {
        Sequence(self.sequences.fetch_add(count as u64, Ordering::Relaxed))
    }

    /// Appends a definition; its sequence.
    fn definition(&mut self, payload: &[u8]) -> Owner {
        let id = self.take_sequences(1).0;
        let write = |out: &mut [u8]| out.copy_from_slice(payload);
        self.appender.content(id, &[DEFINITIONS], payload.len(), write);
        id
    }

    /// Appends a message that was published now.
    #[inline]
    pub(crate) fn message(&mut self, arrival: &Arrival<'_>, owners: &[Owner], now: Timestamp) {
        let draft = MessageDraft::new(arrival, now, None);
        let sequence = arrival.sequence.0;
        self.appender.content(sequence, owners, draft.bytes(), |out| draft.write(out));
    }

    /// Appends a message that an exchange holds back until it is due.
    pub(crate) fn held_message(
        &mut self,
        arrival: &Arrival<'_>,
        owner: Owner,
        now: Timestamp,
        due: Timestamp,
    ) {
        let draft = MessageDraft::new(arrival, now, Some(due));
        let sequence = arrival.sequence.0;
        self.appender.content(sequence, &[owner], draft.bytes(), |out| draft.write(out));
    }

    pub(crate) fn release(&mut self, owner: Owner, sequences: &[u64]) {
        self.appender.release(owner, sequences);
    }

    pub(crate) fn note(&mut self, owner: Owner, sequence: u64, note: &[u8]) {
        self.appender.note(owner, sequence, note);
    }

    /// What waits for all of this.
    #[inline]
    pub(crate) fn position(&self) -> LogPosition {
        LogPosition(self.appender.last_position().0)
    }
}

/// The durable queues that messages of one route go to, by which of them log what.
#[derive(Debug, Default)]
pub(crate) struct Owners {
    /// Those that log every message.
    every: Box<[Owner]>,
    /// Those, and those that log persistent messages.
    persistent: Box<[Owner]>,
}

impl Owners {
    pub(crate) fn of(queues: &[Arc<QueueCell>]) -> Self {
        let ids = |persistent: bool| {
            let mut ids: Vec<Owner> = queues
                .iter()
                .filter(|queue| queue.logs(persistent))
                .filter_map(|queue| queue.log_id())
                .collect();
            ids.sort_unstable();
            ids.into_boxed_slice()
        };
        Self { every: ids(false), persistent: ids(true) }
    }

    /// Whether no message of this route is ever logged.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.persistent.is_empty()
    }

    /// Whether only persistent messages are logged.
    #[inline]
    pub(crate) fn want_persistent_only(&self) -> bool {
        self.every.is_empty()
    }

    /// Who logs a message.
    #[inline]
    pub(crate) fn of_message(&self, persistent: bool) -> &[Owner] {
        if persistent { &self.persistent } else { &self.every }
    }
}
