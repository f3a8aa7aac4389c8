//! What a queue costs per message: from its arrival to its delivery, and to its ack.

use std::hint::black_box;

use broker::{
    ExchangeName, QueueSettings, Timestamp, VhostName,
    message::{Arrival, Body, Origin, Sequence},
    queue::{
        Backing, ConsumerId, ConsumerSettings, DeadLetter, Delivery, Queue, SegmentPool,
        Settlement, Sink, Slot,
    },
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// As many as a read buffer holds of small messages, or so.
const RUN: u64 = 512;
/// How many messages wait in a long queue.
const BACKLOG: u64 = 100_000;
const NOW: Timestamp = Timestamp(1_700_000_000_000);
/// Persistent, with content type and priority, as task queues publish.
const PROPERTIES: &[u8] = b"\x98\x00\x10application/json\x02\x00";

/// An outbox: keeps the slots, copies the content.
#[derive(Default)]
struct Outbox {
    slots: Vec<Slot>,
    bytes: Vec<u8>,
}

impl Sink for Outbox {
    fn admit(&mut self, _: ConsumerId) -> bool {
        true
    }

    fn deliver(&mut self, _: ConsumerId, delivery: &Delivery<'_>) {
        self.slots.extend(delivery.slot);
        self.bytes.extend_from_slice(delivery.exchange);
        self.bytes.extend_from_slice(delivery.routing_key);
        self.bytes.extend_from_slice(delivery.properties);
        self.bytes.extend_from_slice(delivery.body.as_bytes());
    }

    fn dead_letter(&mut self, letter: DeadLetter) {
        black_box(letter);
    }

    fn settled(&mut self, sequence: Sequence, _: Backing) {
        black_box(sequence);
    }

    fn noted(&mut self, _: Sequence, note: &[u8]) {
        black_box(note);
    }

    fn spill(&mut self, _: &Arrival<'_>) -> bool {
        false
    }

    fn want(&mut self, _: Sequence, _: Backing) {}
}

struct Stage {
    queue: Queue,
    outbox: Outbox,
    sequence: u64,
}

impl Stage {
    fn new(settings: QueueSettings) -> Self {
        let queue = Queue::new("orders".into(), settings, SegmentPool::new(64 << 20), NOW);
        Self { queue, outbox: Outbox::default(), sequence: 0 }
    }

    fn consume(&mut self, no_ack: bool) {
        let settings = ConsumerSettings { no_ack, ..ConsumerSettings::default() };
        self.queue.consume(NOW, &VhostName::from("/"), settings).expect("nobody is exclusive");
        self.queue.dispatch(NOW, &mut self.outbox);
    }

    fn publish(&mut self, count: u64, body: &[u8]) {
        let exchange = ExchangeName::from("shop");
        for _ in 0..count {
            self.sequence += 1;
            let arrival = Arrival {
                sequence: Sequence(self.sequence),
                exchange: &exchange,
                routing_key: b"orders",
                properties: PROPERTIES,
                body: Body::Inline(body),
                blind_keys: b"",
                persistent: true,
                priority: Some(0),
                expiration_ms: None,
                origin: Origin::Client,
                logged: false,
            };
            black_box(self.queue.publish(NOW, black_box(&arrival), &mut self.outbox));
        }
    }

    fn settle(&mut self, settlement: Settlement) {
        let mut slots = std::mem::take(&mut self.outbox.slots);
        self.queue.settle(NOW, &slots, settlement, &mut self.outbox);
        if self.outbox.slots.is_empty() {
            slots.clear();
            self.outbox.slots = slots;
        }
        self.outbox.bytes.clear();
    }

    fn fetch(&mut self, count: u64) {
        for _ in 0..count {
            let mut sink = Outbox::default();
            let outbox = &mut self.outbox;
            self.queue.get(NOW, true, &mut sink, |delivery, _| {
                outbox.deliver(ConsumerId(0), delivery);
            });
        }
        self.outbox.bytes.clear();
    }
}

fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("queue");
    group.throughput(Throughput::Elements(RUN));
    for size in [16, 1024] {
        let body = vec![b'x'; size];
        let mut stage = Stage::new(QueueSettings::default());
        stage.consume(true);
        group.bench_function(format!("publish, deliver without ack, {size} B"), |bencher| {
            bencher.iter(|| {
                stage.publish(RUN, &body);
                stage.outbox.bytes.clear();
            });
        });
        for consumers in [1, 3] {
            let mut stage = Stage::new(QueueSettings::default());
            (0..consumers).for_each(|_| stage.consume(false));
            let name = format!("publish, deliver to {consumers}, ack, {size} B");
            group.bench_function(name, |bencher| {
                bencher.iter(|| {
                    stage.publish(RUN, &body);
                    stage.settle(Settlement::Ack);
                });
            });
        }
        for (kind, settings) in [
            ("classic", QueueSettings::default()),
            ("priority", QueueSettings { max_priority: Some(9), ..QueueSettings::default() }),
            ("ttl", QueueSettings { message_ttl_ms: Some(60_000), ..QueueSettings::default() }),
            ("quorum", QueueSettings::quorum()),
        ] {
            let mut stage = Stage::new(settings);
            stage.publish(BACKLOG, &body);
            let name = format!("store, fetch from a long queue, {kind}, {size} B");
            group.bench_function(name, |bencher| {
                bencher.iter(|| {
                    stage.publish(RUN, &body);
                    stage.fetch(RUN);
                });
            });
        }
        let mut stage = Stage::new(QueueSettings::default());
        stage.consume(false);
        stage.publish(RUN, &body);
        group.bench_function(format!("requeue, redeliver, {size} B"), |bencher| {
            bencher.iter(|| stage.settle(Settlement::Requeue { counted: false }));
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
