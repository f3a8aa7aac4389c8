//! From a table on the wire to one that owns its values, without recursion.

use super::{FieldTable, FieldValue, FieldValueRef, RawArray, RawTable, raw};
use crate::ShortString;

/// A table or array that is being filled.
struct Level<'a> {
    rest: &'a [u8],
    filled: Filled,
}

enum Filled {
    Array(Vec<FieldValue>),
    Table {
        table: FieldTable,
        /// The key of the value that is read now.
        key: ShortString,
    },
}

impl<'a> Level<'a> {
    /// Counts the fields first: a table keeps no more room than they need.
    fn table(table: RawTable<'a>) -> Self {
        let fields = FieldTable(Vec::with_capacity(table.iter().count()));
        let filled = Filled::Table { table: fields, key: ShortString::default() };
        Self { rest: table.as_bytes(), filled }
    }

    fn array(array: RawArray<'a>) -> Self {
        let filled = Filled::Array(Vec::with_capacity(array.iter().count()));
        Self { rest: array.as_bytes(), filled }
    }

    /// Takes the next value; the key, if there is one, is kept until [`push`](Self::push).
    fn next(&mut self) -> Option<FieldValueRef<'a>> {
        match &mut self.filled {
            Filled::Array(_) => raw::next_value(&mut self.rest),
            Filled::Table { key, .. } => {
                let (next_key, value) = raw::next_entry(&mut self.rest)?;
                *key = ShortString::try_from(next_key).unwrap_or_default();
                Some(value)
            }
        }
    }

    fn push(&mut self, value: FieldValue) {
        match &mut self.filled {
            Filled::Array(values) => values.push(value),
            Filled::Table { table, key } => table.0.push((std::mem::take(key), value)),
        }
    }

    fn finish(self) -> FieldValue {
        match self.filled {
            Filled::Array(values) => FieldValue::Array(values),
            Filled::Table { table, .. } => FieldValue::Table(table),
        }
    }
}

/// Copies a table; it was validated, so that its nesting and its elements are few enough.
pub(super) fn to_owned(table: RawTable<'_>) -> FieldTable {
    let mut current = Level::table(table);
    let mut outer = Vec::new();
    loop {
        let value = match current.next() {
            Some(FieldValueRef::Array(array)) => {
                outer.push(std::mem::replace(&mut current, Level::array(array)));
                continue;
            }
            Some(FieldValueRef::Table(table)) => {
                outer.push(std::mem::replace(&mut current, Level::table(table)));
                continue;
            }
            Some(scalar) => scalar_to_owned(scalar),
            None => match (outer.pop(), current.finish()) {
                (Some(parent), value) => {
                    current = parent;
                    value
                }
                (None, FieldValue::Table(table)) => return table,
                (None, _) => return FieldTable::new(),
            },
        };
        current.push(value);
    }
}

fn scalar_to_owned(value: FieldValueRef<'_>) -> FieldValue {
    match value {
        FieldValueRef::Bool(value) => FieldValue::Bool(value),
        FieldValueRef::I8(value) => FieldValue::I8(value),
        FieldValueRef::U8(value) => FieldValue::U8(value),
        FieldValueRef::I16(value) => FieldValue::I16(value),
        FieldValueRef::U16(value) => FieldValue::U16(value),
        FieldValueRef::I32(value) => FieldValue::I32(value),
        FieldValueRef::U32(value) => FieldValue::U32(value),
        FieldValueRef::I64(value) => FieldValue::I64(value),
        FieldValueRef::F32(value) => FieldValue::F32(value),
        FieldValueRef::F64(value) => FieldValue::F64(value),
        FieldValueRef::Decimal { scale, value } => FieldValue::Decimal { scale, value },
        FieldValueRef::LongString(value) => FieldValue::LongString(value.to_vec()),
        FieldValueRef::ByteArray(value) => FieldValue::ByteArray(value.to_vec()),
        FieldValueRef::Timestamp(value) => FieldValue::Timestamp(value),
        FieldValueRef::Void | FieldValueRef::Array(_) | FieldValueRef::Table(_) => FieldValue::Void,
    }
}
