//! Field tables: names with typed values, in arguments, headers and properties of connections.
//!
//! ```text
//! table   size u32 │ entries, size octets        entry  key shortstr │ tag u8 │ value
//! array   size u32 │ elements, size octets       element             tag u8 │ value
//!
//! t bool     b i8   B u8   s i16   u u16   I i32   i u32   l i64   L i64
//! f f32      d f64  D decimal: scale u8, value u32          T seconds u64   V nothing
//! S bytes, length u32      x bytes, length u32              A array         F table
//! ```
//!
//! Specification: AMQP 0-9-1 §4.2.5.5. RabbitMQ differs, and these are its tags: `s` is a number, `L` is signed
//! and written back as `l`, the value of a decimal is unsigned, and there is no `U`.

mod decode;
mod raw;
mod validate;

use std::hash::{Hash, Hasher};

pub use self::{
    raw::{FieldValueRef, RawArray, RawTable},
    validate::{ELEMENTS_MAX, NESTING_MAX, TableError},
};
use crate::ShortString;

/// The value of a field.
///
/// Equality is that of the wire: types differ even if the numbers agree, and floats compare by their bits.
#[derive(Clone, Debug)]
pub enum FieldValue {
    /// `t`
    Bool(bool),
    /// `b`
    I8(i8),
    /// `B`
    U8(u8),
    /// `s`
    I16(i16),
    /// `u`
    U16(u16),
    /// `I`
    I32(i32),
    /// `i`
    U32(u32),
    /// `l`, and `L` when read
    I64(i64),
    /// `f`
    F32(f32),
    /// `d`
    F64(f64),
    /// `D`: `value` / 10^`scale`
    Decimal {
        /// How many digits stand after the point.
        scale: u8,
        /// The digits.
        value: u32,
    },
    /// `S`: octets, not necessarily UTF-8
    LongString(Vec<u8>),
    /// `x`
    ByteArray(Vec<u8>),
    /// `A`
    Array(Vec<Self>),
    /// `F`
    Table(FieldTable),
    /// `T`: seconds since 1970
    Timestamp(u64),
    /// `V`
    Void,
}

impl FieldValue {
    /// The number, if this is an integer of any width; a timestamp is none.
    #[must_use]
    pub const fn as_integer(&self) -> Option<i64> {
        self.as_ref().as_integer()
    }

    /// The octets of a long string.
    #[must_use]
    pub const fn as_long_string(&self) -> Option<&[u8]> {
        self.as_ref().as_long_string()
    }

    /// The truth value, if this is one.
    #[must_use]
    pub const fn as_bool(&self) -> Option<bool> {
        self.as_ref().as_bool()
    }

    /// The name of the type as RabbitMQ's errors tell it, such as `longstr`.
    #[must_use]
    pub const fn erlang_type_name(&self) -> &'static str {
        match self {
            Self::Bool(_) => "bool",
            Self::I8(_) => "byte",
            Self::U8(_) => "unsignedbyte",
            Self::I16(_) => "short",
            Self::U16(_) => "unsignedshort",
            Self::I32(_) => "signedint",
            Self::U32(_) => "unsignedint",
            Self::I64(_) => "long",
            Self::F32(_) => "float",
            Self::F64(_) => "double",
            Self::Decimal { .. } => "decimal",
            Self::LongString(_) => "longstr",
            Self::ByteArray(_) => "binary",
            Self::Array(_) => "array",
            Self::Table(_) => "table",
            Self::Timestamp(_) => "timestamp",
            Self::Void => "void",
        }
    }

    /// The scalar view of this value; arrays and tables, which are not stored as on the wire, show as `Void`.
    const fn as_ref(&self) -> FieldValueRef<'_> {
        match self {
            Self::Bool(value) => FieldValueRef::Bool(*value),
            Self::I8(value) => FieldValueRef::I8(*value),
            Self::U8(value) => FieldValueRef::U8(*value),
            Self::I16(value) => FieldValueRef::I16(*value),
            Self::U16(value) => FieldValueRef::U16(*value),
            Self::I32(value) => FieldValueRef::I32(*value),
            Self::U32(value) => FieldValueRef::U32(*value),
            Self::I64(value) => FieldValueRef::I64(*value),
            Self::F32(value) => FieldValueRef::F32(*value),
            Self::F64(value) => FieldValueRef::F64(*value),
            Self::Decimal { scale, value } => {
                FieldValueRef::Decimal { scale: *scale, value: *value }
            }
            Self::LongString(value) => FieldValueRef::LongString(value.as_slice()),
            Self::ByteArray(value) => FieldValueRef::ByteArray(value.as_slice()),
            Self::Timestamp(value) => FieldValueRef::Timestamp(*value),
            Self::Array(_) | Self::Table(_) | Self::Void => FieldValueRef::Void,
        }
    }

    /// Appends the tag and the value. Recursion ends where the value does: what was decoded nests at most
    /// [`NESTING_MAX`] deep.
    fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Array(values) => {
                out.push(b'A');
                encode_sized(out, |out| {
                    for value in values {
                        value.encode(out);
                    }
                });
            }
            Self::Table(table) => {
                out.push(b'F');
                table.encode(out);
            }
            Self::Bool(_)
            | Self::I8(_)
            | Self::U8(_)
            | Self::I16(_)
            | Self::U16(_)
            | Self::I32(_)
            | Self::U32(_)
            | Self::I64(_)
            | Self::F32(_)
            | Self::F64(_)
            | Self::Decimal { .. }
            | Self::LongString(_)
            | Self::ByteArray(_)
            | Self::Timestamp(_)
            | Self::Void => self.as_ref().encode(out),
        }
    }
}

impl PartialEq for FieldValue {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Array(a), Self::Array(b)) => a == b,
            (Self::Table(a), Self::Table(b)) => a == b,
            (Self::Array(_) | Self::Table(_), _) | (_, Self::Array(_) | Self::Table(_)) => false,
            _ => self.as_ref() == other.as_ref(),
        }
    }
}

impl Eq for FieldValue {}

impl Hash for FieldValue {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut bytes = Vec::new();
        self.encode(&mut bytes);
        bytes.hash(state);
    }
}

impl From<bool> for FieldValue {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i32> for FieldValue {
    fn from(value: i32) -> Self {
        Self::I32(value)
    }
}

impl From<i64> for FieldValue {
    fn from(value: i64) -> Self {
        Self::I64(value)
    }
}

impl From<&str> for FieldValue {
    fn from(value: &str) -> Self {
        Self::LongString(value.as_bytes().to_vec())
    }
}

impl From<String> for FieldValue {
    fn from(value: String) -> Self {
        Self::LongString(value.into_bytes())
    }
}

impl From<Vec<Self>> for FieldValue {
    fn from(values: Vec<Self>) -> Self {
        Self::Array(values)
    }
}

impl From<FieldTable> for FieldValue {
    fn from(table: FieldTable) -> Self {
        Self::Table(table)
    }
}

/// An owned field table, in the order of the wire; a key may occur more than once, and the first one counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct FieldTable(Vec<(ShortString, FieldValue)>);

impl FieldTable {
    /// An empty table.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Decodes the contents of a table, without the length in front of it.
    ///
    /// # Errors
    /// [`TableError`] with the first fault; nothing is allocated then.
    pub fn decode(contents: &[u8]) -> Result<Self, TableError> {
        RawTable::from_bytes(contents).map(RawTable::to_owned)
    }

    /// Appends the table with its length in front.
    ///
    /// # Panics
    /// If it takes 4 GiB or more.
    pub fn encode(&self, out: &mut Vec<u8>) {
        encode_sized(out, |out| self.encode_entries(out));
    }

    /// The contents of the table as they lie on the wire, without the length: see [`RawTable::from_bytes`].
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode_entries(&mut out);
        out
    }

    fn encode_entries(&self, out: &mut Vec<u8>) {
        for (key, value) in self {
            let key = key.as_bytes();
            // A short string never has more octets than one can tell.
            out.push(u8::try_from(key.len()).unwrap_or(u8::MAX));
            out.extend_from_slice(key);
            value.encode(out);
        }
    }

    /// The first value of `key`.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&FieldValue> {
        self.0.iter().find(|(found, _)| found == key).map(|(_, value)| value)
    }

    /// The first value of `key`, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut FieldValue> {
        self.0.iter_mut().find(|(found, _)| found == key).map(|(_, value)| value)
    }

    /// Whether there is a field `key`.
    #[must_use]
    pub fn contains_key(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Puts `value` in the place of the first field `key`, or at the end, and returns the value it replaced.
    pub fn insert(&mut self, key: ShortString, value: impl Into<FieldValue>) -> Option<FieldValue> {
        let value = value.into();
        match self.0.iter_mut().find(|(found, _)| *found == key) {
            Some((_, place)) => Some(std::mem::replace(place, value)),
            None => {
                self.0.push((key, value));
                None
            }
        }
    }

    /// Removes every field `key` and returns the value of the first.
    pub fn remove(&mut self, key: &str) -> Option<FieldValue> {
        let position = self.0.iter().position(|(found, _)| found == key)?;
        let (_, value) = self.0.remove(position);
        self.0.retain(|(found, _)| found != key);
        Some(value)
    }

    /// The fields in their order, repeated keys included.
    pub fn iter(&self) -> std::slice::Iter<'_, (ShortString, FieldValue)> {
        self.0.iter()
    }

    /// How many fields there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Orders the fields by key, and keeps only the first of each key.
    ///
    /// RabbitMQ does so with binding arguments, and since 3.13 with the headers it delivers.
    pub fn sort_and_dedup(&mut self) {
        self.0.sort_by(|(a, _), (b, _)| a.cmp(b));
        self.0.dedup_by(|(later, _), (earlier, _)| later == earlier);
    }
}

impl<K: Into<ShortString>, V: Into<FieldValue>> FromIterator<(K, V)> for FieldTable {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(fields: I) -> Self {
        Self(fields.into_iter().map(|(key, value)| (key.into(), value.into())).collect())
    }
}

impl<'a> IntoIterator for &'a FieldTable {
    type Item = &'a (ShortString, FieldValue);
    type IntoIter = std::slice::Iter<'a, (ShortString, FieldValue)>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl IntoIterator for FieldTable {
    type Item = (ShortString, FieldValue);
    type IntoIter = std::vec::IntoIter<(ShortString, FieldValue)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// Appends what `write` appends, with its length as u32 in front.
fn encode_sized(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    write(out);
    let len = u32::try_from(out.len() - start - 4).expect("a table takes less than 4 GiB");
    if let Some(place) = out.get_mut(start..start + 4) {
        place.copy_from_slice(&len.to_be_bytes());
    }
}

#[cfg(test)]
mod tests;
