//! Where in the log something is.

/// The number of the batch that something is written in. It is durable once [`Log::flushed`](crate::Log::flushed) is at
/// or past it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position(pub u64);
