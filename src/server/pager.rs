//! Bodies that a queue does not keep in memory, read back before their turn comes.
//!
//! Reading is for threads of its own: no task and no lock ever waits for the disk.

use std::sync::Arc;

use broker::Timestamp;
use broker::message::Sequence;
use store::ReadError;
use tracing::error;

use crate::node::Shared;
use crate::queue_cell::{Effects, QueueCell};

/// What was read: the payloads, one behind another.
#[derive(Default)]
struct Pages {
    bytes: Vec<u8>,
    found: Vec<(Sequence, std::ops::Range<usize>)>,
    lost: Vec<(Sequence, ReadError)>,
}

/// Who reads.
#[derive(Debug)]
pub(crate) enum Pager {
    /// The runtime's threads for what blocks.
    Threads,
    /// Whoever drives a simulation, in the order in which it was wanted.
    #[cfg(feature = "simulation")]
    ByHand(parking_lot::Mutex<Vec<(Arc<QueueCell>, Vec<u64>)>>),
}

/// Has read what a queue wants, and given to the queue.
pub(crate) fn fetch(queue: &Arc<QueueCell>, shared: &Arc<Shared>, wanted: Vec<u64>) {
    match &shared.pager {
        Pager::Threads => {
            let (queue, shared) = (Arc::clone(queue), Arc::clone(shared));
            tokio::task::spawn_blocking(move || read_and_give(&queue, &shared, &wanted));
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
    all.iter().for_each(|(queue, wanted)| read_and_give(queue, shared, wanted));
    !all.is_empty()
}

fn read_and_give(queue: &Arc<QueueCell>, shared: &Shared, wanted: &[u64]) {
    let pages = read(shared, wanted);
    give(queue, shared.clock.now(), &pages);
}

fn read(shared: &Shared, wanted: &[u64]) -> Pages {
    let mut pages = Pages::default();
    let Some(journal) = shared.journal() else { return pages };
    journal.read(wanted, |sequence, payload| match payload {
        Ok(payload) => {
            let at = pages.bytes.len();
            pages.bytes.extend_from_slice(payload);
            pages.found.push((Sequence(sequence), at..pages.bytes.len()));
        }
        Err(error) => pages.lost.push((Sequence(sequence), error)),
    });
    // In the order in which the queue needs them, which is that of their numbers more often than that of their places.
    pages.found.sort_unstable_by_key(|(sequence, _)| *sequence);
    pages
}

fn give(queue: &Arc<QueueCell>, now: Timestamp, pages: &Pages) {
    let Some(vhost) = queue.vhost.upgrade() else { return };
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
        for (sequence, error) in &pages.lost {
            // What was settled meanwhile may be gone.
            if machine.page_failed(now, *sequence, sink) {
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
