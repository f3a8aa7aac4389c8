//! Content headers, properties and bodies: out of order, of lying sizes, malformed.

use crate::{
    case::{Case, Expect, Stage, case, channel_closes, connection_closes},
    requests::{
        CONTENT_TYPE, DELIVERY_MODE, HEADERS, PRIORITY, channel_close, channel_open,
        connection_close, message_with, publish, queue_declare,
    },
    wire::{Args, CONTENT_HEADER, HEARTBEAT, args, body, content_header, frame, method},
};

const NO_METHOD: &str = "UNEXPECTED_FRAME - expected method frame, got non method frame instead";
const NO_HEADER: &str = "UNEXPECTED_FRAME - expected content header for class 60, \
                         got non content header frame instead";
const NO_BODY: &str =
    "UNEXPECTED_FRAME - expected content body, got non content body frame instead";

pub(crate) fn cases() -> Vec<Case> {
    [sequences(), interleaved(), sizes(), malformed_properties(), odd_properties()].concat()
}

/// `basic.publish` to nowhere, then these frames.
fn publishing(name: &'static str, frames: &[Vec<u8>], expect: Expect) -> Case {
    let bytes = [publish("amq.topic", "nowhere"), frames.concat()].concat();
    case(name, Stage::Channel, bytes, expect)
}

/// A content header of another class or weight.
fn odd_header(class: u16, weight: u16) -> Vec<u8> {
    frame(CONTENT_HEADER, 1, &args().u16(class).u16(weight).u64(5).u16(0).0)
}

fn sequences() -> Vec<Case> {
    let header = |size| content_header(size, 0, args());
    let lone =
        |name, bytes| case(name, Stage::Channel, bytes, connection_closes(505, NO_METHOD, 0, 0));
    let broken = |name, frames: &[Vec<u8>], text| {
        publishing(name, frames, connection_closes(505, text, 60, 40))
    };
    let surplus = |name, frames: &[Vec<u8>]| {
        publishing(name, frames, connection_closes(505, NO_METHOD, 0, 0))
    };
    let other_class = |class: u16| {
        format!(
            "UNEXPECTED_FRAME - expected content header for class 60, \
             got one for class {class} instead"
        )
    };
    vec![
        lone("content header without publish", header(5)),
        lone("body without publish", body(b"abc")),
        lone("empty body without publish", body(b"")),
        lone(
            "content header after a method without content",
            [queue_declare("", 4), header(5)].concat(),
        ),
        broken("body in place of the header", &[body(b"abc")], NO_HEADER),
        broken("method in place of the header", &[queue_declare("", 4)], NO_HEADER),
        broken("publish in place of the header", &[publish("", "q")], NO_HEADER),
        broken("header of weight 1", &[odd_header(60, 1)], NO_HEADER),
        broken("header of weight 65535", &[odd_header(60, 65535)], NO_HEADER),
        broken("header of class 50", &[odd_header(50, 0)], &other_class(50)),
        broken("header of class 0", &[odd_header(0, 0)], &other_class(0)),
        broken("header of class 65535", &[odd_header(65535, 0)], &other_class(65535)),
        broken("method in place of the body", &[header(5), queue_declare("", 4)], NO_BODY),
        broken("header in place of the body", &[header(5), header(5)], NO_BODY),
        broken(
            "publish in the middle of the body",
            &[header(5), body(b"ab"), publish("", "q")],
            NO_BODY,
        ),
        broken(
            "channel.close in the middle of the body",
            &[header(5), body(b"ab"), channel_close(1)],
            NO_BODY,
        ),
        surplus("body after an empty content", &[header(0), body(b"a")]),
        surplus("empty body after an empty content", &[header(0), body(b"")]),
        surplus("body after the whole body", &[header(3), body(b"abc"), body(b"d")]),
        surplus("empty body after the whole body", &[header(3), body(b"abc"), body(b"")]),
    ]
}

fn interleaved() -> Vec<Case> {
    let header = content_header(3, 0, args());
    vec![
        publishing(
            "heartbeat in the middle of the body",
            &[header.clone(), body(b"a"), frame(HEARTBEAT, 0, b""), body(b"bc")],
            Expect::StillFine,
        ),
        publishing(
            "another channel opens in the middle of the body",
            &[header.clone(), channel_open(2), body(b"abc")],
            Expect::StillFine,
        )
        .leaving_traces(),
        publishing(
            "empty bodies before and inside the body",
            &[header.clone(), body(b""), body(b"a"), body(b""), body(b"bc")],
            Expect::StillFine,
        ),
        publishing(
            "connection.close in the middle of the body",
            &[header, body(b"a"), connection_close()],
            Expect::ClosedAsAsked,
        ),
    ]
}

fn sizes() -> Vec<Case> {
    const READS_FIRST: &str = "RabbitMQ reads the whole body first";
    let header = |size| content_header(size, 0, args());
    let refused = |name, size: u64, rest: &[Vec<u8>]| {
        let text = format!(
            "PRECONDITION_FAILED - message size {size} is larger than configured max size 16777216"
        );
        let frames = [&[header(size)], rest].concat();
        publishing(name, &frames, channel_closes(406, &text, 60, 40)).differs(READS_FIRST)
    };
    let too_long = |name, frames: &[Vec<u8>]| {
        let text = "FRAME_ERROR - content body frame exceeds remaining content size";
        publishing(name, frames, connection_closes(501, text, 60, 40))
            .differs("RabbitMQ 3.10 waits for ever")
    };
    vec![
        too_long("body longer than announced", &[header(3), body(b"abcd")]),
        too_long("second body longer than what is left", &[header(3), body(b"ab"), body(b"cd")]),
        too_long("body of 100 octets for 1", &[header(1), body(&[b'x'; 100])]),
        refused("announced size of 16 MiB and one", (16 << 20) + 1, &[]),
        refused("announced size of 513 MiB", 513 << 20, &[]),
        refused("announced size of 2^63", 1 << 63, &[]),
        refused("announced size of 2^64-1", u64::MAX, &[]),
        refused("bodies after a size that was refused", 1 << 40, &[body(b"abc"), body(b"def")]),
        case(
            "size refused before the exchange is looked up",
            Stage::Channel,
            [publish("nope", "q"), header(1 << 40)].concat(),
            channel_closes(
                406,
                "PRECONDITION_FAILED - message size 1099511627776 is larger than configured max size \
                 16777216",
                60,
                40,
            ),
        )
        .differs(READS_FIRST),
    ]
}

fn malformed_properties() -> Vec<Case> {
    let internal = || connection_closes(541, "INTERNAL_ERROR", 0, 0);
    let refused =
        |name, flags, list| case(name, Stage::Channel, message_with(flags, list), internal());
    let headers = |contents: &[u8]| args().long(contents);
    let flagless = frame(CONTENT_HEADER, 1, &args().u16(60).u16(0).u64(0).0);
    let half_flags = frame(CONTENT_HEADER, 1, &args().u16(60).u16(0).u64(0).u8(0).0);
    let deep = Args(b"\x01aF".to_vec());
    let deep = (0..40).fold(args(), |inner, _| args().raw(&deep.0).table(inner));
    vec![
        publishing("content header without flags", &[flagless], internal()),
        publishing("content header with half of its flags", &[half_flags], internal()),
        refused("octets after no properties", 0, args().u8(b'X')),
        refused("octets after the properties", CONTENT_TYPE, args().short("ab").u8(b'X')),
        refused("a second word of flags", 1, args().u16(0)),
        refused("property that ends inside its string", CONTENT_TYPE, args().u8(5).raw(b"ab")),
        refused("properties announced but absent", CONTENT_TYPE | DELIVERY_MODE, args()),
        refused("all properties announced, one there", 0xFFFC, args().short("text/plain")),
        refused("headers without all of their length", HEADERS, args().u16(0)),
        refused("headers longer than the frame", HEADERS, args().u32(16).raw(b"\x01a")),
        refused("headers of 2^32-1 octets", HEADERS, args().u32(u32::MAX)),
        refused("headers with an unknown tag", HEADERS, headers(b"\x01aU\x00\x01")),
        refused("headers that end inside a value", HEADERS, headers(b"\x01aI\x00\x01")),
        refused("headers that end inside a key", HEADERS, headers(b"\x05ab")),
        refused("headers with a lying inner table", HEADERS, headers(b"\x01aF\x00\x00\x00\x20")),
        refused("headers nested 40 deep", HEADERS, args().table(deep))
            .differs("RabbitMQ has no such limit"),
        refused("headers with 20,000 fields", HEADERS, headers(&b"\x01aV".repeat(20_000)))
            .differs("RabbitMQ has no such limit"),
        publishing(
            "malformed properties of a message with a body",
            &[content_header(3, CONTENT_TYPE, args()), body(b"abc")],
            internal(),
        ),
    ]
}

fn odd_properties() -> Vec<Case> {
    let fine = |name, flags, list| {
        case(name, Stage::Channel, message_with(flags, list), Expect::StillFine)
    };
    vec![
        fine("flag bit 0", 1, args()),
        fine("flag bit 1", 2, args()),
        fine("priority 255", PRIORITY, args().u8(255)),
        fine("content-type that is not UTF-8", CONTENT_TYPE, args().short_bytes(b"\xFF\xFE")),
        fine("empty headers", HEADERS, args().table(args())),
        fine("delivery mode 0", DELIVERY_MODE, args().u8(0))
            .differs("RabbitMQ 3.10 refuses unknown delivery modes"),
        fine("delivery mode 7", DELIVERY_MODE, args().u8(7))
            .differs("RabbitMQ 3.10 refuses unknown delivery modes"),
        case(
            "a message whose method says out-of-band bits",
            Stage::Channel,
            [
                method(1, 60, 40, args().u16(9).short("amq.topic").short("").u8(0xFC)),
                content_header(0, 0, args()),
            ]
            .concat(),
            Expect::StillFine,
        ),
    ]
}
