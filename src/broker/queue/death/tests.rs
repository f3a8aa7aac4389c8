use super::*;
use crate::message::{Body, Sequence};

const NOW: Timestamp = Timestamp(1_700_000_000_999);

/// A message with these headers, and then its properties.
fn check_with<T>(
    headers: FieldTable,
    expiration: Option<&'static str>,
    f: impl FnOnce(&Arrival<'_>) -> T,
) -> T {
    let properties = Properties {
        headers: Some(headers),
        expiration: expiration.map(ShortString::from_static),
        priority: Some(7),
        ..Properties::default()
    };
    f(&arrival(&properties.to_bytes()))
}

fn arrival(properties: &[u8]) -> Arrival<'_> {
    Arrival {
        sequence: Sequence(1),
        exchange: "orders",
        routing_key: b"eu",
        properties,
        body: Body::Inline(b""),
        blind_keys: b"\x06secret",
        persistent: false,
        priority: Some(7),
        expiration_ms: None,
        origin: Origin::Client,
        logged: false,
    }
}

fn headers(properties: &[u8]) -> FieldTable {
    let properties = Properties::decode(RawProperties::from_bytes(properties)).unwrap();
    assert_eq!(properties.expiration, None);
    properties.headers.unwrap()
}

/// The history in short: `queue reason count`, newest first.
fn history(properties: &[u8]) -> Vec<String> {
    let Some(FieldValue::Array(deaths)) = headers(properties).remove("x-death") else {
        return Vec::new();
    };
    let text = |death: &FieldTable, name| {
        String::from_utf8(death.get(name).unwrap().as_long_string().unwrap().to_vec()).unwrap()
    };
    deaths
        .iter()
        .map(|death| {
            let FieldValue::Table(death) = death else { panic!("not a table") };
            let count = death.get("count").unwrap().as_integer().unwrap();
            format!("{} {} {count}", text(death, "queue"), text(death, "reason"))
        })
        .collect()
}

/// Lets a message die again and again, as its own dead letter.
fn die(deaths: &[(&str, DeathReason)]) -> Vec<u8> {
    let mut properties = RawProperties::EMPTY.as_bytes().to_vec();
    let mut origin = Origin::Client;
    for (n, (queue, reason)) in (0..).zip(deaths) {
        let message = Arrival { origin, ..arrival(&properties) };
        let now = NOW.plus_ms(n * 60_000);
        properties = record(&QueueName::from(*queue), &message, *reason, now).properties;
        origin = Origin::DeadLetter { rekeyed: false };
    }
    properties
}

#[test]
fn a_first_death_tells_everything() {
    let cc = [FieldValue::from("us"), FieldValue::from(1), FieldValue::from("eu")];
    let given = FieldTable::from_iter([
        (ShortString::from_static("CC"), FieldValue::Array(cc.to_vec())),
        (ShortString::from_static("mine"), FieldValue::Bool(true)),
    ]);
    let obituary = check_with(given.clone(), Some("+0060000"), |message| {
        record(&"q".into(), message, DeathReason::Expired, NOW)
    });
    assert_eq!(obituary.routing_keys, ["eu", "us"]);
    assert_eq!(obituary.priority, Some(7));
    let mut written = headers(&obituary.properties);
    assert_eq!(written.get("CC"), given.get("CC"));
    assert_eq!(written.get("mine"), given.get("mine"));
    let Some(FieldValue::Array(mut deaths)) = written.remove("x-death") else { panic!("none") };
    let Some(FieldValue::Table(death)) = deaths.pop() else { panic!("no table") };
    assert!(deaths.is_empty());
    let keys = vec![FieldValue::from("eu"), FieldValue::from("us")];
    let expected = FieldTable::from_iter([
        (ShortString::from_static("original-expiration"), FieldValue::from("60000")),
        (ShortString::from_static("count"), FieldValue::I64(1)),
        (ShortString::from_static("reason"), FieldValue::from("expired")),
        (ShortString::from_static("queue"), FieldValue::from("q")),
        (ShortString::from_static("time"), FieldValue::Timestamp(1_700_000_000)),
        (ShortString::from_static("exchange"), FieldValue::from("orders")),
        (ShortString::from_static("routing-keys"), FieldValue::Array(keys)),
    ]);
    assert_eq!(death, expected);
    for which in ["first", "last"] {
        for (part, value) in [("exchange", "orders"), ("queue", "q"), ("reason", "expired")] {
            let header = format!("x-{which}-death-{part}");
            assert_eq!(written.get(&header), Some(&FieldValue::from(value)), "{header}");
        }
    }
    assert_eq!(written.len(), 2 + 6);
}

#[test]
fn a_repeated_death_counts_up_and_moves_to_the_front() {
    use DeathReason::{Expired, Rejected};
    let properties = die(&[("a", Expired), ("b", Rejected), ("b", Expired), ("a", Expired)]);
    assert_eq!(history(&properties), ["a expired 2", "b expired 1", "b rejected 1"]);
    let written = headers(&properties);
    let Some(FieldValue::Array(deaths)) = written.get("x-death") else { panic!("none") };
    let FieldValue::Table(newest) = &deaths[0] else { panic!("no table") };
    assert_eq!(newest.get("time"), Some(&FieldValue::Timestamp(NOW.as_secs())));
    assert_eq!(written.get("x-first-death-queue"), Some(&FieldValue::from("a")));
    assert_eq!(written.get("x-last-death-queue"), Some(&FieldValue::from("a")));
    assert_eq!(
        headers(&die(&[("a", Expired), ("b", Rejected)])).get("x-last-death-reason"),
        Some(&FieldValue::from("rejected"))
    );
}

#[test]
fn a_history_that_a_client_made_up_is_not_believed() {
    let forged = headers(&die(&[("q", DeathReason::Expired), ("z", DeathReason::MaxLen)]));
    let obituary =
        check_with(forged, None, |message| record(&"q".into(), message, DeathReason::Expired, NOW));
    assert_eq!(history(&obituary.properties), ["q expired 1"]);
    let written = headers(&obituary.properties);
    assert_eq!(written.get("x-first-death-reason"), Some(&FieldValue::from("expired")));
}

#[test]
fn a_replaced_key_stands_for_all_of_them() {
    let cc = FieldValue::Array(vec![FieldValue::from("us")]);
    let given = FieldTable::from_iter([(ShortString::from_static("CC"), cc)]);
    let keys = check_with(given, None, |message| {
        let message = Arrival { origin: Origin::DeadLetter { rekeyed: true }, ..*message };
        record(&"q".into(), &message, DeathReason::Rejected, NOW).routing_keys
    });
    assert_eq!(keys, ["eu"]);
}

#[test]
fn only_automatic_deaths_make_a_cycle() {
    use DeathReason::{DeliveryLimit, Expired, MaxLen, Rejected};
    let cycle = |deaths: &[_], queue: &str| is_cycle(&die(deaths), &queue.into());
    assert!(cycle(&[("a", Expired)], "a"));
    assert!(!cycle(&[("a", Expired)], "b"));
    assert!(cycle(&[("a", MaxLen), ("b", DeliveryLimit)], "a"));
    assert!(!cycle(&[("a", Expired), ("b", Rejected)], "a"));
    assert!(cycle(&[("a", Rejected), ("b", Expired)], "b"));
    assert!(!cycle(&[("a", Rejected), ("b", Expired)], "a"));
    assert!(!is_cycle(RawProperties::EMPTY.as_bytes(), &"a".into()));
}
