//! What holds for any bytes read as frames.

use amqp::{ContentHeader, FrameType, Method, MethodError, Properties, RawTable, decode_frame};

/// Small enough that the limit is met.
const FRAME_MAX: u32 = 4096;

/// Reads `input` as a stream of frames.
pub(crate) fn check(mut input: &[u8]) {
    loop {
        match decode_frame(input, FRAME_MAX) {
            Ok(Some((frame, len))) => {
                assert_eq!(frame.payload.len() + 8, len);
                assert_eq!(decode_frame(&input[..len - 1], FRAME_MAX), Ok(None));
                match frame.kind {
                    FrameType::Method => check_method(frame.payload),
                    FrameType::Header => check_header(frame.payload),
                    FrameType::Body => {}
                    FrameType::Heartbeat => assert!(frame.payload.is_empty()),
                }
                input = &input[len..];
            }
            Ok(None) => {
                assert!(
                    input.len() < FRAME_MAX as usize + 8,
                    "a whole frame is never too few octets"
                );
                return;
            }
            Err(error) => {
                assert!(error.to_string().starts_with("type "));
                return;
            }
        }
    }
}

/// A method is written as it was read, but for what is reserved; writing it again changes nothing.
pub(crate) fn check_method(payload: &[u8]) {
    match Method::decode(payload) {
        Ok(method) => {
            let mut written = Vec::new();
            method.encode(1, &mut written);
            let (frame, len) = decode_frame(&written, u32::MAX).expect("a frame").expect("whole");
            assert_eq!(len, written.len());
            assert_eq!(Method::decode(frame.payload), Ok(method));
        }
        Err(error) => {
            let explanation = error.explanation(payload);
            let silent = matches!(error, MethodError::Unknown { .. } | MethodError::Table { .. });
            assert_eq!(explanation.is_none(), silent, "{error}");
        }
    }
}

/// Every way to read properties agrees on them.
pub(crate) fn check_header(payload: &[u8]) {
    let Ok(header) = ContentHeader::decode(payload) else {
        assert!(payload.len() < 12);
        return;
    };
    let raw = header.properties;
    let read = (raw.headers(), raw.expiration(), raw.user_id(), raw.cluster_id(), raw.timestamp());
    let Ok(peek) = raw.peek() else {
        assert!(Properties::decode(raw).is_err());
        return;
    };
    assert_eq!(read.0, Ok(peek.headers));
    assert_eq!(read.1, Ok(peek.expiration));
    assert_eq!(read.2, Ok(peek.user_id));
    assert_eq!(raw.reply_to(), Ok(peek.reply_to));
    assert_eq!(raw.delivery_mode(), Ok(peek.delivery_mode));
    assert_eq!(raw.priority(), Ok(peek.priority));

    let owned = Properties::decode(raw).expect("validated");
    assert_eq!(owned.headers, peek.headers.map(RawTable::to_owned));
    assert_eq!(owned.cluster_id.as_ref().map(|id| id.as_bytes()), read.3.expect("validated"));
    assert_eq!(Ok(owned.timestamp), read.4);
    let written = owned.to_bytes();
    let again = Properties::decode(amqp::RawProperties::from_bytes(&written));
    assert_eq!(again, Ok(owned));
}
