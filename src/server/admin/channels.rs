//! Channels as an operator sees them.

use broker::{Timestamp, UserName, VhostName};
use connection::{ChannelCounts, ChannelMode, ChannelNumber};

use super::connections::name_of;
use super::{Admin, ConnectionState, MessageStats};
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

impl Admin {
    /// The open channels, ordered by connection and number.
    pub fn channels(&self) -> Vec<ChannelInfo> {
        let now = self.now();
        let mut infos = Vec::new();
        for entry in self.entries() {
            infos.extend(self.channels_of(now, &entry));
        }
        infos.sort_unstable_by(|one, other| {
            (&one.connection, one.number).cmp(&(&other.connection, other.number))
        });
        infos
    }

    /// The open channels of one connection, by its name; `None` if there is none of this name.
    pub fn channels_of_connection(&self, name: &str) -> Option<Vec<ChannelInfo>> {
        let mut infos = self.channels_of(self.now(), &*self.entry(name)?);
        infos.sort_unstable_by_key(|info| info.number);
        Some(infos)
    }

    /// One channel, by its name.
    pub fn channel(&self, name: &str) -> Option<ChannelInfo> {
        let (connection, number) = name.strip_suffix(')')?.rsplit_once(" (")?;
        let number = ChannelNumber(number.parse().ok()?);
        let mut infos = self.channels_of_connection(connection)?.into_iter();
        infos.find(|info| info.number == number)
    }

    fn channels_of(&self, now: Timestamp, entry: &ConnectionEntry) -> Vec<ChannelInfo> {
        let facts = &entry.facts;
        let (Some(vhost), Some(known)) = (facts.vhost.get(), facts.introduction.get()) else {
            return Vec::new();
        };
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
        entry.outbox.lock().channels().map(describe).collect()
    }
}
