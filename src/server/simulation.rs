//! A node on a simulated disk, driven by hand: for tests that let the power go at any moment.
//!
//! Everything is the server's own code, from the session of a client to the log; only sockets, threads and the clock are
//! not there. Bytes come in by [`Node::send`] and go out by [`Node::take_output`]; [`Node::run`] does all that can be
//! done without the log, [`Node::turn_log`] and [`Node::tidy_log`] do what its threads would do, and
//! [`Node::advance`] moves the time. So the same calls on the same disk give the same bytes.
//!
//! ```text
//! send ─▶ Session ─▶ Client ─▶ QueueCell ─▶ Journal ──turn_log──▶ SimDisk
//! take_output ◀── outbox ◀───────┘  ▲
//!             timers, contents that are read back: run
//! ```

mod connection;
mod contents;
mod wheel;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use broker::permission::{Pattern, Permission};
use broker::user::{Password, PasswordHash, User, UserTags};
use broker::{Timestamp, UserName, VhostName};
use store::sim::SimDisk;
use store::{Fault, Log, Recovery, Stats, Turn};

use self::connection::Connection;
use self::wheel::Wheel;
use crate::clock::Clock;
use crate::journal::Journal;
use crate::log_disk::LogDisk;
use crate::options::{Account, LivePrefetch, MemoryLimit, NamedAccount, Options, StoreOptions};
use crate::pager::{self, Pager};
use crate::recovery;
use crate::start_error::StartError;

/// The only user of a simulated node, and their password.
pub const USER: &str = "guest";

/// How much of one queue is kept in memory, unless a test says otherwise.
const RESIDENT_BYTES_MAX: u64 = 8 << 20;

/// How often everything may have something to do before it counts as never coming to rest.
const ROUNDS_MAX: usize = 100_000;

/// What simulated nodes are opened with; made once, as much of it takes long.
#[derive(Debug)]
pub struct Settings {
    options: Options,
    store: store::Options,
    session: Arc<::connection::Settings>,
}

/// A node on a simulated disk.
#[derive(Debug)]
pub struct Node {
    node: Arc<crate::node::Node>,
    session: Arc<::connection::Settings>,
    connections: Vec<Connection>,
    wheel: Wheel,
    recovery: Recovery,
}

impl Settings {
    /// Settings for a log with segments of these sizes.
    ///
    /// # Panics
    /// If a pattern that matches everything is refused.
    pub fn new(segment_bytes_min: u64, segment_bytes_max: u64) -> Self {
        let everything = || Pattern::new(".*").expect("this is a pattern");
        let permission =
            Permission { configure: everything(), write: everything(), read: everything() };
        let user = User {
            name: UserName::from(USER),
            password: Some(PasswordHash::sha256(USER.as_bytes(), [0; 4])),
            tags: UserTags::default(),
            loopback_only: true,
        };
        let vhost = VhostName::from("/");
        let permissions = [(vhost.clone(), Arc::new(permission))].into_iter().collect();
        let store = StoreOptions {
            data_dir: PathBuf::new(),
            sync: store::Sync::Flush,
            segment_bytes_max,
            disk_free_min: 0,
            queue_resident_bytes_max: RESIDENT_BYTES_MAX,
        };
        let options = Options {
            vhosts: vec![vhost],
            accounts: vec![NamedAccount {
                account: Account { user, permissions },
                password: Password::new(USER.as_bytes()),
            }],
            channel_max: 16,
            heartbeat_secs: 0,
            message_bytes_max: 1 << 20,
            memory_limit: MemoryLimit::Bytes(1 << 30),
            store: Some(store),
            live_prefetch: LivePrefetch::Off,
            product: "Pillarbox".to_owned(),
            version: "0".to_owned(),
            cluster_name: "simulation".to_owned(),
            ..Options::default()
        };
        let session = Arc::new(options.session_settings());
        let store = store::Options {
            adopts_node: true,
            segment_bytes_min,
            segment_bytes_max,
            ..store::Options::new(7)
        };
        Self { options, store, session }
    }

    /// The same, with so much of one queue in memory.
    #[must_use]
    pub fn with_resident_bytes(mut self, bytes: u64) -> Self {
        if let Some(store) = &mut self.options.store {
            store.queue_resident_bytes_max = bytes;
        }
        self
    }
}

impl Node {
    /// Starts a node on what a disk holds, at a time in milliseconds.
    ///
    /// # Errors
    /// [`StartError`], as of a real node.
    pub fn open(disk: &SimDisk, settings: &Settings, now_ms: u64) -> Result<Self, StartError> {
        let disk = LogDisk::Simulated(disk.clone());
        let path = PathBuf::from("log");
        let (journal, recovery) =
            Journal::open_on(disk, path, settings.store.clone(), &mut |_| {})?;
        let surroundings = (
            None,
            Clock::standing_at(Timestamp(now_ms)),
            Pager::ByHand(parking_lot::Mutex::default()),
        );
        let options = settings.options.clone();
        let node = crate::node::Node::new(options, None, Some(journal), surroundings);
        let journal = node.shared.journal().expect("it was just given");
        recovery::recover(&node, journal, &recovery)?;
        recovery::catch_up(&node);
        let session = Arc::clone(&settings.session);
        let (connections, wheel) = (Vec::new(), Wheel::default());
        let mut node = Self { node, session, connections, wheel, recovery };
        node.run();
        Ok(node)
    }

    /// Gives everybody everything in every vhost, as an operator does who has seen that damage took a permission.
    pub fn permit_everything(&mut self) {
        let vhosts: Vec<VhostName> = self.node.vhosts.iter().map(|it| it.name.clone()).collect();
        let mut rights = self.node.rights.write();
        let users: Vec<UserName> = rights.users().map(|user| user.name.clone()).collect();
        for (user, vhost) in users.iter().flat_map(|user| vhosts.iter().map(move |it| (user, it))) {
            let everything = Permission::full();
            rights.put_permission(user.clone(), vhost.clone(), everything, |_| None);
        }
    }

    /// What was found as the log was opened.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// Accepts a client; the number by which it is called here.
    pub fn connect(&mut self) -> usize {
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        self.connections.push(Connection::new(&self.node, &self.session, peer));
        self.connections.len() - 1
    }

    /// A client sends bytes, which are handled with the next [`run`](Self::run).
    pub fn send(&mut self, client: usize, bytes: &[u8]) {
        self.connections[client].send(bytes);
    }

    /// What a client was sent since it was last asked for.
    pub fn take_output(&mut self, client: usize) -> Vec<u8> {
        self.connections[client].take_output()
    }

    /// A client is gone without a word.
    pub fn disconnect(&mut self, client: usize) {
        self.connections[client].end();
        self.run();
    }

    /// Does everything that can be done now: reads clients, fires timers, reads contents back.
    ///
    /// # Panics
    /// If there is no end to it.
    pub fn run(&mut self) {
        for _ in 0..ROUNDS_MAX {
            let mut has_done = self.wheel.fire(&self.node.shared);
            has_done |= pager::fetch_by_hand(&self.node.shared);
            for connection in &mut self.connections {
                has_done |= connection.turn();
            }
            if !has_done {
                return;
            }
        }
        panic!("the node never comes to rest");
    }

    /// The time, in milliseconds.
    pub fn now_ms(&self) -> u64 {
        self.node.shared.clock.now().as_ms()
    }

    /// Lets time pass, and does what is due then.
    pub fn advance(&mut self, ms: u64) {
        let clock = &self.node.shared.clock;
        clock.set(clock.now().plus_ms(ms));
        self.run();
    }

    /// Writes and flushes what was appended to the log, and does what was waiting for it.
    ///
    /// # Errors
    /// The fault that ended the log; a real node ends with it.
    pub fn turn_log(&mut self) -> Result<Turn, Arc<Fault>> {
        let turn = self.log().turn();
        self.run();
        turn
    }

    /// Does one thing of what there is to be tidied up in the log; whether there may be more.
    pub fn tidy_log(&self) -> bool {
        self.log().tidy()
    }

    /// The number of the batch that is filling.
    pub fn filling_batch(&self) -> u64 {
        self.log().append().position().0
    }

    /// Whether the log waits for room on the disk.
    pub fn is_disk_full(&self) -> bool {
        self.log().is_disk_full()
    }

    /// How large the log is, and what it has done.
    pub fn log_stats(&self) -> Stats {
        self.log().stats()
    }

    /// Ends in order: the clients first, then the log with a mark that it was closed.
    ///
    /// # Errors
    /// The fault that kept the log from being closed.
    pub fn close(mut self) -> Result<(), Arc<Fault>> {
        for client in 0..self.connections.len() {
            self.disconnect(client);
        }
        self.log().close();
        while self.log().turn()? == Turn::Wrote {}
        Ok(())
    }

    fn log(&self) -> &Log<LogDisk> {
        self.node.shared.journal().expect("a simulated node has a log").log()
    }
}
