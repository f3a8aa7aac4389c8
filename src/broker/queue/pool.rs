//! The memory that queues keep content in, handed out and taken back.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

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

impl ResidentBudget {
    /// What is left of it for each queue while all of them together hold too much.
    const TIGHT: Self = Self { high_bytes: 64 * 1024, low_bytes: 32 * 1024 };

    /// Never pages anything out.
    const ALL: Self = Self { high_bytes: usize::MAX, low_bytes: Self::DEFAULT.low_bytes };

    const DEFAULT: Self = Self { high_bytes: 8 << 20, low_bytes: 4 << 20 };

    fn or_less(self, other: Self) -> Self {
        Self {
            high_bytes: self.high_bytes.min(other.high_bytes),
            low_bytes: self.low_bytes.min(other.low_bytes),
        }
    }
}

impl Default for ResidentBudget {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// A bounded store of free segments, shared by all queues of a node; and how much they may hold.
///
/// A clone is one more handle to the same store. It is asked once per segment, not per message.
#[derive(Debug, Clone)]
pub struct SegmentPool(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    shelves: Mutex<Shelves>,
    /// What queues hold, in segments and in large bodies.
    held_bytes: AtomicUsize,
    held_bytes_max: usize,
    budget: ResidentBudget,
}

#[derive(Debug)]
struct Shelves {
    free: [Vec<Box<[u8]>>; SIZES],
    free_bytes: usize,
    bytes_max: usize,
}

impl SegmentPool {
    /// An empty store that keeps at most `bytes_max` for later; what comes back beyond it is freed. Its queues keep
    /// every content in memory.
    pub fn new(bytes_max: usize) -> Self {
        Self::with_budget(bytes_max, ResidentBudget::ALL, usize::MAX)
    }

    /// A store whose queues each page out what exceeds `budget`, or a much smaller one while all of them together hold
    /// more than `held_bytes_max`.
    pub fn with_budget(bytes_max: usize, budget: ResidentBudget, held_bytes_max: usize) -> Self {
        let free = [const { Vec::new() }; SIZES];
        Self(Arc::new(Shared {
            shelves: Mutex::new(Shelves { free, free_bytes: 0, bytes_max }),
            held_bytes: AtomicUsize::new(0),
            held_bytes_max,
            budget,
        }))
    }

    /// How much it keeps for later, in bytes.
    pub fn free_bytes(&self) -> usize {
        self.lock().free_bytes
    }

    /// How much queues hold in segments and large bodies, in bytes. A body that several share counts for each.
    pub fn held_bytes(&self) -> usize {
        self.0.held_bytes.load(Ordering::Relaxed)
    }

    /// What each queue may hold at this moment.
    pub(super) fn budget(&self) -> ResidentBudget {
        if self.held_bytes() <= self.0.held_bytes_max {
            self.0.budget
        } else {
            self.0.budget.or_less(ResidentBudget::TIGHT)
        }
    }

    /// A queue holds so much more in bodies that lie in no segment.
    pub(super) fn hold(&self, bytes: usize) {
        self.0.held_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// A queue holds so much less.
    pub(super) fn let_go(&self, bytes: usize) {
        self.0.held_bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// A segment of this size. What is in it is of no meaning.
    pub(super) fn take(&self, bytes: usize) -> Box<[u8]> {
        self.hold(bytes);
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
        self.let_go(segment.len());
        let Some(shelf) = shelf(segment.len()) else { return };
        let mut shelves = self.lock();
        if shelves.free_bytes + segment.len() <= shelves.bytes_max {
            shelves.free_bytes += segment.len();
            shelves.free[shelf].push(segment);
        }
    }

    /// Frees a segment, which nobody will need for a while.
    pub(super) fn give_up(&self, segment: Box<[u8]>) {
        self.let_go(segment.len());
        drop(segment);
    }

    fn lock(&self) -> MutexGuard<'_, Shelves> {
        // Nothing in here can be left half done, so a panic elsewhere does not matter.
        self.0.shelves.lock().unwrap_or_else(PoisonError::into_inner)
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
        let segments = [4096, 4096, 4096, 5000, 1 << 19].map(|bytes| pool.take(bytes));
        assert_eq!(pool.held_bytes(), 3 * 4096 + 5000 + (1 << 19));
        for segment in segments {
            pool.give_back(segment);
        }
        assert_eq!((pool.free_bytes(), pool.held_bytes()), (8192, 0));
    }

    #[test]
    fn where_all_hold_too_much_each_may_hold_little() {
        let budget = ResidentBudget::default();
        let pool = SegmentPool::with_budget(0, budget, 100_000);
        let segment = pool.take(100_000);
        assert_eq!(pool.budget(), budget);
        pool.hold(1);
        assert_eq!(pool.budget(), ResidentBudget::TIGHT);
        pool.give_back(segment);
        assert_eq!(pool.budget(), budget);
        let tiny = ResidentBudget { high_bytes: 10, low_bytes: 5 };
        let pool = SegmentPool::with_budget(0, tiny, 0);
        pool.hold(1);
        assert_eq!(pool.budget(), tiny);
    }
}
