//! A message as a text for people, with keys and properties as Erlang prints them.
//!
//! ```text
//!
//! ================================================================================
//! 2026-11-29T02:42:22.311+00:00: Message published
//!
//! Node:         pillarbox@post
//! Connection:   127.0.0.1:46888 -> 127.0.0.1:5672
//! Virtual host: /
//! User:         guest
//! Channel:      1
//! Exchange:     amq.direct
//! Routing keys: [<<"k">>]
//! Routed queues: [<<"work">>]      of a delivery: `Queue:        work`
//! Properties:   [{<<"priority">>,signedint,3}]
//! Payload: ⎵
//! hello
//! ```

use server::admin::{TracedEvent, TracedMessage};

use super::pretty::{Term, print};
use crate::stats::iso_8601;

pub(super) fn write(message: &TracedMessage, out: &mut Vec<u8>) {
    let kind = match &message.event {
        TracedEvent::Published { .. } => "published",
        TracedEvent::Delivered { .. } => "received",
    };
    let line = "=".repeat(80);
    let at = iso_8601(message.at);
    out.extend_from_slice(format!("\n{line}\n{at}: Message {kind}\n\n").as_bytes());
    let channel = message.channel.to_string();
    for (name, value) in [
        ("Node:         ", message.node.as_slice()),
        ("Connection:   ", &message.connection),
        ("Virtual host: ", &message.vhost),
        ("User:         ", &message.user),
        ("Channel:      ", channel.as_bytes()),
        ("Exchange:     ", &message.exchange),
    ] {
        put(out, name, value);
    }
    put_term(out, "Routing keys: ", Term::texts(&message.routing_keys));
    match &message.event {
        TracedEvent::Delivered { queue } => put(out, "Queue:        ", queue),
        TracedEvent::Published { queues } => put_term(out, "Routed queues: ", Term::texts(queues)),
    }
    put_term(out, "Properties:   ", Term::table(&message.properties));
    out.extend_from_slice(b"Payload: \n");
    out.extend_from_slice(&message.payload);
    out.push(b'\n');
}

fn put(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(value);
    out.push(b'\n');
}

fn put_term(out: &mut Vec<u8>, name: &str, term: Term) {
    out.extend_from_slice(name.as_bytes());
    print(&term, name.len() + 1, out);
    out.push(b'\n');
}
