//! Random calls against a queue and against a naive model of it: the same deliveries, dead letters and counts.
//!
//! The model keeps lists and looks through them for everything; it shares no code with the queue. Contents that are paged
//! out come back in any order; with all of them back, a queue that pages out has done what one does that does not. In the
//! middle the queue is made anew from what the log would have of it.

mod late;
mod naive;

use proptest::prelude::*;

use self::naive::{Consumer, Events, Message, Model};
use super::*;
use crate::QueueKind;

#[derive(Debug, Clone)]
enum Call {
    Publish {
        priority: Option<u8>,
        expiration_ms: Option<u64>,
        padding: usize,
        logged: bool,
    },
    Consume {
        priority: i64,
        prefetch: u32,
        no_ack: bool,
    },
    Cancel(usize),
    SetPrefetch(usize, u32),
    Fill(usize),
    Resume(usize),
    Get {
        no_ack: bool,
    },
    Settle {
        first: usize,
        count: usize,
        settlement: Settlement,
    },
    Purge,
    /// Somebody chose it, to be dropped or to be put back, among all that waits.
    Choose {
        nth: usize,
        is_dropped: bool,
    },
    Pass(u64),
    /// A policy comes or goes.
    Change {
        max_length: Option<u64>,
        max_length_bytes: Option<u64>,
        overflow: Overflow,
        dead_letters: bool,
    },
    /// The process ends; whether it could say so.
    Restart {
        clean: bool,
        stride: usize,
    },
}

fn call() -> impl Strategy<Value = Call> {
    let settlement = prop_oneof![
        3 => Just(Settlement::Ack),
        2 => any::<bool>().prop_map(|counted| Settlement::Requeue { counted }),
        1 => Just(Settlement::Reject),
    ];
    let some_ms = proptest::option::weighted(0.3, 0..40u64);
    let padding = prop_oneof![9 => 0..40usize, 1 => Just(9000)];
    let rare = |range: std::ops::Range<u64>| proptest::option::weighted(0.3, range);
    prop_oneof![
        12 => (proptest::option::of(any::<u8>().prop_map(|n| n % 7)), some_ms, padding, any::<bool>())
            .prop_map(|(priority, expiration_ms, padding, logged)| {
                Call::Publish { priority, expiration_ms, padding, logged }
            }),
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
        2 => (0..30usize, any::<bool>())
            .prop_map(|(nth, is_dropped)| Call::Choose { nth, is_dropped }),
        2 => (0..30u64).prop_map(Call::Pass),
        1 => (rare(0..9), rare(0..300), overflow(), any::<bool>()).prop_map(
            |(max_length, max_length_bytes, overflow, dead_letters)| {
                Call::Change { max_length, max_length_bytes, overflow, dead_letters }
            }
        ),
        1 => (any::<bool>(), 1..4usize)
            .prop_map(|(clean, stride)| Call::Restart { clean, stride }),
    ]
}

fn overflow() -> impl Strategy<Value = Overflow> {
    prop_oneof![
        Just(Overflow::DropHead),
        Just(Overflow::RejectPublish),
        Just(Overflow::RejectPublishDlx),
    ]
}

fn settings() -> impl Strategy<Value = QueueSettings> {
    let rare = |range: std::ops::Range<u64>| proptest::option::weighted(0.3, range);
    let limits = (rare(0..60), rare(0..9), rare(0..300), overflow());
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

/// What the queue keeps in memory, and in which order it gets back what it does not.
fn paging() -> impl Strategy<Value = Paging> {
    let high = prop_oneof![Just(usize::MAX), Just(0), Just(4096), Just(10_000), Just(30_000)];
    let low = prop_oneof![Just(0), Just(200), Just(2000), Just(20_000)];
    (high, low, any::<bool>(), any::<u64>()).prop_map(|(high, low, spills, answers)| Paging {
        high,
        low,
        spills,
        answers,
    })
}

#[derive(Debug, Clone, Copy)]
struct Paging {
    high: usize,
    low: usize,
    spills: bool,
    answers: u64,
}

/// The queue and its model, side by side.
struct Pair {
    stage: Stage,
    model: Model,
    /// The number of the message that each slot holds.
    slots: Vec<(Slot, u64)>,
    consumers: Vec<ConsumerId>,
    paging: Paging,
    /// Messages before this one may have been delivered when the process ended without saying so.
    maybe_delivered: Sequence,
}

impl Pair {
    fn new(settings: QueueSettings, paging: Paging) -> Self {
        let model = Model::new(settings.clone());
        let mut stage = Stage::paging(settings, paging.high, paging.low);
        stage.sink.storage.spills = paging.spills;
        let (slots, consumers, maybe_delivered) = (Vec::new(), Vec::new(), Sequence(0));
        Self { stage, model, slots, consumers, paging, maybe_delivered }
    }

    /// All that is wanted comes, in any order.
    fn answer(&mut self) {
        loop {
            let answers = &mut self.paging.answers;
            *answers = answers.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            if !self.stage.read_any(usize::try_from(*answers >> 33).unwrap()) {
                break;
            }
        }
    }

    /// The queue is made anew from what the log has of it.
    fn restart(&mut self, clean: bool, stride: usize) {
        let Self { stage, model, paging, .. } = self;
        if !clean {
            self.maybe_delivered = Sequence(stage.sequence + 1);
        }
        let budget = ResidentBudget { high_bytes: paging.high, low_bytes: paging.low };
        let pool = SegmentPool::with_budget(1 << 20, budget, usize::MAX);
        let settings = model.settings.clone();
        let mut recovery = Queue::recover("q".into(), settings, pool, stage.now);
        stage.sink.storage.recover(&mut recovery, stride);
        stage.sink.storage.forget_spilled();
        stage.queue = recovery.finish(self.maybe_delivered);
        stage.sink.full.clear();
        self.slots.clear();
        self.consumers.clear();
        self.model.restart(self.maybe_delivered.0);
    }

    fn consumer(&self, which: usize) -> Option<ConsumerId> {
        self.consumers.get(which % self.consumers.len().max(1)).copied()
    }

    fn choose(&mut self, nth: usize, is_dropped: bool) {
        let Self { stage, model, .. } = self;
        let keeps_order =
            model.settings.kind == QueueKind::Classic || model.settings.delivery_limit.is_some();
        if !is_dropped && !keeps_order {
            return; // what came back stands behind all, and what is put back before or behind that
        }
        let waiting = stage.waiting();
        let Some(seen) = waiting.get(nth % waiting.len().max(1)) else { return };
        let Spot::Ready(spot) = seen.spot else { panic!("{seen:?} waits") };
        let Stage { queue, sink, now, .. } = stage;
        if is_dropped {
            assert!(queue.drop_chosen(seen.sequence, spot, sink));
            queue.dispatch(*now, sink);
            model.ready.retain(|message| message.number != seen.sequence.0);
            model.returned.retain(|message| message.number != seen.sequence.0);
        } else {
            let slot = queue.take(seen.sequence, spot).expect("it waits");
            queue.put_back(slot);
            queue.after_taken(*now, sink);
            model.put_back(seen.sequence.0);
        }
        model.dispatch();
    }

    fn make(&mut self, call: &Call) {
        let Self { stage, model, .. } = self;
        match call {
            Call::Publish { priority, expiration_ms, padding, logged } => {
                let body = format!("{} {}", stage.sequence + 1, "x".repeat(*padding));
                let admission = stage.publish_with(&body, |arrival| {
                    arrival.priority = *priority;
                    arrival.expiration_ms = *expiration_ms;
                    arrival.logged = *logged;
                });
                model.publish(stage.sequence, body.len(), *priority, *expiration_ms, *logged);
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
                let purged = stage.purge();
                assert_eq!(purged, (model.ready.len() + model.returned.len()) as u64);
                model.ready.clear();
                model.returned.clear();
            }
            Call::Choose { nth, is_dropped } => self.choose(*nth, *is_dropped),
            Call::Pass(ms) => {
                stage.now = stage.now.plus_ms(*ms);
                model.now += ms;
            }
            Call::Change { max_length, max_length_bytes, overflow, dead_letters } => {
                let (max_length, max_length_bytes) = (*max_length, *max_length_bytes);
                let (overflow, dead_letter) = (*overflow, None);
                let settings = model.settings.clone();
                let changed = QueueSettings {
                    max_length,
                    max_length_bytes,
                    overflow,
                    dead_letter,
                    ..settings
                };
                model.settings = if *dead_letters { with_dlx(changed) } else { changed };
                stage.queue.change(stage.now, model.settings.clone(), &mut stage.sink);
                model.drop_overflow();
                model.dispatch();
            }
            Call::Restart { clean, stride } => self.restart(*clean, *stride),
        }
        self.answer();
    }

    /// Compares what happened and what is left.
    fn compare(&mut self) {
        self.stage.pass(0);
        self.answer();
        let Self { stage, model, slots, .. } = self;
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
        let in_order = model.returned.iter().chain(&model.ready).map(|message| message.number);
        assert_eq!(stage.sequences(), in_order.collect::<Vec<_>>());
        let queue = &stage.queue;
        assert_eq!(queue.ready(), waiting().count() as u64);
        assert_eq!(queue.ready_bytes(), waiting().map(|m| m.bytes as u64).sum());
        assert_eq!(queue.unacked(), model.unacked.len() as u64);
        let held = waiting().chain(model.unacked.iter().map(|(_, message)| message));
        let mut logged: Vec<_> = held.clone().filter(|m| m.logged).map(|m| m.number).collect();
        logged.sort_unstable();
        assert_eq!(stage.sink.storage.logged(), logged);
        let persistent = held.clone().filter(|message| message.logged);
        let persistent_bytes: usize = persistent.map(|message| message.bytes).sum();
        let in_log = (queue.persistent(), queue.persistent_bytes());
        assert_eq!(in_log, (logged.len() as u64, persistent_bytes as u64));
        let unacked_bytes: usize = model.unacked.iter().map(|(_, message)| message.bytes).sum();
        assert_eq!(queue.unacked_bytes(), unacked_bytes as u64);
        let spilled = stage.sink.storage.spilled();
        assert!(spilled.iter().all(|it| held.clone().any(|m| m.number == *it && !m.logged)));
        let elsewhere = logged.len() + spilled.len();
        let all = queue.ready() + queue.unacked();
        assert!((all - elsewhere as u64..=all).contains(&(queue.content.len() as u64)));
        if queue.paging.is_none() && self.paging.high == usize::MAX {
            assert_eq!(queue.content.len() as u64, all);
        }
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
        let Stage { queue, sink, now, .. } = &mut self.stage;
        queue.dispatch(*now, sink);
        assert_eq!((queue.content.len(), queue.returns.len(), queue.ready_bytes()), (0, 0, 0));
        assert!(queue.paging.is_none() && sink.storage.logged().is_empty());
        assert!(queue.memory_bytes() <= 4096 + 8192);
    }
}

fn is_head(number: u64, ready: &[Message]) -> bool {
    (0..ready.len())
        .any(|at| ready[at].number == number && (at == 0 || ready[at - 1].level != ready[at].level))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn the_queue_does_what_the_model_does(
        settings in settings(),
        paging in paging(),
        calls in proptest::collection::vec(call(), 1..120),
    ) {
        let mut pair = Pair::new(settings, paging);
        for call in &calls {
            pair.make(call);
            pair.compare();
        }
        pair.drain();
    }
}
