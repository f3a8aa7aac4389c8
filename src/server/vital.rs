//! Tasks that a node cannot do without.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt as _;
use tokio::sync::watch;

/// Such a task has panicked, which is a defect of this program and has been logged. Whatever is confirmed is on the disk;
/// to go on without the task would be worse than to start again.
#[derive(Debug, thiserror::Error)]
#[error("the task that {0} has failed, without which the broker cannot go on")]
pub struct TaskFailure(&'static str);

/// Looks after these tasks.
#[derive(Debug)]
pub(crate) struct VitalTasks {
    failed: watch::Sender<Option<&'static str>>,
}

impl VitalTasks {
    pub(crate) fn new() -> Self {
        Self { failed: watch::Sender::new(None) }
    }

    /// Starts a task that `does` something, in words.
    pub(crate) fn spawn(
        &self,
        does: &'static str,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let failed = self.failed.clone();
        tokio::spawn(async move {
            // Nobody looks any more at what it was working on.
            if AssertUnwindSafe(task).catch_unwind().await.is_err() {
                failed.send_replace(Some(does));
            }
        });
    }

    /// Waits until one of them has failed, if one ever does.
    pub(crate) async fn failed(&self) -> TaskFailure {
        let mut failed = self.failed.subscribe();
        match failed.wait_for(Option::is_some).await.map(|does| *does) {
            Ok(Some(does)) => TaskFailure(does),
            _ => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_waits_hears_of_a_panic_and_of_nothing_else() {
        let tasks = VitalTasks::new();
        tasks.spawn("ends", async {});
        tokio::task::yield_now().await;
        assert!(tasks.failed().now_or_never().is_none());
        tasks.spawn("keeps the time", async { panic!("a defect") });
        let expected =
            "the task that keeps the time has failed, without which the broker cannot go on";
        assert_eq!(tasks.failed().await.to_string(), expected);
    }
}
