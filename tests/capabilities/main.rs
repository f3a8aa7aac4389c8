//! What a client can do with the built broker, through a real client library.
//!
//! A module for each capability. The tests share one broker and keep apart by the names of their queues; who needs other
//! settings starts one of its own. With `PILLARBOX_TEST_ADDR=ip:port` they ask another broker instead, without those that
//! need settings.

#![expect(clippy::unwrap_used, reason = "all of this is tests, also what they have in common")]

#[path = "../broker/mod.rs"]
mod broker;
#[path = "../certificates/mod.rs"]
mod certificates;
mod client;
mod raw_client;
mod tool;

mod backup;
mod cancel_notify;
mod confirms;
mod connection;
mod consumer_priorities;
mod consumer_timeout;
mod dead_letter;
mod declare;
mod delayed;
mod delete;
mod durable;
mod exclusive;
mod get;
mod length_limits;
mod limits;
mod log_tools;
mod login;
mod memory;
mod permissions;
mod prefetch;
mod priority;
mod quorum;
mod reply_to;
mod requeue;
mod routing;
mod routing_hashes;
mod routing_headers;
mod single_active_consumer;
mod spill;
mod tls;
mod ttl;
mod tx;
