//! Places where a test can end the process, or let a call of the disk fail.
//!
//! In a build with the feature `fail-points`, `PILLARBOX_FAIL_POINT=what:n` names what happens at the `n`-th call of an
//! operation of the log's disk: `before-sync:3` and `after-sync:3` end the process there as `kill -9` does, and
//! `fail-sync:3` lets that one call fail and all others work. `torn-write:3` ends the process in the middle of a write,
//! and `stall-sync:3` never comes back from that call. The operations are `create`, `write`, `sync`, `rename`, `remove` and `sync-dir`. Other builds
//! have none of this.

#[cfg(not(feature = "fail-points"))]
use std::io;

/// Makes a call of the disk, unless a test wants it otherwise.
#[cfg(not(feature = "fail-points"))]
#[inline]
pub(crate) fn around<T>(
    _operation: &'static str,
    call: impl FnOnce() -> io::Result<T>,
) -> io::Result<T> {
    call()
}

/// Whether to write only a part of this and end then.
#[cfg(not(feature = "fail-points"))]
#[inline]
pub(crate) const fn tears_write() -> bool {
    false
}

#[cfg(feature = "fail-points")]
pub(crate) use armed::{around, tears_write};

#[cfg(feature = "fail-points")]
mod armed {
    use std::env;
    use std::io;
    use std::process::abort;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread;

    /// The errno of a failed disk.
    const EIO: i32 = 5;

    /// What is to happen.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum What {
        EndBefore,
        EndAfter,
        Fail,
        Tear,
        Stall,
    }

    #[derive(Debug)]
    struct FailPoint {
        what: What,
        operation: String,
        /// How many calls there are until then, this one included.
        left: AtomicU64,
    }

    impl FailPoint {
        fn parse(text: &str) -> Option<Self> {
            let (name, count) = text.split_once(':').unwrap_or((text, "1"));
            let (what, operation) = name.split_once('-')?;
            let what = match what {
                "before" => What::EndBefore,
                "after" => What::EndAfter,
                "fail" => What::Fail,
                "torn" => What::Tear,
                "stall" => What::Stall,
                _ => return None,
            };
            let left = AtomicU64::new(count.parse().ok()?);
            Some(Self { what, operation: operation.to_owned(), left })
        }

        /// Counts a call; whether this is the one.
        fn is_due(&self) -> bool {
            self.left.fetch_sub(1, Ordering::Relaxed) == 1
        }
    }

    fn named() -> Option<&'static FailPoint> {
        static NAMED: OnceLock<Option<FailPoint>> = OnceLock::new();
        let read = || {
            let text = env::var("PILLARBOX_FAIL_POINT").ok()?;
            let named = FailPoint::parse(&text);
            Some(named.unwrap_or_else(|| panic!("'{text}' is no fail point, such as after-sync:3")))
        };
        NAMED.get_or_init(read).as_ref()
    }

    pub(crate) fn around<T>(
        operation: &'static str,
        call: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        let named =
            named().filter(|named| named.operation == operation && named.what != What::Tear);
        match named.filter(|named| named.is_due()).map(|named| named.what) {
            Some(What::EndBefore) => abort(),
            Some(What::Fail) => Err(io::Error::from_raw_os_error(EIO)),
            Some(What::EndAfter) => {
                let _ = call(); // nobody is left who would want to know
                abort()
            }
            Some(What::Stall) => loop {
                thread::park();
            },
            Some(What::Tear) | None => call(),
        }
    }

    pub(crate) fn tears_write() -> bool {
        named().is_some_and(|named| named.what == What::Tear && named.is_due())
    }
}
