//! From the first byte to `connection.open-ok`.
//!
//! RabbitMQ resets most of these after three seconds without a word. We send the close that it writes to its log.

use crate::{
    case::{Case, Expect, Stage, case, connection_closes},
    requests::{
        amqplain, capabilities, channel_open, connection_close, connection_close_ok,
        connection_open, queue_declare, start_ok, start_ok_arguments, start_ok_with, tune_ok,
    },
    wire::{
        Args, CONTENT_HEADER, HEADER, HEARTBEAT, METHOD, args, content_header, frame, frame_ending,
        frame_start, method,
    },
};

/// RabbitMQ goes silent for three seconds, then resets.
const SILENT: &str = "RabbitMQ resets without a close";

pub(crate) fn cases() -> Vec<Case> {
    [protocol_headers(), logins(), tuning(), frames(), states(), opening()].concat()
}

fn protocol_headers() -> Vec<Case> {
    use Expect::{HeaderThenEnd, Http400, SilentEnd, StillFine};
    let sent = |name, bytes: &[u8], expect| case(name, Stage::Connected, bytes.to_vec(), expect);
    const SPEAKS_0_8: &str = "RabbitMQ 3.10 still speaks 0-8";
    vec![
        sent("header 0-9-1", HEADER, StillFine).reaching(Stage::Starting),
        sent("header 0-9 as 1-1-0-9", b"AMQP\x01\x01\x00\x09", StillFine).reaching(Stage::Starting),
        sent("header 0-8", b"AMQP\x01\x01\x08\x00", HeaderThenEnd).differs(SPEAKS_0_8),
        sent("header 0-8 as 1-1-9-1", b"AMQP\x01\x01\x09\x01", HeaderThenEnd).differs(SPEAKS_0_8),
        sent("header 0-0-8-0", b"AMQP\x00\x00\x08\x00", HeaderThenEnd),
        sent("header 0-9-0", b"AMQP\x00\x00\x09\x00", HeaderThenEnd),
        sent("header 0-9-2", b"AMQP\x00\x00\x09\x02", HeaderThenEnd),
        sent("header 0-10", b"AMQP\x01\x01\x00\x0A", HeaderThenEnd),
        sent("header 1.0 plain", b"AMQP\x00\x01\x00\x00", HeaderThenEnd),
        sent("header 1.0 TLS", b"AMQP\x02\x01\x00\x00", HeaderThenEnd),
        sent("header 1.0 SASL", b"AMQP\x03\x01\x00\x00", HeaderThenEnd),
        sent("header of nothing", b"AMQP\xFF\xFF\xFF\xFF", HeaderThenEnd),
        sent("header in lower case", b"amqp\x00\x00\x09\x01", HeaderThenEnd),
        sent("header without its name", b"\x00\x00\x00\x00\x00\x00\x09\x01", HeaderThenEnd),
        sent("header spoiled at the fourth octet", b"AMQX\x00\x00\x09\x01", HeaderThenEnd),
        sent("a frame in place of the header", &frame(HEARTBEAT, 0, b""), HeaderThenEnd),
        sent("a TLS ClientHello", &client_hello(), HeaderThenEnd),
        sent("garbage", b"\x80\x0B\x01\x03\x01\xFE\x55\xAA\x00\x00\x00\x00", HeaderThenEnd),
        sent("GET of HTTP", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", Http400)
            .differs("RabbitMQ answers HTTP with its protocol header"),
        sent("POST of HTTP", b"POST /api HTTP/1.1\r\nContent-Length: 0\r\n\r\n", Http400)
            .differs("RabbitMQ answers HTTP with its protocol header"),
        sent("end before any byte", b"", SilentEnd).then_finish(),
        sent("end inside the header", b"AMQP\x00\x00\x09", SilentEnd).then_finish(),
    ]
}

/// The beginning of what a TLS 1.3 client says.
fn client_hello() -> Vec<u8> {
    let hello = args().u16(0x0303).raw(&[7; 32]).u8(0).u16(2).u16(0x1301).u8(1).u8(0);
    let handshake = args().u8(1).u8(0).u16(41).raw(&hello.0);
    args().u8(0x16).u16(0x0301).u16(45).raw(&handshake.0).0
}

fn logins() -> Vec<Case> {
    let refused =
        |name, properties, mechanism, response: &[u8], code, text: &str, ids: (u16, u16)| {
            let bytes = start_ok_with(properties, mechanism, response);
            case(name, Stage::Starting, bytes, connection_closes(code, text, ids.0, ids.1))
        };
    let malformed = |name, mechanism, response: &[u8], text: &str| {
        refused(name, capabilities(), mechanism, response, 502, text, (10, 11)).differs(SILENT)
    };
    // RabbitMQ's own text would echo the response, with the password in it.
    const BAD_PLAIN: &str = "SYNTAX_ERROR - invalid PLAIN response";
    const BAD_AMQPLAIN: &str = "SYNTAX_ERROR - invalid AMQPLAIN response";
    const MISSING: &str = "SYNTAX_ERROR - AMQPLAIN auth info is missing LOGIN or PASSWORD field";

    let wrong_plain = "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. \
                       For details see the broker logfile.";
    let wrong_amqplain = wrong_plain.replace("PLAIN", "AMQPLAIN");
    let wrong = |name, mechanism, response: &[u8], text: &str| {
        refused(name, capabilities(), mechanism, response, 403, text, (0, 0))
    };
    let good = |name, properties, mechanism, response: &[u8]| {
        let bytes = start_ok_with(properties, mechanism, response);
        case(name, Stage::Starting, bytes, Expect::StillFine).reaching(Stage::Tuning)
    };
    let odd_capabilities = args().text_entry("capabilities", "all").int_entry("connection_name", 7);
    let integer_login = args().int_entry("LOGIN", 7).text_entry("PASSWORD", "guest");
    let unknown_tag = args().entry("LOGIN", b'U', args().u32(0));
    vec![
        refused(
            "unknown mechanism",
            capabilities(),
            "FOO",
            b"",
            503,
            "COMMAND_INVALID - unknown authentication mechanism 'FOO'",
            (10, 11),
        )
        .differs(SILENT),
        case(
            "mechanism that is not UTF-8",
            Stage::Starting,
            method(0, 10, 11, args().table(args()).short_bytes(b"\xFF").long(b"").short("")),
            connection_closes(501, "FRAME_ERROR - Malformed UTF-8 in shortstr", 10, 11),
        )
        .differs(SILENT),
        malformed("PLAIN empty", "PLAIN", b"", BAD_PLAIN),
        malformed("PLAIN without the leading NUL", "PLAIN", b"guest\0guest", BAD_PLAIN),
        malformed("PLAIN with an authzid", "PLAIN", b"guest\0guest\0guest", BAD_PLAIN),
        malformed("PLAIN without a password", "PLAIN", b"\0guest", BAD_PLAIN),
        malformed("PLAIN with a third NUL", "PLAIN", b"\0guest\0gu\0est", BAD_PLAIN),
        malformed("AMQPLAIN garbage", "AMQPLAIN", b"\xFF\xFF", BAD_AMQPLAIN),
        malformed("AMQPLAIN unknown tag", "AMQPLAIN", &unknown_tag.0, BAD_AMQPLAIN),
        malformed("AMQPLAIN login of a wrong type", "AMQPLAIN", &integer_login.0, BAD_AMQPLAIN),
        malformed("AMQPLAIN empty", "AMQPLAIN", b"", MISSING),
        malformed(
            "AMQPLAIN without a password",
            "AMQPLAIN",
            &args().text_entry("LOGIN", "guest").0,
            MISSING,
        ),
        wrong("wrong password by PLAIN", "PLAIN", b"\0guest\0wrong", wrong_plain),
        wrong("unknown user by PLAIN", "PLAIN", b"\0nobody\0guest", wrong_plain),
        wrong("empty user by PLAIN", "PLAIN", b"\0\0", wrong_plain),
        wrong("user that is not UTF-8", "PLAIN", b"\0\xFF\xFE\0guest", wrong_plain),
        wrong(
            "wrong password by AMQPLAIN",
            "AMQPLAIN",
            &amqplain("guest", "wrong").0,
            &wrong_amqplain,
        ),
        case(
            "wrong password of a client that does not know of the close",
            Stage::Starting,
            start_ok_with(args(), "PLAIN", b"\0guest\0wrong"),
            Expect::SilentEnd,
        )
        .few_splits(),
        good("AMQPLAIN", capabilities(), "AMQPLAIN", &amqplain("guest", "guest").0),
        good("client-properties of odd types", odd_capabilities, "PLAIN", b"\0guest\0guest"),
    ]
}

fn tuning() -> Vec<Case> {
    let refused = |name, channel_max, frame_max, text: &str| {
        let expect = connection_closes(530, &format!("NOT_ALLOWED - negotiated {text}"), 10, 30);
        case(name, Stage::Tuning, tune_ok(channel_max, frame_max), expect).differs(SILENT)
    };
    let good =
        |name, bytes| case(name, Stage::Tuning, bytes, Expect::StillFine).reaching(Stage::Opening);
    vec![
        refused(
            "tune-ok channel_max 0",
            0,
            131_072,
            "channel_max = 0 (no limit) is higher than the maximum allowed value (2047)",
        ),
        refused(
            "tune-ok channel_max 2048",
            2048,
            131_072,
            "channel_max = 2048 is higher than the maximum allowed value (2047)",
        ),
        refused(
            "tune-ok channel_max 65535",
            65535,
            131_072,
            "channel_max = 65535 is higher than the maximum allowed value (2047)",
        ),
        refused(
            "tune-ok frame_max 0",
            2047,
            0,
            "frame_max = 0 is higher than the maximum allowed value (131072)",
        ),
        refused(
            "tune-ok frame_max 1",
            2047,
            1,
            "frame_max = 1 is lower than the minimum allowed value (4096)",
        ),
        refused(
            "tune-ok frame_max 4095",
            2047,
            4095,
            "frame_max = 4095 is lower than the minimum allowed value (4096)",
        ),
        refused(
            "tune-ok frame_max 131073",
            2047,
            131_073,
            "frame_max = 131073 is higher than the maximum allowed value (131072)",
        ),
        refused(
            "tune-ok frame_max 2^32-1",
            2047,
            u32::MAX,
            "frame_max = 4294967295 is higher than the maximum allowed value (131072)",
        ),
        good("tune-ok frame_max 4096", tune_ok(2047, 4096)),
        good(
            "tune-ok heartbeat above the offer",
            method(0, 10, 31, args().u16(2047).u32(131_072).u16(65535)),
        ),
    ]
}

/// Frames that are wrong as frames, before the connection is tuned.
fn frames() -> Vec<Case> {
    let refused = |name, bytes, code, text: &str| {
        case(name, Stage::Starting, bytes, connection_closes(code, text, 0, 0)).differs(SILENT)
    };
    let tolerated = |name, stage, bytes| case(name, stage, bytes, Expect::StillFine);
    let too_large = |size: u32| {
        format!("FRAME_ERROR - type 1, all octets = <<>>: {{frame_too_large,{size},8184}}")
    };
    let big_password = vec![b'x'; 8000];
    let response = [b"\0guest\0", &big_password[..]].concat();
    let big_start_ok = start_ok_with(capabilities(), "PLAIN", &response);
    vec![
        refused("8193 octets before tune", frame_start(METHOD, 0, 8193), 501, &too_large(8193)),
        refused("131072 octets before tune", frame_start(METHOD, 0, 131_072), 501, &too_large(131_072)),
        refused("2^32-1 octets before tune", frame_start(METHOD, 0, u32::MAX), 501, &too_large(u32::MAX)),
        case(
            "a password of 8000 octets",
            Stage::Starting,
            big_start_ok,
            connection_closes(
                403,
                "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details \
                 see the broker logfile.",
                0,
                0,
            ),
        )
        .differs("RabbitMQ 3.10 takes 4096 octets before tune"),
        refused(
            "unknown frame type before tune",
            frame(9, 0, b""),
            501,
            "FRAME_ERROR - type 9, all octets = <<>>: unknown_frame",
        ),
        refused(
            "wrong frame end before tune",
            frame_ending(HEARTBEAT, 0, b"", 0),
            501,
            "FRAME_ERROR - type 8, all octets = <<>>: {invalid_frame_end_marker,0}",
        ),
        refused(
            "content header before tune",
            frame(CONTENT_HEADER, 0, &[0; 14]),
            505,
            "UNEXPECTED_FRAME - type 2, all octets = <<0,0,0,0,0,0,0,0,0,0,0,0,0,0>>",
        ),
        refused(
            "channel.open before start-ok",
            channel_open(1),
            505,
            "UNEXPECTED_FRAME - type 1, all octets = <<0,20,0,10,0>>",
        ),
        refused(
            "a whole message before start-ok",
            content_header(0, 0, Args(vec![])),
            505,
            "UNEXPECTED_FRAME - type 2, all octets = <<0,60,0,0,0,0,0,0,0,0,0,0,0,0>>",
        ),
        tolerated("heartbeats before start-ok", Stage::Starting, frame(HEARTBEAT, 0, b"").repeat(3)),
        tolerated("a heartbeat before tune-ok", Stage::Tuning, frame(HEARTBEAT, 0, b"")),
        tolerated("a heartbeat before open", Stage::Opening, frame(HEARTBEAT, 0, b"")),
    ]
}

/// Methods out of turn.
fn states() -> Vec<Case> {
    let out_of_turn = |name, stage, state: &str, bytes, class, method| {
        let text = format!("CHANNEL_ERROR - unexpected method in connection state {state}");
        case(name, stage, bytes, connection_closes(504, &text, class, method))
    };
    let starting = |name, bytes, class, method| {
        out_of_turn(name, Stage::Starting, "starting", bytes, class, method).differs(SILENT)
    };
    let tuning = |name, bytes, class, method| {
        out_of_turn(name, Stage::Tuning, "tuning", bytes, class, method).differs(SILENT)
    };
    let opening = |name, bytes, class, method| {
        out_of_turn(name, Stage::Opening, "opening", bytes, class, method)
    };
    let on_channel_0 = |bytes: Vec<u8>| [&bytes[..1], &[0, 0], &bytes[3..]].concat();
    vec![
        starting("tune-ok before start-ok", tune_ok(2047, 131_072), 10, 31),
        starting("open before start-ok", connection_open("/"), 10, 40),
        starting("close before start-ok", connection_close(), 10, 50),
        starting("close-ok before start-ok", connection_close_ok(), 10, 51),
        starting("secure-ok unasked", method(0, 10, 21, args().long(b"guest")), 10, 21),
        starting("queue.declare before start-ok", on_channel_0(queue_declare("q", 0)), 50, 10),
        tuning("start-ok twice", start_ok(), 10, 11),
        tuning("open before tune-ok", connection_open("/"), 10, 40),
        case(
            "channel.open before tune-ok",
            Stage::Tuning,
            channel_open(1),
            connection_closes(505, "UNEXPECTED_FRAME - type 1, all octets = <<0,20,0,10,0>>", 0, 0),
        )
        .differs(SILENT),
        opening("tune-ok twice before open", tune_ok(2047, 131_072), 10, 31),
        opening("close before open", connection_close(), 10, 50),
        opening("queue.declare before open", on_channel_0(queue_declare("q", 0)), 50, 10),
        case(
            "channel.open before open",
            Stage::Opening,
            channel_open(1),
            connection_closes(505, "UNEXPECTED_FRAME - type 1, all octets = <<0,20,0,10,0>>", 0, 0),
        ),
        case(
            "unknown method before start-ok",
            Stage::Starting,
            method(0, 10, 99, args()),
            connection_closes(503, "COMMAND_INVALID - unimplemented method", 10, 99),
        )
        .differs(SILENT),
        case(
            "start-ok without arguments",
            Stage::Starting,
            method(0, 10, 11, args()),
            connection_closes(501, "FRAME_ERROR - cannot decode <<>>", 10, 11),
        )
        .differs(SILENT),
        case(
            "start-ok with an octet too many",
            Stage::Starting,
            method(0, 10, 11, start_ok_arguments(args(), "PLAIN", b"").u8(9)),
            connection_closes(
                501,
                "FRAME_ERROR - cannot decode \
                 <<0,0,0,0,5,80,76,65,73,78,0,0,0,0,5,101,110,95,85,83,9>>",
                10,
                11,
            ),
        )
        .differs(SILENT),
        case(
            "client-properties with an unknown tag",
            Stage::Starting,
            start_ok_with(args().entry("a", b'U', args()), "PLAIN", b"\0guest\0guest"),
            connection_closes(502, "SYNTAX_ERROR - unknown field type 85 in field table", 10, 11),
        )
        .differs(SILENT),
    ]
}

fn opening() -> Vec<Case> {
    let refused = |name, bytes, code, text: &str| {
        case(name, Stage::Opening, bytes, connection_closes(code, text, 10, 40))
    };
    vec![
        refused(
            "open a vhost that is missing",
            connection_open("nope"),
            530,
            "NOT_ALLOWED - vhost nope not found",
        ),
        refused(
            "open a vhost without a name",
            connection_open(""),
            530,
            "NOT_ALLOWED - vhost  not found",
        ),
        refused(
            "open a vhost that is not UTF-8",
            method(0, 10, 40, args().short_bytes(b"\xFF").short("").u8(0)),
            501,
            "FRAME_ERROR - Malformed UTF-8 in shortstr",
        ),
        case(
            "open with capabilities and insist",
            Stage::Opening,
            method(0, 10, 40, args().short("/").short("all").u8(1)),
            Expect::StillFine,
        )
        .reaching(Stage::Open),
    ]
}
