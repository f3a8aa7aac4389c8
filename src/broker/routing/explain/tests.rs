use amqp::{FieldTable, FieldValue, RawTable, ShortString};

use super::*;
use crate::{QueueKind, exchange::ExchangeKind, routing::tests::Exchanges};

const MANY: usize = 1000;

/// A queue with the way to it from the first exchange: `x key y key queue`.
fn ways(explanation: &Explanation) -> Vec<String> {
    let way = |(queue, hop): &(QueueName, Option<Hop>)| {
        let mut way = vec![queue.to_string()];
        let mut hop = hop.as_ref();
        while let Some(Hop { step, binding }) = hop {
            let key = |binding: &Arc<Binding>| String::from_utf8_lossy(&binding.key).into_owned();
            way.push(binding.as_ref().map_or("-".to_owned(), key));
            let step = &explanation.steps[*step];
            way.push(step.exchange.to_string());
            hop = step.came_by.as_ref();
        }
        way.reverse();
        way.join(" ")
    };
    explanation.queues.iter().map(way).collect()
}

/// What is wrong with each binding that was looked at and does not take the message.
fn reasons(explanation: &Explanation) -> Vec<String> {
    let looked_at = explanation.steps.iter().flat_map(|step| &step.looked_at);
    let reason = |looked: &LookedAt| {
        looked.mismatch.as_ref().map(|why| format!("{}: {why}", looked.binding.destination.name()))
    };
    looked_at.filter_map(reason).collect()
}

fn by_key(exchanges: &Exchanges, first: &str, key: &str) -> Explanation {
    explain(exchanges, &first.into(), &RoutingInput::of_key(key.as_bytes()), MANY)
}

#[test]
fn it_tells_the_way_and_why_the_others_are_none() {
    let mut all = Exchanges::default();
    all.declare("in", ExchangeKind::Topic, None);
    all.declare("eu", ExchangeKind::Direct, Some("lost"));
    all.declare("lost", ExchangeKind::Fanout, None);
    all.bind_exchange("in", "eu", "*.eu");
    all.bind_queue("in", "all", "#");
    all.bind_queue("in", "us", "*.us");
    all.bind_queue("eu", "bills", "bill.eu");
    all.bind_queue("lost", "rest", "");
    all.bind_exchange("lost", "in", "");
    let found = by_key(&all, "in", "bill.eu");
    assert_eq!(ways(&found), ["in # all", "in *.eu eu bill.eu bills"]);
    assert_eq!(reasons(&found), ["us: the routing key does not fit the pattern"]);
    let found = by_key(&all, "in", "note.eu");
    assert_eq!(ways(&found), ["in # all", "in *.eu eu - lost  rest"]);
    assert_eq!(found.steps[1].alternate.as_deref(), Some("lost"));
    let reasons = reasons(&found);
    assert_eq!(reasons[1..], ["bills: the routing key is another"]);
    assert!(
        by_key(&all, "eu", "x").steps[0].came_by.is_none(),
        "one that leads back is no way there"
    );
}

#[test]
fn the_default_exchange_names_a_queue_and_what_is_missing_is_told() {
    let mut all = Exchanges::default();
    all.declare("x", ExchangeKind::Direct, Some("gone"));
    let found = by_key(&all, "", "any");
    assert_eq!(ways(&found), [" - any"]);
    let found = by_key(&all, "x", "any");
    assert!(found.queues.is_empty());
    assert_eq!(found.steps[0].alternate.as_deref(), Some("gone"));
    assert!(found.steps[1].spec.is_none());
    assert_eq!(by_key(&all, "none", "any").steps.len(), 1);
}

#[test]
fn headers_tell_which_of_them_is_wrong() {
    let mut all = Exchanges::default();
    all.declare("h", ExchangeKind::Headers, None);
    let table = |pairs: &[(&'static str, &str)]| -> FieldTable {
        pairs.iter().map(|(key, value)| (ShortString::from_static(key), *value)).collect()
    };
    for (queue, pairs) in [
        ("fits", &[("a", "1")][..]),
        ("differs", &[("a", "2")]),
        ("lacks", &[("a", "1"), ("b", "1")]),
        ("any", &[("x-match", "any"), ("a", "2"), ("b", "1")]),
    ] {
        let (to, kind) = (Destination::Queue(queue.into()), Some(QueueKind::Classic));
        all.exchange("h").bind(to, kind, b"", &table(pairs)).unwrap();
    }
    let headers = table(&[("a", "1")]).to_bytes();
    let headers = RawTable::from_bytes(&headers).ok();
    let input = RoutingInput { headers, ..RoutingInput::of_key(b"") };
    let found = explain(&all, &"h".into(), &input, MANY);
    assert_eq!(ways(&found), ["h  fits"]);
    let mut reasons = reasons(&found);
    reasons.sort();
    let expected = [
        "any: none of these headers has the value that is asked for",
        "differs: the header 'a' has another value",
        "lacks: the message has no header 'b'",
    ];
    assert_eq!(reasons, expected);
}

#[test]
fn a_choosing_exchange_says_whom_it_chose() {
    let mut all = Exchanges::default();
    all.declare("hash", ExchangeKind::ConsistentHash, None);
    for queue in ["a", "b", "c"] {
        all.bind_queue("hash", queue, "1");
    }
    let found = by_key(&all, "hash", "key");
    assert_eq!((found.queues.len(), reasons(&found).len()), (1, 2));
    assert!(reasons(&found)[0].ends_with("to one destination, another one"));
    assert!(!reasons(&found).iter().any(|reason| reason.starts_with(found.queues[0].0.as_str())));
}

#[test]
fn a_delayed_exchange_routes_as_its_type() {
    let mut all = Exchanges::default();
    let kind = FieldValue::from("topic");
    all.declare_with("late", ExchangeKind::Delayed, [("x-delayed-type", kind)]);
    all.bind_queue("late", "q", "a.*");
    all.bind_queue("late", "r", "b.*");
    let found = by_key(&all, "late", "a.x");
    assert_eq!(ways(&found), ["late a.* q"]);
    assert_eq!(reasons(&found), ["r: the routing key does not fit the pattern"]);
}

#[test]
fn only_so_many_bindings_are_looked_at() {
    let mut all = Exchanges::default();
    all.declare("x", ExchangeKind::Direct, None);
    for number in 0..20 {
        all.bind_queue("x", &format!("q{number}"), if number < 3 { "hit" } else { "miss" });
    }
    let input = RoutingInput::of_key(b"hit");
    let found = explain(&all, &"x".into(), &input, 5);
    assert_eq!((found.queues.len(), found.steps[0].looked_at.len()), (3, 5));
    assert_eq!((found.steps[0].others, reasons(&found).len()), (15, 2));
    let found = explain(&all, &"x".into(), &input, 2);
    assert_eq!(found.queues.iter().filter(|(_, hop)| hop.is_some()).count(), 2);
}
