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

/// Checks that `contents`, without the length in front, are a well-formed table.
pub(super) fn validate(contents: &[u8]) -> Result<(), TableError> {
    let mut rest = contents;
    // A table or array ends where this many octets are left of `contents`.
    let mut left_at_end = 0;
    // The same of those around it, the outermost first.
    let mut outer = [0; NESTING_MAX - 1];
    let mut depth = 0_usize;
    // One bit a level, the innermost lowest: whether its elements have keys.
    let mut keyed = 1_u32;
    let mut elements = 0;
    loop {
        while rest.len() == left_at_end {
            let Some(parent) = depth.checked_sub(1) else { return Ok(()) };
            depth = parent;
            left_at_end = outer.get(parent).copied().unwrap_or(0);
            keyed >>= 1;
        }
        elements += 1;
        if elements > ELEMENTS_MAX {
            return Err(TableError::TooManyElements);
        }
        if keyed & 1 != 0 {
            let (&len, after) = rest.split_first().ok_or(TableError::Truncated)?;
            rest = after.get(usize::from(len)..).ok_or(TableError::Truncated)?;
        }
        let (&tag, after) = rest.split_first().ok_or(TableError::Truncated)?;
        let mut nests = false;
        let width = match tag {
            b'S' | b'x' | b'A' | b'F' => {
                let (len, after) = after.split_first_chunk().ok_or(TableError::Truncated)?;
                rest = after;
                nests = matches!(tag, b'A' | b'F');
                usize::try_from(u32::from_be_bytes(*len)).map_err(|_| TableError::Truncated)?
            }
            _ => {
                rest = after;
                scalar_width(tag).ok_or(TableError::UnknownTag(tag))?
            }
        };
        // Where the value ends; whatever was read too much is noticed here.
        let left = rest.len().checked_sub(width).filter(|left| *left >= left_at_end);
        let left = left.ok_or(TableError::Truncated)?;
        if nests {
            *outer.get_mut(depth).ok_or(TableError::TooDeep)? = left_at_end;
            depth += 1;
            left_at_end = left;
            keyed = keyed << 1 | u32::from(tag == b'F');
        } else {
            rest = rest.get(width..).ok_or(TableError::Truncated)?;
        }
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
