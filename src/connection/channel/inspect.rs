//! What a publish claims in its properties, checked and, where the broker needs it, rewritten.
//!
//! In RabbitMQ's order: the properties are well-formed (541), direct reply-to is replaced, then `expiration`, `CC` and
//! `BCC`, and `user-id` are right (406).

use ::broker::{Refusal, UserName, arguments::ArgumentFault};
use amqp::{FieldValue, FieldValueRef, Properties, RawArray, RawProperties, RawTable, ShortString};

use crate::{
    Broker, ChannelNumber,
    failure::{Failure, Outcome},
};

/// The name of direct reply-to, as a queue to consume from and as the `reply-to` to be replaced.
pub(crate) const REPLY_TO: &str = "amq.rabbitmq.reply-to";

/// The longest time to live, ten years.
const EXPIRATION_MS_MAX: i64 = 315_360_000_000;

/// What the broker needs to know of a message's properties.
#[derive(Debug, Default)]
pub(crate) struct Inspected {
    pub(crate) persistent: bool,
    pub(crate) priority: Option<u8>,
    pub(crate) expiration_ms: Option<u64>,
    /// There is more, which most messages lack.
    pub(crate) special: Option<Box<Special>>,
}

/// What makes a message a run of its own.
#[derive(Debug, Default)]
pub(crate) struct Special {
    /// The properties to use instead, if they had to change.
    pub(crate) properties: Option<Vec<u8>>,
    /// The keys of `CC`, as shortstrs.
    pub(crate) carbon_keys: Vec<u8>,
    /// The keys of `BCC`, as shortstrs.
    pub(crate) blind_keys: Vec<u8>,
}

/// Checks the properties of a message that is published on `channel`.
#[inline]
pub(crate) fn inspect<B: Broker>(
    raw: RawProperties<'_>,
    channel: ChannelNumber,
    broker: &B,
) -> Outcome<Inspected> {
    // Most messages have no properties, or just a delivery mode.
    match *raw.as_bytes() {
        [0, 0] => Ok(Inspected::default()),
        [0x10, 0, mode] => Ok(Inspected { persistent: mode == 2, ..Inspected::default() }),
        _ => inspect_all(raw, channel, broker),
    }
}

fn inspect_all<B: Broker>(
    raw: RawProperties<'_>,
    channel: ChannelNumber,
    broker: &B,
) -> Outcome<Inspected> {
    let peek = raw.peek().map_err(|_| Failure::internal_error())?;
    let mut inspected = Inspected {
        persistent: peek.is_persistent(),
        priority: peek.priority,
        expiration_ms: None,
        special: None,
    };
    if peek.reply_to.is_some_and(|reply_to| reply_to == REPLY_TO.as_bytes()) {
        let Some(address) = broker.reply_address(channel) else {
            return Err(precondition("fast reply consumer does not exist"));
        };
        let special = inspected.special.get_or_insert_default();
        special.properties = Some(with_reply_to(raw, address)?);
    }
    if let Some(expiration) = peek.expiration {
        inspected.expiration_ms = Some(parse_expiration(expiration).map_err(|fault| {
            let expiration = String::from_utf8_lossy(expiration).into_owned();
            Box::<Failure>::from(Refusal::InvalidExpiration { expiration, fault })
        })?);
    }
    if let Some(headers) = peek.headers {
        inspect_routing_headers(headers, raw, &mut inspected)?;
    }
    if let Some(claimed) = peek.user_id {
        check_user_id(claimed, broker)?;
    }
    Ok(inspected)
}

fn precondition(explanation: &str) -> Box<Failure> {
    Refusal::PreconditionFailed { explanation: explanation.to_owned() }.into()
}

fn with_reply_to(raw: RawProperties<'_>, address: &str) -> Outcome<Vec<u8>> {
    let mut properties = Properties::decode(raw).map_err(|_| Failure::internal_error())?;
    properties.reply_to = ShortString::try_from(address).ok();
    Ok(properties.to_bytes())
}

pub(crate) fn inspect_routing_headers(
    headers: RawTable<'_>,
    raw: RawProperties<'_>,
    inspected: &mut Inspected,
) -> Outcome {
    let (mut carbon, mut blind) = (None, None);
    for (key, value) in headers.iter() {
        match key {
            b"CC" if carbon.is_none() => carbon = Some(value),
            b"BCC" if blind.is_none() => blind = Some(value),
            _ => {}
        }
    }
    if carbon.is_none() && blind.is_none() {
        return Ok(());
    }
    let carbon_keys = routing_keys("CC", carbon, headers)?;
    let blind_keys = routing_keys("BCC", blind, headers)?;
    let special = inspected.special.get_or_insert_default();
    special.carbon_keys = carbon_keys;
    special.blind_keys = blind_keys;
    if blind.is_some() {
        let raw = special.properties.as_deref().map_or(raw, RawProperties::from_bytes);
        let mut properties = Properties::decode(raw).map_err(|_| Failure::internal_error())?;
        if let Some(headers) = &mut properties.headers {
            headers.remove("BCC");
        }
        special.properties = Some(properties.to_bytes());
    }
    Ok(())
}

/// The strings of such a header, as shortstrs; other elements are skipped, and so is what no binding key can match.
fn routing_keys(
    header: &'static str,
    value: Option<FieldValueRef<'_>>,
    headers: RawTable<'_>,
) -> Outcome<Vec<u8>> {
    let mut keys = Vec::new();
    let Some(value) = value else { return Ok(keys) };
    let FieldValueRef::Array(array) = value else {
        let headers = headers.to_owned();
        let type_name = headers.get(header).map_or("", FieldValue::erlang_type_name);
        return Err(Refusal::InvalidRoutingHeader { header, type_name }.into());
    };
    for key in RawArray::iter(array).filter_map(FieldValueRef::as_long_string) {
        if let Ok(len) = u8::try_from(key.len()) {
            keys.push(len);
            keys.extend_from_slice(key);
        }
    }
    Ok(keys)
}

fn check_user_id<B: Broker>(claimed: &[u8], broker: &B) -> Outcome {
    let user = broker.user_name();
    if claimed == user.as_bytes() || broker.may_impersonate() {
        return Ok(());
    }
    let claimed = String::from_utf8_lossy(claimed).into_owned();
    Err(Refusal::UserIdMismatch { claimed, user: UserName::from(user) }.into())
}

/// Milliseconds as decimal text, as Erlang's `string:to_integer` reads them: an optional sign, digits, and then
/// nothing more.
fn parse_expiration(text: &[u8]) -> Result<u64, ArgumentFault> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let len = digits.iter().take_while(|digit| digit.is_ascii_digit()).count();
    if len == 0 {
        return Err(ArgumentFault::Term("no_integer".to_owned()));
    }
    if len < digits.len() {
        let rest = String::from_utf8_lossy(&digits[len..]);
        return Err(ArgumentFault::Term(format!("{{leftover_string,{rest:?}}}")));
    }
    let parsed = digits.iter().try_fold(0_i64, |value, digit| {
        value.checked_mul(10)?.checked_add(i64::from(digit - b'0'))
    });
    match parsed {
        Some(value) if negative && value > 0 => Err(ArgumentFault::Negative(-value)),
        Some(value) if value <= EXPIRATION_MS_MAX => Ok(value.unsigned_abs()),
        Some(value) => Err(ArgumentFault::TooLarge(value)),
        // Erlang's integers have no limit.
        None => {
            let digits = String::from_utf8_lossy(digits);
            let digits = digits.trim_start_matches('0');
            Err(ArgumentFault::Term(if negative {
                format!("{{value_negative,-{digits}}}")
            } else {
                format!("{{value_too_large,{digits}}}")
            }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expirations() {
        let parse = |text: &str| parse_expiration(text.as_bytes()).map_err(|e| e.to_string());
        let check = |text, expected: u64| assert_eq!(parse(text), Ok(expected), "{text:?}");
        let refuse = |text, fault: &str| assert_eq!(parse(text), Err(fault.to_owned()), "{text:?}");
        check("0", 0);
        check("+5", 5);
        check("007", 7);
        check("-0", 0);
        check("315360000000", 315_360_000_000);
        for text in ["", "abc", " 5", "-", "--1", "+"] {
            refuse(text, "no_integer");
        }
        refuse("1.5", "{leftover_string,\".5\"}");
        refuse("5 ", "{leftover_string,\" \"}");
        refuse("-1", "{value_negative,-1}");
        refuse("315360000001", "{value_too_large,315360000001}");
        refuse("99999999999999999999", "{value_too_large,99999999999999999999}");
        refuse("-99999999999999999999", "{value_negative,-99999999999999999999}");
    }
}
