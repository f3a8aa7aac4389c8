//! Sockets, tasks, timers: drives everything else.
//!
//! [`Server::start`] listens, [`Server::stop`] ends every connection with a reason and waits for them.

pub mod accepting;
pub mod admin;
mod alarms;
mod arrivals;
mod attempts;
mod client;
mod clock;
mod connection_facts;
mod control;
mod data_dir;
mod differences;
mod doors;
mod events;
mod exchange_cell;
mod exchange_traffic;
mod files;
mod guesses;
mod histogram;
mod journal;
mod listener;
mod log_disk;
mod logins;
mod memory;
mod message_counts;
mod node;
mod options;
mod outbox;
mod outgoing;
mod pager;
mod queue_cell;
mod random;
mod recovery;
mod rights;
mod seats;
#[cfg(feature = "simulation")]
pub mod simulation;
mod spill;
#[cfg(test)]
mod stage;
mod start_error;
mod stream;
mod task;
mod timer;
pub mod tls;
mod totals;
mod trace;
mod unroutable;
mod vhost;
mod vital;
mod window;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{error, info, warn};

use self::admin::{Admin, ListenerInfo};
use self::clock::Clock;
use self::control::Control;
use self::data_dir::DataDir;
use self::journal::Journal;
use self::listener::{Entrance, Listener};
use self::node::Node;
pub use self::options::{Account, LivePrefetch, MemoryLimit, NamedAccount, Options, StoreOptions};
use self::outbox::ClientEvent;
use self::pager::Pager;
use self::spill::Spill;
pub use self::start_error::{DataDirError, StartError};
use self::tls::Tls;
pub use self::vital::VitalFailure;
use self::vital::{Vital, spawn_again_and_again};
pub use store::Sync;

/// A running node.
#[derive(Debug)]
pub struct Server {
    node: Arc<Node>,
    addresses: Vec<SocketAddr>,
    tls_addresses: Vec<SocketAddr>,
    tls: Option<Arc<Tls>>,
    connections: TaskTracker,
    vital: Vital,
    stop: CancellationToken,
}

/// The disk failed under the log: nothing that waited for it is confirmed, and the node cannot go on.
#[derive(Debug, thiserror::Error)]
#[error("the log failed, and whatever waited for it is not confirmed: {0}")]
pub struct LogFailure(Arc<store::Fault>);

/// How long clients have to take their close.
const STOP_PATIENCE: Duration = Duration::from_secs(3);

/// How long the tasks of clients that did not take it have to give back what was unacked.
const ABANDON_PATIENCE: Duration = Duration::from_secs(2);

/// After so long, reading the log is worth a line a second.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

impl Server {
    /// Reads back what the log holds, listens on every address and serves whoever comes.
    ///
    /// # Errors
    /// [`StartError`]; then nothing is served.
    pub async fn start(options: Options) -> Result<Self, StartError> {
        let tls = options.tls.clone().map(Tls::load).transpose()?.map(Arc::new);
        let bind = options.bind.clone();
        let settings = Arc::new(options.session_settings());
        files::take_all();
        let vital = Vital::new();
        let node = open_node(options, &vital)?;
        let (stop, connections) = (CancellationToken::new(), TaskTracker::new());
        let entrance = Entrance {
            node: Arc::clone(&node),
            settings,
            tasks: connections.clone(),
            stop: stop.clone(),
        };
        let listening = match listen(&bind, tls.as_ref(), &entrance).await {
            Ok(listening) => listening,
            Err(error) => {
                // Nothing was delivered: the next start need not take it for that.
                close_log(&node).await;
                return Err(error);
            }
        };
        let (timers, clock) = (Arc::clone(&node.shared.timers), Arc::clone(&node.shared.clock));
        vital.task("keeps the time", timers.run(clock));
        vital.task("watches the memory", alarms::watch_memory(Arc::clone(&node)));
        alarms::watch_disk(&node, &vital).map_err(StartError::Thread)?;
        let (counted, told) = (Arc::clone(&node), Arc::clone(&node));
        spawn_again_and_again(move || admin::sample_for_ever(Arc::clone(&counted)));
        spawn_again_and_again(move || events::publish_for_ever(Arc::clone(&told)));
        if let Some(control) = Control::bind(&node) {
            tokio::spawn(control.run(stop.clone()));
        }
        recovery::catch_up(&node);
        let Listening { listeners, addresses, tls_addresses } = listening;
        for (protocol, addresses) in [("amqp", &addresses), ("amqp/ssl", &tls_addresses)] {
            let known = addresses.iter().map(|&address| ListenerInfo { protocol, address });
            node.listeners.lock().extend(known);
        }
        for listener in listeners {
            vital.task("accepts connections", listener.run());
        }
        if let Some(tls) = &tls {
            tokio::spawn(Arc::clone(tls).watch(stop.clone()));
        }
        Ok(Self { node, addresses, tls_addresses, tls, connections, vital, stop })
    }

    /// What a client may rely on, in words.
    pub fn promise(&self) -> &'static str {
        let store = self.node.shared.options.store.as_ref();
        match store.map(|store| store.sync) {
            Some(Sync::Flush) => "what it confirms is flushed to the disk",
            Some(Sync::Os) => {
                "what it confirms is with the operating system, and survives all but the loss of power"
            }
            Some(Sync::Never) | None => "it keeps everything in memory: a restart begins empty",
        }
    }

    /// Waits until the disk fails under the log, if it ever does.
    pub async fn failed(&self) -> LogFailure {
        let fault = match self.node.shared.journal() {
            Some(journal) => journal.failed().await,
            None => None,
        };
        match fault {
            Some(fault) => LogFailure(fault),
            None => std::future::pending().await,
        }
    }

    /// Waits until something fails that the node cannot do without, if it ever does.
    pub async fn vital_failed(&self) -> VitalFailure {
        self.vital.failed().await
    }

    /// What an operator sees and changes.
    pub fn admin(&self) -> Admin {
        Admin::of(&self.node)
    }

    /// Waits until an operator wants the process to end, if one ever does.
    pub async fn stop_asked(&self) {
        self.node.stop_asked.cancelled().await;
    }

    /// Where it listens, with the ports that were chosen.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where it listens for TLS, with the ports that were chosen.
    pub fn tls_addresses(&self) -> &[SocketAddr] {
        &self.tls_addresses
    }

    /// How it speaks TLS, for whatever else is served under it; `None` if it does not.
    pub fn tls(&self) -> Option<&Arc<Tls>> {
        self.tls.as_ref()
    }

    /// Reads the certificates again, for connections from now on. What is wrong with them is logged, and changes nothing.
    pub async fn reload_tls(&self) {
        let Some(tls) = self.tls.clone() else {
            info!("there are no certificates to read again: TLS is not set up");
            return;
        };
        // If it panicked, that has been said, and the old ones stay.
        let _ = tokio::task::spawn_blocking(move || tls.reload()).await;
    }

    /// The memory above which publishers are blocked, in bytes.
    pub fn memory_limit(&self) -> u64 {
        self.node.shared.memory.limit()
    }

    /// Accepts no more, closes every connection with 320 and `explanation`, waits a moment until they are gone, and closes
    /// the log.
    ///
    /// # Errors
    /// [`LogFailure`] if the log could not be flushed at last.
    pub async fn stop(&self, explanation: &str) -> Result<(), LogFailure> {
        self.stop.cancel();
        self.connections.close();
        let explanation: Arc<str> = explanation.into();
        let count = self.connections.len();
        if count > 0 {
            info!(connections = count, "closing connections");
        }
        self.node.broadcast(|| ClientEvent::Shutdown { explanation: Arc::clone(&explanation) });
        let is_gone =
            async |within| tokio::time::timeout(within, self.connections.wait()).await.is_ok();
        if !is_gone(STOP_PATIENCE).await {
            warn!(connections = self.connections.len(), "some clients did not take their close");
            self.node.broadcast(|| ClientEvent::Abandoned);
            if !is_gone(ABANDON_PATIENCE).await {
                // What such clients have unacked was not given back: without the mark that says that the log was
                // closed, the next start takes it for delivered.
                return self.check_log();
            }
        }
        close_log(&self.node).await;
        self.check_log()
    }

    fn check_log(&self) -> Result<(), LogFailure> {
        let fault = self.node.shared.journal().and_then(Journal::fault);
        fault.map_or(Ok(()), |fault| Err(LogFailure(fault)))
    }
}

/// The listening sockets, and where they listen.
#[derive(Debug, Default)]
struct Listening {
    listeners: Vec<Listener>,
    addresses: Vec<SocketAddr>,
    tls_addresses: Vec<SocketAddr>,
}

async fn listen(
    bind: &[SocketAddr],
    tls: Option<&Arc<Tls>>,
    entrance: &Entrance,
) -> Result<Listening, StartError> {
    let mut listening = Listening::default();
    for &address in bind {
        let (listener, address) = listen_on(address, entrance).await?;
        listening.addresses.push(address);
        listening.listeners.push(listener);
    }
    for (tls, &address) in tls.iter().flat_map(|tls| tls.bind().iter().map(move |at| (tls, at))) {
        let (listener, address) = listen_on(address, entrance).await?;
        listening.tls_addresses.push(address);
        listening.listeners.push(listener.with_tls(tls));
    }
    Ok(listening)
}

async fn listen_on(
    address: SocketAddr,
    entrance: &Entrance,
) -> Result<(Listener, SocketAddr), StartError> {
    let failed = |source| StartError::Bind { address, source };
    let listener = Listener::bind(address, entrance).await.map_err(failed)?;
    let address = listener.address();
    Ok((listener, address))
}

/// Closes the log, then the spill, in a thread of its own, and the traces: on a disk that stands still that takes for ever,
/// and who waits for it must be able to give up.
async fn close_log(node: &Arc<Node>) {
    let traces: Vec<_> = node.vhosts.iter().flat_map(|vhost| vhost.tracing.close_logs()).collect();
    let (closed_tx, closed) = tokio::sync::oneshot::channel();
    let node = Arc::clone(node);
    std::thread::spawn(move || {
        if let Some(journal) = node.shared.journal() {
            journal.close();
        }
        if let Some(spill) = node.shared.spill() {
            spill.close();
        }
        // Nobody may be waiting any more.
        let _ = closed_tx.send(());
    });
    // It is gone without a word only if closing panicked, which has been said.
    let _ = closed.await;
    for trace in traces {
        trace.ended().await;
    }
}

/// A node with what its log holds.
fn open_node(options: Options, vital: &Vital) -> Result<Arc<Node>, StartError> {
    let Some(store) = options.store.clone() else {
        let node = Node::new(options, None, None, (None, Clock::start(), Pager::Threads));
        node.define_options();
        return Ok(node);
    };
    let started = Instant::now();
    let data_dir = Arc::new(DataDir::open(&store.data_dir)?);
    let mut said = started;
    let (journal, recovery) =
        Journal::open(&data_dir, &store, random::identity(), &mut |progress| {
            if said.elapsed() >= PROGRESS_EVERY {
                said = Instant::now();
                info!(read = progress.read, all = progress.all, "reading the log");
            }
        })?;
    for damage in &recovery.damage {
        error!(folder = %data_dir.path().display(), "the log is damaged, and the rest is served: {damage}");
    }
    let unsaid = recovery.damage_count.saturating_sub(recovery.damage.len() as u64);
    if unsaid > 0 {
        error!(places = unsaid, "the log is damaged in further places");
    }
    if recovery.damage_count > 0 && recovery.orphans > 0 {
        error!(
            messages = recovery.orphans,
            "messages are dropped that no known queue has: their queues were deleted, or their definitions are damaged"
        );
    }
    if let Some(cut) = &recovery.cut {
        warn!("cut off what was not yet confirmed when the broker ended: {cut}");
    }
    // If it cannot be made now, the alarm tells why.
    let _ = journal.keep_reserve();
    journal.start(vital).map_err(StartError::Thread)?;
    let surroundings = (start_spill(&data_dir, &store, vital), Clock::start(), Pager::Threads);
    let node = Node::new(options, Some(data_dir), Some(journal), surroundings);
    let journal = node.shared.journal().expect("it was just given");
    node.identity.get_or_init(|| recovery.node);
    let recovered = recovery::recover(&node, journal, &recovery)?;
    info!(
        data_dir = %store.data_dir.display(),
        queues = recovered.queues,
        messages = recovered.messages,
        log_bytes = recovery.bytes,
        in_order = recovery.was_closed,
        ms = started.elapsed().as_millis(),
        "recovered"
    );
    Ok(node)
}

/// The broker does as well without, as long as its memory suffices.
fn start_spill(data_dir: &DataDir, store: &StoreOptions, vital: &Vital) -> Option<Spill> {
    let folder = data_dir.spill();
    let started = Spill::start(folder.clone(), store, vital);
    started
        .inspect_err(|error| {
            warn!(
                folder = %folder.display(), %error,
                "transient messages cannot be spilled to the disk, and stay in memory"
            );
        })
        .ok()
}

#[cfg(test)]
mod tests;
