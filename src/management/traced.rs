//! How traces write messages: the formats of RabbitMQ's plugin `rabbitmq_tracing`, octet by octet.

mod json;
mod pretty;
mod text;

use server::admin::TraceFormat;

/// For people.
pub(crate) const TEXT: TraceFormat = TraceFormat { name: "text", write: text::write };

/// A line of JSON for each message.
pub(crate) const JSON: TraceFormat = TraceFormat { name: "json", write: json::write };

#[cfg(test)]
mod tests;
