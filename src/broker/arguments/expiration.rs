//! Times that a message brings along: its `expiration` property and its `x-delay` header.

use amqp::RawTable;

use super::{ArgumentFault, check};
use crate::Refusal;

/// The milliseconds that an `expiration` property allows: a decimal integer with an optional sign, 0 to ten years.
///
/// # Errors
/// [`Refusal::InvalidExpiration`], with the fault that Erlang's `string:to_integer` or the range check finds.
pub fn expiration_ms(expiration: &[u8]) -> Result<u64, Refusal> {
    parse(expiration).map_err(|fault| Refusal::InvalidExpiration {
        expiration: String::from_utf8_lossy(expiration).into_owned(),
        fault,
    })
}

fn parse(text: &[u8]) -> Result<u64, ArgumentFault> {
    let (sign, unsigned) = match text {
        [b'-', rest @ ..] => ("-", rest),
        [b'+', rest @ ..] => ("", rest),
        _ => ("", text),
    };
    let digits = unsigned.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, leftover) = unsigned.split_at(digits);
    if digits.is_empty() {
        return Err(ArgumentFault::atom("no_integer"));
    }
    if !leftover.is_empty() {
        return Err(ArgumentFault::Term(format!("{{leftover_string,{}}}", ErlangString(leftover))));
    }
    let digits = String::from_utf8_lossy(digits);
    match format!("{sign}{digits}").parse() {
        Ok(ms) => check::duration_ms(ms),
        // Beyond 64 bits, where Erlang's integers go on.
        Err(_) => {
            let fault = if sign.is_empty() { "value_too_large" } else { "value_negative" };
            let digits = digits.trim_start_matches('0');
            Err(ArgumentFault::Term(format!("{{{fault},{sign}{digits}}}")))
        }
    }
}

/// Bytes as Erlang prints a string: text if all of it is printable, else the list of numbers that it is.
struct ErlangString<'a>(&'a [u8]);

impl std::fmt::Display for ErlangString<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.iter().all(|byte| matches!(byte, b' '..=b'~')) {
            return write!(f, "{:?}", String::from_utf8_lossy(self.0));
        }
        let numbers: Vec<String> = self.0.iter().map(u8::to_string).collect();
        write!(f, "[{}]", numbers.join(","))
    }
}

/// The milliseconds for which an `x-delayed-message` exchange holds a message: what its `x-delay` header says.
///
/// `None` if it is to be routed at once: without the header, or with one that is no positive integer.
///
/// # Errors
/// [`Refusal::PreconditionFailed`] beyond ten years; delivering it at once would be worse than saying so.
pub fn delay_ms(headers: Option<RawTable<'_>>) -> Result<Option<u64>, Refusal> {
    let delay = headers.and_then(|headers| headers.get("x-delay")?.as_integer());
    let Some(delay) = delay.filter(|&delay| delay > 0) else { return Ok(None) };
    match check::duration_ms(delay) {
        Ok(ms) => Ok(Some(ms)),
        Err(fault) => Err(Refusal::PreconditionFailed {
            explanation: format!("invalid x-delay '{delay}': {fault}"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use amqp::{FieldTable, FieldValue, ShortString};

    use super::*;

    #[test]
    fn expirations_are_integers_from_zero_to_ten_years() {
        for (text, ms) in
            [("0", 0), ("+5", 5), ("007", 7), ("-0", 0), ("315360000000", 315_360_000_000)]
        {
            assert_eq!(expiration_ms(text.as_bytes()), Ok(ms), "{text}");
        }
        for (text, fault) in [
            ("", "no_integer"),
            ("abc", "no_integer"),
            (" 5", "no_integer"),
            ("+", "no_integer"),
            ("1.5", "{leftover_string,\".5\"}"),
            ("-1x", "{leftover_string,\"x\"}"),
            ("5\0", "{leftover_string,[0]}"),
            ("-1", "{value_negative,-1}"),
            ("315360000001", "{value_too_large,315360000001}"),
            ("0099999999999999999999", "{value_too_large,99999999999999999999}"),
        ] {
            let refusal = expiration_ms(text.as_bytes()).unwrap_err();
            let expected = format!("PRECONDITION_FAILED - invalid expiration '{text}': {fault}");
            assert_eq!(refusal.to_string(), expected);
        }
    }

    #[test]
    fn delays_are_positive_and_at_most_ten_years() {
        let delay = |value: FieldValue| {
            let headers: FieldTable =
                [(ShortString::from_static("x-delay"), value)].into_iter().collect();
            let bytes = headers.to_bytes();
            delay_ms(Some(RawTable::from_bytes(&bytes).unwrap()))
        };
        assert_eq!(delay_ms(None), Ok(None));
        assert_eq!(delay(FieldValue::from(1500)), Ok(Some(1500)));
        assert_eq!(delay(FieldValue::from(-1)), Ok(None));
        assert_eq!(delay(FieldValue::from("5")), Ok(None));
        assert_eq!(delay(FieldValue::from(315_360_000_000_i64)), Ok(Some(315_360_000_000)));
        assert_eq!(
            delay(FieldValue::from(315_360_000_001_i64)).unwrap_err().to_string(),
            "PRECONDITION_FAILED - invalid x-delay '315360000001': {value_too_large,315360000001}"
        );
    }
}
