//! How long the codec takes for a frame: what a busy broker does millions of times a second.
//!
//! `cargo bench --bench codec`; with `-- --test` each runs once.

use std::{hint::black_box, time::Duration};

use amqp::{
    ContentHeader, DeliverTemplate, FieldTable, FieldValue, FrameType, Method, Properties,
    ShortString, basic, decode_frame, encode_body_frames, encode_header_frame,
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const FRAME_MAX: u32 = 131_072;

/// How many contents a buffer holds, as when a socket is read under load.
const CONTENTS: u64 = 100;

fn plain() -> Properties {
    Properties { delivery_mode: Some(2), ..Properties::default() }
}

/// What Celery sends with a task, roughly.
fn rich() -> Properties {
    let headers: FieldTable = [
        ("lang", FieldValue::from("py")),
        ("task", FieldValue::from("tasks.add")),
        ("id", FieldValue::from("7f9f4c8e-35d0-4b0f-8bb0-6f6f1c0f6f6f")),
        ("retries", FieldValue::I32(0)),
        ("timelimit", FieldValue::Array(vec![FieldValue::Void, FieldValue::Void])),
    ]
    .into_iter()
    .map(|(key, value)| (ShortString::from_static(key), value))
    .collect();
    Properties {
        content_type: Some(ShortString::from_static("application/json")),
        content_encoding: Some(ShortString::from_static("utf-8")),
        headers: Some(headers),
        delivery_mode: Some(2),
        priority: Some(0),
        correlation_id: Some(ShortString::from_static("7f9f4c8e-35d0-4b0f-8bb0-6f6f1c0f6f6f")),
        reply_to: Some(ShortString::from_static("b1c3f0de-98ab-3a1c-8cc5-4a7a64a8b6f5")),
        ..Properties::default()
    }
}

/// A buffer full of published messages.
fn published(properties: &Properties, body: &[u8]) -> Vec<u8> {
    let properties = properties.to_bytes();
    let mut out = Vec::new();
    for _ in 0..CONTENTS {
        let publish = basic::Publish { routing_key: b"queue-1", ..basic::Publish::default() };
        Method::BasicPublish(publish).encode(1, &mut out);
        encode_header_frame(&mut out, 1, body.len() as u64, &properties);
        encode_body_frames(&mut out, 1, FRAME_MAX, body);
    }
    out
}

/// Parses a buffer frame by frame, and adds up what a broker would look at.
fn parse(mut input: &[u8], peek: bool) -> u64 {
    let mut seen = 0;
    while let Ok(Some((frame, len))) = decode_frame(input, FRAME_MAX) {
        input = &input[len..];
        match frame.kind {
            FrameType::Method => {
                if let Ok(Method::BasicPublish(publish)) = Method::decode(frame.payload) {
                    seen += publish.routing_key.len() as u64 + u64::from(publish.mandatory);
                }
            }
            FrameType::Header => {
                if let Ok(header) = ContentHeader::decode(frame.payload) {
                    seen += header.body_size;
                    if peek && let Ok(peek) = header.properties.peek() {
                        seen += u64::from(peek.is_persistent());
                    }
                }
            }
            FrameType::Body => seen += frame.payload.len() as u64,
            FrameType::Heartbeat => {}
        }
    }
    seen
}

fn parsing(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("parse");
    group.throughput(Throughput::Elements(CONTENTS));
    let none = published(&Properties::default(), &[7; 16]);
    let plain = published(&plain(), &[7; 16]);
    let rich_input = published(&rich(), &[7; 16]);
    group.bench_function("publish, 16 B, properties untouched", |bencher| {
        bencher.iter(|| parse(black_box(&plain), false));
    });
    group.bench_function("publish, 16 B, no properties", |bencher| {
        bencher.iter(|| parse(black_box(&none), true));
    });
    group.bench_function("publish, 16 B, plain properties", |bencher| {
        bencher.iter(|| parse(black_box(&plain), true));
    });
    group.bench_function("publish, 16 B, rich properties", |bencher| {
        bencher.iter(|| parse(black_box(&rich_input), true));
    });
    let mut acks = Vec::new();
    for delivery_tag in 0..CONTENTS {
        Method::BasicAck(basic::Ack { delivery_tag, multiple: false }).encode(1, &mut acks);
    }
    group.bench_function("ack", |bencher| {
        bencher.iter(|| {
            let (mut input, mut sum) = (black_box(acks.as_slice()), 0);
            while let Ok(Some((frame, len))) = decode_frame(input, FRAME_MAX) {
                if let Ok(Method::BasicAck(ack)) = Method::decode(frame.payload) {
                    sum += ack.delivery_tag;
                }
                input = &input[len..];
            }
            sum
        });
    });
    group.finish();

    let headers = rich().headers.unwrap_or_default().to_bytes();
    criterion.bench_function("table, 5 fields, owned", |bencher| {
        bencher.iter(|| FieldTable::decode(black_box(&headers)));
    });
}

fn encoding(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode");
    group.throughput(Throughput::Elements(CONTENTS));
    let properties = plain().to_bytes();
    let mut out = Vec::with_capacity(4 << 20);
    for size in [16, 1024, 16_384] {
        let body = vec![7; size];
        let template = DeliverTemplate::new(1, b"ctag1.0", b"", b"queue-1");
        let template = template.expect("short strings");
        group.bench_function(format!("delivery, {size} B, prebuilt"), |bencher| {
            bencher.iter(|| {
                out.clear();
                for tag in 0..CONTENTS {
                    let tag = (black_box(tag), false);
                    template.append_content(&mut out, FRAME_MAX, tag, &properties, &body);
                }
                out.len()
            });
        });
        group.bench_function(format!("delivery, {size} B, field by field"), |bencher| {
            bencher.iter(|| {
                out.clear();
                for delivery_tag in 0..CONTENTS {
                    Method::BasicDeliver(basic::Deliver {
                        consumer_tag: b"ctag1.0",
                        delivery_tag: black_box(delivery_tag),
                        redelivered: false,
                        exchange: b"",
                        routing_key: b"queue-1",
                    })
                    .encode(1, &mut out);
                    encode_header_frame(&mut out, 1, body.len() as u64, &properties);
                    encode_body_frames(&mut out, 1, FRAME_MAX, &body);
                }
                out.len()
            });
        });
    }
    group.bench_function("ack", |bencher| {
        bencher.iter(|| {
            out.clear();
            for delivery_tag in 0..CONTENTS {
                let delivery_tag = black_box(delivery_tag);
                Method::BasicAck(basic::Ack { delivery_tag, multiple: true }).encode(1, &mut out);
            }
            out.len()
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .sample_size(30);
    targets = parsing, encoding
}
criterion_main!(benches);
