//! Frames that are wrong as frames, on an open connection.

use crate::{
    case::{Case, Expect, Stage, case, connection_closes},
    requests::{channel_open, connection_open, tune_ok},
    wire::{BODY, CONTENT_HEADER, HEARTBEAT, METHOD, frame, frame_ending, frame_start},
};

pub(crate) fn cases() -> Vec<Case> {
    [ends_and_sizes(), types(), heartbeats(), channels()].concat()
}

/// A case whose close names no method.
fn closes(name: &'static str, bytes: Vec<u8>, code: u16, text: &str) -> Case {
    case(name, Stage::Channel, bytes, connection_closes(code, text, 0, 0))
}

fn ends_and_sizes() -> Vec<Case> {
    let bad_end = |name, bytes, quoted: &str, end: u8| {
        let text = format!("FRAME_ERROR - type {quoted}: {{invalid_frame_end_marker,{end}}}");
        closes(name, bytes, 501, &text)
    };
    let too_large = |name, kind: u8, channel, size: u32| {
        let text = format!(
            "FRAME_ERROR - type {kind}, all octets = <<>>: {{frame_too_large,{size},131064}}"
        );
        closes(name, frame_start(kind, channel, size), 501, &text)
    };
    let largest = vec![b'x'; 131_072];
    let smaller = [tune_ok(2047, 4096), connection_open("/")].concat();
    vec![
        bad_end(
            "method frame with a wrong end",
            frame_ending(METHOD, 1, &[0, 20, 0, 40], 0),
            "1, all octets = <<0,20,0,40>>",
            0,
        ),
        bad_end(
            "body frame with a wrong end",
            frame_ending(BODY, 1, b"abc", 0xCF),
            "3, all octets = <<\"abc\">>",
            207,
        ),
        bad_end(
            "long body frame with a wrong end",
            frame_ending(BODY, 1, b"abcdefghijklmnopqrs", b'!'),
            "3, first 16 octets = <<\"abcdefghijklmnop\">>",
            33,
        )
        .differs("RabbitMQ breaks the text into two lines"),
        bad_end(
            "heartbeat with a wrong end",
            frame_ending(HEARTBEAT, 0, b"", 0),
            "8, all octets = <<>>",
            0,
        ),
        bad_end(
            "frame that is longer than it says",
            [&frame_start(METHOD, 1, 4)[..], b"\0\x14\0\x0A", b"\0\xCE"].concat(),
            "1, all octets = <<0,20,0,10>>",
            0,
        ),
        too_large("method of 131073 octets", METHOD, 1, 131_073),
        too_large("body of 2^31 octets", BODY, 1, 1 << 31),
        too_large("body of 2^32-1 octets", BODY, 1, u32::MAX),
        too_large("unknown type of 2^32-1 octets on a closed channel", 9, 77, u32::MAX),
        closes(
            "unknown type of just 131072 octets",
            frame(9, 1, &largest),
            501,
            "FRAME_ERROR - type 9, first 16 octets = <<\"xxxxxxxxxxxxxxxx\">>: unknown_frame",
        ),
        case(
            "frame above the negotiated 4096",
            Stage::Tuning,
            [smaller.clone(), frame_start(HEARTBEAT, 0, 4097)].concat(),
            connection_closes(
                501,
                "FRAME_ERROR - type 8, all octets = <<>>: {frame_too_large,4097,4088}",
                0,
                0,
            ),
        ),
        case(
            "frame of the negotiated 4096",
            Stage::Tuning,
            [smaller, frame(9, 0, &largest[..4096])].concat(),
            connection_closes(
                501,
                "FRAME_ERROR - type 9, first 16 octets = <<\"xxxxxxxxxxxxxxxx\">>: unknown_frame",
                0,
                0,
            ),
        )
        .few_splits(),
    ]
}

fn types() -> Vec<Case> {
    let unknown = |name, kind: u8, channel, payload: &[u8], quoted: &str| {
        let text = format!("FRAME_ERROR - type {kind}, {quoted}: unknown_frame");
        closes(name, frame(kind, channel, payload), 501, &text)
    };
    vec![
        unknown("frame type 0", 0, 0, b"", "all octets = <<>>"),
        unknown("frame type 4", 4, 1, b"", "all octets = <<>>"),
        unknown("frame type 9 on channel 0", 9, 0, &[1, 2, 3], "all octets = <<1,2,3>>"),
        unknown("frame type 9 on channel 1", 9, 1, b"abc", "all octets = <<\"abc\">>"),
        unknown("frame type 255", 255, 65535, &[0x7F], "all octets = <<127>>"),
        unknown("frame type 9 with quotes", 9, 1, b"a\"b\\", r#"all octets = <<"a\"b\\">>"#),
        unknown("frame type 9 with a line end", 9, 1, b"a\r\n", r#"all octets = <<"a\r\n">>"#),
        unknown(
            "frame type 9 with 16 octets",
            9,
            1,
            &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15],
            "all octets = <<0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15>>",
        ),
        unknown(
            "frame type 9 with 17 octets",
            9,
            1,
            &[0; 17],
            "first 16 octets = <<0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0>>",
        ),
        unknown("method frame without a method", METHOD, 1, b"", "all octets = <<>>"),
        unknown("method frame of 3 octets", METHOD, 1, &[0, 10, 0], "all octets = <<0,10,0>>"),
        unknown(
            "method frame of 2 octets on channel 0",
            METHOD,
            0,
            &[0, 10],
            "all octets = <<0,10>>",
        ),
        unknown("content header without octets", CONTENT_HEADER, 1, b"", "all octets = <<>>"),
        unknown(
            "content header of 4 octets",
            CONTENT_HEADER,
            1,
            &[0, 60, 0, 0],
            "all octets = <<0,60,0,0>>",
        ),
        unknown(
            "content header of 11 octets",
            CONTENT_HEADER,
            1,
            &[0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            "all octets = <<0,60,0,0,0,0,0,0,0,0,0>>",
        ),
    ]
}

fn heartbeats() -> Vec<Case> {
    let heartbeat_error = "FRAME_ERROR - type 8, all octets = <<\"x\">>: unknown_frame";
    let elsewhere = "UNEXPECTED_FRAME - type 8, all octets = <<>>";
    vec![
        closes("heartbeat with a payload", frame(HEARTBEAT, 0, b"x"), 501, heartbeat_error),
        closes(
            "heartbeat with a payload on channel 1",
            frame(HEARTBEAT, 1, b"x"),
            501,
            heartbeat_error,
        ),
        closes("heartbeat on channel 1", frame(HEARTBEAT, 1, b""), 505, elsewhere),
        closes("heartbeat on a closed channel", frame(HEARTBEAT, 3, b""), 505, elsewhere),
        case(
            "a hundred heartbeats",
            Stage::Channel,
            frame(HEARTBEAT, 0, b"").repeat(100),
            Expect::StillFine,
        ),
    ]
}

fn channels() -> Vec<Case> {
    let content = [b'x'; 14];
    vec![
        closes(
            "content header on channel 0",
            frame(CONTENT_HEADER, 0, &content),
            505,
            "UNEXPECTED_FRAME - type 2, all octets = <<\"xxxxxxxxxxxxxx\">>",
        ),
        closes(
            "body on channel 0",
            frame(BODY, 0, &content),
            505,
            "UNEXPECTED_FRAME - type 3, all octets = <<\"xxxxxxxxxxxxxx\">>",
        ),
        closes(
            "long body on channel 0",
            frame(BODY, 0, &[b'x'; 17]),
            505,
            "UNEXPECTED_FRAME - type 3, first 16 octets = <<\"xxxxxxxxxxxxxxxx\">>",
        ),
        case(
            "one channel more than negotiated",
            Stage::Tuning,
            [tune_ok(1, 131_072), connection_open("/"), channel_open(1), channel_open(2)].concat(),
            connection_closes(
                530,
                "NOT_ALLOWED - number of channels opened (1) has reached the negotiated channel_max (1)",
                0,
                0,
            ),
        ),
        case(
            "channel number above channel_max",
            Stage::Open,
            channel_open(65535),
            Expect::Answered(20, 11),
        ),
        case("end inside a frame", Stage::Channel, frame_start(METHOD, 1, 20), Expect::SilentEnd)
            .then_finish(),
    ]
}
