//! What a copy says, what is not copied, and what bounds it.

use std::net::SocketAddr;
use std::sync::Arc;

use broker::queue::Slot;

use super::*;
use crate::outbox::{ClientOutbox, OutboxBuffer};

fn copied(queue: &str, exchange: &str, properties: &Properties, body: &[u8]) -> Copies {
    let mut copies = Copies::default();
    copy(&mut copies, queue, (exchange, properties, body));
    copies
}

fn copy(copies: &mut Copies, queue: &str, original: (&str, &Properties, &[u8])) {
    let (exchange, properties, body) = original;
    let outbox = Arc::new(ClientOutbox::new(OutboxBuffer::new(131_072)));
    let peer = SocketAddr::from(([127, 0, 0, 1], 4000));
    let connection = ConnectionEntry::new(peer, outbox, Timestamp(1));
    connection.facts.local.set(SocketAddr::from(([127, 0, 0, 1], 5672))).unwrap();
    let party =
        Party { vhost: "/", connection: &connection, user: "guest", channel: ChannelNumber(7) };
    let delivery = Delivery {
        slot: Some(Slot(0)),
        redelivered: true,
        exchange: exchange.as_bytes(),
        routing_key: b"key",
        properties: &properties.to_bytes(),
        body: Body::Inline(body),
    };
    copies.delivered(party, queue, &delivery);
}

fn headers(message: &Message) -> FieldTable {
    let properties = RawProperties::from_bytes(&message.properties);
    properties.validate().unwrap();
    let decoded = Properties::decode(properties).unwrap();
    assert_eq!(Properties { headers: None, ..decoded.clone() }, Properties::default());
    decoded.headers.unwrap()
}

fn messages(copies: &Copies) -> &[Message] {
    copies.0.as_ref().map_or(&[], |copied| &copied.messages)
}

fn with_headers(headers: FieldTable) -> Properties {
    Properties { headers: Some(headers), priority: Some(3), ..Properties::default() }
}

#[test]
fn a_copy_tells_all_of_its_original() {
    let mut own = FieldTable::new();
    let carbon = FieldValue::Array(vec![FieldValue::from("other")]);
    own.insert(ShortString::from_static("CC"), carbon);
    let copies = copied("work", "orders", &with_headers(own.clone()), b"hello");
    let [message] = messages(&copies) else { panic!("{copies:?}") };
    assert_eq!((&*message.exchange, &message.routing_key[..]), (EXCHANGE, &b"deliver.work"[..]));
    assert_eq!((&message.body[..], message.persistent), (&b"hello"[..], false));
    let told = headers(message);
    assert_eq!(told.get("exchange_name"), Some(&FieldValue::from("orders")));
    let keys = FieldValue::Array(vec![FieldValue::from("key"), FieldValue::from("other")]);
    assert_eq!(told.get("routing_keys"), Some(&keys));
    let Some(FieldValue::Table(properties)) = told.get("properties") else { panic!("{told:?}") };
    assert_eq!(properties.get("priority"), Some(&FieldValue::I32(3)));
    assert_eq!(properties.get("headers"), Some(&FieldValue::Table(own)));
    assert_eq!(told.get("vhost"), Some(&FieldValue::from("/")));
    let connection = FieldValue::from("127.0.0.1:4000 -> 127.0.0.1:5672");
    assert_eq!(told.get("connection"), Some(&connection));
    assert_eq!(told.get("channel"), Some(&FieldValue::I32(7)));
    assert_eq!(told.get("user"), Some(&FieldValue::from("guest")));
    assert_eq!(told.get("redelivered"), Some(&FieldValue::I32(1)));
}

#[test]
fn the_trace_is_not_traced() {
    let plain = Properties::default();
    assert!(copied("q", EXCHANGE, &plain, b"x").is_empty());
    let mut dead = FieldTable::new();
    dead.insert(ShortString::from_static("x-first-death-exchange"), EXCHANGE);
    assert!(copied("q", "dlx", &with_headers(dead), b"x").is_empty());
    assert!(!copied("q", "dlx", &plain, b"x").is_empty());
}

#[test]
fn whatever_the_original_is_like_its_copy_can_be_sent() {
    let long = "ä".repeat(127);
    let copies = copied(&long, "", &Properties::default(), b"");
    let key = &messages(&copies)[0].routing_key;
    assert!(key.len() <= ShortString::LEN_MAX && key.len() > 250);
    assert!(std::str::from_utf8(key).is_ok());

    let mut deep = FieldTable::new();
    for _ in 1..amqp::NESTING_MAX {
        let mut outer = FieldTable::new();
        outer.insert(ShortString::from_static("t"), FieldValue::Table(deep));
        deep = outer;
    }
    let deep = with_headers(deep);
    RawProperties::from_bytes(&deep.to_bytes()).validate().unwrap();
    let mut large = FieldTable::new();
    let blob = FieldValue::LongString(vec![b'x'; PROPERTIES_BYTES_MAX]);
    large.insert(ShortString::from_static("blob"), blob);
    for properties in [deep, with_headers(large)] {
        let copies = copied("q", "", &properties, b"");
        let told = headers(&messages(&copies)[0]);
        assert_eq!(told.get("properties"), Some(&FieldValue::Table(FieldTable::new())));
        assert!(messages(&copies)[0].properties.len() < 1000);
    }
}

#[test]
fn one_visit_leaves_no_more_than_so_much() {
    let mut copies = Copies::default();
    let body = vec![0; COPIES_BYTES_MAX / 4];
    for _ in 0..9 {
        copy(&mut copies, "q", ("", &Properties::default(), &body));
    }
    assert_eq!((messages(&copies).len(), copies.0.unwrap().left_out), (4, 5));
}
