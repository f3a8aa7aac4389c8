//! The log as its users see it: what is appended, and how far it is flushed.

use std::fmt;
use std::sync::Arc;
use std::task::Waker;

use crate::appender::Appender;
use crate::state::State;
use crate::stats::{Counters, Stats};
use crate::sync::{AtomicU64, Condvar, Mutex, Ordering};
use crate::tidy::Tidying;
use crate::writer::Writer;
use crate::{Disk, Fault, Options, Position};

/// How many sequences are released before others may append.
const PORTION: usize = 4096;

/// The log.
///
/// ```text
/// append() ─▶ filling batch ──swap──▶ writing batch ─▶ pwrite ─▶ flush ─▶ flushed() moves, who waits is woken
///                 ▲ withdrawn while it is here              the places of its contents enter the index
/// ```
///
/// One thread calls [`run`](Self::run), another one [`run_tidying`](Self::run_tidying); all others append and read. There
/// is no timer: a batch is whatever came while the one before was being written.
pub struct Log<D: Disk> {
    pub(crate) disk: D,
    pub(crate) options: Options,
    pub(crate) state: Mutex<State<D::File>>,
    pub(crate) writer: Mutex<Writer<D::File>>,
    pub(crate) tidying: Mutex<Tidying<D::File>>,
    /// The log's thread has something to do.
    pub(crate) filled: Condvar,
    /// A batch was written, or there is something to be tidied up.
    pub(crate) moved: Condvar,
    pub(crate) counters: Counters,
    flushed: AtomicU64,
    flush_waiters: Mutex<Vec<(u64, Waker)>>,
}

impl<D: Disk> fmt::Debug for Log<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("flushed", &self.flushed()).finish_non_exhaustive()
    }
}

impl<D: Disk> Log<D> {
    pub(crate) fn new(
        disk: D,
        options: Options,
        state: State<D::File>,
        writer: Writer<D::File>,
    ) -> Self {
        let flushed = state.number - 1;
        Self {
            disk,
            options,
            state: Mutex::new(state),
            writer: Mutex::new(writer),
            tidying: Mutex::new(Tidying::default()),
            filled: Condvar::new(),
            moved: Condvar::new(),
            counters: Counters::default(),
            flushed: AtomicU64::new(flushed),
            flush_waiters: Mutex::new(Vec::new()),
        }
    }

    /// Begins to append. What is appended through one appender is in one batch, and there as a whole or not at all.
    ///
    /// The log is locked until the appender is dropped. Whoever appends much asks [`has_room`](Self::has_room) before:
    /// at 32 times `buffer_bytes_max` this waits.
    #[inline]
    pub fn append(&self) -> Appender<'_, D> {
        let mut state = self.state.lock();
        while state.unwritten_bytes() > self.options.buffer_bytes_limit()
            && state.fault.is_none()
            && !state.is_closing
        {
            self.moved.wait(&mut state);
        }
        Appender::new(self, state)
    }

    /// Releases any number of contents, in portions, so that others may append in between: in several batches, perhaps.
    /// The answer is the last of them.
    pub fn release_all(&self, owner: u64, sequences: &[u64]) -> Position {
        self.in_portions(sequences, |appender, portion| appender.release(owner, portion))
    }

    /// Forgets any number of contents as [`Appender::forget`] does, in portions.
    pub fn forget_all(&self, owner: u64, sequences: &[u64]) {
        self.in_portions(sequences, |appender, portion| appender.forget(owner, portion));
    }

    fn in_portions(
        &self,
        sequences: &[u64],
        act: impl Fn(&mut Appender<'_, D>, &[u64]),
    ) -> Position {
        let mut position = self.append().position();
        for portion in sequences.chunks(PORTION) {
            let mut appender = self.append();
            act(&mut appender, portion);
            position = appender.position();
        }
        position
    }

    /// How far the log is flushed.
    #[inline]
    pub fn flushed(&self) -> Position {
        Position(self.flushed.load(Ordering::Acquire))
    }

    /// Has `waker` woken once the log is flushed so far; `false`: it is already, and nobody will be woken.
    ///
    /// Each call is good for one wake: who asks again while it waits is woken as often.
    pub fn wake_when_flushed(&self, position: Position, waker: &Waker) -> bool {
        let mut waiters = self.flush_waiters.lock();
        // Whoever announces moves the mark before it looks for waiters: it finds this one, or is found here.
        if self.flushed() >= position {
            return false;
        }
        waiters.push((position.0, waker.clone()));
        true
    }

    /// The log is flushed up to `number`.
    pub(crate) fn announce(&self, number: u64) {
        self.flushed.store(number, Ordering::Release);
        let due: Vec<Waker> = {
            let mut waiters = self.flush_waiters.lock();
            waiters.extract_if(.., |(position, _)| *position <= number).map(|(_, w)| w).collect()
        };
        due.into_iter().for_each(Waker::wake);
    }

    /// Whether the filling batch has room for more. Without it, publishers should wait; what frees space need not.
    pub fn has_room(&self) -> bool {
        self.state.lock().has_room(&self.options)
    }

    /// Has `waker` woken once there is room; `false`: there is, and nobody will be woken.
    pub fn wake_when_room(&self, waker: &Waker) -> bool {
        let mut state = self.state.lock();
        if state.has_room(&self.options) {
            return false;
        }
        state.room_waiters.push(waker.clone());
        true
    }

    /// Whether there is something to be written for which the disk has no room. It is tried again until there is.
    pub fn is_disk_full(&self) -> bool {
        self.state.lock().waiting_bytes > 0
    }

    /// What the disk said, if there is something to be written that it did not take. It is tried again until it does.
    pub fn refusal(&self) -> Option<Arc<Fault>> {
        self.state.lock().refusal.clone()
    }

    /// The call to the disk that failed and ended the log, if one did: nothing is flushed any more, ever.
    pub fn failure(&self) -> Option<Arc<Fault>> {
        self.state.lock().fault.clone()
    }

    /// Ends [`run`](Self::run) and [`run_tidying`](Self::run_tidying) once everything that was appended is flushed, with
    /// a mark that the log was closed. What is appended afterwards gets lost.
    pub fn close(&self) {
        self.state.lock().is_closing = true;
        self.filled.notify_all();
        self.moved.notify_all();
    }

    /// How large the log is, and what it has done.
    pub fn stats(&self) -> Stats {
        self.counters.stats(&self.state.lock())
    }

    /// The log cannot go on.
    pub(crate) fn fail(&self, fault: impl Into<Arc<Fault>>) -> Arc<Fault> {
        let fault = fault.into();
        let mut state = self.state.lock();
        state.fault = Some(Arc::clone(&fault));
        let waiters = std::mem::take(&mut state.room_waiters);
        drop(state);
        waiters.into_iter().for_each(Waker::wake);
        self.moved.notify_all();
        fault
    }
}
