//! Declarations' arguments: checked as RabbitMQ checks them, then turned into typed settings.

mod fault;

pub use self::fault::ArgumentFault;
