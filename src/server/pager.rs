//! Bodies that a queue does not keep in memory, read back before their turn comes.
//!
//! Reading is for threads of its own: no task and no lock ever waits for the disk. What the disk refuses is asked for
//! again, and the head of the queue waits for it. But not for ever, or one bad sector would hold up all that is behind.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use broker::message::Sequence;
use broker::queue::Backing;
use store::ReadError;
use tokio::runtime::Handle;
use tracing::{error, warn};

use crate::node::Shared;
use crate::queue_cell::{ByBacking, Effects, QueueCell};

/// How long the disk is left alone that refused to read something.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// How often it is asked again.
const TRIES_MAX: u32 = 30;

/// What was read: the payloads, one behind another.
#[derive(Default)]
struct Pages {
    bytes: Vec<u8>,
    found: Vec<(Sequence, Range<usize>)>,
    lost: Vec<Lost>,
}

/// A content that was not read.
struct Lost {
    sequence: Sequence,
    backing: Backing,
    error: ReadError,
}

/// Who reads.
#[derive(Debug)]
pub(crate) enum Pager {
    /// The runtime's threads for what blocks.
    Threads,
    /// Whoever drives a simulation, in the order in which it was wanted.
    #[cfg(feature = "simulation")]
    ByHand(parking_lot::Mutex<Vec<(Arc<QueueCell>, ByBacking)>>),
}

/// Has read what a queue wants, and given to the queue.
pub(crate) fn fetch(queue: &Arc<QueueCell>, shared: &Arc<Shared>, wanted: ByBacking) {
    match &shared.pager {
        Pager::Threads => {
            let shared = Arc::clone(shared);
            try_to_fetch(Arc::clone(queue), wanted, 0, move |wanted| read(&shared, wanted));
        }
        #[cfg(feature = "simulation")]
        Pager::ByHand(all) => all.lock().push((Arc::clone(queue), wanted)),
    }
}

/// Reads all that was wanted, where nobody else does; whether anything was.
#[cfg(feature = "simulation")]
pub(crate) fn fetch_by_hand(shared: &Shared) -> bool {
    let Pager::ByHand(all) = &shared.pager else { return false };
    let all = std::mem::take(&mut *all.lock());
    all.iter().for_each(|(queue, wanted)| give(queue, &read(shared, wanted)));
    !all.is_empty()
}

fn try_to_fetch(
    queue: Arc<QueueCell>,
    wanted: ByBacking,
    tries: u32,
    read: impl Fn(&ByBacking) -> Pages + Send + 'static,
) {
    tokio::task::spawn_blocking(move || {
        let mut pages = read(&wanted);
        let refused = if tries < TRIES_MAX { pages.take_refused() } else { Vec::new() };
        give(&queue, &pages);
        if let Some(Lost { error, .. }) = refused.first() {
            if tries == 0 {
                warn!(
                    queue = %queue.name, messages = refused.len(), %error,
                    "messages cannot be read back, which is tried again every second"
                );
            }
            let mut wanted = ByBacking::default();
            refused.iter().for_each(|lost| wanted.push(lost.sequence, lost.backing));
            Handle::current().spawn(async move {
                tokio::time::sleep(TRY_AGAIN_AFTER).await;
                if !queue.is_deleted() {
                    try_to_fetch(queue, wanted, tries + 1, read);
                }
            });
        }
    });
}

fn read(shared: &Shared, wanted: &ByBacking) -> Pages {
    let mut pages = Pages::default();
    if let Some(journal) = shared.journal() {
        journal.read(&wanted.log, |sequence, payload| pages.add(sequence, Backing::Log, payload));
    }
    if let Some(spill) = shared.spill() {
        spill.read(&wanted.spill, |sequence, payload| pages.add(sequence, Backing::Spill, payload));
    }
    // In the order in which the queue needs them, which is that of their numbers more often than that of their places.
    pages.found.sort_unstable_by_key(|(sequence, _)| *sequence);
    pages
}

impl Pages {
    fn add(&mut self, sequence: u64, backing: Backing, payload: Result<&[u8], ReadError>) {
        let sequence = Sequence(sequence);
        match payload {
            Ok(payload) => {
                let at = self.bytes.len();
                self.bytes.extend_from_slice(payload);
                self.found.push((sequence, at..self.bytes.len()));
            }
            Err(error) => self.lost.push(Lost { sequence, backing, error }),
        }
    }

    /// Takes out what may be readable in a while.
    fn take_refused(&mut self) -> Vec<Lost> {
        self.lost.extract_if(.., |lost| matches!(lost.error, ReadError::Disk(_))).collect()
    }
}

fn give(queue: &Arc<QueueCell>, pages: &Pages) {
    let Some(vhost) = queue.vhost.upgrade() else { return };
    let now = vhost.shared.clock.now();
    let mut effects = Effects::default();
    queue.visit(&vhost, now, &mut effects, |machine, sink| {
        for (sequence, range) in &pages.found {
            if !machine.page_in(now, *sequence, &pages.bytes[range.clone()], sink) {
                error!(
                    queue = %queue.name, sequence = sequence.0,
                    "a message that was read back is not what was written, and is dropped"
                );
            }
        }
        for Lost { sequence, backing, error } in &pages.lost {
            // What was settled meanwhile may be gone.
            if !machine.page_failed(now, *sequence, sink) {
                continue;
            }
            if matches!((error, backing), (ReadError::Disk(_), Backing::Log)) {
                // The next start may find a disk that can read it.
                sink.leave_in_log(*sequence);
                error!(
                    queue = %queue.name, sequence = sequence.0, %error,
                    "a message cannot be read back, and is left in the log until the next start"
                );
            } else {
                error!(
                    queue = %queue.name, sequence = sequence.0, %error,
                    "a message cannot be read back, and is dropped"
                );
            }
        }
    });
    vhost.carry_out(now, &mut effects);
    effects.wake();
}

#[cfg(test)]
mod tests;
