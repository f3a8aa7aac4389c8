//! Methods that are unknown, undecodable, or out of place.

use crate::{
    case::{Case, Expect, Stage, case, channel_closes, connection_closes},
    requests::{
        ack, cancel, channel_close, channel_close_ok, channel_flow, channel_open, connection_close,
        connection_close_ok, connection_open, consume_with, get, publish_with, qos,
        queue_bind_with, queue_declare, start_ok, tune_ok,
    },
    wire::{Args, BODY, METHOD, args, content_header, frame, frame_ending, method},
};

/// RabbitMQ's reader crashes, and the socket is reset.
const RESET: &str = "RabbitMQ resets without a close";
/// On channel 0 RabbitMQ is not prepared for it.
const CRASHES: &str = "RabbitMQ 3.10 closes with 541 and without a word";
const CANNOT_DECODE: &str = "FRAME_ERROR - cannot decode";
const NOT_UTF_8: &str = "FRAME_ERROR - Malformed UTF-8 in shortstr";

pub(crate) fn cases() -> Vec<Case> {
    [unknown(), arguments(), strings(), server_methods(), states(), channel_ends()].concat()
}

fn unknown() -> Vec<Case> {
    let unknown = |name, channel, class, id, arguments| {
        let expect = connection_closes(503, "COMMAND_INVALID - unimplemented method", class, id);
        case(name, Stage::Channel, method(channel, class, id, arguments), expect).differs(RESET)
    };
    vec![
        unknown("unknown class", 1, 99, 1, args()),
        unknown("unknown class 0 method 0", 1, 0, 0, args()),
        unknown("unknown class 65535", 1, 65535, 65535, args().u64(0)),
        unknown("unknown method of queue", 1, 50, 99, args()),
        unknown("unknown method of basic", 1, 60, 255, args()),
        unknown("unknown method of connection", 0, 10, 99, args()),
        unknown("unknown method on a closed channel", 5, 99, 1, args()),
        unknown("class file of 0-8", 1, 70, 10, args()),
        unknown("class dtx of 0-8", 1, 100, 10, args()),
        unknown("exchange.bound of others", 1, 40, 22, args()),
    ]
}

fn arguments() -> Vec<Case> {
    let undecodable = |name, channel, class, id, arguments: Args, quoted: &str| {
        let expect = connection_closes(501, &format!("{CANNOT_DECODE} {quoted}"), class, id);
        case(name, Stage::Channel, method(channel, class, id, arguments), expect)
    };
    // A reply text is cut to 252 octets and three dots.
    let mut long = format!("{CANNOT_DECODE} <<200{}", ",97".repeat(200));
    long.truncate(252);
    long.push_str("...");
    let declare = || args().u16(0).short("q").u8(0);
    vec![
        undecodable("channel.open without arguments", 7, 20, 10, args(), "<<>>"),
        undecodable(
            "channel.open with an octet too many",
            1,
            20,
            10,
            args().short("").u8(120),
            "<<0,120>>",
        ),
        undecodable(
            "channel.open with an octet too many on a closed channel",
            9,
            20,
            10,
            args().short("").u8(122),
            "<<0,122>>",
        ),
        undecodable("queue.declare without arguments", 1, 50, 10, args(), "<<>>"),
        undecodable("queue.declare without its table", 1, 50, 10, declare(), "<<0,0,1,113,0>>"),
        undecodable(
            "queue.declare with two octets too many",
            1,
            50,
            10,
            declare().table(args()).raw(b"zz"),
            "<<0,0,1,113,0,0,0,0,0,122,122>>",
        ),
        undecodable(
            "queue.declare whose name lies about its length",
            1,
            50,
            10,
            args().u16(0).u8(255).raw(b"abc"),
            "<<0,0,255,97,98,99>>",
        ),
        undecodable(
            "queue.declare whose table lies about its length",
            1,
            50,
            10,
            declare().u32(u32::MAX),
            "<<0,0,1,113,0,255,255,255,255>>",
        ),
        undecodable(
            "queue.declare whose table says 2^31",
            1,
            50,
            10,
            declare().u32(1 << 31).raw(b"\x01at\x01"),
            "<<0,0,1,113,0,128,0,0,0,1,97,116,1>>",
        ),
        undecodable(
            "queue.declare with octets behind its table",
            1,
            50,
            10,
            args().u16(0).short("").u8(4).table(args().entry("a", b't', args().u8(1))).u8(120),
            "<<0,0,0,4,0,0,0,4,1,97,116,1,120>>",
        ),
        undecodable("basic.publish without arguments", 1, 60, 40, args(), "<<>>"),
        undecodable(
            "basic.publish with an octet too many",
            1,
            60,
            40,
            args().u16(0).short("").short("").u8(0).u8(122),
            "<<0,0,0,0,0,122>>",
        ),
        undecodable("basic.ack cut short", 1, 60, 80, args().u32(0).u16(0), "<<0,0,0,0,0,0>>"),
        undecodable("basic.qos cut short", 1, 60, 10, args().u32(0), "<<0,0,0,0>>"),
        undecodable("tx.select with arguments", 1, 90, 10, args().u8(1), "<<1>>"),
        undecodable("connection.close cut short", 0, 10, 50, args().u16(200), "<<0,200>>")
            .differs(CRASHES),
        undecodable("connection.open again, cut short", 0, 10, 40, args().short("/"), "<<1,47>>")
            .differs(CRASHES),
        case(
            "channel.open with a long argument and an octet too many",
            Stage::Channel,
            method(1, 20, 10, args().short_bytes(&[b'a'; 200]).u8(120)),
            connection_closes(501, &long, 20, 10),
        ),
    ]
}

fn strings() -> Vec<Case> {
    let refused = |name, bytes, class, id| {
        case(name, Stage::Channel, bytes, connection_closes(501, NOT_UTF_8, class, id))
    };
    let queue = |name: &[u8]| args().u16(0).short_bytes(name).u8(0).table(args());
    vec![
        refused("queue name that is not UTF-8", method(1, 50, 10, queue(b"\xFF\xFE")), 0, 0),
        refused("queue name with a lone continuation", method(1, 50, 10, queue(b"a\x80")), 0, 0),
        refused("queue name with half a character", method(1, 50, 10, queue(b"\xC3")), 0, 0),
        refused("queue name with an overlong slash", method(1, 50, 10, queue(b"\xC0\xAF")), 0, 0),
        refused("queue name with a surrogate", method(1, 50, 10, queue(b"\xED\xA0\x80")), 0, 0)
            .differs("RabbitMQ lets surrogates pass"),
        refused(
            "binding key that is not UTF-8",
            queue_bind_with("q", "amq.topic", b"\xC3\x28", args()),
            0,
            0,
        ),
        refused("consumer tag that is not UTF-8", consume_with("q", b"\xFF", 0, args()), 0, 0),
        refused("cancel of a tag that is not UTF-8", cancel(b"\xFF"), 0, 0),
        refused(
            "channel.close with a text that is not UTF-8",
            method(1, 20, 40, args().u16(200).short_bytes(b"\xFF").u16(0).u16(0)),
            0,
            0,
        ),
        refused(
            "connection.close with a text that is not UTF-8",
            method(0, 10, 50, args().u16(200).short_bytes(b"\xFF").u16(0).u16(0)),
            10,
            50,
        ),
        refused(
            "connection.open again, with a vhost that is not UTF-8",
            method(0, 10, 40, args().short_bytes(b"\xFF").short("").u8(0)),
            10,
            40,
        ),
        case(
            "routing key that is not UTF-8",
            Stage::Channel,
            [publish_with(b"", b"\xFF\xFE", 0), content_header(0, 0, args())].concat(),
            Expect::StillFine,
        ),
        case(
            "publish to an exchange whose name is not UTF-8",
            Stage::Channel,
            [publish_with(b"\xFF", b"", 0), content_header(0, 0, args())].concat(),
            channel_closes(404, "NOT_FOUND - no exchange '\u{FFFD}' in vhost '/'", 60, 40),
        )
        .differs("RabbitMQ repeats the octets, which are no text"),
    ]
}

fn server_methods() -> Vec<Case> {
    let refused = |name, class, id, arguments| {
        let expect = connection_closes(503, "COMMAND_INVALID - unimplemented method", class, id);
        case(name, Stage::Channel, method(1, class, id, arguments), expect)
    };
    let with_content = |case: Case| {
        let bytes = [case.bytes, content_header(0, 0, args())].concat();
        Case { bytes, ..case }
    };
    let declared = args().short("q").u32(0).u32(0);
    let delivered = args().short("c").u64(1).u8(0).short("").short("");
    let returned = args().u16(312).short("").short("").short("");
    let got = args().u64(1).u8(0).short("").short("").u32(0);
    vec![
        refused("client sends channel.open-ok", 20, 11, args().long(b"")),
        refused("client sends channel.flow-ok", 20, 21, args().u8(1)),
        refused("client sends channel.close-ok unasked", 20, 41, args()),
        refused("client sends access.request-ok", 30, 11, args().u16(1)),
        refused("client sends exchange.declare-ok", 40, 11, args()),
        refused("client sends exchange.unbind-ok", 40, 51, args()),
        refused("client sends queue.declare-ok", 50, 11, declared),
        refused("client sends basic.qos-ok", 60, 11, args()),
        refused("client sends basic.consume-ok", 60, 21, args().short("c")),
        refused("client sends basic.get-empty", 60, 72, args().short("")),
        refused("client sends basic.recover-ok", 60, 111, args()),
        refused("client sends confirm.select-ok", 85, 11, args()),
        refused("client sends tx.select-ok", 90, 11, args()),
        with_content(refused("client sends basic.deliver", 60, 60, delivered)),
        with_content(refused("client sends basic.return", 60, 50, returned)),
        with_content(refused("client sends basic.get-ok", 60, 71, got)),
        case(
            "client sends basic.cancel-ok",
            Stage::Channel,
            method(1, 60, 31, args().short("c")),
            Expect::StillFine,
        )
        .differs("RabbitMQ tolerates it since 4.3 only"),
        refused("connection.open on channel 1", 10, 40, args().short("/").short("").u8(0)),
        refused("connection.close on channel 1", 10, 50, args().u16(200).short("").u16(0).u16(0)),
    ]
}

fn states() -> Vec<Case> {
    let running = |name, bytes, class, id| {
        let text = "CHANNEL_ERROR - unexpected method in connection state running";
        case(name, Stage::Channel, bytes, connection_closes(504, text, class, id))
    };
    let unopened = |name, bytes: Vec<u8>, class, id| {
        let text = "CHANNEL_ERROR - expected 'channel.open'";
        case(name, Stage::Open, bytes, connection_closes(504, text, class, id))
    };
    let nothing = || args().table(args()).long(b"").long(b"");
    let declare_on_0 = args().u16(0).short("q").u8(0).table(args());
    vec![
        running("start-ok again", start_ok(), 10, 11),
        running("tune-ok again", tune_ok(2047, 131_072), 10, 31),
        running("connection.open again", connection_open("/"), 10, 40),
        running("secure-ok when open", method(0, 10, 21, args().long(b"x")), 10, 21),
        running(
            "client sends connection.start",
            method(0, 10, 10, args().u16(9).raw(&nothing().0)),
            10,
            10,
        ),
        running("client sends connection.tune", method(0, 10, 30, args().u64(0)), 10, 30),
        running("client sends connection.open-ok", method(0, 10, 41, args().short("")), 10, 41),
        running("client sends connection.close-ok unasked", connection_close_ok(), 10, 51),
        running("client sends connection.blocked", method(0, 10, 60, args().short("x")), 10, 60),
        running("client sends connection.unblocked", method(0, 10, 61, args()), 10, 61),
        running("channel.open on channel 0", channel_open(0), 20, 10),
        running("queue.declare on channel 0", method(0, 50, 10, declare_on_0), 50, 10),
        running("tx.select on channel 0", method(0, 90, 10, args()), 90, 10),
        case(
            "connection.update-secret",
            Stage::Channel,
            method(0, 10, 70, args().long(b"x").short("renewed")),
            Expect::Answered(10, 71),
        ),
        case(
            "channel.open twice",
            Stage::Channel,
            channel_open(1),
            connection_closes(504, "CHANNEL_ERROR - second 'channel.open' seen", 20, 10),
        ),
        unopened("queue.declare on a closed channel", queue_declare("q", 0), 50, 10),
        unopened("basic.qos on a closed channel", qos(0, 1), 60, 10),
        unopened("channel.close on a closed channel", channel_close(1), 20, 40),
        unopened("channel.close-ok on a closed channel", channel_close_ok(1), 20, 41),
        unopened(
            "a message on a closed channel",
            [publish_with(b"", b"q", 0), content_header(0, 0, args())].concat(),
            60,
            40,
        ),
        unopened("a method on channel 65535, closed", method(65535, 90, 10, args()), 90, 10),
        case(
            "body on a closed channel",
            Stage::Open,
            frame(BODY, 9, b"abc"),
            connection_closes(
                505,
                "UNEXPECTED_FRAME - expected method frame, got non method frame instead",
                0,
                0,
            ),
        ),
        case("channel.flow on", Stage::Channel, channel_flow(1), Expect::Answered(20, 21)),
        case(
            "channel.flow off",
            Stage::Channel,
            channel_flow(0),
            connection_closes(540, "NOT_IMPLEMENTED - active=false", 20, 20),
        ),
    ]
}

/// What follows the end of a channel or of the connection.
fn channel_ends() -> Vec<Case> {
    let not_found = "NOT_FOUND - no queue 'nope' in vhost '/'";
    let failed = || get("nope", 0);
    vec![
        case(
            "methods after the broker closed the channel",
            Stage::Channel,
            [failed(), get("nope", 0), ack(5, 0), qos(0, 1)].concat(),
            channel_closes(404, not_found, 60, 70),
        ),
        case(
            "a message after the broker closed the channel",
            Stage::Channel,
            [failed(), publish_with(b"nope", b"", 0), content_header(0, 0, args())].concat(),
            channel_closes(404, not_found, 60, 70),
        ),
        case(
            "channel.open before close-ok",
            Stage::Channel,
            channel_open(1),
            connection_closes(504, "CHANNEL_ERROR - second 'channel.open' seen", 20, 10),
        )
        .after(failed())
        .behind_a_channel_close(),
        case(
            "wrong frame end after the broker closed the channel",
            Stage::Channel,
            frame_ending(METHOD, 1, &[0, 20, 0, 41], 1),
            connection_closes(
                501,
                "FRAME_ERROR - type 1, all octets = <<0,20,0,41>>: {invalid_frame_end_marker,1}",
                0,
                0,
            ),
        )
        .after(failed())
        .behind_a_channel_close(),
        case("connection.close", Stage::Channel, connection_close(), Expect::ClosedAsAsked),
    ]
}
