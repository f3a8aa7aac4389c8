//! Arguments of `basic.consume`.

use amqp::FieldTable;

use super::{
    check::{self, Check},
    queue::{check_values, refuse_foreign},
};
use crate::{QueueKind, QueueName, Refusal, VhostName};

/// What a consumer asks for beyond the flags of the method.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ConsumerArguments {
    /// `x-priority`: the highest consumer with credit goes first; 0 is the default.
    pub priority: i64,
    /// `x-consumer-timeout`: how long this one may keep a delivery unacked; it wins over the queue's.
    pub timeout_ms: Option<u64>,
}

/// Classic queues take the timeout too: RabbitMQ before 4.3 ignored it there rather than refuse it.
const CHECKS: &[(&str, Check)] =
    &[("x-priority", check::any_integer), ("x-consumer-timeout", check::non_negative)];

const STREAM_ONLY: &[&str] = &["x-stream-offset", "x-stream-filter", "x-stream-match-unfiltered"];

impl ConsumerArguments {
    /// Checks the arguments of a consumer on `queue`.
    ///
    /// # Errors
    /// [`Refusal::InvalidArgument`] or [`Refusal::ForeignArgument`].
    pub fn parse(
        arguments: &FieldTable,
        kind: QueueKind,
        vhost: &VhostName,
        queue: &QueueName,
    ) -> Result<Self, Refusal> {
        if arguments.is_empty() {
            return Ok(Self::default());
        }
        check_values(arguments, CHECKS, vhost, queue)?;
        refuse_foreign(arguments, |key| STREAM_ONLY.contains(&key), kind, vhost, queue)?;
        let integer = |key| arguments.get(key).and_then(amqp::FieldValue::as_integer);
        Ok(Self {
            priority: integer("x-priority").unwrap_or(0),
            timeout_ms: integer("x-consumer-timeout").and_then(|ms| u64::try_from(ms).ok()),
        })
    }
}

#[cfg(test)]
mod tests {
    use amqp::{FieldValue, ShortString};

    use super::*;

    fn parse(key: &'static str, value: impl Into<FieldValue>) -> Result<ConsumerArguments, String> {
        let arguments = [(ShortString::from_static(key), value.into())].into_iter().collect();
        ConsumerArguments::parse(&arguments, QueueKind::Classic, &"/".into(), &"q".into())
            .map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn priorities_are_any_integer() {
        assert_eq!(parse("x-priority", -7).unwrap().priority, -7);
        assert_eq!(parse("x-consumer-timeout", 5).unwrap().timeout_ms, Some(5));
        assert_eq!(parse("whatever", 5), Ok(ConsumerArguments::default()));
        assert_eq!(
            parse("x-priority", "high").unwrap_err(),
            "PRECONDITION_FAILED - invalid arg 'x-priority' for queue 'q' in vhost '/': \"expected integer, got longstr\""
        );
        assert_eq!(
            parse("x-stream-offset", "first").unwrap_err(),
            "PRECONDITION_FAILED - invalid arg 'x-stream-offset' for queue 'q' in vhost '/' of queue type rabbit_classic_queue"
        );
    }
}
