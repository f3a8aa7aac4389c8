//! Places in the log as values: it is the server that keeps a log.

/// How far the log must be flushed until something is durable.
///
/// Whoever promises durability names such a position, and waits until the log was flushed at least that far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogPosition(pub u64);
