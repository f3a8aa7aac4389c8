//! The keys of mirrored queues, which RabbitMQ had before version 4: checked as it checked them, so that an old policy
//! can be taken over with what else it says, and without effect.

use amqp::{FieldTable, FieldValue};

use super::{PolicyFault, keys::is_one_of};
use crate::arguments::Term;

const KEYS: [&str; 6] = [
    "ha-mode",
    "ha-params",
    "ha-sync-mode",
    "ha-sync-batch-size",
    "ha-promote-on-shutdown",
    "ha-promote-on-failure",
];

pub(super) fn is_key(name: &[u8]) -> bool {
    KEYS.iter().any(|key| key.as_bytes() == name)
}

/// # Errors
/// With the first that is bad.
pub(super) fn check(definition: &FieldTable) -> Result<(), PolicyFault> {
    let Some(mode) = definition.get("ha-mode") else {
        if definition.iter().any(|(name, _)| is_key(name.as_bytes())) {
            return Err(PolicyFault::new(
                "ha-mode must be specified to specify ha-params, ha-sync-mode or ha-promote-on-shutdown",
            ));
        }
        return Ok(());
    };
    check_members(mode, definition.get("ha-params"))?;
    one_of(definition, "ha-sync-mode", ["manual", "automatic"])?;
    if let Some(size) = definition.get("ha-sync-batch-size")
        && size.as_integer().is_none_or(|size| size < 1)
    {
        let size = Term(size);
        let fault = format!("ha-sync-batch-size takes an integer greater than 0, {size} given");
        return Err(PolicyFault::new(fault));
    }
    one_of(definition, "ha-promote-on-shutdown", ["always", "when-synced"])?;
    one_of(definition, "ha-promote-on-failure", ["always", "when-synced"])
}

/// Which nodes are to be members.
fn check_members(mode: &FieldValue, params: Option<&FieldValue>) -> Result<(), PolicyFault> {
    let given = || params.map_or_else(|| "none".to_owned(), |params| Term(params).to_string());
    let fault = match (mode.as_long_string(), params) {
        (Some(b"all"), None) => return Ok(()),
        (Some(b"all"), Some(_)) => "ha-mode=\"all\" does not take parameters".to_owned(),
        (Some(b"exactly"), Some(count)) if count.as_integer().is_some_and(|n| n > 0) => {
            return Ok(());
        }
        (Some(b"exactly"), _) => {
            format!("ha-mode=\"exactly\" takes an integer, {} given", given())
        }
        (Some(b"nodes"), Some(FieldValue::Array(nodes))) if nodes.is_empty() => {
            "ha-mode=\"nodes\" list must be non-empty".to_owned()
        }
        (Some(b"nodes"), Some(FieldValue::Array(nodes))) => {
            let Some(wrong) = nodes.iter().find(|node| node.as_long_string().is_none()) else {
                return Ok(());
            };
            format!("ha-mode=\"nodes\" takes a list of strings, [{}] was not a string", Term(wrong))
        }
        (Some(b"nodes"), _) => format!("ha-mode=\"nodes\" takes a list, {} given", given()),
        _ => format!("{} is not a valid ha-mode value", Term(mode)),
    };
    Err(PolicyFault::new(fault))
}

fn one_of(definition: &FieldTable, key: &str, known: [&str; 2]) -> Result<(), PolicyFault> {
    match definition.get(key) {
        Some(value) if !is_one_of(value, &known) => {
            let [one, other] = known;
            let value = Term(value);
            Err(PolicyFault::new(format!("{key} must be \"{one}\" or \"{other}\", got {value}")))
        }
        Some(_) | None => Ok(()),
    }
}
