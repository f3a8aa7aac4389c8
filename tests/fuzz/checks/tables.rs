//! What holds for any bytes read as a table.

use amqp::{FieldTable, FieldValueRef, RawTable};

/// Reads `input` as the contents of a table.
pub(crate) fn check(input: &[u8]) {
    let raw = match RawTable::from_bytes(input) {
        Ok(raw) => raw,
        Err(error) => {
            assert_eq!(FieldTable::decode(input), Err(error));
            return;
        }
    };
    let owned = raw.to_owned();
    assert_eq!(raw.iter().count(), owned.len(), "both have every field");
    for ((key, value), (owned_key, owned_value)) in raw.iter().zip(&owned) {
        assert_eq!(key, owned_key.as_bytes());
        assert_eq!(value.as_integer(), owned_value.as_integer());
        assert_eq!(value.as_bool(), owned_value.as_bool());
        assert_eq!(value.as_long_string(), owned_value.as_long_string());
        if let FieldValueRef::Array(array) = value {
            assert_eq!(array.is_empty(), array.iter().next().is_none());
        }
    }
    let written = owned.to_bytes();
    assert_eq!(written.len(), input.len(), "only true and `L` have more than one form");
    assert_eq!(FieldTable::decode(&written).as_ref(), Ok(&owned));

    let mut sorted = owned.clone();
    sorted.sort_and_dedup();
    for (key, value) in &sorted {
        let key = key.as_str();
        assert!(key.is_none_or(|key| owned.get(key) == Some(value)), "the first of a key stays");
    }
}
