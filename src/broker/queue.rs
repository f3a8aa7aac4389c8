//! Queues: what is waiting, who consumes, and which message goes where.

pub mod settings;
