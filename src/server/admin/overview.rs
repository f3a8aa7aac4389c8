//! The whole node at a glance: how much there is of everything, and what happens to messages.

use std::net::SocketAddr;
use std::sync::Arc;

use broker::queue::Counters;
use broker::{QueueKind, Timestamp};

use super::{Admin, Counter, Gauge, MessageStats};
use crate::message_counts::MessageCounts;
use crate::totals::NodeCounts;
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
    pub logins_accepted: Counter,
    pub logins_refused: Counter,
}

/// Where clients are listened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenerInfo {
    /// `amqp`, or whatever else is spoken there.
    pub protocol: &'static str,
    /// The address.
    pub address: SocketAddr,
}

/// Sums over what there is now.
#[derive(Default)]
struct Sums {
    objects: ObjectTotals,
    bytes: u64,
    persistent: u64,
    paged_out: u64,
    classic: Counters,
    quorum: Counters,
    counts: NodeCounts,
}

impl Admin {
    /// The node at a glance. To be called where it may block: every queue is looked at.
    pub fn overview(&self) -> Overview {
        let sums = self.sum();
        let base = self.node.shared.totals.with_window(|window| window.base(self.now()));
        let (now, before) = (&sums.counts, &base.counts);
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
            churn: churn(&base, now),
            listeners: self.node.listeners.lock().clone(),
        }
    }

    /// Samples what the overview shows.
    pub(super) fn sample_totals(&self, now: Timestamp) {
        let counts = self.sum().counts;
        self.node.shared.totals.with_window(|window| window.sample(now, counts));
    }

    fn sum(&self) -> Sums {
        // What is gone first: what goes meanwhile is missing then, rather than counted twice.
        let gone = self.node.shared.totals.gone();
        let mut sums = Sums { classic: gone.classic, quorum: gone.quorum, ..Sums::default() };
        for vhost in self.vhosts_named(None) {
            sums.objects.exchanges += 1 + vhost.exchanges.len();
            let cells: Vec<_> = vhost.queues.iter().map(|cell| Arc::clone(&cell)).collect();
            for cell in cells {
                cell.look(|look| {
                    let queue = look.queue;
                    sums.objects.queues += 1;
                    sums.objects.consumers += queue.consumer_count() as usize;
                    sums.bytes += queue.ready_bytes() + queue.unacked_bytes();
                    sums.persistent += queue.persistent();
                    sums.paged_out += queue.paged_out();
                    sums.counts.ready += queue.ready();
                    sums.counts.unacked += queue.unacked();
                    match queue.settings().kind {
                        QueueKind::Classic => sums.classic += queue.counters(),
                        QueueKind::Quorum => sums.quorum += queue.counters(),
                    }
                });
            }
        }
        let mut channels = gone.channels;
        for entry in self.entries() {
            sums.objects.connections += 1;
            for channel in entry.outbox.lock().channels() {
                sums.objects.channels += 1;
                channels += channel.counts();
            }
        }
        let totals = &self.node.shared.totals;
        sums.counts.messages = totals.risen(together(&sums, &channels));
        sums.counts.churn = totals.churn.read();
        sums
    }
}

/// Clients publish on channels; everything else happens at queues, to whomever.
fn together(sums: &Sums, channels: &MessageCounts) -> MessageCounts {
    let mut counts = MessageCounts::of_queue(sums.classic);
    counts += MessageCounts::of_queue(sums.quorum);
    MessageCounts {
        publish: channels.publish,
        confirm: channels.confirm,
        return_unroutable: channels.return_unroutable,
        drop_unroutable: channels.drop_unroutable,
        ..counts
    }
}

fn churn(base: &Base<NodeCounts>, now: &NodeCounts) -> ChurnRates {
    let (now, before) = (&now.churn, &base.counts.churn);
    let counter = |now, before| Counter::since(base, now, before);
    ChurnRates {
        connections_created: counter(now.connections_created, before.connections_created),
        connections_closed: counter(now.connections_closed, before.connections_closed),
        channels_created: counter(now.channels_created, before.channels_created),
        channels_closed: counter(now.channels_closed, before.channels_closed),
        queues_declared: counter(now.queues_declared, before.queues_declared),
        queues_created: counter(now.queues_created, before.queues_created),
        queues_deleted: counter(now.queues_deleted, before.queues_deleted),
        logins_accepted: counter(now.logins_accepted, before.logins_accepted),
        logins_refused: counter(now.logins_refused, before.logins_refused),
    }
}
