//! Connections as an operator sees them.

use std::net::SocketAddr;
use std::sync::Arc;

use amqp::FieldTable;
use broker::{Timestamp, UserName, VhostName};

use super::{Admin, AdminError, Counter};
use crate::connection_facts::Served;
use crate::node::{ConnectionEntry, ConnectionId};
use crate::outbox::ClientEvent;
use crate::tls::TlsPeer;

/// An open connection.
#[derive(Clone, Debug)]
pub struct ConnectionInfo {
    /// `address:port -> address:port`, the client's first.
    pub name: String,
    /// What the client calls it.
    pub user_provided_name: Option<String>,
    /// Who has logged in.
    pub user: UserName,
    /// The vhost that it opened.
    pub vhost: VhostName,
    /// Where it comes from.
    pub peer: SocketAddr,
    /// Where it came to, if that is known.
    pub local: Option<SocketAddr>,
    /// When it came.
    pub connected_at: Timestamp,
    /// How the client is read.
    pub state: ConnectionState,
    /// The mechanism that it has logged in with.
    pub auth_mechanism: &'static str,
    /// What is known of it by TLS, if it comes by TLS.
    pub tls: Option<TlsPeer>,
    /// What the client says of itself.
    pub client_properties: FieldTable,
    /// How many channels it may open.
    pub channel_max: u16,
    /// The largest frame, in bytes.
    pub frame_max: u32,
    /// The heartbeat that was agreed on, in seconds; 0 is none.
    pub heartbeat_secs: u16,
    /// How many channels are open.
    pub channels: usize,
    /// Bytes received.
    pub received_bytes: Counter,
    /// Bytes sent.
    pub sent_bytes: Counter,
    /// How many times something was read.
    pub reads: Counter,
    /// How many times something was written.
    pub writes: Counter,
    /// Bytes that wait to be sent.
    pub pending_bytes: usize,
}

/// How a client is read, in RabbitMQ's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionState {
    /// As it sends.
    Running,
    /// More slowly than it sends.
    Flow,
    /// As it sends, until it publishes: the node is low on something.
    Blocking,
    /// Not at all: it has published while the node is low on something.
    Blocked,
    /// Only until it has ended.
    Closing,
}

impl ConnectionState {
    /// RabbitMQ's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Flow => "flow",
            Self::Blocking => "blocking",
            Self::Blocked => "blocked",
            Self::Closing => "closing",
        }
    }
}

/// A connection that can be looked at later, when it may be gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionKey(pub(super) ConnectionId);

impl Admin {
    /// The open connections, ordered by name, as they are now.
    pub fn connections(&self) -> Vec<ConnectionInfo> {
        let keys = self.connection_keys(|_, _| true);
        keys.iter().filter_map(|key| self.connection_at(key)).collect()
    }

    /// Which connections of these users to these vhosts are open, ordered by name.
    pub fn connection_keys(
        &self,
        is_asked_for: impl Fn(&UserName, &VhostName) -> bool,
    ) -> Vec<ConnectionKey> {
        let mut named = Vec::new();
        for entry in &self.node.connections {
            let Some((user, vhost)) = owners(&entry) else { continue };
            if is_asked_for(user, vhost) {
                named.push((name_of(&entry), ConnectionKey(*entry.key())));
            }
        }
        named.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        named.into_iter().map(|(_, key)| key).collect()
    }

    /// How many connections are open.
    pub fn connection_count(&self) -> usize {
        self.node.connections.iter().filter(|entry| owners(entry).is_some()).count()
    }

    /// A connection as it is now; `None` if it is gone.
    pub fn connection_at(&self, key: &ConnectionKey) -> Option<ConnectionInfo> {
        let entry = self.entry_at(key)?;
        self.describe_connection(self.now(), &entry)
    }

    /// One open connection, by its name.
    pub fn connection(&self, name: &str) -> Option<ConnectionInfo> {
        let entry = self.entry(name)?;
        self.describe_connection(self.now(), &entry)
    }

    /// Ends a connection: its client is told `CONNECTION_FORCED` with this reason.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] if there is none of this name.
    pub fn close_connection(&self, name: &str, reason: &str) -> Result<(), AdminError> {
        let Some(entry) = self.entry(name) else {
            return Err(AdminError::NotFound { what: format!("connection '{name}'") });
        };
        close(&entry, reason);
        Ok(())
    }

    /// Ends all connections of a user, as one is ended.
    pub fn close_connections_of(&self, user: &str, reason: &str) {
        for key in self.connection_keys(|of, _| **of == *user) {
            // It may have gone by itself.
            if let Some(entry) = self.entry_at(&key) {
                close(&entry, reason);
            }
        }
    }

    /// Everyone who has opened a vhost.
    pub(super) fn entries(&self) -> Vec<Arc<ConnectionEntry>> {
        let all = self.node.connections.iter();
        let open = all.filter(|entry| entry.facts.vhost.get().is_some());
        open.map(|entry| Arc::clone(&entry)).collect()
    }

    pub(super) fn entry(&self, name: &str) -> Option<Arc<ConnectionEntry>> {
        self.entry_at(&self.connection_key(name)?)
    }

    /// The connection of this name. All are looked through, and only the one is taken.
    pub(super) fn connection_key(&self, name: &str) -> Option<ConnectionKey> {
        let (peer, _) = name.split_once(" -> ")?;
        let peer: SocketAddr = peer.parse().ok()?;
        let mut open = self.node.connections.iter().filter(|entry| owners(entry).is_some());
        let found = open.find(|entry| canonical(entry.peer) == peer && name_of(entry) == name);
        found.map(|entry| ConnectionKey(*entry.key()))
    }

    pub(super) fn entry_at(&self, key: &ConnectionKey) -> Option<Arc<ConnectionEntry>> {
        self.node.connections.get(&key.0).map(|entry| Arc::clone(&entry))
    }

    fn describe_connection(
        &self,
        now: Timestamp,
        entry: &ConnectionEntry,
    ) -> Option<ConnectionInfo> {
        let facts = &entry.facts;
        let (vhost, tuning) = (facts.vhost.get()?, facts.tuning.get()?);
        let introduction = facts.introduction.get()?;
        let client_properties =
            FieldTable::decode(&introduction.client_properties).unwrap_or_default();
        let (channels, pending_bytes) = {
            let outbox = entry.outbox.lock();
            (outbox.channels().count(), outbox.outgoing.len())
        };
        let (traffic, base) = (facts.traffic.read(), facts.window.lock().base(now));
        let before = base.counts;
        let counter = |now, before| Counter::since(&base, now, before);
        Some(ConnectionInfo {
            name: name_of(entry),
            user_provided_name: text_of(&client_properties, "connection_name"),
            user: introduction.user.clone(),
            vhost: vhost.clone(),
            peer: canonical(entry.peer),
            local: facts.local.get().copied().map(canonical),
            connected_at: facts.connected_at,
            state: self.state_of(entry),
            auth_mechanism: introduction.mechanism,
            tls: entry.tls.as_deref().cloned(),
            client_properties,
            channel_max: tuning.channel_max,
            frame_max: tuning.frame_max,
            heartbeat_secs: tuning.heartbeat_secs,
            channels,
            received_bytes: counter(traffic.received_bytes, before.received_bytes),
            sent_bytes: counter(traffic.sent_bytes, before.sent_bytes),
            reads: counter(traffic.reads, before.reads),
            writes: counter(traffic.writes, before.writes),
            pending_bytes,
        })
    }

    pub(super) fn state_of(&self, entry: &ConnectionEntry) -> ConnectionState {
        match entry.facts.served() {
            Served::Running if self.node.shared.alarms.is_any() => ConnectionState::Blocking,
            Served::Running => ConnectionState::Running,
            Served::Slowed => ConnectionState::Flow,
            Served::Blocked => ConnectionState::Blocked,
            Served::Ending => ConnectionState::Closing,
        }
    }
}

/// Whose a connection is, and to which vhost, once it has opened that.
fn owners(entry: &ConnectionEntry) -> Option<(&UserName, &VhostName)> {
    let facts = &entry.facts;
    Some((&facts.introduction.get()?.user, facts.vhost.get()?))
}

fn close(entry: &ConnectionEntry, reason: &str) {
    let user = entry.facts.introduction.get().map_or("", |known| known.user.as_str());
    tracing::info!(peer = %entry.peer, user, reason, "closing a connection for an operator");
    entry.tell(ClientEvent::Shutdown { explanation: reason.into() });
}

/// A text among what a client says of itself.
fn text_of(properties: &FieldTable, key: &str) -> Option<String> {
    let text = properties.get(key)?.as_long_string()?;
    Some(String::from_utf8_lossy(text).into_owned())
}

/// An address of IPv4 that comes as one of IPv6 is one of IPv4.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// The name by which operators call a connection.
pub(crate) fn name_of(entry: &ConnectionEntry) -> String {
    let peer = canonical(entry.peer);
    match entry.facts.local.get() {
        Some(&local) => format!("{peer} -> {}", canonical(local)),
        None => format!("{peer} -> ?"),
    }
}
