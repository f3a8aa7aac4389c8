//! A line of a dump: a record with its fields, as text or as JSON.
//!
//! What clients have chosen never reaches a terminal or another program's log as it is: control characters and whatever
//! else cannot be seen are escaped in both forms, and bytes that are no UTF-8 are shown in hexadecimal.

use std::fmt::Write as _;

use serde::ser::{Serialize, SerializeMap as _, Serializer};

/// A value of a field.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Number(u64),
    Signed(i64),
    Real(f64),
    Flag(bool),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Self>),
    Table(Vec<(String, Self)>),
    Nothing,
}

/// The fields of a record, in their order.
pub(super) type Fields = Vec<(&'static str, Value)>;

/// A record, or something else that is worth a line.
#[derive(Clone, Debug)]
pub(super) struct Line<'f> {
    pub(super) file: &'f str,
    pub(super) offset: u64,
    pub(super) kind: &'static str,
    pub(super) fields: Fields,
}

impl Value {
    /// Bytes, as a text if they are one.
    pub(super) fn bytes(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Bytes(bytes.to_vec()),
        }
    }

    /// The first bytes of something, as a text if they are one: a character that is cut is left out.
    pub(super) fn first_of(bytes: &[u8], count: usize) -> Self {
        let (first, rest) = bytes.split_at(count.min(bytes.len()));
        match std::str::from_utf8(first) {
            Err(error) if error.error_len().is_none() && !rest.is_empty() => {
                Self::bytes(&first[..error.valid_up_to()])
            }
            _ => Self::bytes(first),
        }
    }

    fn write(&self, out: &mut String) {
        // A string takes all that is written.
        let _ = match self {
            Self::Number(number) => write!(out, "{number}"),
            Self::Signed(number) => write!(out, "{number}"),
            Self::Real(number) => write!(out, "{number}"),
            Self::Flag(flag) => write!(out, "{flag}"),
            Self::Text(text) => write!(out, "{text:?}"),
            Self::Bytes(bytes) => write!(out, "hex:{}", hex(bytes)),
            Self::Nothing => write!(out, "nothing"),
            Self::List(values) => {
                out.push('[');
                for (position, value) in values.iter().enumerate() {
                    out.push_str(if position > 0 { " " } else { "" });
                    value.write(out);
                }
                write!(out, "]")
            }
            Self::Table(fields) => {
                out.push('{');
                for (position, (name, value)) in fields.iter().enumerate() {
                    out.push_str(if position > 0 { " " } else { "" });
                    write_name(name, out);
                    value.write(out);
                }
                write!(out, "}}")
            }
        };
    }
}

fn write_name(name: &str, out: &mut String) {
    let is_plain = !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if is_plain {
        out.push_str(name);
    } else {
        let _ = write!(out, "{name:?}"); // a string takes all that is written
    }
    out.push('=');
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // a string takes all that is written
        text
    })
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Number(number) => serializer.serialize_u64(*number),
            Self::Signed(number) => serializer.serialize_i64(*number),
            Self::Real(number) => serializer.serialize_f64(*number),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Bytes(bytes) => serializer.collect_map([("hex", hex(bytes))]),
            Self::List(values) => serializer.collect_seq(values),
            Self::Table(fields) => serializer.collect_map(fields.iter().map(|(k, v)| (k, v))),
            Self::Nothing => serializer.serialize_unit(),
        }
    }
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("file", self.file)?;
        map.serialize_entry("offset", &self.offset)?;
        map.serialize_entry("kind", self.kind)?;
        self.fields.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))?;
        map.end()
    }
}

impl Line<'_> {
    /// `FILE@OFFSET KIND NAME=VALUE …`
    pub(super) fn text(&self) -> String {
        let mut out = format!("{}@{} {}", self.file.escape_debug(), self.offset, self.kind);
        for (name, value) in &self.fields {
            out.push(' ');
            write_name(name, &mut out);
            value.write(&mut out);
        }
        out
    }

    /// An object with `file`, `offset` and `kind` before the fields.
    pub(super) fn json(&self) -> serde_json::Result<String> {
        let json = serde_json::to_string(self)?;
        let is_harmless =
            |c: char| c.is_ascii() && c != '\x7f' || !c.is_ascii() && c.escape_debug().count() == 1;
        if json.chars().all(is_harmless) {
            return Ok(json);
        }
        let mut out = String::with_capacity(json.len());
        for c in json.chars() {
            if is_harmless(c) {
                out.push(c);
            } else {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04x}"); // a string takes all that is written
                }
            }
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Line<'static> {
        let table = vec![
            ("x-max-length".to_owned(), Value::Signed(-3)),
            ("a key\n".to_owned(), Value::List(vec![Value::Flag(true), Value::Nothing])),
        ];
        Line {
            file: "1.seg",
            offset: 64,
            kind: "message",
            fields: vec![
                ("sequence", Value::Number(7)),
                ("key", Value::bytes(b"it's \"quoted\"\r\n\x1b[2J")),
                ("exchange", Value::Text("\u{9b}31m\u{202e}\u{7f}é\u{e0001}".to_owned())),
                ("body", Value::bytes(&[0, 0xFF])),
                ("arguments", Value::Table(table)),
            ],
        }
    }

    #[test]
    fn a_text_is_one_line_of_what_can_be_seen() {
        let expected = "1.seg@64 message sequence=7 key=\"it's \\\"quoted\\\"\\r\\n\\u{1b}[2J\" \
                        exchange=\"\\u{9b}31m\\u{202e}\\u{7f}é\\u{e0001}\" body=hex:00ff \
                        arguments={x-max-length=-3 \"a key\\n\"=[true nothing]}";
        assert_eq!(line().text(), expected);
    }

    #[test]
    fn json_is_one_line_of_what_can_be_seen_and_means_the_same() {
        let json = line().json().unwrap();
        let is_shown = |c: char| !c.is_control() && c.escape_debug().count() == 1;
        assert!(json.chars().all(|c| is_shown(c) || c == '"' || c == '\\' || c == '\''), "{json}");
        let parsed: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(parsed["exchange"], "\u{9b}31m\u{202e}\u{7f}é\u{e0001}");
        assert_eq!(parsed["key"], "it's \"quoted\"\r\n\x1b[2J");
        assert_eq!(parsed["body"]["hex"], "00ff");
        assert_eq!(parsed["arguments"]["a key\n"][0], true);
        assert!(
            json.starts_with("{\"file\":\"1.seg\",\"offset\":64,\"kind\":\"message\","),
            "{json}"
        );
    }

    #[test]
    fn a_body_is_cut_between_characters() {
        assert_eq!(Value::first_of("aéz".as_bytes(), 2), Value::Text("a".to_owned()));
        assert_eq!(Value::first_of("aéz".as_bytes(), 3), Value::Text("aé".to_owned()));
        assert_eq!(Value::first_of("aé".as_bytes(), 9), Value::Text("aé".to_owned()));
        assert_eq!(Value::first_of(&[b'a', 0xC3], 9), Value::Bytes(vec![b'a', 0xC3]));
    }
}
