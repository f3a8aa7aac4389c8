//! Random calls against a queue and against a naive model of it: the same deliveries, dead letters and counts.
//!
//! The model keeps lists and looks through them for everything; it shares no code with the queue.

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Call {
    Publish { priority: Option<u8>, expiration_ms: Option<u64>, padding: usize },
    Consume { priority: i64, prefetch: u32, no_ack: bool },
    Cancel(usize),
    SetPrefetch(usize, u32),
    Fill(usize),
    Resume(usize),
    Get { no_ack: bool },
    Settle { first: usize, count: usize, settlement: Settlement },
    Purge,
    Pass(u64),
}

fn call() -> impl Strategy<Value = Call> {
    let settlement = prop_oneof![
        3 => Just(Settlement::Ack),
        2 => any::<bool>().prop_map(|counted| Settlement::Requeue { counted }),
        1 => Just(Settlement::Reject),
    ];
    let some_ms = proptest::option::weighted(0.3, 0..40u64);
    let padding = prop_oneof![9 => 0..40usize, 1 => Just(9000)];
    prop_oneof![
        12 => (proptest::option::of(any::<u8>().prop_map(|n| n % 7)), some_ms, padding).prop_map(
            |(priority, expiration_ms, padding)| Call::Publish { priority, expiration_ms, padding },
        ),
        2 => (0..3i64, 0..4u32, proptest::bool::weighted(0.2))
            .prop_map(|(priority, prefetch, no_ack)| Call::Consume { priority, prefetch, no_ack }),
        1 => (0..8usize).prop_map(Call::Cancel),
        1 => (0..8usize, 0..5u32).prop_map(|(which, prefetch)| Call::SetPrefetch(which, prefetch)),
        1 => (0..8usize).prop_map(Call::Fill),
        1 => (0..8usize).prop_map(Call::Resume),
        2 => any::<bool>().prop_map(|no_ack| Call::Get { no_ack }),
        6 => (0..8usize, 1..4usize, settlement)
            .prop_map(|(first, count, settlement)| Call::Settle { first, count, settlement }),
        1 => Just(Call::Purge),
        2 => (0..30u64).prop_map(Call::Pass),
    ]
}

fn settings() -> impl Strategy<Value = QueueSettings> {
    let overflow = prop_oneof![
        Just(Overflow::DropHead),
        Just(Overflow::RejectPublish),
        Just(Overflow::RejectPublishDlx),
    ];
    let rare = |range: std::ops::Range<u64>| proptest::option::weighted(0.3, range);
    let limits = (rare(0..60), rare(0..9), rare(0..300), overflow);
    let kind = (any::<bool>(), proptest::option::of(0..6u8), rare(0..3));
    let others = (any::<bool>(), proptest::bool::weighted(0.2));
    (limits, kind, others).prop_map(|(limits, kind, (dead_letters, single_active_consumer))| {
        let (message_ttl_ms, max_length, max_length_bytes, overflow) = limits;
        let (is_quorum, max_priority, delivery_limit) = kind;
        let kind = if is_quorum {
            QueueSettings { delivery_limit, ..QueueSettings::quorum() }
        } else {
            QueueSettings { max_priority, ..classic() }
        };
        let settings = QueueSettings {
            message_ttl_ms,
            max_length,
            max_length_bytes,
            overflow,
            single_active_consumer,
            ..kind
        };
        if dead_letters { with_dlx(settings) } else { settings }
    })
}

#[derive(Debug, Clone)]
struct Message {
    number: u64,
    bytes: usize,
    level: u8,
    deadline: Option<u64>,
    returned: bool,
    failed: u64,
}

#[derive(Debug)]
struct Consumer {
    id: ConsumerId,
    priority: i64,
    prefetch: usize,
    no_ack: bool,
    is_starved: bool,
    is_here: bool,
}

/// What happened in one call: who got what (and whether again), and what died of what.
#[derive(Debug, Default, PartialEq, Eq)]
struct Events {
    deliveries: Vec<(Option<ConsumerId>, u64, bool)>,
    deaths: Vec<(u64, &'static str)>,
    rejected: bool,
}

struct Model {
    settings: QueueSettings,
    now: u64,
    /// Back in a quorum queue, served first.
    returned: Vec<Message>,
    ready: Vec<Message>,
    unacked: Vec<(Option<ConsumerId>, Message)>,
    /// In the order of their turns; the ones that are blocked stand anywhere.
    consumers: Vec<Consumer>,
    /// In the order they came.
    active: Option<ConsumerId>,
    came: Vec<ConsumerId>,
    full: Vec<ConsumerId>,
    events: Events,
}

impl Model {
    fn new(settings: QueueSettings) -> Self {
        Self {
            settings,
            now: START.0,
            returned: Vec::new(),
            ready: Vec::new(),
            unacked: Vec::new(),
            consumers: Vec::new(),
            active: None,
            came: Vec::new(),
            full: Vec::new(),
            events: Events::default(),
        }
    }

    fn is_quorum(&self) -> bool {
        self.settings.kind == QueueKind::Quorum
    }

    fn publish(&mut self, number: u64, bytes: usize, priority: Option<u8>, ttl: Option<u64>) {
        let level = match (self.is_quorum(), self.settings.max_priority) {
            (true, _) => priority.unwrap_or(4).min(31),
            (false, Some(max)) => priority.unwrap_or(0).min(max),
            (false, None) => 0,
        };
        let ttl = self.settings.message_ttl_ms.into_iter().chain(ttl).min();
        let deadline = ttl.map(|ttl| self.now + ttl);
        let message = Message { number, bytes, level, deadline, returned: false, failed: 0 };
        if self.settings.overflow != Overflow::DropHead && self.is_over(1, bytes) {
            self.events.rejected = true;
            if self.settings.overflow == Overflow::RejectPublishDlx {
                self.die(&message, "maxlen");
            }
            return;
        }
        if self.is_empty()
            && let Some(at) = self.next_consumer()
        {
            self.deliver(at, message);
            return;
        }
        self.insert(message);
        self.drop_overflow();
    }

    /// Behind everything of its level or above, except that age decides in a classic queue.
    fn insert(&mut self, message: Message) {
        let by_age = !self.is_quorum();
        let at = self.ready.iter().position(|other| {
            other.level < message.level
                || by_age && other.level == message.level && other.number > message.number
        });
        self.ready.insert(at.unwrap_or(self.ready.len()), message);
    }

    fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.returned.is_empty()
    }

    fn is_over(&self, messages: usize, bytes: usize) -> bool {
        let all = || self.ready.iter().chain(&self.returned);
        let (count, sum) =
            (all().count() + messages, all().map(|message| message.bytes).sum::<usize>() + bytes);
        self.settings.max_length.is_some_and(|max| count as u64 > max)
            || self.settings.max_length_bytes.is_some_and(|max| sum as u64 > max)
    }

    fn drop_overflow(&mut self) {
        while self.settings.overflow == Overflow::DropHead && !self.is_empty() && self.is_over(0, 0)
        {
            let message = self.pop();
            self.die(&message, "maxlen");
        }
    }

    fn pop(&mut self) -> Message {
        if self.returned.is_empty() { self.ready.remove(0) } else { self.returned.remove(0) }
    }

    fn die(&mut self, message: &Message, reason: &'static str) {
        if self.settings.dead_letter.is_some() {
            self.events.deaths.push((message.number, reason));
        }
    }

    fn is_expired(&self, message: &Message) -> bool {
        message.deadline.is_some_and(|deadline| deadline <= self.now)
    }

    /// Expired messages at the head of every level go.
    fn expire(&mut self) {
        while self.returned.first().is_some_and(|message| self.is_expired(message)) {
            let message = self.returned.remove(0);
            self.die(&message, "expired");
        }
        let mut at = 0;
        while at < self.ready.len() {
            let is_head = at == 0 || self.ready[at - 1].level != self.ready[at].level;
            if is_head && self.is_expired(&self.ready[at]) {
                let message = self.ready.remove(at);
                self.die(&message, "expired");
            } else {
                at += 1;
            }
        }
    }

    /// Where the consumer stands whose turn it is.
    fn next_consumer(&mut self) -> Option<usize> {
        loop {
            let mut best: Option<usize> = None;
            for (at, consumer) in self.consumers.iter().enumerate() {
                let unacked = self.unacked_of(consumer.id);
                let has_credit =
                    consumer.no_ack || consumer.prefetch == 0 || unacked < consumer.prefetch;
                let is_served = !self.settings.single_active_consumer
                    || self.active == Some(consumer.id) && !self.is_set_back();
                if consumer.is_here
                    && !consumer.is_starved
                    && has_credit
                    && is_served
                    && best.is_none_or(|best| self.consumers[best].priority < consumer.priority)
                {
                    best = Some(at);
                }
            }
            let best = best?;
            if !self.full.contains(&self.consumers[best].id) {
                return Some(best);
            }
            self.consumers[best].is_starved = true;
        }
    }

    fn unacked_of(&self, id: ConsumerId) -> usize {
        self.unacked.iter().filter(|(holder, _)| *holder == Some(id)).count()
    }

    fn priority_of(&self, id: ConsumerId) -> i64 {
        let here = self.consumers.iter().find(|consumer| consumer.is_here && consumer.id == id);
        here.map_or(i64::MIN, |consumer| consumer.priority)
    }

    fn best_candidate(&self) -> Option<ConsumerId> {
        let best = self.came.iter().map(|id| self.priority_of(*id)).max()?;
        self.came.iter().copied().find(|id| self.priority_of(*id) == best)
    }

    /// Whether the active one makes way for a higher one.
    fn is_set_back(&self) -> bool {
        let (Some(active), Some(best)) = (self.active, self.best_candidate()) else { return false };
        self.is_quorum() && self.priority_of(best) > self.priority_of(active)
    }

    fn choose_active(&mut self) {
        if !self.settings.single_active_consumer {
            return;
        }
        let makes_way = self.active.is_some_and(|active| {
            !self.came.contains(&active) || self.is_set_back() && self.unacked_of(active) == 0
        });
        if self.active.is_none() || makes_way {
            self.active = self.best_candidate();
        }
    }

    fn deliver(&mut self, at: usize, message: Message) {
        let consumer = self.consumers.remove(at);
        let event = (Some(consumer.id), message.number, message.returned);
        self.events.deliveries.push(event);
        if !consumer.no_ack {
            self.unacked.push((Some(consumer.id), message));
        }
        self.consumers.push(consumer);
    }

    /// A consumer that was blocked and is no more stands at the end, as does one whose turn it was.
    fn stand_last(&mut self, id: ConsumerId) {
        if let Some(at) = self.consumers.iter().position(|c| c.is_here && c.id == id) {
            let consumer = self.consumers.remove(at);
            self.consumers.push(consumer);
        }
    }

    fn is_out_of_credit(&self, id: ConsumerId) -> bool {
        self.consumers.iter().any(|consumer| {
            consumer.is_here
                && consumer.id == id
                && !consumer.no_ack
                && !consumer.is_starved
                && consumer.prefetch != 0
                && self.unacked_of(id) >= consumer.prefetch
        })
    }

    fn dispatch(&mut self) {
        self.choose_active();
        self.expire();
        while !self.is_empty()
            && let Some(at) = self.next_consumer()
        {
            let message = self.pop();
            self.deliver(at, message);
            self.expire();
        }
    }

    fn get(&mut self, no_ack: bool) {
        self.expire();
        if !self.is_empty() {
            let message = self.pop();
            self.events.deliveries.push((None, message.number, message.returned));
            if !no_ack {
                self.unacked.push((None, message));
            }
        }
    }

    fn settle(&mut self, numbers: &[u64], settlement: Settlement) {
        for number in numbers {
            let at =
                self.unacked.iter().position(|(_, message)| message.number == *number).unwrap();
            let blocked = self.unacked[at].0.filter(|id| self.is_out_of_credit(*id));
            let (holder, mut message) = self.unacked.remove(at);
            if let Some(id) = blocked.filter(|id| !self.is_out_of_credit(*id)) {
                self.stand_last(id);
            }
            let _ = holder;
            match settlement {
                Settlement::Ack => {}
                Settlement::Reject => self.die(&message, "rejected"),
                Settlement::Requeue { counted } => {
                    message.returned = true;
                    message.failed += u64::from(counted);
                    match (self.is_quorum(), self.settings.delivery_limit) {
                        (true, Some(limit)) if message.failed > limit => {
                            self.die(&message, "delivery_limit");
                        }
                        (true, Some(_)) => self.returned.push(message),
                        (true, None) | (false, _) => self.insert(message),
                    }
                }
            }
        }
        if let Settlement::Requeue { .. } = settlement {
            self.drop_overflow();
        }
    }
}

/// The queue and its model, side by side.
struct Pair {
    stage: Stage,
    model: Model,
    /// The number of the message that each slot holds.
    slots: Vec<(Slot, u64)>,
    consumers: Vec<ConsumerId>,
}

impl Pair {
    fn new(settings: QueueSettings) -> Self {
        let model = Model::new(settings.clone());
        Self { stage: Stage::new(settings), model, slots: Vec::new(), consumers: Vec::new() }
    }

    fn consumer(&self, which: usize) -> Option<ConsumerId> {
        self.consumers.get(which % self.consumers.len().max(1)).copied()
    }

    fn make(&mut self, call: &Call) {
        let Self { stage, model, .. } = self;
        match call {
            Call::Publish { priority, expiration_ms, padding } => {
                let body = format!("{} {}", stage.sequence + 1, "x".repeat(*padding));
                let admission = stage.publish_with(&body, |arrival| {
                    arrival.priority = *priority;
                    arrival.expiration_ms = *expiration_ms;
                });
                model.publish(stage.sequence, body.len(), *priority, *expiration_ms);
                assert_eq!(admission == Admission::Rejected, model.events.rejected);
            }
            Call::Consume { priority, prefetch, no_ack } => {
                let (priority, prefetch, no_ack) = (*priority, *prefetch, *no_ack);
                let id = stage.consume(ConsumerSettings {
                    no_ack,
                    exclusive: false,
                    priority,
                    prefetch,
                });
                assert!(model.consumers.iter().all(|c| c.id != id || !c.is_here));
                let prefetch = prefetch as usize;
                let (is_starved, is_here) = (false, true);
                model.consumers.push(Consumer {
                    id,
                    priority,
                    prefetch,
                    no_ack,
                    is_starved,
                    is_here,
                });
                model.came.push(id);
                model.dispatch();
                self.consumers.push(id);
            }
            Call::Cancel(which) => {
                let Some(id) = self.consumer(*which) else { return };
                self.consumers.retain(|other| *other != id);
                let Self { stage, model, .. } = self;
                stage.cancel(id);
                model.came.retain(|other| *other != id);
                model.consumers.retain(|consumer| consumer.id != id);
                model.full.retain(|other| *other != id);
                stage.sink.full.retain(|other| *other != id);
                model.dispatch();
            }
            Call::SetPrefetch(which, prefetch) => {
                let Some(id) = self.consumer(*which) else { return };
                let Self { stage, model, .. } = self;
                stage.queue.set_prefetch(id, *prefetch, stage.now, &mut stage.sink);
                let was_blocked = model.is_out_of_credit(id);
                for consumer in model.consumers.iter_mut().filter(|c| c.id == id) {
                    consumer.prefetch = *prefetch as usize;
                }
                if was_blocked && !model.is_out_of_credit(id) {
                    model.stand_last(id);
                }
                model.dispatch();
            }
            Call::Fill(which) => {
                let Some(id) = self.consumer(*which) else { return };
                self.stage.sink.full.push(id);
                self.model.full.push(id);
            }
            Call::Resume(which) => {
                let Some(id) = self.consumer(*which) else { return };
                let Self { stage, model, .. } = self;
                stage.sink.full.retain(|other| *other != id);
                model.full.retain(|other| *other != id);
                stage.queue.resume(id, stage.now, &mut stage.sink);
                if let Some(consumer) =
                    model.consumers.iter_mut().find(|c| c.id == id && c.is_starved)
                {
                    consumer.is_starved = false;
                    model.stand_last(id);
                }
                model.dispatch();
            }
            Call::Get { no_ack } => {
                if let Some((received, _)) = stage.fetch(*no_ack) {
                    stage.sink.received.push(received);
                }
                model.get(*no_ack);
            }
            Call::Settle { first, count, settlement } => {
                let first = first % self.slots.len().max(1);
                let last = (first + count).min(self.slots.len());
                let settled: Vec<_> = self.slots.drain(first..last).collect();
                let slots: Vec<_> = settled.iter().map(|(slot, _)| *slot).collect();
                let numbers: Vec<_> = settled.iter().map(|(_, number)| *number).collect();
                stage.settle(&slots, *settlement);
                model.settle(&numbers, *settlement);
                model.dispatch();
            }
            Call::Purge => {
                let purged = stage.queue.purge();
                assert_eq!(purged as usize, model.ready.len() + model.returned.len());
                model.ready.clear();
                model.returned.clear();
            }
            Call::Pass(ms) => {
                stage.now = stage.now.plus_ms(*ms);
                model.now += ms;
            }
        }
    }

    /// Compares what happened and what is left.
    fn compare(&mut self) {
        let Self { stage, model, slots, .. } = self;
        stage.pass(0);
        model.expire();
        let number = |body: &str| body.split(' ').next().unwrap().parse::<u64>().unwrap();
        let mut events = Events { rejected: model.events.rejected, ..Events::default() };
        for received in stage.sink.received.drain(..) {
            let number = number(&received.body);
            events.deliveries.push((received.consumer, number, received.redelivered));
            slots.extend(received.slot.map(|slot| (slot, number)));
        }
        for (body, reason) in stage.letters() {
            events.deaths.push((number(&body), reason));
        }
        // Within one call the model may let messages die in another order.
        events.deaths.sort_unstable();
        model.events.deaths.sort_unstable();
        assert_eq!(events, std::mem::take(&mut model.events));
        let waiting = || model.ready.iter().chain(&model.returned);
        let queue = &stage.queue;
        assert_eq!(queue.ready() as usize, waiting().count());
        assert_eq!(queue.ready_bytes() as usize, waiting().map(|m| m.bytes).sum::<usize>());
        assert_eq!(queue.unacked() as usize, model.unacked.len());
        assert_eq!(queue.content.len() as u64, queue.ready() + queue.unacked());
        assert_eq!(queue.consumer_count() as usize, model.came.len());
        assert_eq!(
            queue.single_active_consumer(),
            model.active.filter(|id| model.came.contains(id))
        );
        let deadlines = waiting().filter_map(|message| message.deadline);
        match (queue.next_deadline(), deadlines.min()) {
            (Some(next), earliest) => {
                assert!(next > stage.now && earliest.is_some_and(|earliest| earliest <= next.0));
            }
            (None, _) => assert!(waiting().all(|message| {
                message.deadline.is_none() || !is_head(message.number, &model.ready)
            })),
        }
        for id in &self.consumers {
            assert_eq!(queue.consumer_unacked(*id) as usize, model.unacked_of(*id));
        }
    }

    /// Takes everything out: no message is lost, none is doubled, no memory stays.
    fn drain(mut self) {
        while let Some(call) = (!self.slots.is_empty()).then_some(Call::Settle {
            first: 0,
            count: 3,
            settlement: Settlement::Ack,
        }) {
            self.make(&call);
            self.compare();
        }
        while self.stage.queue.ready() > 0 {
            self.make(&Call::Get { no_ack: true });
            self.compare();
        }
        let queue = &self.stage.queue;
        assert_eq!((queue.content.len(), queue.returns.len(), queue.ready_bytes()), (0, 0, 0));
        assert!(queue.memory_bytes() <= 4096 + 8192);
    }
}

fn is_head(number: u64, ready: &[Message]) -> bool {
    (0..ready.len())
        .any(|at| ready[at].number == number && (at == 0 || ready[at - 1].level != ready[at].level))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_queue_does_what_the_model_does(
        settings in settings(),
        calls in proptest::collection::vec(call(), 1..120),
    ) {
        let mut pair = Pair::new(settings);
        for call in &calls {
            pair.make(call);
            pair.compare();
        }
        pair.drain();
    }
}
