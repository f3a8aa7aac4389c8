//! What is known of a connection besides what is on its way to it: whose it is, how it was tuned, what it has carried.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use broker::{Timestamp, UserName, VhostName};
use connection::Tuning;
use parking_lot::Mutex;

use crate::window::Window;

/// The facts of one connection: each is known from a certain point of the handshake on, and stays.
#[derive(Debug)]
pub(crate) struct ConnectionFacts {
    pub(crate) connected_at: Timestamp,
    /// The address that it came to.
    pub(crate) local: OnceLock<SocketAddr>,
    pub(crate) introduction: OnceLock<Introduction>,
    pub(crate) tuning: OnceLock<Tuning>,
    /// Known once it is open.
    pub(crate) vhost: OnceLock<VhostName>,
    pub(crate) traffic: SocketTraffic,
    pub(crate) window: Mutex<Window<Traffic>>,
    state: AtomicU8,
}

/// Who a client says it is, once it has logged in.
#[derive(Debug)]
pub(crate) struct Introduction {
    pub(crate) user: UserName,
    pub(crate) mechanism: &'static str,
    /// A field table as on the wire.
    pub(crate) client_properties: Arc<[u8]>,
}

/// What the last client said of itself: the connections of a program say the same, and share it.
#[derive(Debug, Default)]
pub(crate) struct Introduced(Mutex<Arc<[u8]>>);

impl Introduced {
    /// The same octets, of the last client if it sent them as well.
    pub(crate) fn share(&self, client_properties: &[u8]) -> Arc<[u8]> {
        let mut last = self.0.lock();
        if **last != *client_properties {
            *last = client_properties.into();
        }
        Arc::clone(&last)
    }
}

/// How a client is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Served {
    /// As it comes.
    Running,
    /// More slowly than it sends.
    Slowed,
    /// Not, because the node is low on something.
    Blocked,
    /// Only until it has ended.
    Ending,
}

/// What went over a socket. Its task alone counts.
#[derive(Debug, Default)]
pub(crate) struct SocketTraffic {
    received_bytes: AtomicU64,
    sent_bytes: AtomicU64,
    reads: AtomicU64,
    writes: AtomicU64,
}

/// [`SocketTraffic`], read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Traffic {
    pub(crate) received_bytes: u64,
    pub(crate) sent_bytes: u64,
    pub(crate) reads: u64,
    pub(crate) writes: u64,
}

#[inline]
fn add(counter: &AtomicU64, count: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(count), Relaxed);
}

impl SocketTraffic {
    #[inline]
    pub(crate) fn received(&self, bytes: usize) {
        add(&self.received_bytes, bytes as u64);
        add(&self.reads, 1);
    }

    #[inline]
    pub(crate) fn sent(&self, bytes: usize) {
        add(&self.sent_bytes, bytes as u64);
        add(&self.writes, 1);
    }

    pub(crate) fn read(&self) -> Traffic {
        Traffic {
            received_bytes: self.received_bytes.load(Relaxed),
            sent_bytes: self.sent_bytes.load(Relaxed),
            reads: self.reads.load(Relaxed),
            writes: self.writes.load(Relaxed),
        }
    }
}

impl ConnectionFacts {
    pub(crate) fn new(now: Timestamp) -> Self {
        Self {
            connected_at: now,
            local: OnceLock::new(),
            introduction: OnceLock::new(),
            tuning: OnceLock::new(),
            vhost: OnceLock::new(),
            traffic: SocketTraffic::default(),
            window: Mutex::default(),
            state: AtomicU8::new(Served::Running as u8),
        }
    }

    /// Shows how the client is read from now on.
    #[inline]
    pub(crate) fn show(&self, served: Served) {
        self.state.store(served as u8, Relaxed);
    }

    pub(crate) fn served(&self) -> Served {
        const SLOWED: u8 = Served::Slowed as u8;
        const BLOCKED: u8 = Served::Blocked as u8;
        const ENDING: u8 = Served::Ending as u8;
        match self.state.load(Relaxed) {
            SLOWED => Served::Slowed,
            BLOCKED => Served::Blocked,
            ENDING => Served::Ending,
            _ => Served::Running,
        }
    }
}
