//! File descriptors: connections leave some for the log, which cannot go on without them.

use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// How many are left for the log, which needs one for each of its files.
const KEPT: u64 = 64;

/// How many file descriptors connections may take.
#[derive(Debug)]
pub(crate) struct Files {
    /// The lowest that was free when the log was open and nobody connected.
    first: u64,
}

impl Files {
    /// All that are free by now, but for those that are kept. `like` is any that is open.
    pub(crate) fn beside(like: BorrowedFd<'_>) -> Self {
        Self { first: lowest_free(like).unwrap_or(0) }
    }

    /// Whether there is one for another connection. It is always the lowest free number that is given next.
    pub(crate) fn has_any(&self, like: impl AsFd) -> bool {
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        // If there are only few at all, half of them: a broker that serves nobody loses nothing, and is of no use.
        let kept = KEPT.min(limit.saturating_sub(self.first) / 2);
        lowest_free(like.as_fd()).is_some_and(|next| next < limit - kept)
    }
}

/// The number of the next file that is opened; `None` if none can be.
fn lowest_free(like: BorrowedFd<'_>) -> Option<u64> {
    let next = like.try_clone_to_owned().ok()?;
    u64::try_from(next.as_raw_fd()).ok()
}

/// Takes as many file descriptors as the system lets this process have: what it is given at first is less, for the sake
/// of programs that cannot count far.
pub(crate) fn take_all() {
    let limit = getrlimit(Resource::Nofile);
    // Without them there are fewer connections.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_free_number_is_the_next_and_there_is_room_at_first() {
        take_all();
        let file = std::fs::File::open("/").unwrap();
        let files = Files::beside(file.as_fd());
        assert!(files.has_any(&file));
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
    }
}
