//! Arguments of declarations, checked as RabbitMQ checks them and turned into typed settings.
//!
//! The rule for queues and consumers: a key that is known for another queue type is refused, a known key must have a
//! valid value, and an unknown key is accepted and kept.

mod check;
mod consumer;
mod equivalence;
mod exchange_name;
mod expiration;
mod fault;
mod queue;
mod term;

pub use self::{
    consumer::ConsumerArguments,
    equivalence::{assert_argument_equivalence, assert_property_equivalence},
    exchange_name::{ExtraPermissions, alternate_exchange, dead_letter_exchange},
    expiration::{delay_ms, expiration_ms},
    fault::ArgumentFault,
    queue::{Compat, QueueDeclaration, QueueDefinition},
    term::Term,
};

/// The longest time that an argument may ask for: ten years.
pub const DURATION_MS_MAX: i64 = 10 * 365 * 24 * 60 * 60 * 1000;
