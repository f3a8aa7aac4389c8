//! Whether a second declaration asks for what is there already.

use amqp::{FieldTable, FieldValue};

use super::term::{Term, quoted};
use crate::{Refusal, Resource};

/// Compares one property, such as `durable`, of what is there with what was asked for.
///
/// # Errors
/// [`Refusal::Inequivalent`] if they differ.
pub fn assert_property_equivalence<T: PartialEq + std::fmt::Display>(
    current: &T,
    received: &T,
    property: &str,
    resource: impl FnOnce() -> Resource,
) -> Result<(), Refusal> {
    if current == received {
        return Ok(());
    }
    Err(Refusal::Inequivalent {
        property: property.to_owned(),
        resource: resource(),
        difference: format!("received '{received}' but current is '{current}'"),
    })
}

/// Compares the argument `key` of what is there with what was asked for: by value, whatever the width of an integer.
///
/// # Errors
/// [`Refusal::Inequivalent`] if they differ.
pub fn assert_argument_equivalence(
    current: &FieldTable,
    received: &FieldTable,
    key: &str,
    resource: impl FnOnce() -> Resource,
) -> Result<(), Refusal> {
    let (current, received) = (current.get(key), received.get(key));
    let difference = match (current, received) {
        (None, None) => return Ok(()),
        (Some(current), Some(received)) if is_equal(current, received) => return Ok(()),
        // A classic queue may or may not say that it is one.
        (None, Some(only)) | (Some(only), None)
            if key == "x-queue-type" && only.as_long_string() == Some(b"classic") =>
        {
            return Ok(());
        }
        (Some(current), Some(received)) => {
            format!("received {} but current is {}", quoted(received), quoted(current))
        }
        _ => format!("received {} but current is {}", described(received), described(current)),
    };
    Err(Refusal::Inequivalent { property: key.to_owned(), resource: resource(), difference })
}

fn is_equal(a: &FieldValue, b: &FieldValue) -> bool {
    match (a.as_integer(), b.as_integer()) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

/// An argument that only one side has.
fn described(value: Option<&FieldValue>) -> String {
    let Some(value) = value else { return "none".to_owned() };
    let type_name = value.erlang_type_name();
    match value.as_long_string() {
        Some(text) => {
            format!("the value '{}' of type '{type_name}'", String::from_utf8_lossy(text))
        }
        None => format!("the value '{}' of type '{type_name}'", Term(value)),
    }
}
