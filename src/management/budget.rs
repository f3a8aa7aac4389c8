//! What long answers hold in memory while they are sent, in all.
//!
//! A list is written while its reader takes it, and until the end holds what it is a list of. That is little for one
//! reader, but readers may be many, and slow on purpose: beyond the bound a further one is asked to come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How much all answers of a listener may hold together.
const HELD_BYTES_MAX: usize = 64 << 20;

/// An answer of less than this is not counted: there are only so many connections.
pub(crate) const UNCOUNTED_BYTES: usize = 64 * 1024;

/// What a long answer takes besides what it holds: the piece that is being sent, and the state of gzip.
const WRITING_BYTES: usize = 384 * 1024;

/// How much is held now. A handle: its clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Budget(Arc<AtomicUsize>);

/// A share of it, until this is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    budget: Budget,
    bytes: usize,
}

impl Budget {
    /// Takes what an answer needs that holds so many bytes; `None` if that is not left.
    pub(crate) fn take(&self, bytes: usize) -> Option<Held> {
        let bytes = bytes.saturating_add(WRITING_BYTES);
        let add = |held: usize| {
            // Whoever is alone is served, however much it is.
            let sum = held.saturating_add(bytes);
            (held == 0 || sum <= HELD_BYTES_MAX).then_some(sum)
        };
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).ok()?;
        Some(Held { budget: self.clone(), bytes })
    }

    /// Takes it also if it is not left.
    pub(crate) fn take_anyway(&self, bytes: usize) -> Held {
        let bytes = bytes.saturating_add(WRITING_BYTES);
        self.0.fetch_add(bytes, Ordering::Relaxed);
        Held { budget: self.clone(), bytes }
    }

    /// Whether anything is left.
    pub(crate) fn has_room(&self) -> bool {
        self.0.load(Ordering::Relaxed) < HELD_BYTES_MAX
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.budget.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_in_all_is_bounded() {
        let budget = Budget::default();
        let share = HELD_BYTES_MAX / 4;
        let mut held: Vec<Held> = std::iter::from_fn(|| budget.take(share)).collect();
        assert_eq!(held.len(), 3, "writing takes something, too");
        held.pop();
        assert!(budget.take(share).is_some());
        held.clear();
        let huge = budget.take(2 * HELD_BYTES_MAX).expect("nobody else holds anything");
        assert!(budget.take(0).is_none());
        drop(huge);
        let owed = budget.take_anyway(HELD_BYTES_MAX);
        assert!(!budget.has_room() && budget.take(0).is_none());
        drop(owed);
        assert!(budget.has_room());
        assert!(budget.take(0).is_some());
    }
}
