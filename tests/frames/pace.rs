//! What a client gets that reads late, or that says nothing for a while: everything, and in time.

#![expect(clippy::wildcard_enum_match_arm, reason = "what is not expected fails the test")]

use std::time::{Duration, Instant};

use crate::{
    broker::Broker,
    requests::{
        EXCLUSIVE, channel_open, connection_open, get, nack, publish, queue_declare, start_ok,
    },
    wire::{Event, HEADER, HEARTBEAT, Wire, args, body, content_header, method},
};

/// How many times the one message is fetched, which is far more than sockets hold.
const FETCHES: usize = 300;
const BODY_LEN: usize = 100_000;

/// Opens a connection with a heartbeat, and channel 1.
fn open(broker: &Broker, heartbeat_secs: u16) -> Wire {
    let mut wire = Wire::connect(broker.addr());
    let tune_ok = method(0, 10, 31, args().u16(3).u32(131_072).u16(heartbeat_secs));
    let setup = [HEADER.to_vec(), start_ok(), tune_ok, connection_open("/"), channel_open(1)];
    wire.send(&setup.concat());
    loop {
        match wire.read() {
            Event::Method { class: 20, method: 11, .. } => return wire,
            Event::Method { channel: 0, .. } => {}
            other => panic!("{other:?} instead of an open channel"),
        }
    }
}

#[test]
fn who_reads_late_gets_every_answer() {
    const QUEUE: &str = "frames-late";
    const MULTIPLE_REQUEUE: u8 = 3;
    let broker = Broker::start();
    let mut wire = open(&broker, 0);
    let length = u64::try_from(BODY_LEN).expect("it is small");
    let message = [content_header(length, 0, args()), body(&vec![b'x'; BODY_LEN])].concat();
    wire.send(&[queue_declare(QUEUE, EXCLUSIVE), publish("", QUEUE), message].concat());
    let fetch = [get(QUEUE, 0), nack(0, MULTIPLE_REQUEUE)].concat();
    wire.send(&fetch.repeat(FETCHES));
    let mut fetched = 0;
    while fetched < FETCHES {
        match wire.read() {
            Event::Method { class: 60, method: 71, .. } => fetched += 1,
            Event::Frame { channel: 1, .. } | Event::Method { class: 50, method: 11, .. } => {}
            other => panic!("{other:?} after {fetched} answers"),
        }
    }
}

#[test]
fn a_silent_client_hears_heartbeats_twice_in_each_interval() {
    let broker = Broker::start();
    let mut wire = open(&broker, 2);
    let begun = Instant::now();
    for _ in 0..2 {
        assert_eq!(wire.read(), Event::Frame { kind: HEARTBEAT, channel: 0 });
    }
    let taken = begun.elapsed();
    assert!(taken < Duration::from_millis(3500), "{taken:?} for two heartbeats");
}
