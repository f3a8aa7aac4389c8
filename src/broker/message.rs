//! Messages on their way into queues.
