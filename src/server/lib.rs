//! Sockets, tasks, timers: drives everything else.
//!
//! [`Server::start`] listens, [`Server::stop`] ends every connection with a reason and waits for them.

mod client;
mod clock;
mod exchange_cell;
mod listener;
mod memory;
mod node;
mod options;
mod outbox;
mod outgoing;
mod queue_cell;
mod random;
mod task;
mod timer;
mod vhost;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use self::listener::Listener;
use self::node::Node;
pub use self::options::{Account, LivePrefetch, MemoryLimit, Options};
use self::outbox::ClientEvent;

/// A running node.
#[derive(Debug)]
pub struct Server {
    node: Arc<Node>,
    addresses: Vec<SocketAddr>,
    connections: TaskTracker,
    stop: CancellationToken,
}

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}")]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// What the operating system says.
    pub source: io::Error,
}

/// How often the memory in use is compared with its limit.
const MEMORY_CHECK: Duration = Duration::from_millis(250);

/// How long clients have to take their close.
const STOP_PATIENCE: Duration = Duration::from_secs(3);

impl Server {
    /// Listens on every address and serves whoever comes.
    ///
    /// # Errors
    /// [`BindError`] with the first address that cannot be listened on; then nothing is served.
    pub async fn start(options: Options) -> Result<Self, BindError> {
        let bind = options.bind.clone();
        let settings = Arc::new(options.session_settings());
        let node = Node::new(options);
        let mut listeners = Vec::new();
        let mut addresses = Vec::new();
        for address in bind {
            let failed = |source| BindError { address, source };
            let listener = Listener::bind(address, &node, &settings).await.map_err(failed)?;
            addresses.push(listener.address().map_err(failed)?);
            listeners.push(listener);
        }
        let stop = CancellationToken::new();
        let connections = TaskTracker::new();
        for listener in listeners {
            tokio::spawn(listener.run(connections.clone(), stop.clone()));
        }
        let (timers, clock) = (Arc::clone(&node.shared.timers), Arc::clone(&node.shared.clock));
        tokio::spawn(timers.run(clock));
        tokio::spawn(watch_memory(Arc::clone(&node)));
        Ok(Self { node, addresses, connections, stop })
    }

    /// Where it listens, with the ports that were chosen.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The memory above which publishers are blocked, in bytes.
    pub fn memory_limit(&self) -> u64 {
        self.node.shared.memory.limit()
    }

    /// Accepts no more, closes every connection with 320 and `explanation`, and waits a moment until they are gone.
    pub async fn stop(&self, explanation: &str) {
        self.stop.cancel();
        self.connections.close();
        let explanation: Arc<str> = explanation.into();
        let count = self.connections.len();
        if count > 0 {
            info!(connections = count, "closing connections");
        }
        self.node.broadcast(|| ClientEvent::Shutdown { explanation: Arc::clone(&explanation) });
        if tokio::time::timeout(STOP_PATIENCE, self.connections.wait()).await.is_err() {
            warn!(connections = self.connections.len(), "some clients did not take their close");
        }
    }
}

/// Raises and lifts the memory alarm.
async fn watch_memory(node: Arc<Node>) {
    let mut ticks = tokio::time::interval(MEMORY_CHECK);
    loop {
        ticks.tick().await;
        let Some((is_alarmed, used)) = node.shared.memory.check() else { continue };
        let limit = node.shared.memory.limit();
        if is_alarmed {
            warn!(
                used,
                limit, "memory alarm: publishers are blocked until consumers have caught up"
            );
        } else {
            info!(used, limit, "memory alarm is over: publishers go on");
            node.broadcast(|| ClientEvent::AlarmChanged);
        }
    }
}
