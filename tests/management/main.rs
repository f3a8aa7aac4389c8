//! The HTTP API of the built broker, asked as tools ask it.

#![expect(clippy::unwrap_used, reason = "all of this is tests, also what they have in common")]

mod attempts;
#[path = "../broker/mod.rs"]
mod broker;
#[path = "../certificates/mod.rs"]
mod certificates;
mod cli;
mod contents;
mod definitions;
mod events;
mod explain;
mod gate;
mod histograms;
mod http;
mod https;
mod imports;
mod limits;
mod lists;
mod login;
mod messages;
mod metrics;
mod page;
mod patience;
mod policies;
mod reset;
mod scene;
mod secrets;
mod session;
mod shapes;
mod start;
mod surface;
mod topology;
mod trace;
mod traces;
mod unroutable;
mod users;
