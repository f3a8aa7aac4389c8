//! Waiting for what has to come.

use std::thread;
use std::time::{Duration, Instant};

/// Waits until something is so.
#[track_caller]
pub(crate) fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    until_some(what, || is_so().then_some(()));
}

/// Asks until there is an answer.
#[track_caller]
pub(crate) fn until_some<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let give_up = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < give_up, "not within a minute: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}
