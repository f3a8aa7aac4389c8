//! What the node has done in all: sums over what there is, and over what is gone.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use broker::QueueKind;
use broker::queue::Counters;
use parking_lot::Mutex;

use crate::message_counts::MessageCounts;
use crate::window::Window;

/// The sums of a node. What lives is added when somebody asks, so that nothing here is touched for a message.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) churn: Churn,
    gone: Mutex<Gone>,
    shown: Mutex<Shown>,
}

/// What has come and gone.
#[derive(Debug, Default)]
pub(crate) struct Churn {
    pub(crate) connections_created: AtomicU64,
    pub(crate) connections_closed: AtomicU64,
    pub(crate) channels_created: AtomicU64,
    pub(crate) channels_closed: AtomicU64,
    /// Declarations, also of queues that were there.
    pub(crate) queues_declared: AtomicU64,
    pub(crate) queues_created: AtomicU64,
    pub(crate) queues_deleted: AtomicU64,
}

/// [`Churn`], read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ChurnCounts {
    pub(crate) connections_created: u64,
    pub(crate) connections_closed: u64,
    pub(crate) channels_created: u64,
    pub(crate) channels_closed: u64,
    pub(crate) queues_declared: u64,
    pub(crate) queues_created: u64,
    pub(crate) queues_deleted: u64,
}

/// What those did that are gone.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Gone {
    pub(crate) channels: MessageCounts,
    pub(crate) classic: Counters,
    pub(crate) quorum: Counters,
}

/// Everything that is counted for the whole node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct NodeCounts {
    pub(crate) messages: MessageCounts,
    pub(crate) churn: ChurnCounts,
    pub(crate) ready: u64,
    pub(crate) unacked: u64,
}

#[derive(Debug, Default)]
struct Shown {
    /// The highest that was ever shown.
    messages: MessageCounts,
    window: Window<NodeCounts>,
}

/// One more of them.
pub(crate) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

impl Churn {
    pub(crate) fn read(&self) -> ChurnCounts {
        ChurnCounts {
            connections_created: self.connections_created.load(Relaxed),
            connections_closed: self.connections_closed.load(Relaxed),
            channels_created: self.channels_created.load(Relaxed),
            channels_closed: self.channels_closed.load(Relaxed),
            queues_declared: self.queues_declared.load(Relaxed),
            queues_created: self.queues_created.load(Relaxed),
            queues_deleted: self.queues_deleted.load(Relaxed),
        }
    }
}

impl Totals {
    /// A channel is gone, or somebody without a channel has published.
    pub(crate) fn add_channel(&self, counts: &MessageCounts) {
        self.gone.lock().channels += *counts;
    }

    /// A queue is gone.
    pub(crate) fn add_queue(&self, kind: QueueKind, counters: Counters) {
        count(&self.churn.queues_deleted);
        let mut gone = self.gone.lock();
        match kind {
            QueueKind::Classic => gone.classic += counters,
            QueueKind::Quorum => gone.quorum += counters,
        }
    }

    pub(crate) fn gone(&self) -> Gone {
        *self.gone.lock()
    }

    /// What can be shown of sums that were just made: they never fall, also if something went from one place to the
    /// other while they were made.
    pub(crate) fn risen(&self, messages: MessageCounts) -> MessageCounts {
        let mut shown = self.shown.lock();
        shown.messages = shown.messages.max_of_each(&messages);
        shown.messages
    }

    pub(crate) fn with_window<R>(&self, act: impl FnOnce(&mut Window<NodeCounts>) -> R) -> R {
        act(&mut self.shown.lock().window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_never_fall() {
        let totals = Totals::default();
        let counts = |publish, ack| MessageCounts { publish, ack, ..MessageCounts::default() };
        assert_eq!(totals.risen(counts(5, 1)), counts(5, 1));
        assert_eq!(totals.risen(counts(3, 2)), counts(5, 2));
    }

    #[test]
    fn what_is_gone_still_counts() {
        let totals = Totals::default();
        let counts = MessageCounts { publish: 3, ..MessageCounts::default() };
        totals.add_channel(&counts);
        totals.add_channel(&counts);
        let counters = Counters { ack: 2, ..Counters::default() };
        totals.add_queue(QueueKind::Quorum, counters);
        let gone = totals.gone();
        assert_eq!((gone.channels.publish, gone.quorum.ack, gone.classic.ack), (6, 2, 0));
        assert_eq!(totals.churn.read().queues_deleted, 1);
    }
}
