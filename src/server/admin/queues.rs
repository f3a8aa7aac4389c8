//! Queues as an operator sees them.

use std::sync::Arc;

use amqp::FieldTable;
use broker::arguments::QueueDefinition;
use broker::message::Sequence;
use broker::queue::{ConsumerId, Counters};
use broker::{ConsumerTag, PolicyName, QueueName, Timestamp, UserName, VhostName};

use super::connections::name_of;
use super::consumers::{self, ConsumerInfo};
use super::{Admin, Gauge, MessageStats};
use crate::histogram::Durations;
use crate::message_counts::MessageCounts;
use crate::queue_cell::{Look, QueueCell};
use crate::vhost::policies::Effective;

/// A queue is idle if nobody asked anything of it for this long.
const IDLE_AFTER_MS: u64 = 1_000;

/// What a queue takes besides its messages.
const QUEUE_BYTES: u64 = size_of::<QueueCell>() as u64 + size_of::<QueueDefinition>() as u64;

/// A queue.
#[derive(Clone, Debug)]
pub struct QueueInfo {
    /// Its vhost.
    pub vhost: VhostName,
    /// Its name.
    pub name: QueueName,
    /// What it was declared with. Its arguments are as received, with `x-queue-type` filled in.
    pub definition: Arc<QueueDefinition>,
    /// How many failed deliveries a message of a quorum queue survives, by its arguments and policies.
    pub delivery_limit: Option<u64>,
    /// The name of the users' policy that counts for it.
    pub policy: Option<PolicyName>,
    /// The name of the operators' policy that counts for it.
    pub operator_policy: Option<PolicyName>,
    /// What both set together, if there is any.
    pub effective_policy: Option<Arc<FieldTable>>,
    /// The name of the connection that it belongs to, if it is exclusive.
    pub owner: Option<String>,
    /// Whether its publishers are slowed.
    pub state: QueueState,
    /// What it holds.
    pub messages: QueueMessages,
    /// What it takes of memory, in bytes.
    pub memory_bytes: u64,
    /// How many consumers it has.
    pub consumers: u32,
    /// Whether a consumer would get a message that came now.
    pub has_ready_consumer: bool,
    /// Its consumers; empty where many queues are listed.
    pub consumer_details: Vec<ConsumerInfo>,
    /// The consumer that has the queue for itself.
    pub exclusive_consumer: Option<ConsumerTag>,
    /// The one that is served, if only one is.
    pub single_active_consumer: Option<ConsumerTag>,
    /// Since when nobody has asked anything of it, if that is a while.
    pub idle_since: Option<Timestamp>,
    /// The property `timestamp` of the next message, in seconds since 1970.
    pub head_message_timestamp: Option<u64>,
    /// How long messages take.
    pub times: QueueTimes,
    /// What happened to its messages.
    pub stats: MessageStats,
    /// The same, with how many died and of what.
    pub counters: Counters,
}

/// How long messages wait in a queue, and are held by its consumers.
///
/// A message is looked at every few milliseconds, and stands for those that went since the last one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueTimes {
    /// For how long the oldest ready message has been in the queue, in milliseconds: too long by 2 % at most. `None` if none
    /// is ready, or nothing is known of a time so long ago.
    pub oldest_ready_ms: Option<u64>,
    /// For how long a consumer has held a message without acking it, in milliseconds. Who fetches has no part in this.
    pub oldest_unacked_ms: Option<u64>,
    /// How long messages waited until they were first delivered or fetched; `None` if there was no traffic for an hour.
    pub in_queue: Option<Durations>,
    /// How long it took until they were acked.
    pub to_ack: Option<Durations>,
}

/// Whether a queue takes what its publishers bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueState {
    /// It does.
    Running,
    /// It holds more than a queue may: its publishers are slowed.
    Flow,
}

/// What a queue holds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct QueueMessages {
    /// Ready and unacked.
    pub total: Gauge,
    /// Those that wait for a consumer.
    pub ready: Gauge,
    /// Those that are delivered and not settled.
    pub unacked: Gauge,
    /// The bodies of the ready ones, in bytes.
    pub ready_bytes: u64,
    /// The bodies of the unacked ones, in bytes.
    pub unacked_bytes: u64,
    /// How many survive a restart.
    pub persistent: u64,
    /// The bodies of those, in bytes.
    pub persistent_bytes: u64,
    /// How many of the ready ones are not in memory.
    pub paged_out: u64,
    /// The bodies of those, in bytes.
    pub paged_out_bytes: u64,
    /// Dead letters that wait until their targets have accepted them.
    pub held_dead_letters: u64,
}

/// A queue that can be looked at later, when it may be gone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct QueueKey {
    /// Its vhost.
    pub vhost: VhostName,
    /// Its name.
    pub name: QueueName,
}

impl Admin {
    /// The queues of a vhost, or all, ordered by vhost and name, as they are now.
    ///
    /// Each is locked for a moment only. Of many, this takes a few microseconds each: it is to be called where it may
    /// block.
    pub fn queues(&self, vhost: Option<&str>) -> Vec<QueueInfo> {
        self.queue_keys(vhost).iter().filter_map(|key| self.queue_at(key)).collect()
    }

    /// Which queues there are in a vhost, or in all, ordered by vhost and name.
    pub fn queue_keys(&self, vhost: Option<&str>) -> Vec<QueueKey> {
        let mut keys = Vec::new();
        for vhost in self.vhosts_named(vhost) {
            let start = keys.len();
            let key = |name: &QueueName| QueueKey { vhost: vhost.name.clone(), name: name.clone() };
            keys.extend(vhost.queues.iter().map(|cell| key(&cell.name)));
            keys[start..].sort_unstable_by(|one, other| one.name.cmp(&other.name));
        }
        keys
    }

    /// A queue as it is now, without its consumers; `None` if it is gone.
    pub fn queue_at(&self, key: &QueueKey) -> Option<QueueInfo> {
        let cell = self.node.vhost(&key.vhost)?.queue(&key.name)?;
        self.describe(self.now(), &key.vhost, &cell)
    }

    /// The user to whose connection a queue belongs, if it is exclusive.
    pub fn queue_owner(&self, key: &QueueKey) -> Option<UserName> {
        let owner = self.node.vhost(&key.vhost)?.queue(&key.name)?.owner?;
        let entry = self.node.connections.get(&owner)?;
        Some(entry.facts.introduction.get()?.user.clone())
    }

    /// One queue, with its consumers.
    pub fn queue(&self, vhost: &str, name: &str) -> Option<QueueInfo> {
        let vhost = self.node.vhost(vhost)?;
        let cell = vhost.queue(name)?;
        let mut info = self.describe(self.now(), &vhost.name, &cell)?;
        info.consumer_details = consumers::of_queue(&vhost, &cell);
        Some(info)
    }

    /// The queues of a vhost, by name.
    pub(super) fn queue_cells(&self, vhost: &str) -> Vec<Arc<QueueCell>> {
        let Some(vhost) = self.node.vhost(vhost) else { return Vec::new() };
        // What is found is cloned, so that nobody who declares a queue waits for what is done with it.
        let mut cells: Vec<_> = vhost.queues.iter().map(|cell| Arc::clone(&cell)).collect();
        cells.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        cells
    }

    fn describe(&self, now: Timestamp, vhost: &VhostName, cell: &QueueCell) -> Option<QueueInfo> {
        let seen = cell.look(|mut look| see(now, &mut look))?;
        let shared = &self.node.shared;
        let came = seen.oldest_ready.and_then(|sequence| shared.arrivals.of(sequence));
        let (in_queue, to_ack) = seen.durations.unzip();
        let owner = cell.owner.and_then(|owner| {
            let entry = self.node.connections.get(&owner)?;
            Some(name_of(&entry))
        });
        let policy = cell.policy();
        Some(QueueInfo {
            delivery_limit: seen.delivery_limit,
            policy: policy.as_deref().and_then(Effective::policy).cloned(),
            operator_policy: policy.as_deref().and_then(Effective::operator_policy).cloned(),
            effective_policy: policy.as_deref().map(|policy| Arc::clone(policy.definition())),
            vhost: vhost.clone(),
            name: cell.name.clone(),
            definition: Arc::clone(&cell.definition),
            owner,
            state: if cell.is_crowded() { QueueState::Flow } else { QueueState::Running },
            messages: seen.messages,
            memory_bytes: seen.memory_bytes + QUEUE_BYTES,
            consumers: seen.consumers,
            has_ready_consumer: seen.has_ready_consumer,
            consumer_details: Vec::new(),
            exclusive_consumer: seen.exclusive_consumer,
            single_active_consumer: seen.single_active_consumer,
            idle_since: (now.ms_since(seen.visited_at) >= IDLE_AFTER_MS).then_some(seen.visited_at),
            head_message_timestamp: seen.head_message_timestamp,
            times: QueueTimes {
                oldest_ready_ms: came.map(|came| now.ms_since(came)),
                oldest_unacked_ms: seen.oldest_unacked.map(|since| now.ms_since(since)),
                in_queue,
                to_ack,
            },
            stats: seen.stats,
            counters: seen.counters,
        })
    }
}

/// What is seen of a queue while it is locked.
struct Seen {
    messages: QueueMessages,
    memory_bytes: u64,
    delivery_limit: Option<u64>,
    consumers: u32,
    has_ready_consumer: bool,
    exclusive_consumer: Option<ConsumerTag>,
    single_active_consumer: Option<ConsumerTag>,
    visited_at: Timestamp,
    head_message_timestamp: Option<u64>,
    oldest_ready: Option<Sequence>,
    oldest_unacked: Option<Timestamp>,
    durations: Option<(Durations, Durations)>,
    stats: MessageStats,
    counters: Counters,
}

fn see(now: Timestamp, look: &mut Look<'_>) -> Seen {
    let durations = look.durations(now);
    let queue = look.queue;
    let tag = |id: ConsumerId| look.link(id).map(|link| link.tag.clone());
    let (counts, base) = (look.counts(), look.window.base(now));
    let before = base.counts;
    let of_queue = MessageCounts::of_queue;
    Seen {
        messages: QueueMessages {
            total: Gauge::since(
                &base,
                counts.ready + counts.unacked,
                before.ready + before.unacked,
            ),
            ready: Gauge::since(&base, counts.ready, before.ready),
            unacked: Gauge::since(&base, counts.unacked, before.unacked),
            ready_bytes: queue.ready_bytes(),
            unacked_bytes: queue.unacked_bytes(),
            persistent: queue.persistent(),
            persistent_bytes: queue.persistent_bytes(),
            paged_out: queue.paged_out(),
            paged_out_bytes: queue.paged_out_bytes(),
            held_dead_letters: queue.held_dead_letters(),
        },
        memory_bytes: queue.memory_bytes(),
        delivery_limit: queue.settings().delivery_limit,
        consumers: queue.consumer_count(),
        has_ready_consumer: queue.has_ready_consumer(),
        exclusive_consumer: queue.exclusive_consumer().and_then(tag),
        single_active_consumer: queue.single_active_consumer().and_then(tag),
        visited_at: look.visited_at,
        head_message_timestamp: queue.head_timestamp(),
        oldest_ready: queue.oldest_ready(),
        oldest_unacked: look.oldest_unacked(),
        durations,
        stats: MessageStats::since(&base, &of_queue(counts.counters), &of_queue(before.counters)),
        counters: counts.counters,
    }
}
