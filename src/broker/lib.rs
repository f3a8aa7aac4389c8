//! What is known and decided: vhosts, users, exchanges, bindings and queues.
//!
//! Plain values without locks, clock, randomness or I/O: the same calls in the same order give the same results.

pub mod arguments;
pub mod message;
mod names;
mod permission;
pub mod queue;
mod refusal;
mod resource;
mod time;

pub use self::{
    names::{ConsumerTag, ExchangeName, QueueName, UserName, VhostName},
    permission::Action,
    queue::settings::{DeadLetterStrategy, DeadLetterTarget, Overflow, QueueKind, QueueSettings},
    refusal::Refusal,
    resource::{Resource, ResourceKind},
    time::Timestamp,
};
