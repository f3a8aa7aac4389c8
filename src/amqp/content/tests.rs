//! Contents on their way out, read back.

use super::*;
use crate::{ContentHeader, RawProperties, decode_frame};

const FRAME_MAX: u32 = 4096;

/// What the frames of `bytes` say: delivery, then body, checked frame by frame.
fn read(mut bytes: &[u8]) -> (Vec<usize>, Vec<u8>) {
    let (mut sizes, mut body) = (Vec::new(), Vec::new());
    while let Some((frame, len)) = decode_frame(bytes, FRAME_MAX).unwrap() {
        assert_eq!(frame.channel, 5);
        if frame.kind == FrameType::Body {
            sizes.push(frame.payload.len());
            body.extend_from_slice(frame.payload);
        }
        bytes = &bytes[len..];
    }
    assert!(bytes.is_empty());
    (sizes, body)
}

#[test]
fn bodies_are_cut_eight_octets_below_the_limit() {
    let check = |len: usize, expected: &[usize]| {
        let body: Vec<u8> = (0..=255).cycle().take(len).collect();
        let mut out = Vec::new();
        encode_body_frames(&mut out, 5, FRAME_MAX, &body);
        assert_eq!(read(&out), (expected.to_vec(), body));
    };
    check(0, &[]);
    check(1, &[1]);
    check(4088, &[4088]);
    check(4089, &[4088, 1]);
    check(10_000, &[4088, 4088, 1824]);
}

#[test]
fn a_header_is_one_frame_however_large() {
    let properties = vec![0; 3 * FRAME_MAX as usize];
    let mut out = Vec::new();
    encode_header_frame(&mut out, 5, 1, &properties);
    assert!(decode_frame(&out, FRAME_MAX).is_err(), "it exceeds what was negotiated");
    let (frame, len) = decode_frame(&out, u32::MAX).unwrap().unwrap();
    assert_eq!((frame.kind, len), (FrameType::Header, out.len()));
    assert_eq!(ContentHeader::decode(frame.payload).unwrap().properties.as_bytes(), properties);
}

#[test]
fn a_template_writes_what_the_method_does() {
    let template = DeliverTemplate::new(5, b"ctag", b"exchange", b"key").unwrap();
    for (delivery_tag, redelivered) in [(1, false), (u64::MAX, true)] {
        let deliver = basic::Deliver {
            consumer_tag: b"ctag",
            delivery_tag,
            redelivered,
            exchange: b"exchange",
            routing_key: b"key",
        };
        let mut expected = b"before".to_vec();
        Method::BasicDeliver(deliver).encode(5, &mut expected);
        let mut out = b"before".to_vec();
        template.append(&mut out, delivery_tag, redelivered);
        assert_eq!(out, expected);

        let body = [7; 5000];
        encode_header_frame(&mut expected, 5, 5000, b"\x10\0\x02");
        encode_body_frames(&mut expected, 5, FRAME_MAX, &body);
        let mut out = b"before".to_vec();
        let delivery = (delivery_tag, redelivered);
        template.append_content(&mut out, FRAME_MAX, delivery, b"\x10\0\x02", &body);
        assert_eq!(out, expected);
    }
    assert!(DeliverTemplate::new(5, b"", b"", &[b'k'; 256]).is_err());
}

#[test]
fn golden_header() {
    let mut out = Vec::new();
    encode_header_frame(&mut out, 5, 258, b"\x10\0\x02");
    assert_eq!(out, b"\x02\0\x05\0\0\0\x0F\0\x3C\0\0\0\0\0\0\0\0\x01\x02\x10\0\x02\xCE");
    let header = ContentHeader::decode(&out[7..out.len() - 1]).unwrap();
    let properties = RawProperties::from_bytes(b"\x10\0\x02");
    assert_eq!(header, ContentHeader { class_id: 60, weight: 0, body_size: 258, properties });
}
