//! What a policy can set: each key with its values, and whose policies and which queues have it.

use amqp::{FieldTable, FieldValue, ShortString};

use super::{PolicyFault, PolicyKind, mirroring};
use crate::{QueueKind, arguments::Term};

/// One key.
struct Key {
    name: &'static str,
    is_valid: fn(&FieldValue) -> bool,
    /// What is said about any other value, after it.
    otherwise: &'static str,
    /// Operators can set it as well.
    bounds: bool,
}

const fn key(
    name: &'static str,
    is_valid: fn(&FieldValue) -> bool,
    otherwise: &'static str,
    bounds: bool,
) -> Key {
    Key { name, is_valid, otherwise, bounds }
}

/// What of it has an effect stands in `arguments/queue/settings.rs` and, for exchanges, in `alternate-exchange`. The others
/// are taken because RabbitMQ takes them, so that its definitions can be imported: a node alone has no other members or
/// leaders, keeps every classic queue in its one way, and there are no streams.
const KEYS: &[Key] = &[
    key("alternate-exchange", is_short_text, "is not a valid alternate exchange name", false),
    key(
        "consumer-disconnected-timeout",
        is_count,
        "is not a valid consumer disconnected timeout",
        false,
    ),
    key("consumer-timeout", is_count, "is not a valid consumer timeout", false),
    key("dead-letter-exchange", is_short_text, "is not a valid dead letter exchange name", false),
    key("dead-letter-routing-key", is_short_text, "is not a valid dead letter routing key", false),
    key("dead-letter-strategy", is_strategy, "is not a valid dead letter strategy", false),
    key("delivery-limit", is_integer, "is not a valid delivery limit", true),
    key("expires", is_positive, "is not a valid queue expiry", true),
    key("initial-cluster-size", is_count, "is not a valid cluster size", false),
    key("max-age", is_age, "is not a valid max age", false),
    key("max-in-memory-bytes", is_count, "is not a valid maximum memory in bytes", true),
    key("max-in-memory-length", is_count, "is not a valid maximum memory in bytes", true),
    key("max-length", is_count, "is not a valid maximum length", true),
    key("max-length-bytes", is_count, "is not a valid maximum length in bytes", true),
    key("message-ttl", is_count, "is not a valid message TTL", true),
    key("overflow", is_overflow, "is not a valid overflow value", true),
    key(
        "queue-leader-locator",
        is_leader_locator,
        "is not a valid queue leader locator value",
        false,
    ),
    key("queue-master-locator", is_master_locator, "invalid queue-master-locator value", false),
    key("queue-mode", is_mode, "is not a valid queue-mode value", false),
    key("queue-version", is_version, "is not a valid queue-version value", true),
    key(
        "stream-filter-size-bytes",
        is_filter_size,
        "is not a valid filter size. Valid range is 16-255",
        false,
    ),
    key("stream-max-segment-size-bytes", is_segment_size, "is not a valid segment size", false),
    key("target-group-size", is_positive, "is not a valid qq target count value", true),
];

/// Keys that keep a policy from counting for a classic queue.
const NOT_OF_CLASSIC: &[&str] = &[
    "max-age",
    "stream-max-segment-size-bytes",
    "initial-cluster-size",
    "delivery-limit",
    "dead-letter-strategy",
    "max-in-memory-length",
    "max-in-memory-bytes",
    "target-group-size",
];

/// Keys that keep a policy from counting for a quorum queue.
const NOT_OF_QUORUM: &[&str] = &[
    "queue-mode",
    "ha-mode",
    "ha-params",
    "ha-sync-mode",
    "ha-promote-on-shutdown",
    "ha-promote-on-failure",
    "queue-master-locator",
    "max-age",
    "stream-max-segment-size-bytes",
    "initial-cluster-size",
];

/// Whether queues of this type do not have it.
pub(super) fn is_foreign(key: &[u8], kind: QueueKind) -> bool {
    let foreign = match kind {
        QueueKind::Classic => NOT_OF_CLASSIC,
        QueueKind::Quorum => NOT_OF_QUORUM,
    };
    foreign.iter().any(|known| known.as_bytes() == key)
}

/// Checks a definition, which is ordered by its keys.
///
/// # Errors
/// With the first value that is bad, or else with all keys that are not known.
pub(super) fn check(kind: PolicyKind, definition: &FieldTable) -> Result<(), PolicyFault> {
    if definition.is_empty() {
        return Err(PolicyFault::new("no policy provided"));
    }
    let mut unknown = Vec::new();
    for (name, value) in definition {
        let known = KEYS.iter().find(|known| known.name.as_bytes() == name.as_bytes());
        match known.filter(|known| kind == PolicyKind::User || known.bounds) {
            Some(known) if !(known.is_valid)(value) => {
                return Err(PolicyFault::new(format!("{} {}", Term(value), known.otherwise)));
            }
            Some(_) => {}
            None if kind == PolicyKind::User && mirroring::is_key(name.as_bytes()) => {}
            None => {
                unknown.push(format!("{{<<\"{}\">>,{}}}", name.to_str_lossy(), Term(value)));
            }
        }
    }
    mirroring::check(definition)?;
    if unknown.is_empty() {
        return Ok(());
    }
    let unknown = unknown.join(",");
    Err(PolicyFault::new(format!("[{unknown}] are not recognised policy settings")))
}

fn is_short_text(value: &FieldValue) -> bool {
    value.as_long_string().is_some_and(|text| text.len() <= ShortString::LEN_MAX)
}

fn is_integer(value: &FieldValue) -> bool {
    value.as_integer().is_some()
}

fn is_count(value: &FieldValue) -> bool {
    value.as_integer().is_some_and(|count| count >= 0)
}

fn is_positive(value: &FieldValue) -> bool {
    value.as_integer().is_some_and(|count| count > 0)
}

fn is_filter_size(value: &FieldValue) -> bool {
    value.as_integer().is_some_and(|bytes| (16..=255).contains(&bytes))
}

fn is_segment_size(value: &FieldValue) -> bool {
    value.as_integer().is_some_and(|bytes| (0..=3_000_000_000).contains(&bytes))
}

fn is_version(value: &FieldValue) -> bool {
    matches!(value.as_integer(), Some(1 | 2))
}

pub(super) fn is_one_of(value: &FieldValue, known: &[&str]) -> bool {
    value.as_long_string().is_some_and(|text| known.iter().any(|known| known.as_bytes() == text))
}

fn is_strategy(value: &FieldValue) -> bool {
    is_one_of(value, &["at-most-once", "at-least-once"])
}

fn is_overflow(value: &FieldValue) -> bool {
    is_one_of(value, &["drop-head", "reject-publish", "reject-publish-dlx"])
}

fn is_mode(value: &FieldValue) -> bool {
    is_one_of(value, &["default", "lazy"])
}

fn is_leader_locator(value: &FieldValue) -> bool {
    is_one_of(value, &["client-local", "balanced", "random", "least-leaders"])
}

fn is_master_locator(value: &FieldValue) -> bool {
    is_one_of(value, &["client-local", "min-masters", "random"])
}

/// A number above zero and its unit.
fn is_age(value: &FieldValue) -> bool {
    let Some((unit, digits)) = value.as_long_string().and_then(<[u8]>::split_last) else {
        return false;
    };
    b"YMDhms".contains(unit)
        && digits.iter().all(u8::is_ascii_digit)
        && digits.iter().any(|digit| *digit != b'0')
}
