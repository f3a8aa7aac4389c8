//! Methods: golden bytes, and what cannot be decoded or encoded.

use super::*;
use crate::{RawTable, basic, channel, connection, decode_frame, queue};

/// A method on channel 1 and its frame agree in both directions.
#[track_caller]
fn check(method: Method<'_>, name: &str, frame: &[u8]) {
    assert_eq!(method.name(), name);
    let mut out = b"before".to_vec();
    method.encode(1, &mut out);
    assert_eq!(out.strip_prefix(b"before"), Some(frame));
    let (decoded, _) = decode_frame(frame, 4096).unwrap().unwrap();
    assert_eq!(Method::decode(decoded.payload), Ok(method));
}

#[test]
fn golden() {
    check(
        Method::ChannelOpen(channel::Open),
        "channel.open",
        b"\x01\0\x01\0\0\0\x05\0\x14\0\x0A\0\xCE",
    );
    check(
        Method::ConnectionTune(connection::Tune {
            channel_max: 2047,
            frame_max: 131_072,
            heartbeat: 60,
        }),
        "connection.tune",
        b"\x01\0\x01\0\0\0\x0C\0\x0A\0\x1E\x07\xFF\0\x02\0\0\0\x3C\xCE",
    );
    check(
        Method::QueueDeclare(queue::Declare {
            queue: "orders",
            durable: true,
            nowait: true,
            arguments: RawTable::from_bytes(b"\x01pb\x05").unwrap(),
            ..queue::Declare::default()
        }),
        "queue.declare",
        b"\x01\0\x01\0\0\0\x16\0\x32\0\x0A\0\0\x06orders\x12\0\0\0\x04\x01pb\x05\xCE",
    );
    check(
        Method::BasicPublish(basic::Publish {
            exchange: b"",
            routing_key: b"\xFFq",
            mandatory: true,
            immediate: false,
        }),
        "basic.publish",
        b"\x01\0\x01\0\0\0\x0B\0\x3C\0\x28\0\0\0\x02\xFFq\x01\xCE",
    );
    check(
        Method::BasicDeliver(basic::Deliver {
            consumer_tag: b"c",
            delivery_tag: 258,
            redelivered: true,
            exchange: b"e",
            routing_key: b"k",
        }),
        "basic.deliver",
        b"\x01\0\x01\0\0\0\x13\0\x3C\0\x3C\x01c\0\0\0\0\0\0\x01\x02\x01\x01e\x01k\xCE",
    );
    check(
        Method::BasicNack(basic::Nack { delivery_tag: 1, multiple: false, requeue: true }),
        "basic.nack",
        b"\x01\0\x01\0\0\0\x0D\0\x3C\0\x78\0\0\0\0\0\0\0\x01\x02\xCE",
    );
}

#[test]
fn only_what_carries_a_message_has_content() {
    assert!(Method::BasicPublish(basic::Publish::default()).has_content());
    assert!(Method::BasicGetOk(basic::GetOk::default()).has_content());
    assert!(!Method::BasicGet(basic::Get::default()).has_content());
}

#[test]
fn reserved_fields_may_hold_anything() {
    let payload = b"\0\x0A\0\x28\x01/\x03any\x01";
    let open = connection::Open { virtual_host: "/" };
    assert_eq!(Method::decode(payload), Ok(Method::ConnectionOpen(open)));
}

/// What fails, and what RabbitMQ says to it.
#[track_caller]
fn check_fault(payload: &[u8], expected: MethodError, explanation: Option<&str>) {
    let error = Method::decode(payload).unwrap_err();
    assert_eq!(error, expected);
    assert_eq!(error.explanation(payload).as_deref(), explanation);
}

#[test]
fn faults() {
    let (class_id, method_id) = (60, 80);
    check_fault(
        b"\0\x3C\0\x50\0\x01",
        MethodError::Truncated { class_id, method_id },
        Some("cannot decode <<0,1>>"),
    );
    check_fault(
        b"\0\x3C\0\x50\0\0\0\0\0\0\0\x01\0\x07",
        MethodError::TrailingBytes { class_id, method_id },
        Some("cannot decode <<0,0,0,0,0,0,0,1,0,7>>"),
    );
    check_fault(b"\0\x3C\0\x29", MethodError::Unknown { class_id, method_id: 41 }, None);
    check_fault(
        b"\0\x3C\0",
        MethodError::Truncated { class_id: 0, method_id: 0 },
        Some("type 1, all octets = <<0,60,0>>: unknown_frame"),
    );
    let (class_id, method_id) = (50, 10);
    check_fault(
        b"\0\x32\0\x0A\0\0\x02\xC3\x28\0\0\0\0\0",
        MethodError::InvalidUtf8 { class_id, method_id },
        Some("Malformed UTF-8 in shortstr"),
    );
    check_fault(
        b"\0\x32\0\x0A\0\0\0\0\0\0\0\x03\x01kU",
        MethodError::Table { class_id, method_id, error: TableError::UnknownTag(b'U') },
        None,
    );
}

#[test]
fn a_long_string_is_not_cut() {
    let long = "q".repeat(256);
    let purge = |queue| Method::QueuePurge(queue::Purge { queue, nowait: false });
    let mut out = b"before".to_vec();
    assert_eq!(purge(&long).try_encode(1, &mut out), Err(TooLong { len: 256 }));
    assert_eq!(out, b"before");
    assert_eq!(purge(&long[1..]).try_encode(1, &mut out), Ok(()));
}
