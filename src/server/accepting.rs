//! What becomes of a listening socket when accepting fails.

use std::io;
use std::time::Duration;

/// How long accepting rests when the process has no more file descriptors, or no memory.
pub const REST: Duration = Duration::from_millis(200);

/// Whether an error of `accept` concerns only the connection that would have been accepted.
pub fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}
