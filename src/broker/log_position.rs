//! Where in the log something is written, which is what durability is waited for by.

/// The number of the batch of the log that something is written in; it is durable once the log is flushed that far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogPosition(pub u64);
