//! Queues as their users see them: calls in, deliveries and dead letters out.

mod change;
mod chosen;
mod consumers;
mod dead_letters;
mod delivery;
mod expiry;
mod figures;
mod limits;
mod memory;
mod model;
mod paging;
mod quorum;
mod recovery;
mod sampling;
mod storage;

use amqp::{FieldTable, Properties, RawProperties, ShortString};
use bytes::Bytes;

use self::storage::Storage;
use super::*;
use crate::{
    DeadLetterStrategy, DeadLetterTarget, Overflow,
    message::{Arrival, Body, Origin},
};

/// What a consumer got, or who fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Received {
    consumer: Option<ConsumerId>,
    slot: Option<Slot>,
    redelivered: bool,
    body: String,
    headers: FieldTable,
}

/// Remembers what a queue decides; can refuse as a full outbox does, and keeps contents as log and spill file do.
#[derive(Debug, Default)]
struct Recorder {
    received: Vec<Received>,
    letters: Vec<DeadLetter>,
    full: Vec<ConsumerId>,
    /// Samples of how long messages wait: which, if it waited, and for how many it stands.
    samples: Vec<(Option<Sequence>, u64)>,
    storage: Storage,
}

impl Sink for Recorder {
    fn admit(&mut self, consumer: ConsumerId) -> bool {
        !self.full.contains(&consumer)
    }

    fn deliver(&mut self, consumer: ConsumerId, delivery: &Delivery<'_>) {
        self.received.push(received(Some(consumer), delivery));
    }

    fn dead_letter(&mut self, letter: DeadLetter) {
        if let Some(sequence) = letter.settles {
            self.storage.settle(sequence, Backing::Log);
        }
        self.letters.push(letter);
    }

    fn settled(&mut self, sequence: Sequence, backing: Backing) {
        self.storage.settle(sequence, backing);
    }

    fn noted(&mut self, sequence: Sequence, note: &[u8]) {
        self.storage.note(sequence, note);
    }

    fn spill(&mut self, arrival: &Arrival<'_>) -> bool {
        self.storage.spill(arrival)
    }

    fn want(&mut self, sequence: Sequence, backing: Backing) {
        self.storage.want(sequence, backing);
    }

    fn sample_wait(&mut self, sequence: Option<Sequence>, messages: u64) {
        self.samples.push((sequence, messages));
    }
}

fn received(consumer: Option<ConsumerId>, delivery: &Delivery<'_>) -> Received {
    let properties = RawProperties::from_bytes(delivery.properties);
    Received {
        consumer,
        slot: delivery.slot,
        redelivered: delivery.redelivered,
        body: String::from_utf8_lossy(delivery.body.as_bytes()).into_owned(),
        headers: Properties::decode(properties).unwrap().headers.unwrap_or_default(),
    }
}

/// A queue with its server: a clock, a counter of sequences and a recorder.
struct Stage {
    queue: Queue,
    sink: Recorder,
    now: Timestamp,
    sequence: u64,
}

const START: Timestamp = Timestamp(1_700_000_000_000);

impl Stage {
    fn new(settings: QueueSettings) -> Self {
        Self::with_pool(settings, SegmentPool::new(1 << 20))
    }

    /// With a queue that pages out beyond so many bytes.
    fn paging(settings: QueueSettings, high_bytes: usize, low_bytes: usize) -> Self {
        let budget = ResidentBudget { high_bytes, low_bytes };
        Self::with_pool(settings, SegmentPool::with_budget(1 << 20, budget, usize::MAX))
    }

    fn with_pool(settings: QueueSettings, pool: SegmentPool) -> Self {
        let queue = Queue::new("q".into(), settings, pool, START);
        Self { queue, sink: Recorder::default(), now: START, sequence: 0 }
    }

    fn publish(&mut self, body: &str) -> Admission {
        self.publish_with(body, |_| {})
    }

    fn publish_with<'a>(
        &mut self,
        body: &'a str,
        change: impl FnOnce(&mut Arrival<'a>),
    ) -> Admission {
        self.sequence += 1;
        let mut arrival = arrival(self.sequence, body.as_bytes());
        change(&mut arrival);
        if arrival.logged {
            self.sink.storage.log(&arrival, self.now);
        }
        self.queue.publish(self.now, &arrival, &mut self.sink)
    }

    fn publish_all(&mut self, bodies: &[&str]) {
        for body in bodies {
            assert_eq!(self.publish(body), Admission::Accepted);
        }
    }

    fn consume(&mut self, settings: ConsumerSettings) -> ConsumerId {
        let id = self.queue.consume(self.now, &"/".into(), settings).unwrap();
        self.queue.dispatch(self.now, &mut self.sink);
        id
    }

    fn cancel(&mut self, id: ConsumerId) -> bool {
        self.queue.cancel(id, self.now, &mut self.sink).queue_unused
    }

    fn settle(&mut self, slots: &[Slot], settlement: Settlement) {
        self.queue.settle(self.now, slots, settlement, &mut self.sink);
    }

    fn get(&mut self) -> Option<(Received, u64)> {
        self.fetch(false)
    }

    /// Fetches one; what is wanted for it is read.
    fn fetch(&mut self, no_ack: bool) -> Option<(Received, u64)> {
        loop {
            match self.try_fetch(no_ack) {
                (Got::Wait, None) => assert!(self.read_any(0), "what it waits for is wanted"),
                (Got::Delivered, got @ Some(_)) => return got,
                (Got::Empty, None) => return None,
                (found, got) => panic!("{found:?} with {got:?}"),
            }
        }
    }

    fn try_fetch(&mut self, no_ack: bool) -> (Got, Option<(Received, u64)>) {
        let mut got = None;
        let found = self.queue.get(self.now, no_ack, &mut self.sink, |delivery, remaining| {
            got = Some((received(None, delivery), remaining));
        });
        (found, got)
    }

    /// Reads one of the wanted contents, chosen by `pick`; `false` if there is none.
    fn read_any(&mut self, pick: usize) -> bool {
        let Some((sequence, payload)) = self.sink.storage.read_any(pick) else { return false };
        let Self { queue, sink, now, .. } = self;
        match payload {
            Some(payload) => assert!(queue.page_in(*now, sequence, &payload, sink)),
            None => assert!(!queue.page_failed(*now, sequence, sink), "it is needed no more"),
        }
        true
    }

    /// Reads all that is wanted, the oldest wish first.
    fn read_all(&mut self) {
        while self.read_any(0) {}
    }

    fn purge(&mut self) -> u64 {
        let purged = self.queue.purge();
        self.sink.storage.settle_all(purged.remains);
        purged.count
    }

    fn pass(&mut self, ms: u64) -> Fate {
        self.now = self.now.plus_ms(ms);
        self.queue.handle_time(self.now, &mut self.sink)
    }

    /// What arrived since the last call: consumer and body.
    fn received(&mut self) -> Vec<(u32, String)> {
        let received = self.sink.received.drain(..);
        received.map(|received| (received.consumer.map_or(99, |id| id.0), received.body)).collect()
    }

    /// The bodies that arrived since the last call.
    fn bodies(&mut self) -> Vec<String> {
        self.received().into_iter().map(|(_, body)| body).collect()
    }

    /// The slots of what arrived since the last call.
    fn slots(&mut self) -> Vec<Slot> {
        self.sink.received.drain(..).filter_map(|received| received.slot).collect()
    }

    /// The dead letters since the last call: body and reason.
    fn letters(&mut self) -> Vec<(String, &'static str)> {
        let letters = self.sink.letters.drain(..);
        letters.map(|letter| (text(&letter.message.body), letter.reason.as_str())).collect()
    }

    fn counts(&self) -> (u64, u64) {
        (self.queue.ready(), self.queue.unacked())
    }
}

fn arrival(sequence: u64, body: &[u8]) -> Arrival<'_> {
    Arrival {
        sequence: Sequence(sequence),
        exchange: "",
        routing_key: b"q",
        properties: RawProperties::EMPTY.as_bytes(),
        body: Body::Inline(body),
        blind_keys: b"",
        persistent: false,
        priority: None,
        expiration_ms: None,
        origin: Origin::Client,
        logged: false,
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn acking() -> ConsumerSettings {
    ConsumerSettings::default()
}

fn prefetching(prefetch: u32) -> ConsumerSettings {
    ConsumerSettings { prefetch, ..acking() }
}

fn no_ack() -> ConsumerSettings {
    ConsumerSettings { no_ack: true, ..acking() }
}

fn classic() -> QueueSettings {
    QueueSettings::default()
}

/// Dead letters go to exchange `dlx` with the keys they have.
fn with_dlx(settings: QueueSettings) -> QueueSettings {
    let target = DeadLetterTarget {
        exchange: "dlx".into(),
        routing_key: None,
        strategy: DeadLetterStrategy::AtMostOnce,
    };
    QueueSettings { dead_letter: Some(target), ..settings }
}
