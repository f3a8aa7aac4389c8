//! Appending.

use std::fmt;

use crate::format::OWNERS_MAX;
use crate::log::Log;
use crate::state::State;
use crate::sync::MutexGuard;
use crate::{Disk, Position};

/// Something that is being appended: the log is locked for as long as this lives.
pub struct Appender<'a, D: Disk> {
    log: &'a Log<D>,
    state: MutexGuard<'a, State<D::File>>,
}

impl<D: Disk> fmt::Debug for Appender<'_, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Appender").field("position", &self.position()).finish_non_exhaustive()
    }
}

impl<'a, D: Disk> Appender<'a, D> {
    pub(crate) fn new(log: &'a Log<D>, state: MutexGuard<'a, State<D::File>>) -> Self {
        Self { log, state }
    }

    /// Appends a content that lives until each of `owners` has released it; `write` fills in all of its payload.
    ///
    /// A content without owners is not appended. The sequence is one that no content has had; it is found the fastest if
    /// it is the highest. With [`Sync::Never`](crate::Sync::Never) a content that is there only gets the further owners.
    ///
    /// # Panics
    /// If there are more than 16,777,215 owners, or a content of this sequence is there.
    #[inline]
    pub fn content(
        &mut self,
        sequence: u64,
        owners: &[u64],
        payload_len: usize,
        write: impl FnOnce(&mut [u8]),
    ) {
        assert!(owners.len() <= OWNERS_MAX, "{} owners of one content", owners.len());
        let state = &mut *self.state;
        if sequence > state.sequence {
            state.sequence = sequence;
        } else if state.share(sequence, owners) {
            assert!(!self.log.options.lasts(), "the log holds a content {sequence} already");
            return;
        }
        if !owners.is_empty() {
            state.content(sequence, owners, payload_len, write);
        }
    }

    /// An owner gives contents up, for good. Those that it does not have are passed over.
    ///
    /// A content that nobody has any more, and that is not being written yet, leaves nothing on the disk.
    #[inline]
    pub fn release(&mut self, owner: u64, sequences: &[u64]) {
        let state = &mut *self.state;
        for &sequence in sequences {
            if state.release(owner, sequence) {
                state.filling.release(owner, sequence);
            }
        }
    }

    /// As [`release`](Self::release), for an owner whose own definition is released: whoever opens the log drops what
    /// belongs to owners that do not exist. Nothing is written.
    pub fn forget(&mut self, owner: u64, sequences: &[u64]) {
        for &sequence in sequences {
            self.state.release(owner, sequence);
        }
    }

    /// An owner notes something of a content that it has, in the place of what it noted before. It is told when the log
    /// is opened again, for as long as it has the content.
    pub fn note(&mut self, owner: u64, sequence: u64, note: &[u8]) {
        self.state.note(owner, sequence, note);
    }

    /// Whether an owner has a content.
    pub fn holds(&self, owner: u64, sequence: u64) -> bool {
        self.state.holds(owner, sequence)
    }

    /// The highest sequence that a content has had.
    pub fn last_sequence(&self) -> u64 {
        self.state.sequence
    }

    /// As [`Log::has_room`].
    pub fn has_room(&self) -> bool {
        self.state.has_room(&self.log.options)
    }

    /// What is not being written yet, in bytes.
    pub fn unwritten_bytes(&self) -> usize {
        self.state.unwritten_bytes()
    }

    /// The batch that all this is in, if there is anything in it.
    #[inline]
    pub fn position(&self) -> Position {
        Position(self.state.number)
    }

    /// The last batch that is or will be written: whoever waits for it is never left waiting for one that has nothing in
    /// it and may never come.
    #[inline]
    pub fn last_position(&self) -> Position {
        let is_empty = self.state.filling.is_empty();
        Position(if is_empty { self.state.number - 1 } else { self.state.number })
    }
}

impl<D: Disk> Drop for Appender<'_, D> {
    #[inline]
    fn drop(&mut self) {
        let state = &mut *self.state;
        if state.is_asleep && (!state.filling.is_empty() || state.may_drop) {
            state.is_asleep = false;
            self.log.filled.notify_one();
        }
        if state.may_tidy {
            self.log.moved.notify_all();
        }
    }
}
