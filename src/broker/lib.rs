//! What is known and decided: vhosts, users, exchanges, bindings and queues.
//!
//! Plain values without locks, clock, randomness or I/O: the same calls in the same order give the same results.

pub mod arguments;
pub mod exchange;
pub mod limits;
mod log_position;
pub mod message;
mod names;
pub mod parameter;
mod password;
pub mod permission;
pub mod policy;
pub mod queue;
pub mod record;
mod refusal;
mod resource;
pub mod rights;
pub mod routing;
mod time;
pub mod user;
pub mod vhost;

pub use self::{
    exchange::{
        Binding, Destination, Exchange, ExchangeKind, ExchangeSpec, RoutesBy, RoutingInput,
    },
    log_position::LogPosition,
    names::{ConsumerTag, ExchangeName, ParameterName, PolicyName, QueueName, UserName, VhostName},
    permission::{Action, Authority, Permission, TopicPermission, TopicPermissions},
    queue::settings::{DeadLetterStrategy, DeadLetterTarget, Overflow, QueueKind, QueueSettings},
    refusal::{Refusal, TopicRefused},
    resource::{Resource, ResourceKind},
    time::Timestamp,
    user::{PasswordHash, User, UserTags},
};
