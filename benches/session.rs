//! What one client's session adds to a publish and to an ack, with a broker behind it that does nothing.
//!
//! `cargo bench --bench session`; with `-- --test` each runs once.

#[path = "../tests/fuzz/checks/nowhere.rs"]
mod nowhere;

use std::{hint::black_box, time::Duration};

use amqp::{Method, Properties, ShortString, basic, encode_body_frames, encode_header_frame};
use broker::Timestamp;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

use nowhere::{FRAME_MAX, open_session};

/// How many messages or acks a buffer holds, as when a socket is read under load.
const COUNT: u64 = 500;

/// A buffer full of published messages, for so many queues in turn.
fn published(properties: &Properties, body: &[u8], queues: u64) -> Vec<u8> {
    let properties = properties.to_bytes();
    let mut out = Vec::new();
    for index in 0..COUNT {
        let routing_key = format!("queue-{}", index % queues);
        let routing_key = routing_key.as_bytes();
        let publish = basic::Publish { routing_key, ..basic::Publish::default() };
        Method::BasicPublish(publish).encode(1, &mut out);
        encode_header_frame(&mut out, 1, body.len() as u64, &properties);
        encode_body_frames(&mut out, 1, FRAME_MAX, body);
    }
    out
}

fn acks() -> Vec<u8> {
    let mut out = Vec::new();
    for delivery_tag in 1..=COUNT {
        Method::BasicAck(basic::Ack { delivery_tag, multiple: false }).encode(1, &mut out);
    }
    out
}

fn session(criterion: &mut Criterion) {
    let plain = Properties { delivery_mode: Some(2), ..Properties::default() };
    let expiring =
        Properties { expiration: Some(ShortString::from_static("60000")), ..plain.clone() };
    let mut group = criterion.benchmark_group("session");
    group.warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(2));
    group.throughput(Throughput::Elements(COUNT));
    for (name, input, confirms) in [
        ("publish 16 B", published(&plain, &[7; 16], 1), false),
        ("publish 16 B, confirmed", published(&plain, &[7; 16], 1), true),
        ("publish 1 KiB", published(&plain, &[7; 1024], 1), false),
        ("publish 16 B, expiring", published(&expiring, &[7; 16], 1), false),
        ("publish 16 B, two queues in turn", published(&plain, &[7; 16], 2), false),
        ("ack", acks(), false),
    ] {
        let mut session = open_session(confirms);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let progress = session.handle_input(Timestamp(0), black_box(&input));
                assert_eq!(progress.consumed, input.len());
            });
        });
    }
    group.finish();
}

criterion_group!(benches, session);
criterion_main!(benches);
