//! `headers`: to whoever is bound with arguments that match the message's headers.
//!
//! `x-match` says whether all arguments must match (the default) or any one; the `-with-x` forms also look at
//! arguments that begin with `x-`. A void argument matches any value. Integers are equal by value, whatever their
//! width; an integer never equals a float (since RabbitMQ 3.13).

use std::{collections::BTreeMap, sync::Arc};

use ahash::AHashMap;
use amqp::{ErlangBinary, FieldTable, FieldValue, FieldValueRef, RawTable};

use super::{Binding, Destination, ExchangeType, Mismatch, RoutesBy, RoutingInput};
use crate::{Refusal, arguments::Term};

#[derive(Debug, Default)]
pub(super) struct Headers {
    bound: BTreeMap<Arc<Binding>, Pattern>,
}

/// A binding's arguments, ready to be compared.
#[derive(Debug)]
struct Pattern {
    any: bool,
    /// The contents of a table with the arguments that count.
    wanted: Box<[u8]>,
}

/// A header that is not as a binding wants it.
enum Misfit<'a> {
    Missing(&'a [u8]),
    Differs(&'a [u8]),
}

/// Why a binding does not take a message; `None` if it does.
pub(super) fn mismatch(binding: &Binding, input: &RoutingInput<'_>) -> Option<Mismatch> {
    let headers = Lookup::new(input.headers.unwrap_or_default());
    let pattern = Pattern::new(&binding.arguments());
    if pattern.matches(&headers) {
        return None;
    }
    if pattern.any {
        return Some(Mismatch::NoHeader);
    }
    let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
    pattern.misfits(&headers).flatten().next().map(|misfit| match misfit {
        Misfit::Missing(name) => Mismatch::HeaderMissing(text(name)),
        Misfit::Differs(name) => Mismatch::HeaderDiffers(text(name)),
    })
}

/// From how many headers on they are indexed rather than searched: both sides may have thousands.
const INDEXED_FROM: usize = 8;

impl ExchangeType for Headers {
    fn check_binding(&self, binding: &Binding) -> Result<(), Refusal> {
        let arguments = binding.arguments();
        let explanation = match arguments.get("x-match") {
            None => return Ok(()),
            Some(FieldValue::LongString(mode)) => match mode.as_slice() {
                b"all" | b"any" | b"all-with-x" | b"any-with-x" => return Ok(()),
                other => format!(
                    "Invalid x-match field value {:#}; expected all, any, all-with-x, or any-with-x",
                    ErlangBinary(other)
                ),
            },
            Some(other) => format!(
                "Invalid x-match field type {} (value {}); expected longstr",
                other.erlang_type_name(),
                Term(other)
            ),
        };
        Err(Refusal::PreconditionFailed { explanation })
    }

    fn add(&mut self, binding: &Arc<Binding>) {
        self.bound.insert(Arc::clone(binding), Pattern::new(&binding.arguments()));
    }

    fn remove(&mut self, binding: &Arc<Binding>) {
        self.bound.remove(binding);
    }

    fn route(&self, input: &RoutingInput<'_>, out: &mut Vec<Destination>) {
        let headers = Lookup::new(input.headers.unwrap_or_default());
        for (binding, pattern) in &self.bound {
            if pattern.matches(&headers) {
                out.push(binding.destination.clone());
            }
        }
    }

    fn routes_by(&self) -> RoutesBy {
        RoutesBy::Properties
    }
}

impl Pattern {
    fn new(arguments: &FieldTable) -> Self {
        let mode = arguments.get("x-match").and_then(FieldValue::as_long_string);
        let with_x = matches!(mode, Some(b"all-with-x" | b"any-with-x"));
        let counts = |key: &[u8]| key != b"x-match" && (with_x || !key.starts_with(b"x-"));
        let wanted: FieldTable = arguments
            .iter()
            .filter(|(key, _)| counts(key.as_bytes()))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        Self {
            any: matches!(mode, Some(b"any" | b"any-with-x")),
            wanted: wanted.to_bytes().into_boxed_slice(),
        }
    }

    fn matches(&self, headers: &Lookup<'_>) -> bool {
        let mut misfits = self.misfits(headers);
        if self.any {
            misfits.any(|misfit| misfit.is_none())
        } else {
            misfits.flatten().next().is_none()
        }
    }

    /// For each argument that counts what is wrong with the message, if anything is.
    fn misfits(&self, headers: &Lookup<'_>) -> impl Iterator<Item = Option<Misfit<'_>>> {
        let wanted = RawTable::from_bytes(&self.wanted).unwrap_or_default();
        wanted.iter().map(|(key, wanted)| match headers.get(key) {
            None => Some(Misfit::Missing(key)),
            Some(found) if matches!(wanted, FieldValueRef::Void) || is_equal(wanted, found) => None,
            Some(_) => Some(Misfit::Differs(key)),
        })
    }
}

/// The headers of one message; the first of equal keys counts.
enum Lookup<'a> {
    Few(RawTable<'a>),
    Many(AHashMap<&'a [u8], FieldValueRef<'a>>),
}

impl<'a> Lookup<'a> {
    fn new(headers: RawTable<'a>) -> Self {
        if headers.iter().nth(INDEXED_FROM).is_none() {
            return Self::Few(headers);
        }
        let mut index = AHashMap::new();
        for (key, value) in headers.iter() {
            index.entry(key).or_insert(value);
        }
        Self::Many(index)
    }

    fn get(&self, key: &[u8]) -> Option<FieldValueRef<'a>> {
        match self {
            Self::Few(headers) => {
                headers.iter().find(|(found, _)| *found == key).map(|(_, value)| value)
            }
            Self::Many(index) => index.get(key).copied(),
        }
    }
}

/// Equality of values without their types, as Erlang's terms have it.
fn is_equal(a: FieldValueRef<'_>, b: FieldValueRef<'_>) -> bool {
    if let (Some(a), Some(b)) = (number(a), number(b)) {
        return a == b;
    }
    match (a, b) {
        (
            FieldValueRef::LongString(a) | FieldValueRef::ByteArray(a),
            FieldValueRef::LongString(b) | FieldValueRef::ByteArray(b),
        ) => a == b,
        (FieldValueRef::F32(a), FieldValueRef::F64(b)) => f64::from(a) == b,
        (FieldValueRef::F64(a), FieldValueRef::F32(b)) => a == f64::from(b),
        _ => a == b,
    }
}

/// Integers and timestamps, which Erlang cannot tell apart.
fn number(value: FieldValueRef<'_>) -> Option<i128> {
    match value {
        FieldValueRef::Timestamp(secs) => Some(i128::from(secs)),
        FieldValueRef::Bool(_)
        | FieldValueRef::I8(_)
        | FieldValueRef::U8(_)
        | FieldValueRef::I16(_)
        | FieldValueRef::U16(_)
        | FieldValueRef::I32(_)
        | FieldValueRef::U32(_)
        | FieldValueRef::I64(_)
        | FieldValueRef::F32(_)
        | FieldValueRef::F64(_)
        | FieldValueRef::Decimal { .. }
        | FieldValueRef::LongString(_)
        | FieldValueRef::ByteArray(_)
        | FieldValueRef::Array(_)
        | FieldValueRef::Table(_)
        | FieldValueRef::Void => value.as_integer().map(i128::from),
    }
}

#[cfg(test)]
mod tests {
    use amqp::ShortString;

    use super::*;

    type Fields<'a> = &'a [(&'static str, FieldValue)];

    fn table(fields: Fields<'_>) -> FieldTable {
        fields.iter().map(|(key, value)| (ShortString::from_static(key), value.clone())).collect()
    }

    fn matches(arguments: Fields<'_>, headers: Fields<'_>) -> bool {
        let headers = table(headers).to_bytes();
        let headers = Lookup::new(RawTable::from_bytes(&headers).unwrap());
        Pattern::new(&table(arguments)).matches(&headers)
    }

    fn text(value: &str) -> FieldValue {
        value.into()
    }

    #[test]
    fn all_is_the_default() {
        let wanted = [("a", text("1")), ("b", text("2"))];
        assert!(matches(&wanted, &[("b", text("2")), ("c", text("3")), ("a", text("1"))]));
        assert!(!matches(&wanted, &[("a", text("1"))]));
        assert!(!matches(&wanted, &[("a", text("1")), ("b", text("3"))]));
        assert!(matches(&[], &[("a", text("1"))]));
        assert!(matches(&[("x-match", text("all"))], &[]));
    }

    #[test]
    fn any_needs_one() {
        let wanted = [("x-match", text("any")), ("a", text("1")), ("b", text("2"))];
        assert!(matches(&wanted, &[("b", text("2"))]));
        assert!(!matches(&wanted, &[("b", text("1"))]));
        assert!(!matches(&[("x-match", text("any"))], &[("a", text("1"))]));
    }

    #[test]
    fn arguments_with_x_count_only_if_asked_for() {
        let headers = [("a", text("1")), ("x-b", text("2"))];
        let wanted = |mode, value| [("x-match", text(mode)), ("x-b", text(value))];
        assert!(matches(&wanted("all", "other"), &headers));
        assert!(!matches(&wanted("any", "2"), &headers));
        assert!(!matches(&wanted("all-with-x", "other"), &headers));
        assert!(matches(&wanted("all-with-x", "2"), &headers));
        assert!(matches(&wanted("any-with-x", "2"), &headers));
    }

    #[test]
    fn values_compare_without_their_types() {
        for (wanted, found, equal) in [
            (FieldValue::I32(5), FieldValue::I64(5), true),
            (FieldValue::U8(5), FieldValue::Timestamp(5), true),
            (FieldValue::I8(-1), FieldValue::U8(255), false),
            (FieldValue::I32(5), FieldValue::F64(5.0), false),
            (FieldValue::F32(0.5), FieldValue::F64(0.5), true),
            (FieldValue::I32(5), text("5"), false),
            (text("a"), FieldValue::ByteArray(b"a".to_vec()), true),
            (FieldValue::Bool(true), FieldValue::I32(1), false),
            (FieldValue::Void, text("anything"), true),
            (text("anything"), FieldValue::Void, false),
        ] {
            let case = format!("{wanted:?} {found:?}");
            assert_eq!(matches(&[("k", wanted)], &[("k", found)]), equal, "{case}");
        }
    }

    #[test]
    fn many_headers_are_found_too() {
        let names = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];
        let mut headers: Vec<_> = names.map(|name| (name, text(name))).to_vec();
        headers.push(("j", text("a later one does not count")));
        assert!(matches(&[("j", text("j")), ("a", text("a"))], &headers));
        assert!(!matches(&[("k", FieldValue::Void)], &headers));
    }

    #[test]
    fn a_bad_match_is_refused() {
        let check = |value: FieldValue| {
            let arguments = table(&[("x-match", value)]);
            let binding = Binding::new(Destination::Queue("q".into()), b"", &arguments);
            Headers::default().check_binding(&binding).map_err(|refusal| refusal.to_string())
        };
        assert_eq!(check(text("any-with-x")), Ok(()));
        assert_eq!(
            check(text("foo")).unwrap_err(),
            "PRECONDITION_FAILED - Invalid x-match field value <<\"foo\">>; expected all, any, all-with-x, or any-with-x"
        );
        assert_eq!(
            check(FieldValue::from(5)).unwrap_err(),
            "PRECONDITION_FAILED - Invalid x-match field type signedint (value 5); expected longstr"
        );
    }
}
