//! What counts where a user's policy and an operator's say something of the same thing.

use amqp::{FieldTable, FieldValue};

/// What two definitions, each ordered by its keys, set together: the smaller number of most limits, and otherwise what the
/// operator says. It is ordered by the keys.
pub fn merge(user: Option<&FieldTable>, operator: Option<&FieldTable>) -> FieldTable {
    let mut merged = user.cloned().unwrap_or_default();
    for (key, bound) in operator.into_iter().flatten() {
        let name = key.to_str_lossy();
        let value = match merged.get(&name) {
            Some(wish) => merge_value(&name, wish, bound),
            None => bound.clone(),
        };
        merged.insert(key.clone(), value);
    }
    merged.sort_and_dedup();
    merged
}

fn merge_value(key: &str, wish: &FieldValue, bound: &FieldValue) -> FieldValue {
    let (Some(wished), Some(bounded)) = (wish.as_integer(), bound.as_integer()) else {
        return bound.clone();
    };
    let merged = match key {
        "message-ttl"
        | "expires"
        | "max-length"
        | "max-length-bytes"
        | "max-in-memory-length"
        | "max-in-memory-bytes" => wished.min(bounded),
        "delivery-limit" => stricter_delivery_limit(wished, bounded),
        "target-group-size" => wished.max(bounded),
        _ => bounded,
    };
    FieldValue::I64(merged)
}

/// The smaller of two limits; a negative one is none.
pub(crate) fn stricter_delivery_limit(one: i64, other: i64) -> i64 {
    if one < 0 || other < 0 { one.max(other) } else { one.min(other) }
}
