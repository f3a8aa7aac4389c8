//! What clients publish to one exchange, and to how many queues that goes.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use parking_lot::Mutex;

use crate::unroutable::Unroutable;
use crate::window::Window;

/// Counted once a run, by every publisher.
#[derive(Debug, Default)]
pub(crate) struct ExchangeTraffic {
    published: AtomicU64,
    routed: AtomicU64,
    unroutable: AtomicU64,
    /// The messages themselves, where they are kept.
    pub(crate) kept: Unroutable,
    pub(crate) window: Mutex<Window<ExchangeCounts>>,
}

/// [`ExchangeTraffic`], read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ExchangeCounts {
    pub(crate) published: u64,
    pub(crate) routed: u64,
    pub(crate) unroutable: u64,
}

impl ExchangeTraffic {
    /// Messages were published, and went to so many queues each.
    #[inline]
    pub(crate) fn add(&self, messages: usize, queues: usize) {
        self.published.fetch_add(messages as u64, Relaxed);
        if queues > 0 {
            self.routed.fetch_add((messages * queues) as u64, Relaxed);
        } else {
            self.unroutable.fetch_add(messages as u64, Relaxed);
        }
    }

    pub(crate) fn read(&self) -> ExchangeCounts {
        ExchangeCounts {
            published: self.published.load(Relaxed),
            routed: self.routed.load(Relaxed),
            unroutable: self.unroutable.load(Relaxed),
        }
    }
}
