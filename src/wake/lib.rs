//! The wake/refill protocol between a queue, an outbox and a starved consumer.
