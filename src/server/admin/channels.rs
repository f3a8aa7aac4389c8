//! Channels as an operator sees them.

use broker::{Timestamp, UserName, VhostName};
use connection::{ChannelCounts, ChannelMode, ChannelNumber};

use super::connections::name_of;
use super::{Admin, ConnectionKey, ConnectionState, MessageStats};
use crate::node::ConnectionEntry;
use crate::outbox::OutboxChannel;

/// A channel counts as idle if its client sent nothing for this long.
const IDLE_AFTER_MS: u64 = 1_000;

/// An open channel.
#[derive(Clone, Debug)]
pub struct ChannelInfo {
    /// The name of its connection, and its number in brackets.
    pub name: String,
    /// The name of its connection.
    pub connection: String,
    /// Its number.
    pub number: ChannelNumber,
    /// Who has opened it.
    pub user: UserName,
    /// The vhost of its connection.
    pub vhost: VhostName,
    /// How its client is read.
    pub state: ConnectionState,
    /// What becomes of its publishes.
    pub mode: ChannelMode,
    /// How many consumers it has.
    pub consumers: usize,
    /// What a new consumer may hold unacked; 0 is any number.
    pub prefetch: u32,
    /// What all its consumers may hold together; 0 is any number.
    pub global_prefetch: u32,
    /// Deliveries that are not settled.
    pub unacked: usize,
    /// Publishes that wait for their confirm.
    pub unconfirmed: u64,
    /// Messages that wait for the end of a transaction.
    pub uncommitted: u64,
    /// Settlements that wait for it.
    pub acks_uncommitted: u64,
    /// Since when its client has sent nothing, if that is a while.
    pub idle_since: Option<Timestamp>,
    /// What happened to its messages.
    pub stats: MessageStats,
}

/// A channel that can be looked at later, when it may be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelKey {
    connection: ConnectionKey,
    number: ChannelNumber,
}

impl Admin {
    /// The open channels, ordered by connection and number, as they are now.
    pub fn channels(&self) -> Vec<ChannelInfo> {
        let keys = self.channel_keys(|_, _| true);
        keys.iter().filter_map(|key| self.channel_at(key)).collect()
    }

    /// Which channels are open on the connections of these users to these vhosts, ordered by connection and number.
    pub fn channel_keys(
        &self,
        is_asked_for: impl Fn(&UserName, &VhostName) -> bool,
    ) -> Vec<ChannelKey> {
        let mut keys = Vec::new();
        for connection in self.connection_keys(is_asked_for) {
            keys.extend(self.channel_keys_at(connection));
        }
        keys
    }

    /// The same of one connection, by its name; `None` if there is none of this name.
    pub fn channel_keys_of(
        &self,
        name: &str,
        is_asked_for: impl Fn(&UserName) -> bool,
    ) -> Option<Vec<ChannelKey>> {
        let connection = self.connection_key(name)?;
        let entry = self.entry_at(&connection)?;
        let known = entry.facts.introduction.get()?;
        Some(if is_asked_for(&known.user) { self.channel_keys_at(connection) } else { Vec::new() })
    }

    fn channel_keys_at(&self, connection: ConnectionKey) -> Vec<ChannelKey> {
        let Some(entry) = self.entry_at(&connection) else { return Vec::new() };
        let key = |channel: &OutboxChannel| ChannelKey { connection, number: channel.number };
        let mut keys: Vec<ChannelKey> = entry.outbox.lock().channels().map(key).collect();
        keys.sort_unstable_by_key(|key| key.number);
        keys
    }

    /// A channel as it is now; `None` if it is closed.
    pub fn channel_at(&self, key: &ChannelKey) -> Option<ChannelInfo> {
        let entry = self.entry_at(&key.connection)?;
        self.describe_channel(self.now(), &entry, key.number)
    }

    /// One channel, by its name.
    pub fn channel(&self, name: &str) -> Option<ChannelInfo> {
        let (connection, number) = name.strip_suffix(')')?.rsplit_once(" (")?;
        let number = ChannelNumber(number.parse().ok()?);
        self.channel_at(&ChannelKey { connection: self.connection_key(connection)?, number })
    }

    fn describe_channel(
        &self,
        now: Timestamp,
        entry: &ConnectionEntry,
        number: ChannelNumber,
    ) -> Option<ChannelInfo> {
        let facts = &entry.facts;
        let (vhost, known) = (facts.vhost.get()?, facts.introduction.get()?);
        let connection = name_of(entry);
        let state = self.state_of(entry);
        let heard_at = entry.heard_at();
        let idle_since = (now.ms_since(heard_at) >= IDLE_AFTER_MS).then_some(heard_at);
        let describe = |channel: &OutboxChannel| {
            let base = channel.window.base(now);
            let counts: ChannelCounts = channel.figures.read();
            ChannelInfo {
                name: format!("{connection} ({})", channel.number),
                connection: connection.clone(),
                number: channel.number,
                user: known.user.clone(),
                vhost: vhost.clone(),
                state,
                mode: counts.mode,
                consumers: channel.consumer_count(),
                prefetch: channel.prefetch,
                global_prefetch: channel.deliveries.window(),
                unacked: channel.deliveries.len(),
                unconfirmed: counts.unconfirmed,
                uncommitted: counts.uncommitted,
                acks_uncommitted: counts.acks_uncommitted,
                idle_since,
                stats: MessageStats::since(&base, &channel.counts(), &base.counts),
            }
        };
        let outbox = entry.outbox.lock();
        outbox.channels().find(|channel| channel.number == number).map(describe)
    }
}
