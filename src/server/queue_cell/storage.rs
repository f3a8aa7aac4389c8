//! What a queue tells those who keep contents for it: the log, and the spill of transient messages.

use std::sync::Arc;

use broker::LogPosition;
use broker::message::Sequence;
use broker::queue::{Backing, Remains};
use mutants::Mutant;

use super::{Effects, QueueCell, ServerSink};
use crate::node::Shared;
use crate::pager;

/// How many messages the log or the spill is told of at once.
const PORTION: usize = 10_000;

/// Messages by who keeps their contents.
#[derive(Debug, Default)]
pub(crate) struct ByBacking {
    pub(crate) log: Vec<u64>,
    pub(crate) spill: Vec<u64>,
}

/// What a visit to a queue changes of what is kept for it.
#[derive(Debug, Default)]
pub(super) struct Notes {
    pub(super) settled: ByBacking,
    pub(super) noted: Vec<(u64, Vec<u8>)>,
    pub(super) wanted: ByBacking,
}

impl ByBacking {
    #[inline]
    pub(crate) fn push(&mut self, sequence: Sequence, backing: Backing) {
        match backing {
            Backing::Log => self.log.push(sequence.0),
            Backing::Spill => self.spill.push(sequence.0),
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.log.is_empty() && self.spill.is_empty()
    }

    fn clear(&mut self) {
        self.log.clear();
        self.spill.clear();
    }
}

impl Notes {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.settled.is_empty() && self.noted.is_empty() && self.wanted.is_empty()
    }
}

/// Calls `tell` with the messages, portion by portion: nobody waits for the log for as long as it takes to purge a million.
fn each_portion(mut remains: Remains, mut tell: impl FnMut(&ByBacking)) {
    let mut portion = ByBacking::default();
    loop {
        let next = remains.by_ref().take(PORTION);
        next.for_each(|(sequence, backing)| portion.push(sequence, backing));
        if portion.is_empty() {
            return;
        }
        tell(&portion);
        portion.clear();
    }
}

impl QueueCell {
    /// Says what became of messages that are kept elsewhere, and asks for contents that are to be read back.
    pub(super) fn tell_storage(self: &Arc<Self>, shared: &Arc<Shared>, effects: &mut Effects) {
        let Notes { settled, noted, wanted } = &mut effects.notes;
        let is_logged = !settled.log.is_empty() || !noted.is_empty();
        if let (Some(journal), Some(owner)) =
            (shared.journal().filter(|_| is_logged), self.log_id())
        {
            let mut entry = journal.append();
            if !mutants::is_planted(Mutant::AckNotLogged) {
                entry.release(owner, &settled.log);
            }
            noted.drain(..).for_each(|(sequence, note)| entry.note(owner, sequence, &note));
            effects.logged_at = effects.logged_at.max(Some(entry.position()));
        }
        self.forget_spilled(shared, &settled.spill);
        settled.clear();
        noted.clear();
        if !wanted.is_empty() {
            pager::fetch(self, shared, std::mem::take(wanted));
        }
    }

    fn forget_spilled(&self, shared: &Shared, sequences: &[u64]) {
        if let Some(spill) = shared.spill().filter(|_| !sequences.is_empty()) {
            spill.forget(self, sequences);
        }
    }

    /// Messages left the queue all at once, and go on to leave the log; what that waits for.
    pub(crate) fn release_remains(&self, shared: &Shared, remains: Remains) -> Option<LogPosition> {
        let mut position = None;
        each_portion(remains, |portion| {
            self.forget_spilled(shared, &portion.spill);
            if let (Some(journal), Some(owner)) = (shared.journal(), self.log_id())
                && !portion.log.is_empty()
            {
                let mut entry = journal.append();
                if !mutants::is_planted(Mutant::PurgeNotLogged) {
                    entry.release(owner, &portion.log);
                }
                position = Some(entry.position());
            }
        });
        position
    }

    /// The queue is deleted: its messages are no more, which the log need not be told one by one.
    pub(crate) fn forget_remains(&self, shared: &Shared, remains: Remains) {
        each_portion(remains, |portion| {
            self.forget_spilled(shared, &portion.spill);
            self.forget_in_log(shared, &portion.log);
        });
    }

    /// The queue is deleted: messages that were logged for it are no more. Nothing is written for that, as the log knows
    /// already that the queue is gone.
    #[cold]
    pub(crate) fn forget_in_log(&self, shared: &Shared, sequences: &[u64]) {
        if let (Some(journal), Some(owner)) = (shared.journal(), self.log_id())
            && !sequences.is_empty()
        {
            journal.forget(owner, sequences);
        }
    }
}

impl ServerSink<'_> {
    /// A message that has just left the queue stays in the log all the same, for the next start.
    pub(crate) fn leave_in_log(&mut self, sequence: Sequence) {
        self.effects.notes.settled.log.retain(|settled| *settled != sequence.0);
    }
}
