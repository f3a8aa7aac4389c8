//! What a queue works by: its arguments, and what a policy says beside them.

use amqp::{FieldTable, FieldValue, ShortString};
use bytes::Bytes;

use super::QueueDefinition;
use crate::{
    DeadLetterStrategy, DeadLetterTarget, ExchangeName, Overflow, QueueKind, QueueSettings,
    policy::stricter_delivery_limit, queue::settings::DELIVERY_LIMIT_DEFAULT,
};

/// What is asked for in two places. Both were checked; what is not of the expected type by now is one that no check looks
/// at, and counts as absent.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    /// With `x-` before each key.
    pub(super) arguments: &'a FieldTable,
    /// Without.
    pub(super) policy: &'a FieldTable,
}

impl QueueDefinition {
    /// What the queue works by while this policy counts for it: the smaller of two limits, and otherwise what the queue
    /// was declared with. Only `overflow` of a quorum queue is as the policy says, as in RabbitMQ.
    pub fn under(&self, policy: &FieldTable) -> QueueSettings {
        let QueueSettings { kind, durable, exclusive, auto_delete, .. } = self.settings;
        let asked = Asked { arguments: &self.arguments, policy };
        asked.settings(QueueSettings {
            kind,
            durable,
            exclusive,
            auto_delete,
            ..Default::default()
        })
    }
}

impl<'a> Asked<'a> {
    /// The properties of `base`, with everything that is asked for.
    pub(super) fn settings(self, base: QueueSettings) -> QueueSettings {
        let kind = base.kind;
        let overflow = self.overflow(kind);
        let max_priority = match kind {
            QueueKind::Classic => self
                .argument("x-max-priority")
                .and_then(FieldValue::as_integer)
                .and_then(|max| u8::try_from(max).ok()),
            QueueKind::Quorum => None,
        };
        QueueSettings {
            message_ttl_ms: self.least("x-message-ttl"),
            expires_ms: self.least("x-expires"),
            max_length: self.least("x-max-length"),
            max_length_bytes: self.least("x-max-length-bytes"),
            overflow,
            dead_letter: self.dead_letter(kind, overflow),
            max_priority,
            single_active_consumer: self
                .argument("x-single-active-consumer")
                .and_then(FieldValue::as_bool)
                .unwrap_or(false),
            delivery_limit: self.delivery_limit(kind),
            consumer_timeout_ms: self.least("x-consumer-timeout"),
            ..base
        }
    }

    fn argument(self, key: &str) -> Option<&'a FieldValue> {
        self.arguments.get(key)
    }

    fn of_policy(self, key: &str) -> Option<&'a FieldValue> {
        self.policy.get(key.trim_start_matches("x-"))
    }

    /// The smaller one of two numbers.
    fn least(self, key: &str) -> Option<u64> {
        let count = |value: &FieldValue| u64::try_from(value.as_integer()?).ok();
        let asked = [self.argument(key), self.of_policy(key)];
        asked.into_iter().filter_map(|value| count(value?)).min()
    }

    /// A text of the arguments, or else of the policy.
    fn text(self, key: &str) -> Option<&'a [u8]> {
        let text = |value: Option<&'a FieldValue>| value.and_then(FieldValue::as_long_string);
        text(self.argument(key)).or_else(|| text(self.of_policy(key)))
    }

    fn overflow(self, kind: QueueKind) -> Overflow {
        let key = "x-overflow";
        let value = match kind {
            QueueKind::Classic => self.text(key),
            QueueKind::Quorum => {
                let of_policy = self.of_policy(key).and_then(FieldValue::as_long_string);
                of_policy.or_else(|| self.text(key))
            }
        };
        match (value, kind) {
            (Some(b"reject-publish"), _) => Overflow::RejectPublish,
            (Some(b"reject-publish-dlx"), QueueKind::Classic) => Overflow::RejectPublishDlx,
            _ => Overflow::DropHead,
        }
    }

    fn dead_letter(self, kind: QueueKind, overflow: Overflow) -> Option<DeadLetterTarget> {
        let strategy = match (self.text("x-dead-letter-strategy"), kind, overflow) {
            (Some(b"at-least-once"), QueueKind::Quorum, Overflow::RejectPublish) => {
                DeadLetterStrategy::AtLeastOnce
            }
            _ => DeadLetterStrategy::AtMostOnce,
        };
        let exchange = self.text("x-dead-letter-exchange")?;
        Some(DeadLetterTarget {
            exchange: ExchangeName::from(&*String::from_utf8_lossy(exchange)),
            // One that is longer than a routing key can be was declared before that was looked at.
            routing_key: self
                .text("x-dead-letter-routing-key")
                .filter(|key| key.len() <= ShortString::LEN_MAX)
                .map(Bytes::copy_from_slice),
            strategy,
        })
    }

    fn delivery_limit(self, kind: QueueKind) -> Option<u64> {
        if kind == QueueKind::Classic {
            return None;
        }
        let key = "x-delivery-limit";
        let limit = |value: Option<&FieldValue>| value.and_then(FieldValue::as_integer);
        let limit = match (limit(self.argument(key)), limit(self.of_policy(key))) {
            (Some(one), Some(other)) => Some(stricter_delivery_limit(one, other)),
            (one, other) => one.or(other),
        };
        // A negative one is none.
        limit.map_or(Some(DELIVERY_LIMIT_DEFAULT), |limit| u64::try_from(limit).ok())
    }
}

#[cfg(test)]
mod tests;
