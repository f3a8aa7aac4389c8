//! How a log is kept.

use crate::Fault;

/// When a batch counts as flushed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sync {
    /// It is on the disk. Each is, before the next one is written.
    #[default]
    Flush,
    /// The operating system has it: a crash of the process loses nothing, a power cut may lose the newest batches.
    Os,
    /// Nothing is ever flushed, and nobody opens the log again: for contents that end with the process. What the disk
    /// refuses is tried again for as long as it does, whatever the reason, and can be read meanwhile.
    Never,
}

/// How a log is kept.
#[derive(Debug, Clone)]
pub struct Options {
    /// Tells this log from every other.
    pub node: u128,
    /// Whether a log of another node is opened too, and goes on under its own name: then `node` is only for a log that
    /// is made now.
    pub adopts_node: bool,
    /// When a batch counts as flushed.
    pub sync: Sync,
    /// The first segments, in bytes. They double while they fill.
    pub segment_bytes_min: u64,
    /// The largest segment, in bytes; one that holds a larger batch is as large as that.
    pub segment_bytes_max: u64,
    /// Beyond this, in bytes, [`Log::has_room`](crate::Log::has_room) says no until the next batch is begun.
    pub buffer_bytes_max: usize,
}

/// No segment is larger, so that a place in one fits 32 bits.
const SEGMENT_BYTES_LIMIT: u64 = 2 << 30;
/// No segment is smaller: there is room for headers and a few batches.
pub(crate) const SEGMENT_BYTES_LEAST: u64 = 8 << 10;

impl Options {
    /// The usual for this node: flushed, segments of 4 to 64 MiB, a buffer of 8 MiB.
    pub fn new(node: u128) -> Self {
        Self {
            node,
            adopts_node: false,
            sync: Sync::Flush,
            segment_bytes_min: 4 << 20,
            segment_bytes_max: 64 << 20,
            buffer_bytes_max: 8 << 20,
        }
    }

    /// The same within the limits.
    pub(crate) fn limited(mut self) -> Self {
        let largest = self.segment_bytes_max.clamp(SEGMENT_BYTES_LEAST, SEGMENT_BYTES_LIMIT);
        self.segment_bytes_max = largest;
        self.segment_bytes_min = self.segment_bytes_min.clamp(SEGMENT_BYTES_LEAST, largest);
        self.buffer_bytes_max = self.buffer_bytes_max.clamp(1 << 10, 256 << 20);
        self
    }

    /// Whether anything is ever flushed.
    pub(crate) fn flushes(&self) -> bool {
        self.sync != Sync::Never
    }

    /// Whether somebody may open it again: nothing is written that only they would need, if nobody does.
    pub(crate) fn lasts(&self) -> bool {
        self.sync != Sync::Never
    }

    /// Whether what the disk refused may be tried again.
    pub(crate) fn can_try_again(&self, fault: &Fault) -> bool {
        fault.is_full_disk() || !self.lasts()
    }

    /// Beyond this, whoever appends has to wait: much more than `buffer_bytes_max`, which is for who can wait elsewhere.
    pub(crate) fn buffer_bytes_limit(&self) -> usize {
        self.buffer_bytes_max.saturating_mul(32).min(1 << 30)
    }
}
