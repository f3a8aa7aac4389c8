//! What runs for as long as a node does, and what becomes of it after a panic.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::watch;

/// How long a task rests that is begun again.
const REST: Duration = Duration::from_secs(1);

/// Something has panicked that the node cannot do without, which is a defect of this program and has been logged. Whatever
/// is confirmed is on the disk; to go on would be worse than to start again.
#[derive(Debug, thiserror::Error)]
#[error("what {0} has failed, without which the broker cannot go on")]
pub struct VitalFailure(&'static str);

/// Looks after the tasks and threads that a node cannot do without.
#[derive(Clone, Debug)]
pub(crate) struct Vital {
    failed: watch::Sender<Option<&'static str>>,
}

impl Vital {
    pub(crate) fn new() -> Self {
        Self { failed: watch::Sender::new(None) }
    }

    /// Starts a task that `does` something, in words.
    pub(crate) fn task(&self, does: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let failed = self.failed.clone();
        tokio::spawn(async move {
            // Nobody looks any more at what it was working on.
            if AssertUnwindSafe(task).catch_unwind().await.is_err() {
                failed.send_replace(Some(does));
            }
        });
    }

    /// Starts a thread of this name that `does` something, in words.
    ///
    /// # Errors
    /// If the operating system gives no thread.
    pub(crate) fn thread(
        &self,
        name: &str,
        does: &'static str,
        work: impl FnOnce() + Send + 'static,
    ) -> io::Result<JoinHandle<()>> {
        let failed = self.failed.clone();
        thread::Builder::new().name(name.to_owned()).spawn(move || {
            if catch_unwind(AssertUnwindSafe(work)).is_err() {
                failed.send_replace(Some(does));
            }
        })
    }

    /// Waits until one of them has failed, if one ever does.
    pub(crate) async fn failed(&self) -> VitalFailure {
        let mut failed = self.failed.subscribe();
        match failed.wait_for(Option::is_some).await.map(|does| *does) {
            Ok(Some(does)) => VitalFailure(does),
            _ => std::future::pending().await,
        }
    }
}

/// Starts a task that the node can do without for a moment: after a panic it is begun again.
pub(crate) fn spawn_again_and_again<T: Future<Output = ()> + Send>(
    begin: impl Fn() -> T + Send + 'static,
) {
    tokio::spawn(async move {
        while AssertUnwindSafe(begin()).catch_unwind().await.is_err() {
            tokio::time::sleep(REST).await;
        }
    });
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

    use super::*;

    #[tokio::test]
    async fn who_waits_hears_of_a_panic_and_of_nothing_else() {
        let vital = Vital::new();
        vital.task("ends", async {});
        vital.thread("ends", "ends", || {}).unwrap().join().unwrap();
        tokio::task::yield_now().await;
        assert!(vital.failed().now_or_never().is_none());
        let told = |does| format!("what {does} has failed, without which the broker cannot go on");
        vital.task("keeps the time", async { panic!("a defect") });
        assert_eq!(vital.failed().await.to_string(), told("keeps the time"));
        let vital = Vital::new();
        let thread = vital.thread("log", "writes the log", || panic!("a defect"));
        assert_eq!(vital.failed().await.to_string(), told("writes the log"));
        thread.unwrap().join().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_vital_is_begun_again() {
        let begun = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&begun);
        spawn_again_and_again(move || {
            let number = counted.fetch_add(1, Relaxed);
            async move { assert_eq!(number, 2, "a defect") }
        });
        tokio::time::sleep(REST * 10).await;
        assert_eq!(begun.load(Relaxed), 3);
    }
}
