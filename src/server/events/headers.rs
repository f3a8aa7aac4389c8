//! What an event says: names and values in RabbitMQ's types. Addresses and tables are texts, as Erlang prints them.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use amqp::{ErlangBinary, FieldTable, FieldValue};
use broker::UserName;

use super::{name, text};

/// The most octets of a table's text, and of all together: headers have to fit into a frame.
const TABLE_BYTES_MAX: usize = 32 * 1024;

/// Who changes what nobody in particular changes.
const INTERNAL_USER: &str = "rmq-internal";

/// The headers of an event in the making.
#[derive(Debug, Default)]
pub(crate) struct Headers(FieldTable);

impl Headers {
    pub(super) fn into_table(self) -> FieldTable {
        self.0
    }

    /// A value that is a field already, such as what a policy or parameter is.
    pub(crate) fn put(&mut self, header: &'static str, value: FieldValue) -> &mut Self {
        self.0.insert(name(header), value);
        self
    }

    /// Who did it: a user, or the broker by itself.
    pub(crate) fn by(&mut self, user: Option<&UserName>) -> &mut Self {
        let user = user.map_or(INTERNAL_USER, |user| user.as_str());
        self.text("user_who_performed_action", user)
    }

    pub(crate) fn text(&mut self, header: &'static str, value: &str) -> &mut Self {
        self.put(header, text(value))
    }

    pub(crate) fn flag(&mut self, header: &'static str, value: bool) -> &mut Self {
        self.put(header, FieldValue::Bool(value))
    }

    pub(crate) fn number(&mut self, header: &'static str, value: u64) -> &mut Self {
        self.put(header, FieldValue::I64(i64::try_from(value).unwrap_or(i64::MAX)))
    }

    pub(crate) fn signed(&mut self, header: &'static str, value: i64) -> &mut Self {
        self.put(header, FieldValue::I64(value))
    }

    pub(crate) fn texts<'a>(
        &mut self,
        header: &'static str,
        values: impl IntoIterator<Item = &'a str>,
    ) -> &mut Self {
        self.put(header, FieldValue::Array(values.into_iter().map(text).collect()))
    }

    /// A table within the headers.
    pub(crate) fn table(
        &mut self,
        header: &'static str,
        fill: impl FnOnce(&mut Self),
    ) -> &mut Self {
        let mut inner = Self::default();
        fill(&mut inner);
        self.put(header, FieldValue::Table(inner.0))
    }

    /// Arguments, each as a text. Those that do not fit are left out.
    pub(crate) fn arguments(&mut self, header: &'static str, table: &FieldTable) -> &mut Self {
        let mut room = TABLE_BYTES_MAX;
        let mut texts = Vec::new();
        for (key, value) in table.iter() {
            let term = term(key.as_bytes(), value);
            let Some(left) = room.checked_sub(term.len()) else { continue };
            room = left;
            texts.push(text(&term));
        }
        self.put(header, FieldValue::Array(texts))
    }

    /// An address: two headers.
    pub(crate) fn address(
        &mut self,
        (host, port): (&'static str, &'static str),
        address: SocketAddr,
    ) -> &mut Self {
        self.text(host, &tuple(address.ip().to_canonical())).number(port, address.port().into())
    }
}

/// An address as Erlang prints it.
fn tuple(address: IpAddr) -> String {
    let parts: Vec<String> = match address {
        IpAddr::V4(address) => address.octets().iter().map(ToString::to_string).collect(),
        IpAddr::V6(address) => address.segments().iter().map(ToString::to_string).collect(),
    };
    format!("{{{}}}", parts.join(","))
}

/// What is still to be written of a table.
enum Step<'a> {
    Text(&'static str),
    Field(&'a [u8], &'a FieldValue),
    Typed(&'a FieldValue),
}

/// A field as Erlang prints it: `{<<"x-max-length">>,signedint,5}`. What is too large to be told is cut.
fn term(key: &[u8], value: &FieldValue) -> String {
    let mut out = String::new();
    // As deep as a client nests them: not by calls within calls.
    let mut steps = vec![Step::Field(key, value)];
    while let Some(step) = steps.pop() {
        match step {
            Step::Text(text) => out.push_str(text),
            Step::Field(key, value) => {
                write!(out, "{{{:#},", ErlangBinary(key)).expect(INTO_STRING);
                steps.extend([Step::Text("}"), Step::Typed(value)]);
            }
            Step::Typed(FieldValue::Array(values)) => {
                out.push_str("array,[");
                steps.push(Step::Text("]"));
                for (index, value) in values.iter().enumerate().rev() {
                    let begin = if index == 0 { "{" } else { ",{" };
                    steps.extend([Step::Text("}"), Step::Typed(value), Step::Text(begin)]);
                }
            }
            Step::Typed(FieldValue::Table(table)) => {
                out.push_str("table,[");
                steps.push(Step::Text("]"));
                let fields: Vec<_> = table.iter().collect();
                for (index, (key, value)) in fields.into_iter().enumerate().rev() {
                    steps.push(Step::Field(key.as_bytes(), value));
                    if index > 0 {
                        steps.push(Step::Text(","));
                    }
                }
            }
            Step::Typed(value) => write_scalar(&mut out, value),
        }
        if out.len() > TABLE_BYTES_MAX {
            break;
        }
    }
    out
}

/// The type and the value of a field that has no others in it.
fn write_scalar(out: &mut String, value: &FieldValue) {
    let binary = |bytes: &[u8]| format!("{:#}", ErlangBinary(bytes));
    let (kind, value) = match value {
        FieldValue::Bool(value) => ("bool", value.to_string()),
        FieldValue::I8(value) => ("byte", value.to_string()),
        FieldValue::U8(value) => ("unsignedbyte", value.to_string()),
        FieldValue::I16(value) => ("short", value.to_string()),
        FieldValue::U16(value) => ("unsignedshort", value.to_string()),
        FieldValue::I32(value) => ("signedint", value.to_string()),
        FieldValue::U32(value) => ("unsignedint", value.to_string()),
        FieldValue::I64(value) => ("long", value.to_string()),
        FieldValue::F32(value) => ("float", format!("{value:?}")),
        FieldValue::F64(value) => ("double", format!("{value:?}")),
        FieldValue::Decimal { scale, value } => ("decimal", format!("{{{scale},{value}}}")),
        FieldValue::LongString(bytes) => ("longstr", binary(bytes)),
        FieldValue::ByteArray(bytes) => ("binary", binary(bytes)),
        FieldValue::Timestamp(value) => ("timestamp", value.to_string()),
        FieldValue::Void | FieldValue::Array(_) | FieldValue::Table(_) => {
            ("void", "undefined".to_owned())
        }
    };
    write!(out, "{kind},{value}").expect(INTO_STRING);
}

const INTO_STRING: &str = "a string takes every text";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_and_addresses_are_printed_as_erlang_does() {
        let mut table = FieldTable::new();
        table.insert(name("x-max-length"), FieldValue::I32(5));
        table.insert(name("x-queue-type"), "quorum");
        let mut inner = FieldTable::new();
        inner.insert(name("basic.nack"), FieldValue::Bool(true));
        table.insert(name("capabilities"), FieldValue::Table(inner));
        table.insert(name("list"), FieldValue::Array(vec![FieldValue::I64(1), text("a\"")]));
        let mut headers = Headers::default();
        headers.arguments("arguments", &table);
        headers.address(("host", "port"), SocketAddr::from(([127, 0, 0, 1], 5672)));
        let expected = [
            r#"{<<"x-max-length">>,signedint,5}"#,
            r#"{<<"x-queue-type">>,longstr,<<"quorum">>}"#,
            r#"{<<"capabilities">>,table,[{<<"basic.nack">>,bool,true}]}"#,
            r#"{<<"list">>,array,[{long,1},{longstr,<<"a\"">>}]}"#,
        ];
        let told = headers.into_table();
        let expected = FieldValue::Array(expected.into_iter().map(text).collect());
        assert_eq!(told.get("arguments"), Some(&expected));
        assert_eq!(told.get("host"), Some(&text("{127,0,0,1}")));
        assert_eq!(told.get("port"), Some(&FieldValue::I64(5672)));
        assert_eq!(tuple("::1".parse().unwrap()), "{0,0,0,0,0,0,0,1}");
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        let mut table = FieldTable::new();
        table.insert(name("large"), FieldValue::LongString(vec![b'x'; TABLE_BYTES_MAX]));
        table.insert(name("small"), FieldValue::Void);
        let mut headers = Headers::default();
        headers.arguments("arguments", &table);
        let small = FieldValue::Array(vec![text(r#"{<<"small">>,void,undefined}"#)]);
        assert_eq!(headers.into_table().get("arguments"), Some(&small));
    }
}
