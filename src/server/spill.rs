//! Where transient messages lie that their queues do not keep in memory: a second log, whose end is that of the process.
//!
//! Nothing waits for it. What it cannot take stays in memory, and no failure of its disk ends the broker: a message that
//! was never to outlive the process is not worth that.

mod disk;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use broker::Timestamp;
use broker::message::Arrival;
use broker::record::MessageDraft;
use parking_lot::Mutex;
use store::{Log, Options, ReadError, Sync};
use tracing::{debug, info, warn};

use self::disk::{SpillDisk, clear};
use crate::journal::Owner;
use crate::options::StoreOptions;
use crate::queue_cell::QueueCell;
use crate::random;
use crate::vital::Vital;

/// How much may wait to be written before publishers are slowed: the disk is the slower one.
const BUFFER_BYTES_MAX: usize = 4 << 20;
/// Beyond this messages stay with their queues, as slowing the publishers was of no use.
const BUFFER_BYTES_LIMIT: usize = 16 << 20;

/// The spilled messages of a node.
///
/// A content belongs to the queues that spilled it, each by a number of its own. Of a fanout it is there once.
#[derive(Debug)]
pub(crate) struct Spill {
    log: Arc<Log<SpillDisk>>,
    folder: PathBuf,
    /// The room that is left on the disk is for others.
    is_shut: Arc<AtomicBool>,
    /// It was said that the disk takes nothing.
    is_told: AtomicBool,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

/// What becomes of a message that is to be spilled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Put {
    /// It is spilled.
    Done,
    /// It is, but its publisher is faster than the disk.
    DoneTooFast,
    /// It is not: there is no room.
    Refused,
}

/// What of a queue is spilled.
#[derive(Debug)]
pub(crate) struct Spilled {
    /// Who the queue is among the owners of spilled messages.
    owner: Owner,
    /// How many there are.
    count: AtomicU64,
}

impl Spill {
    /// Empties the folder and starts the threads that write to it.
    ///
    /// # Errors
    /// If the folder cannot be made or emptied, or there is no thread.
    pub(crate) fn start(
        folder: PathBuf,
        options: &StoreOptions,
        vital: &Vital,
    ) -> io::Result<Self> {
        let is_shut = Arc::new(AtomicBool::new(false));
        let spare_bytes = options.disk_free_min.saturating_add(options.segment_bytes_max);
        let disk = SpillDisk::make(folder.clone(), Arc::clone(&is_shut), spare_bytes)?;
        let options = Options {
            sync: Sync::Never,
            segment_bytes_max: options.segment_bytes_max,
            buffer_bytes_max: BUFFER_BYTES_MAX,
            ..Options::new(random::identity())
        };
        let (log, _) = Log::open(disk, options, &mut |_| {}).map_err(io::Error::other)?;
        let log = Arc::new(log);
        let (writing, tidying) = (Arc::clone(&log), Arc::clone(&log));
        let writer = vital.thread("spill", "spills messages", move || {
            // Closed while the disk took nothing: there is nothing to be saved.
            let _ = writing.run();
        })?;
        let tidy = move || tidying.run_tidying();
        let tidier = vital.thread("spill-tidier", "tidies up what is spilled", tidy)?;
        let threads = Mutex::new(vec![writer, tidier]);
        Ok(Self { log, folder, is_shut, is_told: AtomicBool::new(false), threads })
    }

    /// Ends its threads, and leaves nothing behind.
    pub(crate) fn close(&self) {
        self.log.close();
        for thread in std::mem::take(&mut *self.threads.lock()) {
            // A thread that panicked has said so itself.
            let _ = thread.join();
        }
        // What is left is removed by the next start.
        let _ = clear(&self.folder);
    }

    /// Keeps a message for a queue, if there is room. Never waits for the disk.
    pub(crate) fn put(&self, queue: &QueueCell, arrival: &Arrival<'_>) -> Put {
        if self.is_shut.load(Ordering::Relaxed) {
            return Put::Refused;
        }
        let mut appender = self.log.append();
        if appender.unwritten_bytes() >= BUFFER_BYTES_LIMIT {
            return Put::Refused;
        }
        // When it arrived matters only after a restart.
        let draft = MessageDraft::new(arrival, Timestamp(0), None);
        let Spilled { owner, count } = &queue.spilled;
        let sequence = arrival.sequence.0;
        appender.content(sequence, &[*owner], draft.bytes(), |out| draft.write(out));
        let put = if appender.has_room() { Put::Done } else { Put::DoneTooFast };
        drop(appender);
        if count.fetch_add(1, Ordering::Relaxed) == 0 {
            debug!(queue = %queue.name, "messages are spilled");
        }
        put
    }

    /// A queue has no more use for messages that it has spilled.
    pub(crate) fn forget(&self, queue: &QueueCell, sequences: &[u64]) {
        let Spilled { owner, count } = &queue.spilled;
        self.log.forget_all(*owner, sequences);
        let forgotten = sequences.len() as u64;
        if count.fetch_sub(forgotten, Ordering::Relaxed) == forgotten {
            debug!(queue = %queue.name, "no message is spilled any more");
        }
    }

    /// Reads messages back; waits for the disk.
    pub(crate) fn read(&self, sequences: &[u64], visit: impl FnMut(u64, Result<&[u8], ReadError>)) {
        self.log.read(sequences, visit);
    }

    /// Nothing is written as long as it is shut.
    pub(crate) fn set_shut(&self, is_shut: bool) {
        self.is_shut.store(is_shut, Ordering::Relaxed);
    }

    /// Says whether the disk takes what is spilled, if that has changed.
    pub(crate) fn tell_refusal(&self) {
        let refusal = self.log.refusal();
        match (&refusal, self.is_told.swap(refusal.is_some(), Ordering::Relaxed)) {
            (Some(error), false) => warn!(
                folder = %self.folder.display(), %error,
                "transient messages cannot be spilled to the disk, and stay in memory"
            ),
            (None, true) => info!("transient messages are spilled to the disk again"),
            (Some(_), true) | (None, false) => {}
        }
    }
}

impl Spilled {
    /// Nothing of a queue, which is an owner under this number from now on.
    pub(crate) fn nothing(owner: Owner) -> Self {
        Self { owner, count: AtomicU64::new(0) }
    }
}

#[cfg(test)]
mod tests;
