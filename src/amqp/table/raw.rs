//! Tables as they lie on the wire: checked once, read in place.

use std::hash::{Hash, Hasher};

use super::{FieldTable, TableError, decode, validate::validate};
use crate::ShortStr;

/// The contents of a well-formed table, borrowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RawTable<'a>(&'a [u8]);

/// The contents of a well-formed array, borrowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct RawArray<'a>(&'a [u8]);

/// The value of a field, borrowed; the variants are those of [`FieldValue`](super::FieldValue).
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the variants are those of FieldValue")]
pub enum FieldValueRef<'a> {
    Bool(bool),
    I8(i8),
    U8(u8),
    I16(i16),
    U16(u16),
    I32(i32),
    U32(u32),
    I64(i64),
    F32(f32),
    F64(f64),
    Decimal { scale: u8, value: u32 },
    LongString(&'a [u8]),
    ByteArray(&'a [u8]),
    Array(RawArray<'a>),
    Table(RawTable<'a>),
    Timestamp(u64),
    Void,
}

impl<'a> RawTable<'a> {
    /// A table without fields.
    pub const EMPTY: RawTable<'static> = RawTable(&[]);

    /// Checks the contents of a table, without the length in front of it.
    ///
    /// # Errors
    /// [`TableError`] with the first fault.
    #[inline]
    pub fn from_bytes(contents: &'a [u8]) -> Result<Self, TableError> {
        validate(contents)?;
        Ok(Self(contents))
    }

    /// The contents, without the length.
    #[inline]
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Whether there are no fields.
    #[inline]
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The first value of `key`, found by reading on from the front.
    #[must_use]
    pub fn get(self, key: &str) -> Option<FieldValueRef<'a>> {
        self.iter().find(|(found, _)| *found == key.as_bytes()).map(|(_, value)| value)
    }

    /// The fields in their order, repeated keys included.
    pub fn iter(self) -> impl Iterator<Item = (ShortStr<'a>, FieldValueRef<'a>)> {
        let mut rest = self.0;
        std::iter::from_fn(move || next_entry(&mut rest))
    }

    /// A copy that owns its fields.
    #[must_use]
    pub fn to_owned(self) -> FieldTable {
        decode::to_owned(self)
    }
}

impl<'a> RawArray<'a> {
    /// The elements, without the length.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Whether there are no elements.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The elements in their order.
    pub fn iter(self) -> impl Iterator<Item = FieldValueRef<'a>> {
        let mut rest = self.0;
        std::iter::from_fn(move || next_value(&mut rest))
    }
}

/// Takes a field off the front of a table; `None` at its end.
pub(super) fn next_entry<'a>(rest: &mut &'a [u8]) -> Option<(ShortStr<'a>, FieldValueRef<'a>)> {
    let len = usize::from(*rest.split_off_first()?);
    let key = rest.split_off(..len)?;
    Some((key, next_value(rest)?))
}

/// Takes a tagged value off the front; `None` at the end.
pub(super) fn next_value<'a>(rest: &mut &'a [u8]) -> Option<FieldValueRef<'a>> {
    Some(match *rest.split_off_first()? {
        b't' => FieldValueRef::Bool(array(rest)? != [0]),
        b'b' => FieldValueRef::I8(i8::from_be_bytes(array(rest)?)),
        b'B' => FieldValueRef::U8(u8::from_be_bytes(array(rest)?)),
        b's' => FieldValueRef::I16(i16::from_be_bytes(array(rest)?)),
        b'u' => FieldValueRef::U16(u16::from_be_bytes(array(rest)?)),
        b'I' => FieldValueRef::I32(i32::from_be_bytes(array(rest)?)),
        b'i' => FieldValueRef::U32(u32::from_be_bytes(array(rest)?)),
        b'l' | b'L' => FieldValueRef::I64(i64::from_be_bytes(array(rest)?)),
        b'f' => FieldValueRef::F32(f32::from_be_bytes(array(rest)?)),
        b'd' => FieldValueRef::F64(f64::from_be_bytes(array(rest)?)),
        b'D' => {
            let [scale, value @ ..] = array::<5>(rest)?;
            FieldValueRef::Decimal { scale, value: u32::from_be_bytes(value) }
        }
        b'S' => FieldValueRef::LongString(sized(rest)?),
        b'x' => FieldValueRef::ByteArray(sized(rest)?),
        b'A' => FieldValueRef::Array(RawArray(sized(rest)?)),
        b'F' => FieldValueRef::Table(RawTable(sized(rest)?)),
        b'T' => FieldValueRef::Timestamp(u64::from_be_bytes(array(rest)?)),
        b'V' => FieldValueRef::Void,
        _ => return None,
    })
}

fn array<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(*bytes)
}

fn sized<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = usize::try_from(u32::from_be_bytes(array(rest)?)).ok()?;
    rest.split_off(..len)
}

impl<'a> FieldValueRef<'a> {
    /// The number, if this is an integer of any width; a timestamp is none.
    #[must_use]
    pub const fn as_integer(self) -> Option<i64> {
        Some(match self {
            Self::I8(value) => value as i64,
            Self::U8(value) => value as i64,
            Self::I16(value) => value as i64,
            Self::U16(value) => value as i64,
            Self::I32(value) => value as i64,
            Self::U32(value) => value as i64,
            Self::I64(value) => value,
            Self::Bool(_)
            | Self::F32(_)
            | Self::F64(_)
            | Self::Decimal { .. }
            | Self::LongString(_)
            | Self::ByteArray(_)
            | Self::Array(_)
            | Self::Table(_)
            | Self::Timestamp(_)
            | Self::Void => return None,
        })
    }

    /// The octets of a long string.
    #[must_use]
    pub const fn as_long_string(self) -> Option<&'a [u8]> {
        if let Self::LongString(value) = self { Some(value) } else { None }
    }

    /// The truth value, if this is one.
    #[must_use]
    pub const fn as_bool(self) -> Option<bool> {
        if let Self::Bool(value) = self { Some(value) } else { None }
    }

    /// Appends the tag and the value.
    ///
    /// # Panics
    /// If the value takes 4 GiB or more.
    pub(super) fn encode(self, out: &mut Vec<u8>) {
        let (tag, bytes): (u8, &[u8]) = match self {
            Self::Bool(value) => (b't', &[u8::from(value)]),
            Self::I8(value) => (b'b', &value.to_be_bytes()),
            Self::U8(value) => (b'B', &value.to_be_bytes()),
            Self::I16(value) => (b's', &value.to_be_bytes()),
            Self::U16(value) => (b'u', &value.to_be_bytes()),
            Self::I32(value) => (b'I', &value.to_be_bytes()),
            Self::U32(value) => (b'i', &value.to_be_bytes()),
            Self::I64(value) => (b'l', &value.to_be_bytes()),
            Self::F32(value) => (b'f', &value.to_be_bytes()),
            Self::F64(value) => (b'd', &value.to_be_bytes()),
            Self::Decimal { scale, value } => {
                out.extend_from_slice(&[b'D', scale]);
                out.extend_from_slice(&value.to_be_bytes());
                return;
            }
            Self::Timestamp(value) => (b'T', &value.to_be_bytes()),
            Self::Void => (b'V', &[]),
            Self::LongString(value) => return encode_sized(out, b'S', value),
            Self::ByteArray(value) => return encode_sized(out, b'x', value),
            Self::Array(value) => return encode_sized(out, b'A', value.0),
            Self::Table(value) => return encode_sized(out, b'F', value.0),
        };
        out.push(tag);
        out.extend_from_slice(bytes);
    }
}

fn encode_sized(out: &mut Vec<u8>, tag: u8, value: &[u8]) {
    let len = u32::try_from(value.len()).expect("a field's value takes less than 4 GiB");
    out.push(tag);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(value);
}

/// Equality is that of the wire: types differ even if the numbers agree, and floats compare by their bits.
impl PartialEq for FieldValueRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (*self, *other) {
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::I8(a), Self::I8(b)) => a == b,
            (Self::U8(a), Self::U8(b)) => a == b,
            (Self::I16(a), Self::I16(b)) => a == b,
            (Self::U16(a), Self::U16(b)) => a == b,
            (Self::I32(a), Self::I32(b)) => a == b,
            (Self::U32(a), Self::U32(b)) => a == b,
            (Self::I64(a), Self::I64(b)) => a == b,
            (Self::F32(a), Self::F32(b)) => a.to_bits() == b.to_bits(),
            (Self::F64(a), Self::F64(b)) => a.to_bits() == b.to_bits(),
            (Self::Decimal { scale, value }, Self::Decimal { scale: scale_b, value: value_b }) => {
                (scale, value) == (scale_b, value_b)
            }
            (Self::LongString(a), Self::LongString(b))
            | (Self::ByteArray(a), Self::ByteArray(b)) => a == b,
            (Self::Array(a), Self::Array(b)) => a == b,
            (Self::Table(a), Self::Table(b)) => a == b,
            (Self::Timestamp(a), Self::Timestamp(b)) => a == b,
            (Self::Void, Self::Void) => true,
            _ => false,
        }
    }
}

impl Eq for FieldValueRef<'_> {}

impl Hash for FieldValueRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        let mut bytes = Vec::new();
        self.encode(&mut bytes);
        bytes.hash(state);
    }
}
