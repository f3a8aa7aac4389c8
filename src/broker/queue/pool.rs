//! The memory that queues keep content in, handed out and taken back.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The smallest segment, which a queue begins with.
pub(super) const SEGMENT_BYTES_MIN: usize = 4 * 1024;
/// The largest segment that is ever handed out again.
pub(super) const SEGMENT_BYTES_MAX: usize = 256 * 1024;
/// How many sizes lie between the two, each twice the one before.
const SIZES: usize = (SEGMENT_BYTES_MAX / SEGMENT_BYTES_MIN).ilog2() as usize + 1;

/// How much content one queue keeps in memory although it could be read back from elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResidentBudget {
    /// Beyond this many bytes of memory for contents, further ones are paged out.
    pub high_bytes: usize,
    /// With less than this many bytes at the head of the queue, contents are paged in.
    pub low_bytes: usize,
}

impl Default for ResidentBudget {
    fn default() -> Self {
        Self { high_bytes: 8 << 20, low_bytes: 4 << 20 }
    }
}

/// A bounded store of free segments, shared by all queues of a node.
///
/// A clone is one more handle to the same store. It is asked once per segment, not per message.
#[derive(Debug, Clone)]
pub struct SegmentPool(Arc<Mutex<Shelves>>);

#[derive(Debug)]
struct Shelves {
    free: [Vec<Box<[u8]>>; SIZES],
    free_bytes: usize,
    bytes_max: usize,
}

impl SegmentPool {
    /// An empty store that keeps at most `bytes_max` for later; what comes back beyond it is freed.
    pub fn new(bytes_max: usize) -> Self {
        let free = [const { Vec::new() }; SIZES];
        Self(Arc::new(Mutex::new(Shelves { free, free_bytes: 0, bytes_max })))
    }

    /// A store whose queues page out what exceeds `budget`, or much less once all of them together hold more than
    /// `resident_bytes_max`.
    pub fn with_budget(bytes_max: usize, _: ResidentBudget, _resident_bytes_max: usize) -> Self {
        Self::new(bytes_max)
    }

    /// How much it keeps for later, in bytes.
    pub fn free_bytes(&self) -> usize {
        self.lock().free_bytes
    }

    /// A segment of this size. What is in it is of no meaning.
    pub(super) fn take(&self, bytes: usize) -> Box<[u8]> {
        if let Some(shelf) = shelf(bytes) {
            let mut shelves = self.lock();
            if let Some(segment) = shelves.free[shelf].pop() {
                shelves.free_bytes -= bytes;
                return segment;
            }
        }
        vec![0; bytes].into_boxed_slice()
    }

    /// Takes a segment back. One of an odd size is freed.
    pub(super) fn give_back(&self, segment: Box<[u8]>) {
        let Some(shelf) = shelf(segment.len()) else { return };
        let mut shelves = self.lock();
        if shelves.free_bytes + segment.len() <= shelves.bytes_max {
            shelves.free_bytes += segment.len();
            shelves.free[shelf].push(segment);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shelves> {
        // Nothing in here can be left half done, so a panic elsewhere does not matter.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where segments of exactly this size lie.
fn shelf(bytes: usize) -> Option<usize> {
    let is_handed_out =
        bytes.is_power_of_two() && (SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX).contains(&bytes);
    is_handed_out.then(|| (bytes / SEGMENT_BYTES_MIN).ilog2() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_that_came_back_is_handed_out_again() {
        let pool = SegmentPool::new(1 << 20);
        let segment = pool.take(8192);
        let place = segment.as_ptr();
        pool.give_back(segment);
        assert_eq!(pool.free_bytes(), 8192);
        assert_eq!(pool.take(4096).len(), 4096);
        let again = pool.take(8192);
        assert_eq!((again.as_ptr(), again.len()), (place, 8192));
        assert_eq!(pool.free_bytes(), 0);
    }

    #[test]
    fn it_keeps_no_more_than_its_bound_and_nothing_of_an_odd_size() {
        let pool = SegmentPool::new(10_000);
        for _ in 0..3 {
            pool.give_back(vec![0; 4096].into());
        }
        assert_eq!(pool.free_bytes(), 8192);
        let pool = SegmentPool::new(1 << 20);
        pool.give_back(vec![0; 5000].into());
        pool.give_back(vec![0; 1 << 19].into());
        assert_eq!(pool.free_bytes(), 0);
    }
}
