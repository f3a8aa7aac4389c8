//! One broker process: its vhosts, users and connections, and what they all share.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use amqp::FieldValue;
use broker::message::Sequence;
use broker::parameter::GlobalParameters;
use broker::queue::{ResidentBudget, SegmentPool};
use broker::{LogPosition, Timestamp, UserName, VhostName};
use connection::Settings;
use dashmap::DashMap;
use parking_lot::{Mutex, RwLock};
use tokio_util::sync::CancellationToken;

use crate::admin::ListenerInfo;
use crate::alarms::Alarms;
use crate::arrivals::Arrivals;
use crate::attempts::Attempts;
use crate::clock::Clock;
use crate::connection_facts::{ConnectionFacts, Introduced};
use crate::data_dir::DataDir;
use crate::doors::Doors;
use crate::events::Events;
use crate::guesses::Guesses;
use crate::journal::{Journal, Logged};
use crate::logins::Logins;
use crate::memory::Memory;
use crate::options::Options;
use crate::outbox::{ChannelIndex, ClientEvent, ClientOutbox};
use crate::pager::Pager;
use crate::queue_cell::TimingsBudget;
use crate::random::Random;
use crate::rights::Rights;
use crate::seats::Seats;
use crate::spill::Spill;
use crate::timer::Timers;
use crate::tls::TlsPeer;
use crate::totals::Totals;
use crate::unroutable::UnroutableBytes;
use crate::vhost::Vhost;

/// A connection, numbered from the start of the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ConnectionId(pub(crate) u64);

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What everything in a node needs.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) options: Options,
    pub(crate) clock: Arc<Clock>,
    pub(crate) random: Random,
    pub(crate) timers: Arc<Timers>,
    pub(crate) memory: Memory,
    pub(crate) alarms: Alarms,
    pub(crate) totals: Totals,
    pub(crate) pager: Pager,
    pub(crate) pool: SegmentPool,
    /// What exchanges keep of unroutable messages.
    pub(crate) unroutable: Arc<UnroutableBytes>,
    /// How many traces write files.
    pub(crate) trace_count: Arc<AtomicUsize>,
    /// What outlives the process; `None` if nothing does.
    pub(crate) data_dir: Option<Arc<DataDir>>,
    journal: Option<Journal>,
    spill: Option<Spill>,
    sequences: Arc<AtomicU64>,
    pub(crate) arrivals: Arrivals,
    pub(crate) events: Events,
    pub(crate) timings: TimingsBudget,
}

impl Shared {
    /// Takes `count` places in the order of everything that the node accepts, and gives the first.
    #[inline]
    pub(crate) fn take_sequences(&self, count: usize) -> Sequence {
        Sequence(self.sequences.fetch_add(count as u64, Ordering::Relaxed))
    }

    /// Something is about to be published: what takes a place from now on came now.
    #[inline]
    pub(crate) fn note_time(&self, now: Timestamp) {
        self.arrivals.note(now, &self.sequences);
    }

    /// Whether the log takes more from publishers; also if there is none.
    pub(crate) fn has_log_room(&self) -> bool {
        self.journal.as_ref().is_none_or(Journal::has_room)
    }

    /// What who asks now has to wait for, so that something is durable that was logged before.
    pub(crate) fn unflushed(&self, logged: Option<Logged>) -> Option<LogPosition> {
        self.journal.as_ref()?.unflushed(logged?.at)
    }

    /// The log, if there is one.
    #[inline]
    pub(crate) fn journal(&self) -> Option<&Journal> {
        self.journal.as_ref()
    }

    /// Where transient messages go that are not kept in memory, if there is such a place.
    pub(crate) fn spill(&self) -> Option<&Spill> {
        self.spill.as_ref()
    }
}

/// A broker process.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) shared: Arc<Shared>,
    pub(crate) vhosts: DashMap<VhostName, Arc<Vhost>, ahash::RandomState>,
    /// Whoever changes them holds the lock until the log has it in the same order.
    pub(crate) rights: RwLock<Rights>,
    /// The same of these.
    pub(crate) parameters: RwLock<GlobalParameters<Option<Logged>>>,
    /// What nothing else in the world has; that of the log, if there is one.
    pub(crate) identity: OnceLock<u128>,
    pub(crate) logins: Arc<Logins>,
    pub(crate) guesses: Guesses,
    pub(crate) attempts: Attempts,
    pub(crate) seats: Arc<Seats>,
    /// Held by whoever adds or deletes a vhost, until all of it is there or gone.
    pub(crate) vhost_changes: Arc<tokio::sync::Mutex<()>>,
    pub(crate) connections: DashMap<ConnectionId, Arc<ConnectionEntry>, ahash::RandomState>,
    pub(crate) introduced: Introduced,
    /// The consumers of `amq.rabbitmq.reply-to`, by their address.
    pub(crate) reply_consumers: DashMap<Box<str>, ReplyConsumer, ahash::RandomState>,
    /// Whether clients are served.
    pub(crate) doors: Doors,
    /// An operator wants the process to end.
    pub(crate) stop_asked: CancellationToken,
    /// Where clients are listened for.
    pub(crate) listeners: Mutex<Vec<ListenerInfo>>,
    pub(crate) started_at: Timestamp,
    next_connection: AtomicU64,
}

/// A connection as others see it.
#[derive(Debug)]
pub(crate) struct ConnectionEntry {
    pub(crate) peer: SocketAddr,
    pub(crate) outbox: Arc<ClientOutbox>,
    pub(crate) facts: ConnectionFacts,
    /// What is known of it by TLS, if it comes by TLS.
    pub(crate) tls: Option<Box<TlsPeer>>,
    /// Who it claims to be, once it has said so.
    pub(crate) user: OnceLock<UserName>,
    /// It was told that rights have changed, and has not looked at them since.
    has_rights_to_follow: AtomicBool,
    /// When the client was last heard, in milliseconds.
    last_heard: AtomicU64,
    heartbeat_secs: AtomicU64,
}

/// Where the replies to one channel go.
#[derive(Clone, Debug)]
pub(crate) struct ReplyConsumer {
    pub(crate) outbox: Arc<ClientOutbox>,
    pub(crate) channel: ChannelIndex,
    pub(crate) consumer: crate::outbox::ConsumerIndex,
}

/// Free segments that queues keep for each other.
const POOL_BYTES_MAX: usize = 64 << 20;

impl Node {
    /// A node without anything in it, which has its time and its contents of the log from these.
    pub(crate) fn new(
        options: Options,
        data_dir: Option<Arc<DataDir>>,
        journal: Option<Journal>,
        (spill, clock, pager): (Option<Spill>, Clock, Pager),
    ) -> Arc<Self> {
        let memory_limit = options.memory_limit();
        let pool = match &options.store {
            Some(store) => {
                let high_bytes =
                    usize::try_from(store.queue_resident_bytes_max).unwrap_or(usize::MAX);
                let budget = ResidentBudget { high_bytes, low_bytes: high_bytes / 2 };
                let held_max = memory_limit / 3 * 2;
                let held_max = usize::try_from(held_max).unwrap_or(usize::MAX);
                SegmentPool::with_budget(POOL_BYTES_MAX, budget, held_max)
            }
            None => SegmentPool::new(POOL_BYTES_MAX),
        };
        let sequences = journal.as_ref().map(Journal::sequences);
        let shared = Arc::new(Shared {
            clock: Arc::new(clock),
            random: Random::default(),
            timers: Arc::default(),
            memory: Memory::new(memory_limit),
            alarms: Alarms::new(options.store.as_ref().map_or(0, |store| store.disk_free_min)),
            totals: Totals::default(),
            pager,
            pool,
            unroutable: Arc::default(),
            trace_count: Arc::default(),
            data_dir,
            journal,
            spill,
            sequences: sequences.unwrap_or_else(|| Arc::new(AtomicU64::new(1))),
            arrivals: Arrivals::default(),
            events: Events::default(),
            timings: TimingsBudget::default(),
            options,
        });
        Arc::new(Self {
            vhosts: DashMap::default(),
            rights: RwLock::default(),
            parameters: RwLock::default(),
            identity: OnceLock::new(),
            logins: Arc::default(),
            guesses: Guesses::default(),
            attempts: Attempts::default(),
            seats: Arc::default(),
            vhost_changes: Arc::default(),
            connections: DashMap::default(),
            reply_consumers: DashMap::default(),
            doors: Doors::default(),
            introduced: Introduced::default(),
            stop_asked: CancellationToken::new(),
            listeners: Mutex::default(),
            started_at: shared.clock.now(),
            next_connection: AtomicU64::new(1),
            shared,
        })
    }

    /// Makes the vhosts and users of the options: what a node without a log begins with.
    pub(crate) fn define_options(&self) {
        let options = &self.shared.options;
        for name in &options.vhosts {
            self.vhosts.insert(name.clone(), Vhost::new(name.clone(), &self.shared));
        }
        let mut rights = self.rights.write();
        for named in &options.accounts {
            let user = named.to_user();
            for (vhost, permission) in &named.account.permissions {
                let (name, vhost) = (user.name.clone(), vhost.clone());
                rights.put_permission(name, vhost, (**permission).clone(), |_| None);
            }
            rights.put_user(Arc::new(user), |_| None);
        }
    }

    /// A vhost.
    pub(crate) fn vhost(&self, name: &str) -> Option<Arc<Vhost>> {
        self.vhosts.get(name).map(|vhost| Arc::clone(&vhost))
    }

    pub(crate) fn next_connection_id(&self) -> ConnectionId {
        ConnectionId(self.next_connection.fetch_add(1, Ordering::Relaxed))
    }

    /// What a new connection is told: the settings, but for the name of the cluster, which can be changed.
    pub(crate) fn session_settings(&self, settings: &Arc<Settings>) -> Arc<Settings> {
        let Some(name) = self.parameters.read().cluster_name().cloned() else {
            return Arc::clone(settings);
        };
        let mut told = Settings::clone(settings);
        if let Some(told) = told.server_properties.get_mut("cluster_name") {
            *told = FieldValue::LongString(name.as_bytes().to_vec());
        }
        Arc::new(told)
    }

    /// Tells every connection.
    pub(crate) fn broadcast(&self, event: impl Fn() -> ClientEvent) {
        for entry in &self.connections {
            entry.tell(event());
        }
    }
}

impl ConnectionEntry {
    pub(crate) fn new(peer: SocketAddr, outbox: Arc<ClientOutbox>, now: Timestamp) -> Self {
        Self {
            peer,
            outbox,
            facts: ConnectionFacts::new(now),
            tls: None,
            user: OnceLock::new(),
            has_rights_to_follow: AtomicBool::new(false),
            last_heard: AtomicU64::new(now.as_ms()),
            heartbeat_secs: AtomicU64::new(0),
        }
    }

    /// The same, of a client that comes by TLS.
    pub(crate) fn with_tls(self, tls: TlsPeer) -> Self {
        Self { tls: Some(Box::new(tls)), ..self }
    }

    /// Tells the client's task something.
    pub(crate) fn tell(&self, event: ClientEvent) {
        let waker = {
            let mut outbox = self.outbox.lock();
            outbox.tell(event);
            outbox.schedule()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Has the client's task look at its rights again; once, however many of them change until then.
    pub(crate) fn tell_rights_changed(&self) {
        if !self.has_rights_to_follow.swap(true, Ordering::AcqRel) {
            self.tell(ClientEvent::RightsChanged);
        }
    }

    /// The client's task looks at its rights now.
    pub(crate) fn begin_following_rights(&self) {
        self.has_rights_to_follow.store(false, Ordering::Release);
    }

    pub(crate) fn heard(&self, now: Timestamp) {
        self.last_heard.store(now.as_ms(), Ordering::Relaxed);
    }

    pub(crate) fn set_heartbeat(&self, secs: u16) {
        self.heartbeat_secs.store(u64::from(secs), Ordering::Relaxed);
    }

    pub(crate) fn heartbeat_ms(&self) -> u64 {
        self.heartbeat_secs.load(Ordering::Relaxed) * 1000
    }

    /// When something last came from the client.
    pub(crate) fn heard_at(&self) -> Timestamp {
        Timestamp(self.last_heard.load(Ordering::Relaxed))
    }

    /// For how long nothing came from the client.
    pub(crate) fn silent_ms(&self, now: Timestamp) -> u64 {
        now.ms_since(self.heard_at())
    }
}
