//! The whole node at a glance: how much there is of everything, and what happens to messages.

use std::net::SocketAddr;
use std::sync::Arc;

use broker::QueueKind;
use broker::queue::{Counters, Queue};

use super::{Admin, Counter, Gauge, MessageStats};
use crate::message_counts::MessageCounts;
use crate::node::Node;
use crate::totals::{ChurnCounts, Gone, NodeCounts};
use crate::window::Base;

/// The node at a glance.
#[derive(Clone, Debug)]
pub struct Overview {
    /// How many there are.
    pub objects: ObjectTotals,
    /// What all queues hold.
    pub queues: QueueTotals,
    /// What happened to messages since the process began.
    pub messages: MessageStats,
    /// What all classic queues did since then, also those that are gone.
    pub classic: Counters,
    /// What all quorum queues did.
    pub quorum: Counters,
    /// What has come and gone.
    pub churn: ChurnRates,
    /// Where clients are listened for.
    pub listeners: Vec<ListenerInfo>,
}

/// How many objects there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ObjectTotals {
    /// Open connections.
    pub connections: usize,
    /// Their channels.
    pub channels: usize,
    /// Consumers of queues.
    pub consumers: usize,
    /// Exchanges, the default ones included.
    pub exchanges: usize,
    /// Queues.
    pub queues: usize,
}

/// What queues hold.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct QueueTotals {
    /// Ready and unacked.
    pub messages: Gauge,
    /// Those that wait for a consumer.
    pub ready: Gauge,
    /// Those that are delivered and not settled.
    pub unacked: Gauge,
    /// The bodies of all of them, in bytes.
    pub bytes: u64,
    /// How many survive a restart.
    pub persistent: u64,
    /// How many of the ready ones are not in memory.
    pub paged_out: u64,
}

/// What has come and gone since the process began.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "each is what its name says")]
pub struct ChurnRates {
    pub connections_created: Counter,
    pub connections_closed: Counter,
    pub channels_created: Counter,
    pub channels_closed: Counter,
    /// Declarations, also of queues that were there.
    pub queues_declared: Counter,
    pub queues_created: Counter,
    pub queues_deleted: Counter,
}

/// Where clients are listened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenerInfo {
    /// `amqp`, or whatever else is spoken there.
    pub protocol: &'static str,
    /// The address.
    pub address: SocketAddr,
}

/// Sums over what there is and what is gone.
pub(super) struct Sums {
    objects: ObjectTotals,
    bytes: u64,
    persistent: u64,
    paged_out: u64,
    ready: u64,
    unacked: u64,
    classic: Counters,
    quorum: Counters,
    channels: MessageCounts,
}

impl Sums {
    /// Begins with what is gone: what goes meanwhile is missing then, rather than counted twice.
    pub(super) fn of_the_gone(node: &Node) -> Self {
        let Gone { channels, classic, quorum } = node.shared.totals.gone();
        Self {
            objects: ObjectTotals::default(),
            bytes: 0,
            persistent: 0,
            paged_out: 0,
            ready: 0,
            unacked: 0,
            classic,
            quorum,
            channels,
        }
    }

    pub(super) fn add_queue(&mut self, queue: &Queue) {
        self.objects.queues += 1;
        self.objects.consumers += queue.consumer_count() as usize;
        self.bytes += queue.ready_bytes() + queue.unacked_bytes();
        self.persistent += queue.persistent();
        self.paged_out += queue.paged_out();
        self.ready += queue.ready();
        self.unacked += queue.unacked();
        match queue.settings().kind {
            QueueKind::Classic => self.classic += queue.counters(),
            QueueKind::Quorum => self.quorum += queue.counters(),
        }
    }

    pub(super) fn add_channel(&mut self, counts: &MessageCounts) {
        self.objects.channels += 1;
        self.channels += *counts;
    }

    /// What is sampled of them. Clients publish on channels; everything else happens at queues, to whomever.
    pub(super) fn counts(&self, node: &Node) -> NodeCounts {
        let mut at_queues = MessageCounts::of_queue(self.classic);
        at_queues += MessageCounts::of_queue(self.quorum);
        let messages = MessageCounts {
            publish: self.channels.publish,
            confirm: self.channels.confirm,
            return_unroutable: self.channels.return_unroutable,
            drop_unroutable: self.channels.drop_unroutable,
            ..at_queues
        };
        let totals = &node.shared.totals;
        NodeCounts {
            messages: totals.risen(messages),
            churn: totals.churn.read(),
            ready: self.ready,
            unacked: self.unacked,
        }
    }
}

impl Admin {
    /// The node at a glance. To be called where it may block: every queue is looked at.
    pub fn overview(&self) -> Overview {
        let sums = self.sum();
        let base = self.node.shared.totals.with_window(|window| window.base(self.now()));
        let (now, before) = (&sums.counts(&self.node), &base.counts);
        Overview {
            objects: sums.objects,
            queues: QueueTotals {
                messages: Gauge::since(
                    &base,
                    now.ready + now.unacked,
                    before.ready + before.unacked,
                ),
                ready: Gauge::since(&base, now.ready, before.ready),
                unacked: Gauge::since(&base, now.unacked, before.unacked),
                bytes: sums.bytes,
                persistent: sums.persistent,
                paged_out: sums.paged_out,
            },
            messages: MessageStats::since(&base, &now.messages, &before.messages),
            classic: sums.classic,
            quorum: sums.quorum,
            churn: churn(&base, &now.churn),
            listeners: self.listeners(),
        }
    }

    /// What came and went: of the overview what nothing else has to be looked at for.
    pub fn churn(&self) -> ChurnRates {
        let totals = &self.node.shared.totals;
        churn(&totals.with_window(|window| window.base(self.now())), &totals.churn.read())
    }

    /// Where clients are listened for; nowhere while none are served.
    pub fn listeners(&self) -> Vec<ListenerInfo> {
        if self.is_serving() { self.node.listeners.lock().clone() } else { Vec::new() }
    }

    fn sum(&self) -> Sums {
        let mut sums = Sums::of_the_gone(&self.node);
        for vhost in self.vhosts_named(None) {
            sums.objects.exchanges += 1 + vhost.exchanges.len();
            let cells: Vec<_> = vhost.queues.iter().map(|cell| Arc::clone(&cell)).collect();
            for cell in cells {
                cell.look(|look| sums.add_queue(look.queue));
            }
        }
        for entry in self.entries() {
            sums.objects.connections += 1;
            let outbox = entry.outbox.lock();
            outbox.channels().for_each(|channel| sums.add_channel(&channel.counts()));
        }
        sums
    }
}

fn churn(base: &Base<NodeCounts>, now: &ChurnCounts) -> ChurnRates {
    let before = &base.counts.churn;
    let counter = |now, before| Counter::since(base, now, before);
    ChurnRates {
        connections_created: counter(now.connections_created, before.connections_created),
        connections_closed: counter(now.connections_closed, before.connections_closed),
        channels_created: counter(now.channels_created, before.channels_created),
        channels_closed: counter(now.channels_closed, before.channels_closed),
        queues_declared: counter(now.queues_declared, before.queues_declared),
        queues_created: counter(now.queues_created, before.queues_created),
        queues_deleted: counter(now.queues_deleted, before.queues_deleted),
    }
}
