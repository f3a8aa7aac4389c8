use amqp::ShortString;

use super::*;
use crate::QueueName;

fn spec(kind: ExchangeKind) -> ExchangeSpec {
    ExchangeSpec {
        name: "x".into(),
        kind,
        durable: true,
        auto_delete: false,
        internal: false,
        arguments: FieldTable::new(),
    }
}

fn exchange(kind: ExchangeKind) -> Exchange {
    Exchange::new(spec(kind), &"v".into()).unwrap()
}

fn table<const N: usize>(fields: [(&'static str, amqp::FieldValue); N]) -> FieldTable {
    fields.into_iter().map(|(key, value)| (ShortString::from_static(key), value)).collect()
}

fn queue(name: &str) -> Destination {
    Destination::Queue(QueueName::from(name))
}

fn bind(exchange: &mut Exchange, name: &str, key: &str) -> Result<bool, Refusal> {
    exchange.bind(queue(name), Some(QueueKind::Classic), key.as_bytes(), &FieldTable::new())
}

fn routed(exchange: &Exchange, input: &RoutingInput<'_>) -> Vec<String> {
    let mut out = Vec::new();
    exchange.route(input, &mut out);
    out.sort();
    out.dedup();
    out.iter().map(|destination| destination.name().to_owned()).collect()
}

#[test]
fn every_type_has_its_name() {
    for kind in ExchangeKind::ALL {
        assert_eq!(ExchangeKind::parse(kind.as_str()), Ok(kind));
    }
    assert_eq!(
        ExchangeKind::parse("x-jms-topic").unwrap_err().to_string(),
        "PRECONDITION_FAILED - unknown exchange type 'x-jms-topic'"
    );
}

#[test]
fn a_policy_gives_an_alternate_to_an_exchange_that_has_none() {
    let policy = |name: &str| table([("alternate-exchange", amqp::FieldValue::from(name))]);
    let alternate = |exchange: &Exchange| exchange.alternate().map(ToString::to_string);
    let mut plain = exchange(ExchangeKind::Fanout);
    assert!(plain.change(&policy("one")) && !plain.change(&policy("one")));
    assert_eq!(alternate(&plain), Some("one".to_owned()));
    assert!(plain.change(&policy("two")) && plain.change(&FieldTable::new()));
    assert_eq!(alternate(&plain), None);
    let declared = ExchangeSpec { arguments: policy("own"), ..spec(ExchangeKind::Fanout) };
    let mut declared = Exchange::new(declared, &"v".into()).unwrap();
    assert!(!declared.change(&policy("one")));
    assert_eq!(alternate(&declared), Some("own".to_owned()));
}

#[test]
fn binding_twice_is_binding_once() {
    for kind in [ExchangeKind::Direct, ExchangeKind::Fanout, ExchangeKind::Topic] {
        let mut exchange = exchange(kind);
        assert_eq!(bind(&mut exchange, "q", "k"), Ok(true));
        assert_eq!(bind(&mut exchange, "q", "k"), Ok(false));
        let arguments = table([("b", 1.into()), ("a", 2.into())]);
        let with = |exchange: &mut Exchange, arguments| {
            exchange.bind(queue("q"), Some(QueueKind::Classic), b"k", arguments)
        };
        assert_eq!(with(&mut exchange, &arguments), Ok(true));
        let reordered = table([("a", 2.into()), ("b", 1.into())]);
        assert_eq!(with(&mut exchange, &reordered), Ok(false));
        assert_eq!(exchange.binding_count(), 2);
        assert_eq!(exchange.bindings().last().unwrap().arguments(), reordered);

        assert!(exchange.unbind(&queue("q"), b"k", &FieldTable::new()));
        assert!(!exchange.unbind(&queue("q"), b"k", &FieldTable::new()));
        assert_eq!(routed(&exchange, &RoutingInput::of_key(b"k")), ["q"]);
        assert!(exchange.unbind(&queue("q"), b"k", &arguments));
        assert!(routed(&exchange, &RoutingInput::of_key(b"k")).is_empty());
        assert!(exchange.is_unused());
    }
}

#[test]
fn a_queue_takes_its_bindings_along() {
    for kind in ExchangeKind::ALL {
        let mut spec = spec(kind);
        spec.arguments = table([("x-delayed-type", "topic".into())]);
        let mut exchange = Exchange::new(spec, &"v".into()).unwrap();
        let key = if kind == ExchangeKind::LocalRandom { "" } else { "1" };
        for name in ["q1", "q2", "q3"] {
            assert_eq!(bind(&mut exchange, name, key), Ok(true));
        }
        if kind != ExchangeKind::LocalRandom {
            assert_eq!(bind(&mut exchange, "q2", "2"), Ok(true));
        }
        exchange.remove_destination(&queue("q2"));
        assert_eq!(exchange.bindings_to(&queue("q2")).count(), 0);
        assert_eq!(exchange.remove_destination(&queue("q2")), 0);
        assert_eq!(exchange.binding_count(), 2);
        for seed in 0..20 {
            let input = RoutingInput { seed, ..RoutingInput::of_key(b"1") };
            assert!(!routed(&exchange, &input).contains(&"q2".to_owned()), "{kind}");
        }
        exchange.remove_destination(&queue("q1"));
        assert_eq!(routed(&exchange, &RoutingInput::of_key(b"1")), ["q3"], "{kind}");
    }
}

#[test]
fn a_queue_and_an_exchange_of_the_same_name_are_two() {
    let mut exchange = exchange(ExchangeKind::Fanout);
    bind(&mut exchange, "same", "").unwrap();
    let other = Destination::Exchange("same".into());
    exchange.bind(other.clone(), None, b"", &FieldTable::new()).unwrap();
    assert_eq!(exchange.remove_destination(&other), 1);
    assert_eq!(exchange.binding_count(), 1);
}

#[test]
fn a_redeclare_must_be_equivalent() {
    let of = "for exchange 'x' in vhost 'v': received";
    let mut original = spec(ExchangeKind::Direct);
    original.arguments = table([("alternate-exchange", "ae".into()), ("mine", 1.into())]);
    let exchange = Exchange::new(original.clone(), &"v".into()).unwrap();
    assert_eq!(exchange.alternate(), Some(&"ae".into()));
    for (asked, difference) in [
        (
            ExchangeSpec { kind: ExchangeKind::Topic, ..original.clone() },
            format!("'type' {of} 'topic' but current is 'direct'"),
        ),
        (
            ExchangeSpec { durable: false, ..original.clone() },
            format!("'durable' {of} 'false' but current is 'true'"),
        ),
        (
            ExchangeSpec { auto_delete: true, ..original.clone() },
            format!("'auto_delete' {of} 'true' but current is 'false'"),
        ),
        (
            ExchangeSpec { internal: true, ..original.clone() },
            format!("'internal' {of} 'true' but current is 'false'"),
        ),
        (
            ExchangeSpec { arguments: FieldTable::new(), ..original.clone() },
            format!(
                "'alternate-exchange' {of} none but current is the value 'ae' of type 'longstr'"
            ),
        ),
    ] {
        let refusal = exchange.check_equivalent(&asked, &"v".into()).unwrap_err().to_string();
        assert_eq!(refusal, format!("PRECONDITION_FAILED - inequivalent arg {difference}"));
    }
    let mut others = original;
    others.arguments = table([("alternate-exchange", "ae".into()), ("mine", 2.into())]);
    assert_eq!(exchange.check_equivalent(&others, &"v".into()), Ok(()));
}

#[test]
fn random_reaches_everybody() {
    for kind in [ExchangeKind::Random, ExchangeKind::LocalRandom] {
        let mut exchange = exchange(kind);
        for name in ["q1", "q2", "q3"] {
            bind(&mut exchange, name, "").unwrap();
        }
        let mut counts = [0; 3];
        for seed in 0..3_000 {
            let input = RoutingInput { seed, ..RoutingInput::of_key(b"") };
            let [name] = &routed(&exchange, &input)[..] else { panic!("one destination") };
            counts[name[1..].parse::<usize>().unwrap() - 1] += 1;
        }
        assert!(counts.iter().all(|count| (800..1_200).contains(count)), "{counts:?}");
    }
}

#[test]
fn local_random_takes_classic_queues_without_a_key() {
    let mut exchange = exchange(ExchangeKind::LocalRandom);
    let mut refusal = |destination, kind, key: &str| {
        let none = FieldTable::new();
        exchange.bind(destination, kind, key.as_bytes(), &none).unwrap_err().to_string()
    };
    assert_eq!(
        refusal(queue("q"), Some(QueueKind::Classic), "k"),
        "PRECONDITION_FAILED - Non empty binding 'k' key not permitted"
    );
    assert_eq!(
        refusal(queue("q"), Some(QueueKind::Quorum), ""),
        "PRECONDITION_FAILED - Queue type rabbit_quorum_queue not valid for this exchange type"
    );
    assert_eq!(
        refusal(Destination::Exchange("y".into()), None, ""),
        "PRECONDITION_FAILED - Destination not found"
    );
}

#[test]
fn hashes_spread_by_weight_and_stay() {
    let mut exchange = exchange(ExchangeKind::ConsistentHash);
    for (name, weight) in [("q1", "1"), ("q2", "2"), ("q3", "3")] {
        bind(&mut exchange, name, weight).unwrap();
    }
    let go = |exchange: &Exchange| -> Vec<String> {
        (0..6_000)
            .map(|key| {
                let key = format!("key {key}");
                let [name] = &routed(exchange, &RoutingInput::of_key(key.as_bytes()))[..] else {
                    panic!("one destination")
                };
                name.clone()
            })
            .collect()
    };
    let before = go(&exchange);
    for (name, share) in [("q1", 1_000), ("q2", 2_000), ("q3", 3_000)] {
        let count = before.iter().filter(|found| *found == name).count();
        assert!(count.abs_diff(share) < 200, "{name}: {count}");
    }
    bind(&mut exchange, "q4", "1").unwrap();
    let moved = before.iter().zip(go(&exchange)).filter(|(before, after)| *before != after);
    let moved: Vec<_> = moved.collect();
    assert!(moved.iter().all(|(_, after)| after == "q4"));
    assert!(moved.len().abs_diff(6_000 / 7) < 200, "{}", moved.len());
    // A second binding of the same queue adds no weight.
    bind(&mut exchange, "q1", "100").unwrap();
    exchange.remove_destination(&queue("q4"));
    assert_eq!(go(&exchange), before);
}

#[test]
fn hashes_of_headers_and_properties() {
    let with = |arguments: FieldTable| {
        let mut spec = spec(ExchangeKind::ConsistentHash);
        spec.arguments = arguments;
        Exchange::new(spec, &"v".into())
    };
    let text = |exchange: Result<Exchange, Refusal>| exchange.map(|_| ()).unwrap_err().to_string();
    assert_eq!(
        text(with(table([("hash-header", "a".into()), ("hash-property", "message_id".into())]))),
        "PRECONDITION_FAILED - hash-header and hash-property are mutually exclusive"
    );
    assert_eq!(
        text(with(table([("hash-property", "app_id".into())]))),
        "PRECONDITION_FAILED - Unsupported property: app_id"
    );
    let mut by_header = with(table([("hash-header", "user".into())])).unwrap();
    assert_eq!(by_header.routes_by(), RoutesBy::Properties);
    for name in ["q1", "q2", "q3", "q4"] {
        bind(&mut by_header, name, "1").unwrap();
    }
    let mut reached = std::collections::BTreeSet::new();
    for user in 0..50 {
        let headers = table([("user", user.into())]).to_bytes();
        let headers = RawTable::from_bytes(&headers).ok();
        let one = RoutingInput { headers, ..RoutingInput::of_key(b"one") };
        let other = RoutingInput { headers, ..RoutingInput::of_key(b"other") };
        assert_eq!(routed(&by_header, &one), routed(&by_header, &other));
        reached.extend(routed(&by_header, &one));
    }
    assert_eq!(reached.len(), 4);
}

#[test]
fn delayed_exchanges_route_as_their_type() {
    let with = |kind: amqp::FieldValue| {
        let mut spec = spec(ExchangeKind::Delayed);
        spec.arguments = table([("x-delayed-type", kind)]);
        Exchange::new(spec, &"v".into())
    };
    let mut topic = with("topic".into()).unwrap();
    bind(&mut topic, "q", "a.*").unwrap();
    assert_eq!(routed(&topic, &RoutingInput::of_key(b"a.b")), ["q"]);
    let text = |exchange: Result<Exchange, Refusal>| exchange.map(|_| ()).unwrap_err().to_string();
    assert_eq!(
        text(Exchange::new(spec(ExchangeKind::Delayed), &"v".into())),
        "PRECONDITION_FAILED - Invalid argument, 'x-delayed-type' must be an existing exchange type"
    );
    assert_eq!(text(with("x".into())), "PRECONDITION_FAILED - unknown exchange type 'x'");
    assert!(with("x-delayed-message".into()).is_err());
}

#[test]
fn thousands_of_queues_bound_alike_come_and_go() {
    for kind in [ExchangeKind::Direct, ExchangeKind::Fanout, ExchangeKind::Topic] {
        let mut exchange = exchange(kind);
        let names: Vec<String> = (0..5_000).map(|index| format!("amq.gen-{index}")).collect();
        for name in &names {
            bind(&mut exchange, name, "k").unwrap();
        }
        for name in &names {
            assert_eq!(exchange.remove_destination(&queue(name)), 1);
        }
        assert!(exchange.is_unused());
    }
}
