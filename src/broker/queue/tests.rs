//! Queues as their users see them: calls in, deliveries and dead letters out.

mod consumers;
mod dead_letters;
mod delivery;
mod expiry;
mod limits;
mod memory;
mod model;
mod quorum;

use amqp::{FieldTable, Properties, RawProperties, ShortString};
use bytes::Bytes;

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

/// Remembers what a queue decides; can refuse as a full outbox does.
#[derive(Debug, Default)]
struct Recorder {
    received: Vec<Received>,
    letters: Vec<DeadLetter>,
    full: Vec<ConsumerId>,
}

impl Sink for Recorder {
    fn admit(&mut self, consumer: ConsumerId) -> bool {
        !self.full.contains(&consumer)
    }

    fn deliver(&mut self, consumer: ConsumerId, delivery: &Delivery<'_>) {
        self.received.push(received(Some(consumer), delivery));
    }

    fn dead_letter(&mut self, letter: DeadLetter) {
        self.letters.push(letter);
    }

    fn settled(&mut self, _: Sequence, _: Backing) {}

    fn noted(&mut self, _: Sequence, _: &[u8]) {}

    fn spill(&mut self, _: &Arrival<'_>) -> bool {
        false
    }

    fn want(&mut self, _: Sequence, _: Backing) {}
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
        let queue = Queue::new("q".into(), settings, SegmentPool::new(1 << 20), START);
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

    fn fetch(&mut self, no_ack: bool) -> Option<(Received, u64)> {
        let mut got = None;
        let found = self.queue.get(self.now, no_ack, &mut self.sink, |delivery, remaining| {
            got = Some((received(None, delivery), remaining));
        });
        assert_eq!(found, if got.is_some() { Got::Delivered } else { Got::Empty });
        got
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
