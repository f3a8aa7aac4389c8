use std::collections::BTreeMap;

use amqp::{FieldTable, FieldValue, ShortString};

use super::*;
use crate::{
    QueueKind, VhostName,
    exchange::{ExchangeKind, ExchangeSpec},
};

#[derive(Default)]
pub(super) struct Exchanges(BTreeMap<&'static str, Exchange>);

impl ExchangeDirectory for Exchanges {
    fn visit(&self, name: &str, f: &mut dyn FnMut(&Exchange)) -> bool {
        self.0.get(name).map(f).is_some()
    }
}

impl Exchanges {
    pub(super) fn declare(
        &mut self,
        name: &'static str,
        kind: ExchangeKind,
        alternate: Option<&str>,
    ) {
        let alternate = alternate.map(|name| ("alternate-exchange", FieldValue::from(name)));
        self.declare_with(name, kind, alternate);
    }

    pub(super) fn declare_with(
        &mut self,
        name: &'static str,
        kind: ExchangeKind,
        arguments: impl IntoIterator<Item = (&'static str, FieldValue)>,
    ) {
        let arguments = arguments.into_iter();
        let arguments = arguments.map(|(name, value)| (ShortString::from_static(name), value));
        let spec = ExchangeSpec {
            name: name.into(),
            kind,
            durable: true,
            auto_delete: false,
            internal: false,
            arguments: arguments.collect(),
        };
        self.0.insert(name, Exchange::new(spec, &VhostName::from("/")).unwrap());
    }

    pub(super) fn exchange(&mut self, name: &str) -> &mut Exchange {
        self.0.get_mut(name).unwrap()
    }

    pub(super) fn bind_queue(&mut self, exchange: &str, queue: &str, key: &str) {
        let queue = Destination::Queue(queue.into());
        let exchange = self.0.get_mut(exchange).unwrap();
        let none = FieldTable::new();
        exchange.bind(queue, Some(QueueKind::Classic), key.as_bytes(), &none).unwrap();
    }

    pub(super) fn bind_exchange(&mut self, source: &str, destination: &str, key: &str) {
        let destination = Destination::Exchange(destination.into());
        let source = self.0.get_mut(source).unwrap();
        source.bind(destination, None, key.as_bytes(), &FieldTable::new()).unwrap();
    }

    fn route(&self, first: &str, input: &RoutingInput<'_>) -> (String, RoutesBy) {
        let mut route = Route::default();
        let routes_by = route.find(self, &first.into(), input);
        let queues: Vec<&str> = route.queues().iter().map(QueueName::as_str).collect();
        (queues.join(" "), routes_by)
    }

    fn queues(&self, first: &str, key: &str) -> String {
        self.route(first, &RoutingInput::of_key(key.as_bytes())).0
    }
}

#[test]
fn exchanges_route_on_and_each_queue_gets_one_copy() {
    let mut all = Exchanges::default();
    for name in ["a", "b", "c"] {
        all.declare(name, ExchangeKind::Fanout, None);
        all.bind_queue(name, "shared", "");
        all.bind_queue(name, name, "");
    }
    all.bind_exchange("a", "b", "");
    all.bind_exchange("b", "c", "");
    all.bind_exchange("c", "a", "");
    all.bind_exchange("c", "c", "");
    all.bind_exchange("c", "gone", "");
    assert_eq!(all.queues("b", ""), "a b c shared");
}

#[test]
fn the_alternate_is_asked_only_where_nothing_matched() {
    let mut all = Exchanges::default();
    all.declare("main", ExchangeKind::Direct, Some("second"));
    all.declare("second", ExchangeKind::Topic, Some("third"));
    all.declare("third", ExchangeKind::Fanout, Some("main"));
    all.bind_queue("main", "q1", "a");
    all.bind_queue("second", "q2", "b");
    assert_eq!(all.queues("main", "a"), "q1");
    assert_eq!(all.queues("main", "b"), "q2");
    assert_eq!(all.queues("main", "c"), "");
    all.bind_queue("third", "q3", "");
    assert_eq!(all.queues("main", "c"), "q3");
    // A destination is a destination, even an exchange that routes nowhere.
    all.declare("empty", ExchangeKind::Fanout, None);
    all.bind_exchange("main", "empty", "c");
    assert_eq!(all.queues("main", "c"), "");
}

#[test]
fn the_default_exchange_goes_by_name() {
    let all = Exchanges::default();
    assert_eq!(all.queues("", "orders"), "orders");
    let keys: [&[u8]; 3] = [b"b", b"a", b"b"];
    let input = RoutingInput { extra_keys: &keys, ..RoutingInput::of_key(b"a") };
    assert_eq!(all.route("", &input), ("a b".to_owned(), RoutesBy::Properties));
}

#[test]
fn the_result_says_what_it_depends_on() {
    let mut all = Exchanges::default();
    all.declare("direct", ExchangeKind::Direct, Some("missing"));
    all.declare("headers", ExchangeKind::Headers, None);
    all.declare("random", ExchangeKind::Random, None);
    all.bind_exchange("direct", "headers", "h");
    all.bind_exchange("headers", "random", "");
    let by = |name, key: &str| all.route(name, &RoutingInput::of_key(key.as_bytes())).1;
    assert_eq!(by("direct", "d"), RoutesBy::Key);
    assert_eq!(by("random", ""), RoutesBy::Chance);
    assert_eq!(by("direct", "h"), RoutesBy::Chance);
}

#[test]
fn celerys_delays_walk_down_the_levels() {
    let names: Vec<&'static str> =
        (0..28).map(|level| &*format!("celery_delayed_{level}").leak()).collect();
    let mut all = Exchanges::default();
    for (level, name) in names.iter().enumerate() {
        all.declare(name, ExchangeKind::Topic, None);
        let stars = "*.".repeat(27 - level);
        all.bind_queue(name, name, &format!("{stars}1.#"));
    }
    all.declare("celery_delayed_delivery", ExchangeKind::Topic, None);
    for level in 0..28_usize {
        let next = level.checked_sub(1).map_or("celery_delayed_delivery", |next| names[next]);
        all.bind_exchange(names[level], next, &format!("{}0.#", "*.".repeat(27 - level)));
    }
    all.bind_queue("celery_delayed_delivery", "celery", "#.celery");
    let key = |delay: u32| {
        let bits: Vec<_> = format!("{delay:028b}").chars().map(String::from).collect();
        format!("{}.celery", bits.join("."))
    };
    assert_eq!(all.queues("celery_delayed_27", &key(5)), "celery_delayed_2");
    assert_eq!(all.queues("celery_delayed_1", &key(5)), "celery_delayed_0");
    assert_eq!(all.queues("celery_delayed_27", &key(0)), "celery");
}

#[test]
fn many_queues_show_once_too() {
    let mut all = Exchanges::default();
    all.declare("x", ExchangeKind::Topic, None);
    for index in (0..500).rev() {
        let (queue, key) =
            (format!("q{index}"), format!("{}.#", if index % 2 == 0 { "*" } else { "a" }));
        all.bind_queue("x", &queue, &key);
        all.bind_queue("x", &queue, "#.a");
    }
    assert_eq!(all.queues("x", "a").split(' ').count(), 500);
}
