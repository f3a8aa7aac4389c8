//! A queue that tasks share: its lock, and beside the pure queue the outboxes of its consumers.

mod sink;
mod storage;
mod timings;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Waker;

use amqp::FieldTable;
use broker::arguments::QueueDefinition;
use broker::queue::{ConsumerId, ConsumerSettings, Counters, DeadLetter, Queue, Remains};
use broker::{
    ConsumerTag, ExchangeName, LogPosition, QueueKind, QueueName, QueueSettings, Refusal,
    Timestamp, UserName,
};
use connection::ChannelNumber;
use parking_lot::{Mutex, RwLock};

pub(crate) use self::sink::ServerSink;
pub(crate) use self::storage::ByBacking;
use self::storage::Notes;
use self::timings::Timings;
pub(crate) use self::timings::TimingsBudget;
use crate::histogram::Durations;
use crate::journal::{Logged, Owner};
use crate::node::{ConnectionEntry, ConnectionId};
use crate::options::Options;
use crate::outbox::{ChannelIndex, ClientEvent, ClientOutbox, ConsumerIndex, LinkIndex};
use crate::spill::Spilled;
use crate::timer::Due;
use crate::trace::Copies;
use crate::vhost::Vhost;
use crate::vhost::policies::Effective;
use crate::window::Window;

/// How long nobody visits a queue before it rests.
const RESTS_AFTER_MS: u64 = 5_000;

/// A queue and what the server knows of it.
///
/// Lock order: the queue's state, then one outbox, then the buffer of what is spilled.
#[derive(Debug)]
pub(crate) struct QueueCell {
    pub(crate) name: QueueName,
    /// What it was declared with, for the comparison with a later declaration.
    pub(crate) definition: Arc<QueueDefinition>,
    /// The connection that it belongs to, if it is exclusive.
    pub(crate) owner: Option<ConnectionId>,
    pub(crate) vhost: std::sync::Weak<Vhost>,
    /// The exchanges that have bindings to it.
    pub(crate) bound_to: Mutex<BTreeSet<ExchangeName>>,
    /// Its definition in the log, whose number owns its messages there; `None`: it does not outlive the process.
    pub(crate) logged: Option<Logged>,
    /// The policies that count for it. It is changed under the lock of the state.
    policy: RwLock<Option<Arc<Effective>>>,
    /// How long its consumers may keep a delivery by its arguments and policies, in milliseconds; the greatest number: as
    /// the node says.
    consumer_timeout_ms: AtomicU64,
    /// What of it is spilled.
    pub(crate) spilled: Spilled,
    state: Mutex<QueueState>,
    /// It holds more memory than a queue may: its publishers are slowed.
    crowded: AtomicBool,
}

#[derive(Debug)]
struct QueueState {
    queue: Queue,
    /// Where each consumer's deliveries go, by its [`ConsumerId`].
    links: Vec<Option<ConsumerLink>>,
    deleted: bool,
    /// The deadline that the timer knows.
    armed: Option<Timestamp>,
    /// What the node's memory account holds for this queue.
    accounted: u64,
    /// When it was last visited.
    visited_at: Timestamp,
    window: Window<QueueCounts>,
    timings: Timings,
}

/// What is sampled of a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct QueueCounts {
    pub(crate) counters: Counters,
    pub(crate) ready: u64,
    pub(crate) unacked: u64,
}

/// A queue and what is known of it, for who only looks.
pub(crate) struct Look<'a> {
    pub(crate) queue: &'a Queue,
    pub(crate) visited_at: Timestamp,
    pub(crate) window: &'a mut Window<QueueCounts>,
    timings: &'a mut Timings,
    links: &'a [Option<ConsumerLink>],
}

/// Where a consumer's deliveries go.
#[derive(Clone, Debug)]
pub(crate) struct ConsumerLink {
    pub(crate) outbox: Arc<ClientOutbox>,
    pub(crate) channel: ChannelIndex,
    pub(crate) channel_number: ChannelNumber,
    pub(crate) consumer: ConsumerIndex,
    pub(crate) link: LinkIndex,
    pub(crate) tag: ConsumerTag,
    pub(crate) no_ack: bool,
    /// How long it may keep a delivery by its own arguments.
    pub(crate) timeout_ms: Option<u64>,
    /// Whose it is.
    pub(crate) entry: Arc<ConnectionEntry>,
    /// As received.
    pub(crate) arguments: FieldTable,
}

/// What is left of a queue that was deleted.
pub(crate) struct Deleted {
    /// How many messages were ready.
    pub(crate) ready: u64,
    /// The messages that somebody else keeps the content of.
    pub(crate) remains: Remains,
}

/// What visits to queues leave to be done once all locks are dropped: tasks to wake, dead letters to route.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    pub(crate) wakers: Vec<Waker>,
    /// On whose behalf; `None`: the broker by itself.
    pub(crate) by: Option<UserName>,
    pub(crate) letters: VecDeque<(Arc<QueueCell>, DeadLetter)>,
    /// Where in the log the last of what was logged is.
    pub(crate) logged_at: Option<LogPosition>,
    /// How many messages were spilled.
    pub(crate) spilled: usize,
    /// What is traced of the visit, until its end.
    pub(crate) copies: Copies,
    /// What is published is spilled faster than the disk takes it.
    pub(crate) is_too_fast: bool,
    /// What the log and the spill are told of the queue that is being visited; empty between visits.
    notes: Notes,
}

impl Effects {
    /// Something was logged, if `position` says so.
    pub(crate) fn note_logged(&mut self, position: Option<LogPosition>) {
        self.logged_at = self.logged_at.max(position);
    }

    /// Wakes every task that was given something to write.
    pub(crate) fn wake(&mut self) {
        self.wakers.drain(..).for_each(Waker::wake);
    }
}

impl QueueCell {
    /// A queue that follows these policies by now, after which [`Vhost::apply_policies_to_queue`] is to be called once it can
    /// be found, if there are others then.
    pub(crate) fn new(
        queue: Queue,
        definition: QueueDefinition,
        owner: Option<ConnectionId>,
        vhost: &Arc<Vhost>,
        logged: Option<Logged>,
        policy: Option<Arc<Effective>>,
    ) -> Self {
        let consumer_timeout_ms = timeout_of(queue.settings());
        let number = logged.map_or_else(|| vhost.shared.take_sequences(1).0, |logged| logged.id);
        Self {
            name: queue.name().clone(),
            definition: Arc::new(definition),
            owner,
            vhost: Arc::downgrade(vhost),
            bound_to: Mutex::default(),
            logged,
            policy: RwLock::new(policy),
            consumer_timeout_ms: AtomicU64::new(consumer_timeout_ms),
            spilled: Spilled::nothing(number),
            state: Mutex::new(QueueState {
                queue,
                links: Vec::new(),
                deleted: false,
                armed: None,
                accounted: 0,
                visited_at: vhost.shared.clock.now(),
                window: Window::default(),
                timings: Timings::default(),
            }),
            crowded: AtomicBool::new(false),
        }
    }

    /// Who owns its messages in the log; `None`: they do not outlive the process.
    #[inline]
    pub(crate) fn log_id(&self) -> Option<Owner> {
        self.logged.map(|logged| logged.id)
    }

    /// Whether transient messages are logged as well.
    #[inline]
    pub(crate) fn logs_everything(&self) -> bool {
        self.definition.settings.kind == QueueKind::Quorum
    }

    /// Whether it logs such a message.
    #[inline]
    pub(crate) fn logs(&self, persistent: bool) -> bool {
        self.logged.is_some() && (persistent || self.logs_everything())
    }

    /// Whether its publishers are to be slowed.
    pub(crate) fn is_crowded(&self) -> bool {
        self.crowded.load(Ordering::Relaxed)
    }

    /// The policies that count for it.
    pub(crate) fn policy(&self) -> Option<Arc<Effective>> {
        self.policy.read().clone()
    }

    /// How long a consumer may keep a delivery, as of now: as its `own` arguments say, or those of the queue or its
    /// policies, or the settings. `None`: for ever.
    pub(crate) fn consumer_timeout_ms(&self, own: Option<u64>, options: &Options) -> Option<u64> {
        let of_queue = self.consumer_timeout_ms.load(Ordering::Relaxed);
        let of_queue = (of_queue != u64::MAX).then_some(of_queue);
        own.or(of_queue).or(options.consumer_timeout_ms).filter(|&ms| ms > 0)
    }

    /// Follows these policies from now on, if they are others than those which it follows.
    pub(crate) fn follow_policy(
        self: &Arc<Self>,
        vhost: &Vhost,
        now: Timestamp,
        policy: Option<Arc<Effective>>,
        effects: &mut Effects,
    ) {
        if Effective::are_same(self.policy.read().as_deref(), policy.as_deref()) {
            return;
        }
        self.visit(vhost, now, effects, |queue, sink| {
            let settings = Effective::settings_of(policy.as_deref(), &self.definition);
            self.consumer_timeout_ms.store(timeout_of(&settings), Ordering::Relaxed);
            queue.change(now, settings, sink);
            *self.policy.write() = policy.clone();
        });
    }

    /// Locks the queue and acts on it; `None` if it was deleted.
    ///
    /// What the queue decides for its consumers is in their outboxes afterwards, the rest in `effects`.
    #[inline]
    pub(crate) fn visit<R>(
        self: &Arc<Self>,
        vhost: &Vhost,
        now: Timestamp,
        effects: &mut Effects,
        act: impl FnOnce(&mut Queue, &mut ServerSink<'_>) -> R,
    ) -> Option<R> {
        let mut state = self.state.lock();
        if state.deleted {
            return None;
        }
        state.visited_at = now;
        let QueueState { queue, links, timings, .. } = &mut *state;
        let shared = &vhost.shared;
        let traced_in = vhost.tracing.is_on().then_some(&*vhost.name);
        let mut sink =
            ServerSink { cell: self, shared, links, timings, now, open: None, traced_in, effects };
        let result = act(queue, &mut sink);
        drop(sink);
        let arm = self.after_visit(vhost, &mut state);
        drop(state);
        if !effects.notes.is_empty() {
            self.tell_storage(&vhost.shared, effects);
        }
        if let Some(at) = arm {
            vhost.shared.timers.arm(at, Due::Queue(Arc::downgrade(self)));
        }
        if !effects.copies.is_empty() {
            vhost.publish_copies(now, effects);
        }
        Some(result)
    }

    /// Looks at the queue without a trace; `None` if it was deleted. The queue stays locked meanwhile.
    pub(crate) fn look<R>(&self, look: impl FnOnce(Look<'_>) -> R) -> Option<R> {
        let mut state = self.state.lock();
        if state.deleted {
            return None;
        }
        let QueueState { queue, links, visited_at, window, timings, .. } = &mut *state;
        timings.settle(*visited_at, queue.take_unsampled());
        Some(look(Look { queue, visited_at: *visited_at, window, timings, links }))
    }

    /// Lets the queue [rest](Queue::rest) if nobody has visited it for a while.
    pub(crate) fn rest(&self, vhost: &Vhost, now: Timestamp) {
        let mut state = self.state.lock();
        if !state.deleted && now.ms_since(state.visited_at) >= RESTS_AFTER_MS {
            state.queue.rest();
            self.account(vhost, &mut state);
        }
    }

    /// Settles the memory account, and says for when the timer is to be armed, if it is.
    #[inline]
    fn after_visit(&self, vhost: &Vhost, state: &mut QueueState) -> Option<Timestamp> {
        self.account(vhost, state);
        let deadline = state.queue.next_deadline()?;
        if state.armed.is_some_and(|armed| armed <= deadline) {
            return None;
        }
        state.armed = Some(deadline);
        Some(deadline)
    }

    #[inline]
    fn account(&self, vhost: &Vhost, state: &mut QueueState) {
        let bytes = state.queue.memory_bytes();
        if bytes != state.accounted {
            vhost.shared.memory.account(state.accounted, bytes);
            state.accounted = bytes;
            let crowded = vhost.shared.memory.is_too_much_for_a_queue(bytes);
            if crowded != self.is_crowded() {
                self.crowded.store(crowded, Ordering::Relaxed);
            }
        }
    }

    /// The timer that was armed has fired: the next visit arms it again.
    pub(crate) fn disarm(&self) {
        self.state.lock().armed = None;
    }

    /// Adds a consumer. `link` makes its place in its client's outbox and announces it there; then messages follow.
    ///
    /// # Errors
    /// Why the queue refuses it; `link` is not called then. `None` if the queue was deleted.
    pub(crate) fn add_consumer(
        self: &Arc<Self>,
        vhost: &Vhost,
        now: Timestamp,
        effects: &mut Effects,
        settings: ConsumerSettings,
        link: impl FnOnce() -> ConsumerLink,
    ) -> Option<Result<ConsumerId, Refusal>> {
        let id = {
            let mut state = self.state.lock();
            if state.deleted {
                return None;
            }
            let id = match state.queue.consume(now, &vhost.name, settings) {
                Ok(id) => id,
                Err(refusal) => return Some(Err(refusal)),
            };
            let place = id.0 as usize;
            if state.links.len() <= place {
                state.links.resize_with(place + 1, || None);
            }
            state.links[place] = Some(link());
            id
        };
        self.visit(vhost, now, effects, |queue, sink| queue.dispatch(now, sink))?;
        Some(Ok(id))
    }

    /// From now on a consumer is given nothing; it is still there until it is removed.
    pub(crate) fn detach_consumer(&self, id: ConsumerId) {
        if let Some(link) = self.state.lock().links.get_mut(id.0 as usize) {
            *link = None;
        }
    }

    /// Removes a consumer; nothing is delivered to it any more. Whether the queue is to be deleted for lack of consumers.
    pub(crate) fn remove_consumer(
        self: &Arc<Self>,
        vhost: &Vhost,
        now: Timestamp,
        effects: &mut Effects,
        id: ConsumerId,
    ) -> bool {
        self.detach_consumer(id);
        self.visit(vhost, now, effects, |queue, sink| queue.cancel(id, now, sink))
            .is_some_and(|cancelled| cancelled.queue_unused)
    }

    /// Whether it is gone: it takes no message and has no consumer.
    pub(crate) fn is_deleted(&self) -> bool {
        self.state.lock().deleted
    }

    /// Marks the queue deleted if `permit` allows it, and tells its consumers. The answer is `permit`'s refusal, or how
    /// many messages were ready; `None` if it was deleted before.
    pub(crate) fn delete<E>(
        self: &Arc<Self>,
        vhost: &Vhost,
        effects: &mut Effects,
        permit: impl FnOnce(&Queue) -> Result<(), E>,
    ) -> Option<Result<Deleted, E>> {
        let mut state = self.state.lock();
        if state.deleted {
            return None;
        }
        if let Err(refusal) = permit(&state.queue) {
            return Some(Err(refusal));
        }
        state.deleted = true;
        let ready = state.queue.ready();
        let (kind, counters) = (self.definition.settings.kind, state.queue.counters());
        vhost.shared.totals.add_queue(kind, counters);
        let closed = state.queue.close();
        for id in closed.consumers {
            let link = state.links.get_mut(id.0 as usize).and_then(Option::take);
            if let Some(link) = link {
                link.tell_cancelled(effects);
            }
        }
        vhost.shared.memory.account(state.accounted, 0);
        state.accounted = 0;
        // Or each queue with `x-expires` would leave something behind until then.
        if state.armed.is_some() {
            vhost.shared.timers.disarm(Due::Queue(Arc::downgrade(self)));
        }
        Some(Ok(Deleted { ready, remains: closed.remains }))
    }
}

/// What a queue keeps of its consumers' timeout.
fn timeout_of(settings: &QueueSettings) -> u64 {
    settings.consumer_timeout_ms.unwrap_or(u64::MAX)
}

impl Look<'_> {
    /// What is sampled.
    pub(crate) fn counts(&self) -> QueueCounts {
        let queue = self.queue;
        let (ready, unacked) = (queue.ready(), queue.unacked());
        QueueCounts { counters: queue.counters(), ready, unacked }
    }

    /// How long messages waited, and how long until they were acked; `None` if there was no traffic.
    pub(crate) fn durations(&mut self, now: Timestamp) -> Option<(Durations, Durations)> {
        self.timings.read(now)
    }

    /// Forgets how long that was, if it was long ago.
    pub(crate) fn forget_durations(&mut self, budget: &TimingsBudget, now: Timestamp) {
        self.timings.forget_if_quiet(budget, now);
    }

    /// When the delivery to a consumer of this queue was made that has been unacked for the longest.
    pub(crate) fn oldest_unacked(&self) -> Option<Timestamp> {
        let holders = self.queue.consumers().filter(|consumer| consumer.unacked > 0);
        let links = holders.filter_map(|consumer| self.link(consumer.id));
        links.filter_map(ConsumerLink::oldest_unacked).min()
    }

    /// Where a consumer's deliveries go.
    pub(crate) fn link(&self, id: ConsumerId) -> Option<&ConsumerLink> {
        self.links.get(id.0 as usize)?.as_ref()
    }
}

impl ConsumerLink {
    /// When the oldest delivery to this consumer was made that is not acked; `None` also if it stands behind too many
    /// others of its channel.
    fn oldest_unacked(&self) -> Option<Timestamp> {
        const LOOKED_AT_MAX: usize = 256;
        let mut outbox = self.outbox.lock();
        let channel = outbox.channel_mut(self.channel)?;
        let mut oldest = channel.deliveries.iter().take(LOOKED_AT_MAX);
        oldest.find(|unacked| unacked.link.link == self.link).map(|unacked| unacked.delivered_at)
    }

    fn tell_cancelled(self, effects: &mut Effects) {
        let mut outbox = self.outbox.lock();
        outbox.tell(ClientEvent::ConsumerCancelled {
            channel: self.channel_number,
            consumer_tag: self.tag,
        });
        effects.wakers.extend(outbox.schedule());
    }
}
