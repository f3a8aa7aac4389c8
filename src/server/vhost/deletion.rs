//! The end of a vhost: of everything that is in it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use broker::ExchangeName;

use super::Vhost;
use crate::queue_cell::{Effects, QueueCell};

impl Vhost {
    /// Whether it is being deleted, or is gone: nothing new comes into it.
    pub(crate) fn is_deleted(&self) -> bool {
        self.deleted.load(Ordering::SeqCst)
    }

    /// From now on nothing new comes into it.
    pub(crate) fn mark_deleted(&self) {
        self.deleted.store(true, Ordering::SeqCst);
    }

    /// Deletes what is in it, one thing after the other: nobody else waits for more than one of them.
    ///
    /// What was just being declared as it was marked either is found here, or finds the mark itself.
    pub(crate) fn clear(&self) {
        debug_assert!(self.is_deleted(), "something new could come into it");
        self.tracing.close_logs();
        let mut effects = Effects::default();
        loop {
            let queues: Vec<Arc<QueueCell>> =
                self.queues.iter().map(|queue| Arc::clone(&queue)).collect();
            if queues.is_empty() {
                break;
            }
            for queue in queues {
                self.remove_queue_anyway(&queue, &mut effects);
                effects.wake();
            }
        }
        let exchanges: Vec<ExchangeName> =
            self.exchanges.iter().map(|exchange| exchange.key().clone()).collect();
        for name in exchanges {
            // It is refused only if it is used and must not be.
            let _ = self.remove_exchange(&name, false, None);
        }
    }
}
