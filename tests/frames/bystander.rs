//! A well-behaved client beside the hostile ones: what they do must not reach it.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use crate::{
    requests::{
        EXCLUSIVE, NO_ACK, channel_open, connection_open, consume, publish, queue_declare,
        start_ok, tune_ok,
    },
    wire::{Event, HEADER, Wire, args, body, content_header},
};

/// What the bystander saw.
pub(crate) struct Report {
    /// How many messages it has published and got back.
    pub(crate) messages: u32,
    /// The longest time from publishing to getting back.
    pub(crate) slowest: Duration,
}

/// Publishes a message and consumes it, one after the other, until `stop` is set.
///
/// # Panics
/// If anything comes but the deliveries.
pub(crate) fn run(addr: SocketAddr, stop: &AtomicBool) -> Report {
    const QUEUE: &str = "frames-bystander";
    let mut wire = Wire::connect(addr);
    let setup = [
        HEADER.to_vec(),
        start_ok(),
        tune_ok(2047, 131_072),
        connection_open("/"),
        channel_open(1),
        queue_declare(QUEUE, EXCLUSIVE),
        consume(QUEUE, "bystander", NO_ACK),
    ];
    wire.send(&setup.concat());
    read_until(&mut wire, 60, 21);

    let message = [publish("", QUEUE), content_header(5, 0, args()), body(b"hello")].concat();
    let mut report = Report { messages: 0, slowest: Duration::ZERO };
    while !stop.load(Ordering::Relaxed) {
        let published = Instant::now();
        wire.send(&message);
        read_until(&mut wire, 60, 60);
        for kind in [2, 3] {
            assert_eq!(wire.read(), Event::Frame { kind, channel: 1 });
        }
        report.messages += 1;
        report.slowest = report.slowest.max(published.elapsed());
    }
    report
}

/// Reads methods up to the given one.
fn read_until(wire: &mut Wire, wanted_class: u16, wanted_method: u16) {
    loop {
        let event = wire.read();
        let Event::Method { class, method, .. } = event else {
            panic!("the bystander got {event:?}");
        };
        if (class, method) == (wanted_class, wanted_method) {
            return;
        }
        assert!(!matches!((class, method), (10, 50) | (20, 40)), "the bystander was closed");
    }
}
