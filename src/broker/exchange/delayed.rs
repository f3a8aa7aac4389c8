//! `x-delayed-message`: what such an exchange holds back until its time has come.
//!
//! Such an exchange routes as its `x-delayed-type` says; the server asks [`crate::arguments::delay_ms`] of each
//! message first, and keeps those that have a delay here.

use std::collections::BTreeMap;

use crate::Timestamp;

/// Messages by the time at which they are to be routed; those of the same time in the order in which they came.
#[derive(Debug)]
pub struct DelayedMessages<M> {
    by_time: BTreeMap<(Timestamp, u64), (M, usize)>,
    /// How many were ever added, to keep their order.
    added: u64,
    bytes: usize,
}

impl<M> Default for DelayedMessages<M> {
    fn default() -> Self {
        Self { by_time: BTreeMap::new(), added: 0, bytes: 0 }
    }
}

impl<M> DelayedMessages<M> {
    /// Holds a message that takes `bytes` of memory until `due`.
    pub fn add(&mut self, due: Timestamp, message: M, bytes: usize) {
        self.by_time.insert((due, self.added), (message, bytes));
        self.added += 1;
        self.bytes += bytes;
    }

    /// When the next message is due.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.by_time.keys().next().map(|(due, _)| *due)
    }

    /// The next message whose time has come, with that time; to be called until there is none.
    pub fn take_due(&mut self, now: Timestamp) -> Option<(Timestamp, M)> {
        let first = self.by_time.first_entry()?;
        let (due, _) = *first.key();
        if due > now {
            return None;
        }
        let (message, bytes) = first.remove();
        self.bytes -= bytes;
        Some((due, message))
    }

    /// How many messages are held.
    pub fn len(&self) -> usize {
        self.by_time.len()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.by_time.is_empty()
    }

    /// How much memory the messages take.
    pub fn memory_bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_back_in_the_order_of_their_times() {
        let mut held = DelayedMessages::default();
        for (due, message) in [(30, "c"), (10, "a"), (20, "b"), (10, "a again")] {
            held.add(Timestamp(due), message, 5);
        }
        assert_eq!(held.next_deadline(), Some(Timestamp(10)));
        assert_eq!(held.take_due(Timestamp(9)), None);
        assert_eq!(held.take_due(Timestamp(10)), Some((Timestamp(10), "a")));
        assert_eq!(held.take_due(Timestamp(10)), Some((Timestamp(10), "a again")));
        assert_eq!(held.take_due(Timestamp(10)), None);
        assert_eq!((held.len(), held.memory_bytes()), (2, 10));
        assert_eq!(held.take_due(Timestamp(99)), Some((Timestamp(20), "b")));
        assert_eq!(held.take_due(Timestamp(99)), Some((Timestamp(30), "c")));
        assert!(held.is_empty());
        assert_eq!((held.next_deadline(), held.memory_bytes()), (None, 0));
    }
}
