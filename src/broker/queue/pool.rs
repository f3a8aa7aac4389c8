//! The memory that queues keep content in, handed out and taken back.

/// A bounded store of free segments, shared by all queues of a node. A clone is one more handle to the same store.
#[derive(Debug, Clone)]
pub struct SegmentPool {}

impl SegmentPool {
    /// An empty store that keeps at most `bytes_max` for later; what comes back beyond it is freed.
    pub fn new(bytes_max: usize) -> Self {
        let _ = bytes_max;
        Self {}
    }
}
