//! Whether clients are served: an operator may stop that for a while, and the node goes on without them.
//!
//! While the doors are closed nobody listens, so that clients and load balancers are refused at once and try elsewhere;
//! each listener gives its socket up and takes the same address again when they open.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;

/// How long an operator waits until every address is listened on, or given up.
const PATIENCE: Duration = Duration::from_secs(5);

/// What clients are told that were connected when the doors were closed.
pub(crate) const CLOSED: &str = "the broker is being stopped by its operator";

/// What an operator has decided, and how far it is done.
#[derive(Debug)]
pub(crate) struct Doors {
    are_open: watch::Sender<bool>,
    /// How many listeners have their socket.
    listening: watch::Sender<usize>,
    /// How many there are.
    count: Mutex<usize>,
    /// What the operating system said last when an address could not be taken.
    refused: Mutex<Option<(SocketAddr, Arc<str>)>>,
}

impl Default for Doors {
    fn default() -> Self {
        Self {
            are_open: watch::Sender::new(true),
            listening: watch::Sender::new(0),
            count: Mutex::new(0),
            refused: Mutex::new(None),
        }
    }
}

impl Doors {
    /// Whether clients are served.
    pub(crate) fn are_open(&self) -> bool {
        *self.are_open.borrow()
    }

    /// Opens or closes them, for the listeners to follow; whether that changes anything.
    pub(crate) fn set_open(&self, open: bool) -> bool {
        self.refused.lock().take();
        self.are_open.send_if_modified(|are_open| std::mem::replace(are_open, open) != open)
    }

    /// Waits until every listener has followed.
    ///
    /// # Errors
    /// If that takes too long: the address that could not be taken, if it is that, and why. The listener goes on trying.
    pub(crate) async fn followed(&self) -> Result<(), Option<(SocketAddr, Arc<str>)>> {
        let wanted = if self.are_open() { *self.count.lock() } else { 0 };
        let mut listening = self.listening.subscribe();
        let followed = listening.wait_for(|listening| *listening == wanted);
        match tokio::time::timeout(PATIENCE, followed).await {
            Ok(_) => Ok(()),
            Err(_) => Err(self.refused.lock().clone()),
        }
    }

    /// There is one more listener, and it listens.
    pub(crate) fn enter(&self) {
        *self.count.lock() += 1;
        self.took_address();
    }

    /// A listener has its socket again.
    pub(crate) fn took_address(&self) {
        self.listening.send_modify(|listening| *listening += 1);
    }

    /// A listener has given its socket up.
    pub(crate) fn gave_address_up(&self) {
        self.listening.send_modify(|listening| *listening = listening.saturating_sub(1));
    }

    /// A listener could not take its address.
    pub(crate) fn was_refused(&self, address: SocketAddr, why: &std::io::Error) {
        *self.refused.lock() = Some((address, why.to_string().into()));
    }

    /// Waits until they are open, or closed.
    pub(crate) async fn until(&self, open: bool) {
        // The sender lives as long as this.
        let _ = self.are_open.subscribe().wait_for(|are_open| *are_open == open).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_opens_the_doors_waits_for_every_address_or_is_told_which_is_missing() {
        let doors = Doors::default();
        doors.enter();
        doors.enter();
        assert!(doors.are_open() && doors.followed().await.is_ok());
        assert!(doors.set_open(false) && !doors.set_open(false));
        doors.gave_address_up();
        assert_eq!(doors.followed().await, Err(None));
        doors.gave_address_up();
        assert_eq!(doors.followed().await, Ok(()));
        doors.until(false).await;
        assert!(doors.set_open(true));
        doors.took_address();
        let address = SocketAddr::from(([127, 0, 0, 1], 5672));
        doors.was_refused(address, &std::io::Error::other("in use"));
        assert_eq!(doors.followed().await, Err(Some((address, "in use".into()))));
        doors.took_address();
        assert_eq!(doors.followed().await, Ok(()));
    }
}
