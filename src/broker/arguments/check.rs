//! Checks of single values; each argument names the one that it needs.

use amqp::{FieldTable, FieldValue, ShortString};

use super::{ArgumentFault, DURATION_MS_MAX};

/// A check of one argument's value; it sees the other arguments too.
pub(super) type Check = fn(&FieldValue, &FieldTable) -> Result<(), ArgumentFault>;

pub(super) fn integer(value: &FieldValue) -> Result<i64, ArgumentFault> {
    value.as_integer().ok_or_else(|| {
        ArgumentFault::Sentence(format!("expected integer, got {}", value.erlang_type_name()))
    })
}

fn long_string(value: &FieldValue) -> Result<&[u8], ArgumentFault> {
    value.as_long_string().ok_or(ArgumentFault::UnacceptableType(value.erlang_type_name()))
}

/// Any integer.
pub(super) fn any_integer(value: &FieldValue, _: &FieldTable) -> Result<(), ArgumentFault> {
    integer(value).map(|_| ())
}

/// An integer from 0.
pub(super) fn non_negative(value: &FieldValue, _: &FieldTable) -> Result<(), ArgumentFault> {
    match integer(value)? {
        negative @ ..=-1 => Err(ArgumentFault::Negative(negative)),
        _ => Ok(()),
    }
}

/// An integer from 1.
pub(super) fn positive(value: &FieldValue, all: &FieldTable) -> Result<(), ArgumentFault> {
    non_negative(value, all)?;
    if integer(value)? == 0 { Err(ArgumentFault::Zero) } else { Ok(()) }
}

/// Milliseconds, from 0 to ten years.
pub(super) fn duration(value: &FieldValue, _: &FieldTable) -> Result<(), ArgumentFault> {
    duration_ms(integer(value)?).map(|_| ())
}

/// The same of a number.
pub(super) fn duration_ms(ms: i64) -> Result<u64, ArgumentFault> {
    if ms > DURATION_MS_MAX {
        return Err(ArgumentFault::TooLarge(ms));
    }
    u64::try_from(ms).map_err(|_| ArgumentFault::Negative(ms))
}

/// Milliseconds, from 1 to ten years.
pub(super) fn positive_duration(value: &FieldValue, all: &FieldTable) -> Result<(), ArgumentFault> {
    if integer(value)? == 0 { Err(ArgumentFault::Zero) } else { duration(value, all) }
}

/// A priority, 0 to 255.
pub(super) fn priority(value: &FieldValue, all: &FieldTable) -> Result<(), ArgumentFault> {
    non_negative(value, all)?;
    match integer(value)? {
        0..=255 => Ok(()),
        greater => Err(ArgumentFault::MaxExceeded(greater)),
    }
}

pub(super) fn boolean(value: &FieldValue, _: &FieldTable) -> Result<(), ArgumentFault> {
    match value.as_bool() {
        Some(_) => Ok(()),
        None => Err(ArgumentFault::UnacceptableType(value.erlang_type_name())),
    }
}

/// A name or a key, which has to fit into a shortstr when a message is published with it. RabbitMQ takes longer ones, and
/// fails when a message dies.
pub(super) fn short_string(value: &FieldValue, _: &FieldTable) -> Result<(), ArgumentFault> {
    short(value)
}

fn short(value: &FieldValue) -> Result<(), ArgumentFault> {
    if long_string(value)?.len() > ShortString::LEN_MAX {
        let max = ShortString::LEN_MAX;
        return Err(ArgumentFault::Sentence(format!("more than {max} octets are no name or key")));
    }
    Ok(())
}

pub(super) fn dead_letter_key(value: &FieldValue, all: &FieldTable) -> Result<(), ArgumentFault> {
    short(value)?;
    if all.contains_key("x-dead-letter-exchange") {
        Ok(())
    } else {
        Err(ArgumentFault::atom("routing_key_but_no_dlx_defined"))
    }
}

pub(super) fn dead_letter_strategy(
    value: &FieldValue,
    _: &FieldTable,
) -> Result<(), ArgumentFault> {
    one_of(value, &["at-most-once", "at-least-once"], "invalid_dlx_strategy")
}

pub(super) fn overflow(value: &FieldValue, _: &FieldTable) -> Result<(), ArgumentFault> {
    one_of(value, &["drop-head", "reject-publish", "reject-publish-dlx"], "invalid_overflow")
}

pub(super) fn leader_locator(value: &FieldValue, _: &FieldTable) -> Result<(), ArgumentFault> {
    let known = ["client-local", "balanced", "random", "least-leaders"];
    one_of(value, &known, "invalid_queue_locator_arg")
}

/// Only version 2 of the classic queue's storage was left when this was written.
pub(super) fn queue_version(value: &FieldValue, all: &FieldTable) -> Result<(), ArgumentFault> {
    non_negative(value, all)?;
    match integer(value)? {
        2 => Ok(()),
        other => Err(ArgumentFault::Sentence(format!("unsupported queue version '{other}'"))),
    }
}

pub(super) fn queue_type(value: &FieldValue, _: &FieldTable) -> Result<(), ArgumentFault> {
    let name = long_string(value)?;
    match name {
        b"classic" | b"quorum" | b"stream" => Ok(()),
        b"rabbit_classic_queue" | b"rabbit_quorum_queue" | b"rabbit_stream_queue" => Ok(()),
        _ => {
            let name = String::from_utf8_lossy(name);
            Err(ArgumentFault::Sentence(format!("unsupported queue type '{name}'")))
        }
    }
}

fn one_of(value: &FieldValue, known: &[&str], otherwise: &str) -> Result<(), ArgumentFault> {
    let text = long_string(value)?;
    if known.iter().any(|known| known.as_bytes() == text) {
        Ok(())
    } else {
        Err(ArgumentFault::atom(otherwise))
    }
}
