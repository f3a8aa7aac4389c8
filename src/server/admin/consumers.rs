//! Consumers as an operator sees them, and why one gets nothing.

use amqp::FieldTable;
use broker::queue::{ConsumerStatus, ConsumerWait as QueueWait};
use broker::{ConsumerTag, QueueName, Timestamp, VhostName};
use connection::ChannelNumber;

use super::Admin;
use super::connections::name_of;
use crate::queue_cell::{ConsumerLink, QueueCell};
use crate::vhost::Vhost;

/// A consumer.
#[derive(Clone, Debug)]
pub struct ConsumerInfo {
    /// Its vhost.
    pub vhost: VhostName,
    /// The queue that it consumes.
    pub queue: QueueName,
    /// The name of its connection.
    pub connection: String,
    /// Who consumes.
    pub user: String,
    /// Its channel.
    pub channel: ChannelNumber,
    /// Its tag.
    pub tag: ConsumerTag,
    /// Whether its deliveries are to be acked.
    pub ack_required: bool,
    /// Whether nobody else may consume.
    pub exclusive: bool,
    /// `x-priority`: higher is served first.
    pub priority: i64,
    /// How many unacked messages it may hold; 0 is any number.
    pub prefetch: u32,
    /// How many it holds.
    pub unacked: u32,
    /// How long it may keep one; `None`: for ever.
    pub timeout_ms: Option<u64>,
    /// What it waits for.
    pub waits_for: ConsumerWait,
    /// Whether it is the single active consumer; `None` where everyone is served.
    pub is_single_active: Option<bool>,
    /// When it last got a message.
    pub delivered_at: Option<Timestamp>,
    /// When it last acked one.
    pub acked_at: Option<Timestamp>,
    /// As received.
    pub arguments: FieldTable,
}

/// What a consumer waits for before it can get a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsumerWait {
    /// Only for a message.
    Message,
    /// For acks: its credit is used up, as it holds as many unacked messages as it may.
    Credit,
    /// For acks to its channel, whose consumers share a credit that is used up.
    SharedCredit,
    /// For its client to read what was sent to it.
    Outbox,
    /// For its turn to be the single active consumer.
    Activity,
}

impl ConsumerInfo {
    /// Whether it is served at all: everyone is, unless another one is the single active consumer.
    pub fn is_active(&self) -> bool {
        self.is_single_active.unwrap_or(true)
    }
}

impl Admin {
    /// The consumers of a vhost, or all, by their queues. To be called where it may block.
    pub fn consumers(&self, vhost: Option<&str>) -> Vec<ConsumerInfo> {
        let mut infos = Vec::new();
        for vhost in self.vhosts_named(vhost) {
            for cell in self.queue_cells(&vhost.name) {
                infos.extend(of_queue(&vhost, &cell));
            }
        }
        infos
    }
}

/// The consumers of one queue.
pub(super) fn of_queue(vhost: &Vhost, cell: &QueueCell) -> Vec<ConsumerInfo> {
    let single = cell.definition.settings.single_active_consumer;
    let seen = cell.look(|look| {
        let active = look.queue.single_active_consumer();
        let linked = |status: ConsumerStatus| {
            let link = look.link(status.id)?.clone();
            Some((status, link, active == Some(status.id)))
        };
        look.queue.consumers().filter_map(linked).collect::<Vec<_>>()
    });
    let describe = |(status, link, is_active): (ConsumerStatus, ConsumerLink, bool)| {
        let entry = &link.entry;
        let user = entry.facts.introduction.get().map_or("", |known| known.user.as_str());
        Some(ConsumerInfo {
            vhost: vhost.name.clone(),
            queue: cell.name.clone(),
            connection: name_of(entry),
            user: user.to_owned(),
            channel: link.channel_number,
            ack_required: !link.no_ack,
            exclusive: status.settings.exclusive,
            priority: status.settings.priority,
            prefetch: status.settings.prefetch,
            unacked: status.unacked,
            timeout_ms: cell
                .consumer_timeout_ms(link.timeout_ms, &vhost.shared.options)
                .filter(|_| !link.no_ack),
            waits_for: wait(&status, &link),
            is_single_active: single.then_some(is_active),
            delivered_at: status.delivered_at,
            acked_at: status.acked_at,
            tag: link.tag,
            arguments: link.arguments,
        })
    };
    seen.into_iter().flatten().filter_map(describe).collect()
}

fn wait(status: &ConsumerStatus, link: &ConsumerLink) -> ConsumerWait {
    match status.waits_for {
        QueueWait::Message => ConsumerWait::Message,
        QueueWait::Credit => ConsumerWait::Credit,
        QueueWait::Activity => ConsumerWait::Activity,
        QueueWait::Room => {
            let mut outbox = link.outbox.lock();
            let has_credit = outbox
                .channel_mut(link.channel)
                .is_none_or(|channel| channel.deliveries.has_room());
            if has_credit { ConsumerWait::Outbox } else { ConsumerWait::SharedCredit }
        }
    }
}
