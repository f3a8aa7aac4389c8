//! A trace: it writes what the firehose of its vhost copies, and its pattern matches, into a file.
//!
//! ```text
//! who publishes or delivers ──copies──▶ what waits, 8 MiB at most ──▶ a thread of the trace ──▶ DIR/traces/NAME.log
//! ```
//!
//! Nobody waits for the disk. What there is no room for is left out: where the disk is slower than the broker, and where
//! it has less free than it needs for the log. A trace whose disk fails writes nothing more.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::thread;

use broker::exchange::{Destination, Exchange, ExchangeKind, ExchangeSpec, RoutingInput};
use broker::message::Message;
use broker::{Refusal, Timestamp};
use parking_lot::{Condvar, Mutex};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::files::{FileName, TraceFiles};
use super::message::{TracedMessage, Waiting};
use super::{EXCHANGE, WARN_EVERY_MS};
use crate::node::Shared;

/// How many traces a node has at a time: each has a thread, and memory for what waits.
pub(crate) const TRACES_MAX: usize = 16;

/// How much waits to be written, or is being written.
const WAITING_BYTES_MAX: usize = 8 << 20;

/// How much is written at once.
const PORTION_BYTES: usize = 256 * 1024;

/// What stays free on the disk besides what publishers are blocked for: a trace must not be what blocks them.
const SPARE_BYTES: u64 = 64 << 20;

/// How the messages of a trace are written.
#[derive(Clone, Copy, Debug)]
pub struct TraceFormat {
    /// What it is called.
    pub name: &'static str,
    /// Appends a message.
    pub write: fn(&TracedMessage, &mut Vec<u8>),
}

/// What a trace is to write.
#[derive(Clone, Debug)]
pub struct NewTrace {
    /// Which routing keys of the firehose: as the key of a binding to a topic exchange.
    pub pattern: String,
    /// How.
    pub format: TraceFormat,
    /// How much of each body, in bytes; `None`: all.
    pub payload_bytes_max: Option<usize>,
}

/// A trace.
#[derive(Debug)]
pub(crate) struct TraceLog {
    pub(crate) name: String,
    pub(crate) what: NewTrace,
    matching: Exchange,
    waiting: Mutex<Queue>,
    more: Condvar,
    written: AtomicU64,
    left_out: AtomicU64,
    warned_at: AtomicU64,
    failure: OnceLock<String>,
    ended: CancellationToken,
    _seat: TraceSeat,
}

#[derive(Debug, Default)]
struct Queue {
    copies: VecDeque<Waiting>,
    /// What takes room: what waits, and what is being written.
    bytes: usize,
    is_closed: bool,
}

/// One of the traces that a node may have, until this is dropped.
#[derive(Debug)]
pub(crate) struct TraceSeat(Arc<AtomicUsize>);

/// What has become of a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceCounts {
    /// How many messages wait to be written.
    pub waiting: u64,
    /// How many were written.
    pub written: u64,
    /// How many were left out.
    pub left_out: u64,
    /// Why nothing more is written, if that is so.
    pub failure: Option<String>,
}

impl TraceSeat {
    /// `None` if all are taken.
    pub(crate) fn take(taken: &Arc<AtomicUsize>) -> Option<Self> {
        let add = |count: usize| (count < TRACES_MAX).then_some(count + 1);
        taken.fetch_update(Relaxed, Relaxed, add).ok()?;
        Some(Self(Arc::clone(taken)))
    }
}

impl Drop for TraceSeat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl TraceLog {
    /// A trace that nobody writes yet: see [`start`](Self::start).
    ///
    /// # Errors
    /// [`Refusal`] if the pattern can be none of a binding.
    pub(crate) fn new(name: &str, what: NewTrace, seat: TraceSeat) -> Result<Arc<Self>, Refusal> {
        let spec = ExchangeSpec {
            name: EXCHANGE.into(),
            kind: ExchangeKind::Topic,
            durable: false,
            auto_delete: false,
            internal: true,
            arguments: Default::default(),
        };
        let mut matching = Exchange::new(spec, &"".into())?;
        let itself = Destination::Queue(name.into());
        matching.bind(itself, None, what.pattern.as_bytes(), &Default::default())?;
        Ok(Arc::new(Self {
            name: name.to_owned(),
            what,
            matching,
            waiting: Mutex::default(),
            more: Condvar::new(),
            written: AtomicU64::new(0),
            left_out: AtomicU64::new(0),
            warned_at: AtomicU64::new(0),
            failure: OnceLock::new(),
            ended: CancellationToken::new(),
            _seat: seat,
        }))
    }

    /// Writes to this file, in a thread of its own, until it is [closed](Self::close).
    ///
    /// # Errors
    /// If the file cannot be opened, or the operating system gives no thread.
    pub(crate) fn start(
        self: &Arc<Self>,
        files: &TraceFiles,
        file: FileName,
        shared: &Arc<Shared>,
    ) -> io::Result<()> {
        let opened = files.append(&file)?;
        let (trace, files) = (Arc::clone(self), files.clone());
        let shared = Arc::clone(shared);
        let writer = Writer { trace, files, name: file, file: opened, shared };
        thread::Builder::new().name("trace".to_owned()).spawn(move || writer.run())?;
        Ok(())
    }

    /// Takes copies, and knows of some that were never made. Never waits for the disk.
    pub(super) fn offer(&self, now: Timestamp, copies: &[Message], lost: u64) {
        let matching = copies.iter().filter(|copy| self.matches(&copy.routing_key));
        let mut left_out = lost;
        let mut waiting = self.waiting.lock();
        let is_writing = self.failure.get().is_none();
        for copy in matching {
            if !is_writing || waiting.is_closed || waiting.bytes >= WAITING_BYTES_MAX {
                left_out += 1;
                continue;
            }
            let copy = Waiting::new(now, copy, self.what.payload_bytes_max);
            waiting.bytes += copy.bytes();
            waiting.copies.push_back(copy);
        }
        drop(waiting);
        self.more.notify_one();
        self.leave_out(now, left_out);
    }

    fn matches(&self, routing_key: &[u8]) -> bool {
        let mut found = Vec::new();
        self.matching.route(&RoutingInput::of_key(routing_key), &mut found);
        !found.is_empty()
    }

    fn leave_out(&self, now: Timestamp, copies: u64) {
        if copies == 0 {
            return;
        }
        let left_out = self.left_out.fetch_add(copies, Relaxed) + copies;
        let last = self.warned_at.load(Relaxed);
        let is_failed = self.failure.get().is_some();
        if !is_failed && (last == 0 || now.as_ms().saturating_sub(last) >= WARN_EVERY_MS) {
            self.warned_at.store(now.as_ms(), Relaxed);
            warn!(
                trace = self.name,
                left_out,
                "a trace leaves messages out: the disk is slower than they come, or has too little room"
            );
        }
    }

    /// Takes nothing more. What waits is still written.
    pub(crate) fn close(&self) {
        self.waiting.lock().is_closed = true;
        self.more.notify_one();
    }

    /// Waits until it is closed, and what waited is written.
    pub(crate) async fn ended(&self) {
        self.ended.cancelled().await;
    }

    pub(crate) fn counts(&self) -> TraceCounts {
        let waiting = self.waiting.lock().copies.len();
        TraceCounts {
            waiting: waiting as u64,
            written: self.written.load(Relaxed),
            left_out: self.left_out.load(Relaxed),
            failure: self.failure.get().cloned(),
        }
    }

    /// What is written next, and what it takes of what may wait; `None` once there is nothing more to come.
    fn next_portion(&self) -> Option<(Vec<Waiting>, usize)> {
        let mut waiting = self.waiting.lock();
        while waiting.copies.is_empty() {
            if waiting.is_closed {
                return None;
            }
            self.more.wait(&mut waiting);
        }
        let (mut portion, mut bytes) = (Vec::new(), 0);
        while bytes < PORTION_BYTES
            && let Some(copy) = waiting.copies.pop_front()
        {
            bytes += copy.bytes();
            portion.push(copy);
        }
        Some((portion, bytes))
    }

    fn give_back(&self, bytes: usize) {
        self.waiting.lock().bytes -= bytes;
    }

    fn fail(&self, error: &io::Error) {
        let was_first = self.failure.set(error.to_string()).is_ok();
        debug_assert!(was_first, "a trace fails once");
        let mut waiting = self.waiting.lock();
        let lost = std::mem::take(&mut waiting.copies);
        waiting.bytes = 0;
        drop(waiting);
        self.left_out.fetch_add(lost.len() as u64, Relaxed);
        warn!(trace = self.name, %error, "a trace cannot write to its file, and writes nothing more");
    }
}

/// The thread of a trace.
struct Writer {
    trace: Arc<TraceLog>,
    files: TraceFiles,
    name: FileName,
    file: File,
    shared: Arc<Shared>,
}

impl Writer {
    fn run(self) {
        // Also after a panic, and not before the trace counts no more: who waits for that may begin another one.
        let _ended = self.trace.ended.clone().drop_guard();
        self.write_all();
    }

    fn write_all(mut self) {
        info!(trace = self.trace.name, "a trace writes");
        let mut text = Vec::new();
        while let Some((portion, bytes)) = self.trace.next_portion() {
            let count = portion.len() as u64;
            let now = self.shared.clock.now();
            match self.write(portion, &mut text) {
                Ok(true) => {
                    self.trace.written.fetch_add(count, Relaxed);
                }
                Ok(false) => self.trace.leave_out(now, count),
                Err(error) => {
                    self.trace.left_out.fetch_add(count, Relaxed);
                    self.trace.fail(&error);
                    return;
                }
            }
            self.trace.give_back(bytes);
        }
        info!(trace = self.trace.name, "a trace has ended");
    }

    /// Whether there was room.
    fn write(&mut self, portion: Vec<Waiting>, text: &mut Vec<u8>) -> io::Result<bool> {
        if !self.has_room()? {
            return Ok(false);
        }
        text.clear();
        for message in portion.into_iter().filter_map(Waiting::read) {
            (self.trace.what.format.write)(&message, text);
        }
        if self.file.metadata()?.nlink() == 0 {
            // Somebody has deleted it, and wants its room.
            self.file = self.files.append(&self.name)?;
        }
        self.file.write_all(text)?;
        text.shrink_to(2 * PORTION_BYTES);
        Ok(true)
    }

    fn has_room(&self) -> io::Result<bool> {
        let alarms = &self.shared.alarms;
        if alarms.is_disk_low() {
            return Ok(false);
        }
        let kept = alarms.disk_free_min().saturating_add(SPARE_BYTES);
        Ok(self.files.free_bytes()? >= kept)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if thread::panicking() {
            self.trace.fail(&io::Error::other("a defect, which the log tells of"));
        }
    }
}

#[cfg(test)]
mod tests {
    use broker::message::Origin;
    use bytes::Bytes;

    use super::*;

    fn log(pattern: &str, payload_bytes_max: Option<usize>) -> Arc<TraceLog> {
        let write = |_: &TracedMessage, _: &mut Vec<u8>| {};
        let format = TraceFormat { name: "none", write };
        let what = NewTrace { pattern: pattern.to_owned(), format, payload_bytes_max };
        TraceLog::new("t", what, TraceSeat::take(&Arc::default()).unwrap()).unwrap()
    }

    fn copy(routing_key: &'static str, body: &Bytes) -> Message {
        Message {
            exchange: EXCHANGE.into(),
            routing_key: Bytes::from_static(routing_key.as_bytes()),
            properties: Bytes::new(),
            body: body.clone(),
            blind_keys: Bytes::new(),
            persistent: false,
            priority: None,
            expiration_ms: None,
            origin: Origin::Client,
        }
    }

    fn waiting_and_left_out(log: &TraceLog) -> (u64, u64) {
        let counts = log.counts();
        (counts.waiting, counts.left_out)
    }

    #[test]
    fn it_takes_what_its_pattern_matches() {
        let body = Bytes::from_static(b"x");
        let copies = ["publish.", "publish.a.b", "deliver.a"].map(|key| copy(key, &body));
        for (pattern, count) in
            [("#", 3), ("publish.#", 2), ("publish.*", 1), ("*.a", 1), ("deliver.a", 1), ("", 0)]
        {
            let log = log(pattern, None);
            log.offer(Timestamp(1), &copies, 0);
            assert_eq!(waiting_and_left_out(&log), (count, 0), "{pattern}");
        }
    }

    #[test]
    fn what_waits_is_bounded_and_a_closed_trace_takes_nothing() {
        let body = Bytes::from(vec![0; 1 << 20]);
        let (whole, cut) = (log("#", None), log("#", Some(10)));
        for _ in 0..20 {
            whole.offer(Timestamp(1), &[copy("publish.", &body)], 0);
            cut.offer(Timestamp(1), &[copy("publish.", &body)], 0);
        }
        assert_eq!(waiting_and_left_out(&whole), (8, 12));
        assert_eq!(waiting_and_left_out(&cut), (20, 0), "only what is written takes room");
        let (portion, bytes) = whole.next_portion().unwrap();
        assert_eq!((portion.len(), waiting_and_left_out(&whole)), (1, (7, 12)));
        whole.give_back(bytes);
        whole.offer(Timestamp(1), &[copy("publish.", &body)], 2);
        assert_eq!(waiting_and_left_out(&whole), (8, 14));
        whole.close();
        whole.offer(Timestamp(1), &[copy("publish.", &body)], 0);
        assert_eq!(waiting_and_left_out(&whole), (8, 15));
        assert_eq!(std::iter::from_fn(|| whole.next_portion()).count(), 8);
    }

    #[test]
    fn a_trace_that_failed_keeps_nothing() {
        let log = log("#", None);
        let copies = [copy("publish.", &Bytes::new()), copy("publish.", &Bytes::new())];
        log.offer(Timestamp(1), &copies, 0);
        log.fail(&io::Error::other("no disk"));
        assert_eq!(waiting_and_left_out(&log), (0, 2));
        log.offer(Timestamp(1), &copies, 0);
        assert_eq!(waiting_and_left_out(&log), (0, 4));
        assert_eq!(log.counts().failure.as_deref(), Some("no disk"));
    }

    #[test]
    fn there_are_only_so_many() {
        let taken = Arc::default();
        let mut seats: Vec<TraceSeat> =
            std::iter::from_fn(|| TraceSeat::take(&taken)).take(TRACES_MAX + 1).collect();
        assert_eq!(seats.len(), TRACES_MAX);
        seats.pop();
        assert!(TraceSeat::take(&taken).is_some());
    }
}
