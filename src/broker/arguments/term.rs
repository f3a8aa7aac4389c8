//! Values of fields as Erlang prints them: RabbitMQ's reply texts quote them that way.

use std::fmt;

use amqp::{ErlangBinary, FieldTable, FieldValue};

/// A field's value as Erlang's `~p` prints it.
#[derive(Debug, Clone, Copy)]
pub struct Term<'a>(pub &'a FieldValue);

impl fmt::Display for Term<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            FieldValue::Bool(value) => write!(f, "{value}"),
            FieldValue::I8(value) => write!(f, "{value}"),
            FieldValue::U8(value) => write!(f, "{value}"),
            FieldValue::I16(value) => write!(f, "{value}"),
            FieldValue::U16(value) => write!(f, "{value}"),
            FieldValue::I32(value) => write!(f, "{value}"),
            FieldValue::U32(value) => write!(f, "{value}"),
            FieldValue::I64(value) => write!(f, "{value}"),
            FieldValue::F32(value) => write!(f, "{:?}", f64::from(*value)),
            FieldValue::F64(value) => write!(f, "{value:?}"),
            FieldValue::Decimal { scale, value } => write!(f, "{{{scale},{value}}}"),
            FieldValue::LongString(bytes) | FieldValue::ByteArray(bytes) => {
                write!(f, "{:#}", ErlangBinary(bytes))
            }
            FieldValue::Timestamp(secs) => write!(f, "{secs}"),
            FieldValue::Void => f.write_str("undefined"),
            // What was decoded nests at most 32 deep.
            FieldValue::Array(values) => write_list(f, values, |f, value| {
                write!(f, "{{{},{}}}", value.erlang_type_name(), Self(value))
            }),
            FieldValue::Table(table) => write_table(f, table),
        }
    }
}

fn write_table(f: &mut fmt::Formatter<'_>, table: &FieldTable) -> fmt::Result {
    write_list(f, table, |f, (key, value)| {
        let key = ErlangBinary(key.as_bytes());
        write!(f, "{{{key:#},{},{}}}", value.erlang_type_name(), Term(value))
    })
}

fn write_list<T>(
    f: &mut fmt::Formatter<'_>,
    items: impl IntoIterator<Item = T>,
    write_item: impl Fn(&mut fmt::Formatter<'_>, T) -> fmt::Result,
) -> fmt::Result {
    f.write_str("[")?;
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            f.write_str(",")?;
        }
        write_item(f, item)?;
    }
    f.write_str("]")
}

/// The value as it stands within quotes: strings as their text, everything else as a term.
pub(super) fn quoted(value: &FieldValue) -> String {
    match value.as_long_string() {
        Some(text) => format!("'{}'", String::from_utf8_lossy(text)),
        None => format!("'{}'", Term(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_show_as_erlang_terms() {
        let table: FieldTable =
            [(amqp::ShortString::from_static("k"), FieldValue::Bool(true))].into_iter().collect();
        for (value, term) in [
            (FieldValue::from(-5), "-5"),
            (FieldValue::from("a"), "<<\"a\">>"),
            (FieldValue::F64(1.5), "1.5"),
            (
                FieldValue::from(vec![FieldValue::from("a"), FieldValue::from(1)]),
                "[{longstr,<<\"a\">>},{signedint,1}]",
            ),
            (FieldValue::from(table), "[{<<\"k\">>,bool,true}]"),
        ] {
            assert_eq!(Term(&value).to_string(), term);
        }
        assert_eq!(quoted(&FieldValue::from("a")), "'a'");
        assert_eq!(quoted(&FieldValue::from(true)), "'true'");
    }
}
