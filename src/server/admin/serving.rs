//! Whether clients are served, and whether the process goes on at all.

use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};

use super::{Admin, AdminError};
use crate::doors::CLOSED;
use crate::outbox::ClientEvent;

/// How long clients have to take their close, before they count as gone.
const PATIENCE: Duration = Duration::from_secs(3);

/// How often it is looked whether they are gone.
const LOOK_EVERY: Duration = Duration::from_millis(10);

impl Admin {
    /// Whether clients are served.
    pub fn is_serving(&self) -> bool {
        self.node.doors.are_open()
    }

    /// Closes every connection with 320 and lets nobody in until [`start_serving`](Self::start_serving); what is in the
    /// queues stays there, and the log goes on. Ends when the clients are gone, or have had their time.
    pub async fn stop_serving(&self) {
        if !self.node.doors.set_open(false) {
            return;
        }
        info!(connections = self.node.connections.len(), "clients are not served any more");
        // Each of them gives its address up as soon as its task runs.
        let _ = self.node.doors.followed().await;
        if self.node.doors.are_open() {
            // Somebody wants them served again, and some of them may have come since.
            return;
        }
        let explanation: Arc<str> = CLOSED.into();
        let close = || ClientEvent::Shutdown { explanation: Arc::clone(&explanation) };
        self.node.broadcast(close);
        let gone = async {
            while !self.node.connections.is_empty() {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        let are_gone = tokio::time::timeout(PATIENCE, gone).await.is_ok();
        if !are_gone && !self.node.doors.are_open() {
            warn!(
                connections = self.node.connections.len(),
                "some clients did not take their close"
            );
            self.node.broadcast(|| ClientEvent::Abandoned);
        }
    }

    /// Serves clients again, where it did before.
    ///
    /// # Errors
    /// [`AdminError::Denied`] if an address cannot be listened on. It is tried again until it can, or until serving is
    /// stopped.
    pub async fn start_serving(&self) -> Result<(), AdminError> {
        let is_new = self.node.doors.set_open(true);
        match self.node.doors.followed().await {
            Ok(()) => {
                if is_new {
                    info!("clients are served again");
                }
                Ok(())
            }
            Err(refused) => {
                let why = refused.map_or_else(String::new, |(address, why)| {
                    format!(": it cannot listen on {address}: {why}")
                });
                let reason = format!("clients are not served everywhere yet{why}");
                Err(AdminError::Denied { reason })
            }
        }
    }

    /// Has the process end as it ends for SIGTERM, soon.
    pub fn ask_to_stop(&self) {
        self.node.stop_asked.cancel();
    }
}
