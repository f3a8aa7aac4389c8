//! Random calls while contents come late, in any order, or damaged: what is logged and not settled is what the queue
//! holds; each message ends once, and in one way.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
enum Call {
    Publish { priority: u8, expiration_ms: Option<u64>, padding: usize },
    Consume { prefetch: u32, no_ack: bool },
    Cancel(usize),
    Get { no_ack: bool },
    Settle { first: usize, count: usize, settlement: Settlement },
    Read(usize),
    Damaged(usize),
    Stale(usize),
    Accept { which: usize, accepted: bool },
    Purge,
    Pass(u64),
}

fn call() -> impl Strategy<Value = Call> {
    let settlement = prop_oneof![
        3 => Just(Settlement::Ack),
        3 => any::<bool>().prop_map(|counted| Settlement::Requeue { counted }),
        2 => Just(Settlement::Reject),
    ];
    let some_ms = proptest::option::weighted(0.3, 0..40u64);
    prop_oneof![
        12 => (0..4u8, some_ms, 0..3000usize).prop_map(|(priority, expiration_ms, padding)| {
            Call::Publish { priority, expiration_ms, padding }
        }),
        2 => (0..6u32, proptest::bool::weighted(0.3))
            .prop_map(|(prefetch, no_ack)| Call::Consume { prefetch, no_ack }),
        1 => (0..8usize).prop_map(Call::Cancel),
        3 => any::<bool>().prop_map(|no_ack| Call::Get { no_ack }),
        5 => (0..8usize, 1..4usize, settlement)
            .prop_map(|(first, count, settlement)| Call::Settle { first, count, settlement }),
        8 => any::<usize>().prop_map(Call::Read),
        1 => any::<usize>().prop_map(Call::Damaged),
        1 => any::<usize>().prop_map(Call::Stale),
        2 => (any::<usize>(), any::<bool>())
            .prop_map(|(which, accepted)| Call::Accept { which, accepted }),
        1 => Just(Call::Purge),
        2 => (0..30u64).prop_map(Call::Pass),
    ]
}

fn settings() -> impl Strategy<Value = QueueSettings> {
    let quorum = QueueSettings { delivery_limit: Some(2), ..QueueSettings::quorum() };
    let held = with_dlx(QueueSettings { overflow: Overflow::RejectPublish, ..quorum.clone() });
    let held = QueueSettings {
        dead_letter: held
            .dead_letter
            .map(|target| DeadLetterTarget { strategy: DeadLetterStrategy::AtLeastOnce, ..target }),
        ..held
    };
    let kind = prop_oneof![
        Just(classic()),
        Just(with_dlx(classic())),
        Just(with_dlx(QueueSettings { max_priority: Some(2), ..classic() })),
        Just(with_dlx(quorum)),
        Just(with_dlx(QueueSettings { delivery_limit: None, ..QueueSettings::quorum() })),
        Just(held),
    ];
    let rare = |range: std::ops::Range<u64>| proptest::option::weighted(0.3, range);
    (kind, rare(0..60), rare(1..9)).prop_map(|(kind, message_ttl_ms, max_length)| QueueSettings {
        message_ttl_ms,
        max_length,
        ..kind
    })
}

struct Run {
    stage: Stage,
    /// Slots of deliveries, with the number of their message.
    slots: Vec<(Slot, u64)>,
    consumers: Vec<ConsumerId>,
    held: Vec<Slot>,
    /// The numbers of those that were settled by hand, delivered for good, dropped or dead-lettered.
    ended: BTreeSet<u64>,
    sent: Vec<u64>,
}

fn number_of(body: &[u8]) -> u64 {
    let number: u64 = text(body).split(' ').next().unwrap().parse().unwrap();
    assert_eq!(body, body_of(number, body.len()).as_bytes(), "not a byte has changed");
    number
}

fn body_of(number: u64, len: usize) -> String {
    let mut body = format!("{number} ");
    let fill = char::from(b'a' + u8::try_from(number % 26).unwrap());
    body.extend(std::iter::repeat_n(fill, len.saturating_sub(body.len())));
    body
}

impl Run {
    fn make(&mut self, call: &Call) {
        let stage = &mut self.stage;
        match call {
            Call::Publish { priority, expiration_ms, padding } => {
                let body = body_of(stage.sequence + 1, *padding);
                stage.publish_with(&body, |arrival| {
                    arrival.logged = true;
                    arrival.priority = Some(*priority);
                    arrival.expiration_ms = *expiration_ms;
                });
            }
            Call::Consume { prefetch, no_ack } => {
                let settings = ConsumerSettings { no_ack: *no_ack, ..prefetching(*prefetch) };
                self.consumers.push(stage.consume(settings));
            }
            Call::Cancel(which) if !self.consumers.is_empty() => {
                let id = self.consumers.remove(which % self.consumers.len());
                stage.cancel(id);
            }
            Call::Get { no_ack } => {
                let (_, got) = stage.try_fetch(*no_ack);
                stage.sink.received.extend(got.map(|(received, _)| received));
            }
            Call::Settle { first, count, settlement } => {
                let first = first % self.slots.len().max(1);
                let last = (first + count).min(self.slots.len());
                let settled: Vec<_> = self.slots.drain(first..last).map(|(slot, _)| slot).collect();
                stage.settle(&settled, *settlement);
            }
            Call::Read(pick) => drop(stage.read_any(*pick)),
            Call::Damaged(pick) => {
                if let Some((sequence, payload)) = stage.sink.storage.read_any(*pick) {
                    let Stage { queue, sink, now, .. } = stage;
                    let was_here = queue.page_failed(*now, sequence, sink);
                    assert_eq!(was_here, payload.is_some());
                }
            }
            Call::Stale(pick) => {
                // Something that nobody asked for, or that came before.
                let all = stage.sink.storage.logged();
                let Some(at) = pick.checked_rem(all.len()) else { return };
                let sequence = Sequence(all[at]);
                if !stage.sink.storage.wanted.contains(&(sequence, Backing::Log)) {
                    let payload = stage.sink.storage.payload(sequence, Backing::Log).cloned();
                    let Stage { queue, sink, now, .. } = stage;
                    assert!(queue.page_in(*now, sequence, &payload.unwrap(), sink));
                }
            }
            Call::Accept { which, accepted } if !self.held.is_empty() => {
                let slot = self.held.remove(which % self.held.len());
                let Stage { queue, sink, now, .. } = stage;
                queue.settle_dead_letter(*now, slot, *accepted, sink);
            }
            Call::Purge => drop(stage.purge()),
            Call::Pass(ms) => drop(stage.pass(*ms)),
            Call::Cancel(_) | Call::Accept { .. } => {}
        }
        self.check();
    }

    fn check(&mut self) {
        let Stage { queue, sink, .. } = &mut self.stage;
        for letter in sink.letters.drain(..) {
            let number = number_of(&letter.message.body);
            match letter.hold {
                Some(slot) => self.held.push(slot),
                None => self.sent.push(number),
            }
            assert_eq!(letter.hold.is_none(), letter.settles == Some(Sequence(number)));
        }
        for received in sink.received.drain(..) {
            let number = number_of(received.body.as_bytes());
            match received.slot {
                Some(slot) => self.slots.push((slot, number)),
                None => assert!(self.ended.insert(number), "{number} is delivered for good once"),
            }
        }
        let logged = sink.storage.logged();
        let dying = queue.paging.as_ref().map_or(0, |paging| paging.dying.messages());
        let held = queue.ready() + queue.unacked() + queue.held_dead_letters() + dying as u64;
        assert_eq!(logged.len() as u64, held);
        assert_eq!(queue.persistent(), held);
        assert!(self.slots.iter().all(|(_, number)| logged.contains(number)));
        assert!(!self.ended.iter().any(|number| logged.contains(number)));
        assert_eq!(queue.unacked(), self.slots.len() as u64);
        if queue.ready() > 0 && queue.consumers.next().is_some() {
            assert!(!sink.storage.wanted.is_empty(), "a consumer waits for a content alone");
        }
    }

    /// All contents come, and everything leaves.
    fn drain(mut self) {
        for id in std::mem::take(&mut self.consumers) {
            self.stage.cancel(id);
        }
        self.check();
        while !self.slots.is_empty() {
            self.make(&Call::Settle { first: 0, count: 3, settlement: Settlement::Ack });
        }
        loop {
            self.stage.read_all();
            self.check();
            if !self.held.is_empty() {
                self.make(&Call::Accept { which: 0, accepted: true });
            } else if self.stage.queue.ready() > 0 {
                self.make(&Call::Get { no_ack: true });
            } else if self.stage.queue.held_dead_letters() > 0 {
                self.make(&Call::Pass(10_000));
            } else {
                break;
            }
        }
        let sent = self.sent.len();
        self.sent.sort_unstable();
        self.sent.dedup();
        assert_eq!(self.sent.len(), sent, "each message has one letter");
        assert_eq!(self.stage.sink.storage.logged(), [] as [u64; 0]);
        let Stage { queue, sink, now, .. } = &mut self.stage;
        queue.dispatch(*now, sink);
        assert_eq!((queue.content.len(), queue.ready_bytes()), (0, 0));
        assert_eq!((queue.unacked_bytes(), queue.persistent_bytes()), (0, 0));
        assert!(queue.paging.is_none());
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn nothing_is_lost_or_doubled_while_contents_come_late(
        settings in settings(),
        high in prop_oneof![Just(0usize), Just(4096), Just(10_000), Just(30_000)],
        low in prop_oneof![Just(0usize), Just(200), Just(5000), Just(20_000)],
        calls in proptest::collection::vec(call(), 1..150),
    ) {
        let stage = Stage::paging(settings, high, low);
        let (slots, consumers, held) = (Vec::new(), Vec::new(), Vec::new());
        let (ended, sent) = (BTreeSet::new(), Vec::new());
        let mut run = Run { stage, slots, consumers, held, ended, sent };
        for call in &calls {
            run.make(call);
        }
        run.drain();
    }
}
