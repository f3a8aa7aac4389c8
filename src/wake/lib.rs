//! The wake/refill protocol between a queue, an outbox and a starved consumer.
//!
//! A publisher's task assigns messages to consumers that belong to other tasks. It appends each delivery to the
//! [`Outbox`] of the consumer's connection and wakes the task that owns it, which drains the outbox into its socket.
//! An outbox without room makes the consumer *starved*: its messages stay in the queue until the owning task has drained
//! the outbox and asks the queue to go on. Two things must never be lost: a wake (bytes lie in an outbox and nobody
//! writes them) and a refill (messages lie in a queue, the consumer has room, and nobody assigns them).
//!
//! ```text
//! publisher's task                               owning task
//!   lock queue                                     ┌▶ begin_turn(waker)     an append from here on wakes again
//!     lock outbox                                  │  lock outbox
//!       room?  append, schedule() ─▶ waker         │    take what is buffered
//!       full?  starve(consumer); queue marks it    │  unlock, write
//!     unlock                                       │  take_starved()         only if there is room
//!   unlock                                         └─ for each: lock queue, resume, append …  until nothing is left
//!   wake the wakers                                return Pending
//! ```
//!
//! Invariants
//! - Lock order is queue, then outbox; the owning task holds no outbox while it locks a queue.
//! - [`OutboxGuard::starve`] is called under the lock of the queue and of the outbox that was found full. A full outbox
//!   is not empty, so its task was scheduled after its last drain and will call [`Outbox::take_starved`] after the next.
//! - `scheduled` is cleared by [`Outbox::begin_turn`] *before* every drain, so whoever appends after it wakes again: also
//!   after a drain of what the task's own refill has appended, and scheduled.
//! - Wakers are called after all locks are dropped.
//!
//! The `loom` model in `tests` below explores every schedule of exactly this code.

mod sync;

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::task::Waker;

use sync::{Mutex, MutexGuard};

/// What an outbox buffers; it alone knows how much it may hold.
pub trait Buffer {
    /// Whether one more delivery may be appended. An empty buffer has room for a delivery of any size.
    fn has_room(&self) -> bool;
}

/// What is on its way to one connection: a buffer, and the consumers that found no room in it.
///
/// `S` names a starved consumer in the words of whoever resumes it.
pub struct Outbox<B, S> {
    state: Mutex<State<B, S>>,
}

struct State<B, S> {
    buffer: B,
    starved: Vec<S>,
    scheduled: bool,
    waker: Option<Waker>,
}

impl<B: Buffer, S> Outbox<B, S> {
    /// An outbox that is owned by no task yet: what is appended waits for the first turn.
    pub fn new(buffer: B) -> Self {
        let state = State { buffer, starved: Vec::new(), scheduled: false, waker: None };
        Self { state: Mutex::new(state) }
    }

    /// Locks the outbox. A leaf: while it is held, no other lock may be taken.
    pub fn lock(&self) -> OutboxGuard<'_, B, S> {
        OutboxGuard { state: self.state.lock() }
    }

    /// Begins a drain by the owning task: `waker` is called for whatever is appended from now on.
    ///
    /// The task must drain the buffer after this call, or arrange to be woken when it can.
    pub fn begin_turn(&self, waker: &Waker) {
        let mut state = self.state.lock();
        state.scheduled = false;
        match &mut state.waker {
            Some(known) => known.clone_from(waker),
            unknown @ None => *unknown = Some(waker.clone()),
        }
    }

    /// Moves the starved consumers into `resumed` if the buffer has room again.
    ///
    /// The caller resumes each of them at its queue, with the outbox unlocked, and then drains again.
    pub fn take_starved(&self, resumed: &mut Vec<S>) {
        let mut state = self.state.lock();
        if !state.starved.is_empty() && state.buffer.has_room() {
            resumed.append(&mut state.starved);
        }
    }
}

impl<B, S> fmt::Debug for Outbox<B, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").finish_non_exhaustive()
    }
}

/// A locked outbox; dereferences to its buffer.
pub struct OutboxGuard<'a, B, S> {
    state: MutexGuard<'a, State<B, S>>,
}

impl<B: Buffer, S> OutboxGuard<'_, B, S> {
    /// Notes that `consumer` found no room here. The caller holds the lock of its queue too, and marks it there.
    pub fn starve(&mut self, consumer: S) {
        self.state.starved.push(consumer);
    }

    /// To be called after appending: the waker of the owning task, unless it is already on its way.
    ///
    /// The caller wakes it once all locks are dropped.
    #[must_use = "the owning task sleeps until its waker is called"]
    pub fn schedule(&mut self) -> Option<Waker> {
        if self.state.scheduled {
            return None;
        }
        self.state.scheduled = true;
        self.state.waker.clone()
    }
}

impl<B, S> Deref for OutboxGuard<'_, B, S> {
    type Target = B;

    fn deref(&self) -> &B {
        &self.state.buffer
    }
}

impl<B, S> DerefMut for OutboxGuard<'_, B, S> {
    fn deref_mut(&mut self) -> &mut B {
        &mut self.state.buffer
    }
}

impl<B, S> fmt::Debug for OutboxGuard<'_, B, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutboxGuard").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
