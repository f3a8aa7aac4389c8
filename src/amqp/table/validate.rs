//! Walks a table once, so that whoever reads it later need not expect faults.

/// How deep tables and arrays may nest, the outermost table included.
pub const NESTING_MAX: usize = 32;

/// How many fields and array elements a table may have, on all levels together.
pub const ELEMENTS_MAX: usize = 16_384;

/// Why bytes are no table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// A tag that RabbitMQ does not know.
    #[error("a field has the unknown type {0}")]
    UnknownTag(u8),
    /// Nested deeper than [`NESTING_MAX`].
    #[error("tables and arrays nest deeper than {NESTING_MAX}")]
    TooDeep,
    /// More than [`ELEMENTS_MAX`] fields and elements.
    #[error("the table has more than {ELEMENTS_MAX} fields and elements")]
    TooManyElements,
    /// A value goes on beyond the end of its table or array.
    #[error("a field goes on beyond the end of its table")]
    Truncated,
}

/// A table or array that is being walked: what is left of it, and whether its elements have keys.
#[derive(Clone, Copy)]
struct Level<'a> {
    rest: &'a [u8],
    keyed: bool,
}

/// Checks that `contents`, without the length in front, are a well-formed table.
pub(super) fn validate(contents: &[u8]) -> Result<(), TableError> {
    if contents.is_empty() {
        return Ok(());
    }
    let mut current = Level { rest: contents, keyed: true };
    // The levels around the current one.
    let mut outer = [Level { rest: &[], keyed: false }; NESTING_MAX - 1];
    let mut depth = 0_usize;
    let mut elements = 0;
    loop {
        while current.rest.is_empty() {
            let Some(parent) = depth.checked_sub(1) else { return Ok(()) };
            depth = parent;
            current = outer.get(parent).copied().unwrap_or(Level { rest: &[], keyed: false });
        }
        elements += 1;
        if elements > ELEMENTS_MAX {
            return Err(TableError::TooManyElements);
        }
        if current.keyed {
            let (&len, rest) = current.rest.split_first().ok_or(TableError::Truncated)?;
            current.rest = rest.get(usize::from(len)..).ok_or(TableError::Truncated)?;
        }
        let (&tag, rest) = current.rest.split_first().ok_or(TableError::Truncated)?;
        let width = match tag {
            b'S' | b'x' | b'A' | b'F' => {
                let (len, rest) = rest.split_first_chunk().ok_or(TableError::Truncated)?;
                let len =
                    usize::try_from(u32::from_be_bytes(*len)).map_err(|_| TableError::Truncated)?;
                let (value, rest) = rest.split_at_checked(len).ok_or(TableError::Truncated)?;
                current.rest = rest;
                if matches!(tag, b'A' | b'F') {
                    *outer.get_mut(depth).ok_or(TableError::TooDeep)? = current;
                    depth += 1;
                    current = Level { rest: value, keyed: tag == b'F' };
                }
                continue;
            }
            _ => scalar_width(tag).ok_or(TableError::UnknownTag(tag))?,
        };
        current.rest = rest.get(width..).ok_or(TableError::Truncated)?;
    }
}

/// How many octets the value of a type has that always has as many.
#[inline]
const fn scalar_width(tag: u8) -> Option<usize> {
    Some(match tag {
        b'V' => 0,
        b't' | b'b' | b'B' => 1,
        b's' | b'u' => 2,
        b'I' | b'i' | b'f' => 4,
        b'D' => 5,
        b'l' | b'L' | b'd' | b'T' => 8,
        _ => return None,
    })
}
