//! What it costs to find where a message goes: it may not grow with bindings that do not match.

use std::{hint::black_box, sync::Arc};

use amqp::FieldTable;
use broker::{
    Destination, Exchange, ExchangeKind, ExchangeName, ExchangeSpec, QueueKind, RoutingInput,
    VhostName,
    routing::{ExchangeDirectory, Route, RouteCache},
};
use criterion::{Criterion, criterion_group, criterion_main};

/// A vhost with one exchange.
struct One(Exchange);

impl ExchangeDirectory for One {
    fn visit(&self, name: &str, f: &mut dyn FnMut(&Exchange)) -> bool {
        let is_it = self.0.spec().name == name;
        if is_it {
            f(&self.0);
        }
        is_it
    }
}

fn exchange(kind: ExchangeKind, binding_keys: impl Iterator<Item = String>) -> One {
    let spec = ExchangeSpec {
        name: "x".into(),
        kind,
        durable: true,
        auto_delete: false,
        internal: false,
        arguments: FieldTable::new(),
    };
    let mut exchange = Exchange::new(spec, &VhostName::from("/")).expect("a valid exchange");
    for (index, key) in binding_keys.enumerate() {
        let queue = Destination::Queue(format!("q{index}").into());
        exchange
            .bind(queue, Some(QueueKind::Classic), key.as_bytes(), &FieldTable::new())
            .expect("a valid binding");
    }
    One(exchange)
}

/// Times one routing decision, and checks that it finds `expected` queues.
fn route(c: &mut Criterion, id: &str, exchange: &One, key: &str, expected: usize) {
    let (first, input) = (ExchangeName::from("x"), RoutingInput::of_key(key.as_bytes()));
    let mut route = Route::default();
    c.bench_function(id, |b| {
        b.iter(|| {
            route.find(exchange, &first, black_box(&input));
            black_box(route.queues().len())
        });
    });
    assert_eq!(route.queues().len(), expected);
}

fn one_of_many_matches(c: &mut Criterion) {
    for bindings in [1, 5_000, 10_000] {
        let direct = exchange(ExchangeKind::Direct, (0..bindings).map(|n| format!("key.{n}")));
        route(c, &format!("direct: one of {bindings}"), &direct, "key.0", 1);

        let patterns = |n| format!("stock.*.exchange{n}.#");
        let topic = exchange(ExchangeKind::Topic, (0..bindings).map(patterns));
        route(c, &format!("topic: one of {bindings}"), &topic, "stock.nyse.exchange0.ibm.buy", 1);
    }
}

fn hostile_topics(c: &mut Criterion) {
    let long_key = |word: &str| vec![word; 100].join(".");
    // Every pattern of the words `a` and `*`, with a `#` on either side: all of them match, wherever they start.
    let patterns = (0..10_000_u32).map(|n| {
        let words: Vec<_> = (0..13).map(|bit| if n >> bit & 1 == 0 { "a" } else { "*" }).collect();
        format!("#.{}.#", words.join("."))
    });
    let wild = exchange(ExchangeKind::Topic, patterns);
    route(c, "topic: all 10000 match anywhere", &wild, &long_key("a"), 10_000);
    route(c, "topic: one of 10000 matches anywhere", &wild, &long_key("b"), 1);

    let pairs = (0..100).flat_map(|a| (0..100).map(move |b| format!("#.{a}.#.{b}")));
    let pairs = exchange(ExchangeKind::Topic, pairs);
    let key = (0..85).map(|word| word.to_string()).collect::<Vec<_>>().join(".");
    route(c, "topic: 84 of 10000 pairs match", &pairs, &key, 84);
}

fn fanout(c: &mut Criterion) {
    for queues in [50, 5_000] {
        let fanout = exchange(ExchangeKind::Fanout, (0..queues).map(|_| String::new()));
        route(c, &format!("fanout: {queues} queues"), &fanout, "", queues);
    }
}

/// What most messages need instead of routing.
fn cache(c: &mut Criterion) {
    const EPOCH: u64 = 1;
    let mut cache = RouteCache::default();
    for key in ["key.0", "key.1"] {
        cache.find(EPOCH, "x", key.as_bytes());
        cache.insert(&Arc::new(key));
    }
    c.bench_function("cache: the same key again", |b| {
        b.iter(|| cache.find(EPOCH, black_box("x"), black_box(b"key.1")));
    });
    let mut keys = ["key.0", "key.1"].into_iter().cycle();
    c.bench_function("cache: two keys in turn", |b| {
        b.iter(|| {
            let key = keys.next().unwrap_or_default();
            cache.find(EPOCH, black_box("x"), black_box(key.as_bytes()))
        });
    });
    assert_eq!(cache.find(EPOCH, "x", b"key.0").as_deref(), Some(&"key.0"));
}

criterion_group!(benches, cache, one_of_many_matches, hostile_topics, fanout);
criterion_main!(benches);
