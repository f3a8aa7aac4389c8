//! The HTTP API of the built broker, asked as tools ask it.

#![expect(clippy::unwrap_used, reason = "all of this is tests, also what they have in common")]

#[path = "../broker/mod.rs"]
mod broker;
mod cli;
mod contents;
mod definitions;
mod events;
mod explain;
mod gate;
mod histograms;
mod http;
mod limits;
mod lists;
mod messages;
mod metrics;
mod page;
mod policies;
mod scene;
mod session;
mod shapes;
mod start;
mod topology;
mod trace;
mod unroutable;
mod users;
