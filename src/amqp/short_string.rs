//! Short strings: at most 255 octets, of any value.

use std::{
    borrow::{Borrow, Cow},
    fmt,
};

/// A short string as it lies on the wire; contents of methods with a body are not checked to be UTF-8.
pub type ShortStr<'a> = &'a [u8];

/// An owned short string: at most 255 octets, not necessarily UTF-8.
///
/// Equal, ordered and hashed as its octets.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShortString(Cow<'static, [u8]>);

/// A string longer than its place on the wire can be: 255 octets for a short string, 4 GiB for a long one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a string of {len} octets is too long for its place")]
pub struct TooLong {
    /// How many octets it has.
    pub len: usize,
}

impl ShortString {
    /// The most octets a short string has.
    pub const LEN_MAX: usize = 255;

    /// A short string known when this is compiled.
    ///
    /// # Panics
    /// If `text` has more than 255 octets; in a constant that is an error of the compiler.
    #[must_use]
    pub const fn from_static(text: &'static str) -> Self {
        assert!(text.len() <= Self::LEN_MAX, "a short string has at most 255 octets");
        Self(Cow::Borrowed(text.as_bytes()))
    }

    /// The octets.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text, with U+FFFD for what is not UTF-8.
    #[must_use]
    pub fn to_str_lossy(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }

    /// The text, if it is UTF-8.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }

    /// How many octets it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl TryFrom<&[u8]> for ShortString {
    type Error = TooLong;

    fn try_from(bytes: &[u8]) -> Result<Self, TooLong> {
        check_len(bytes.len())?;
        Ok(Self(Cow::Owned(bytes.to_vec())))
    }
}

impl TryFrom<&str> for ShortString {
    type Error = TooLong;

    fn try_from(text: &str) -> Result<Self, TooLong> {
        Self::try_from(text.as_bytes())
    }
}

impl TryFrom<String> for ShortString {
    type Error = TooLong;

    fn try_from(text: String) -> Result<Self, TooLong> {
        Self::try_from(text.into_bytes())
    }
}

impl TryFrom<Vec<u8>> for ShortString {
    type Error = TooLong;

    fn try_from(bytes: Vec<u8>) -> Result<Self, TooLong> {
        check_len(bytes.len())?;
        Ok(Self(Cow::Owned(bytes)))
    }
}

fn check_len(len: usize) -> Result<(), TooLong> {
    if len <= ShortString::LEN_MAX { Ok(()) } else { Err(TooLong { len }) }
}

impl Borrow<[u8]> for ShortString {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for ShortString {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl PartialEq<str> for ShortString {
    fn eq(&self, other: &str) -> bool {
        *self.0 == *other.as_bytes()
    }
}

impl PartialEq<&str> for ShortString {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}

impl PartialEq<[u8]> for ShortString {
    fn eq(&self, other: &[u8]) -> bool {
        *self.0 == *other
    }
}

impl fmt::Display for ShortString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_str_lossy())
    }
}

impl fmt::Debug for ShortString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.to_str_lossy(), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: ShortString = ShortString::from_static("orders");

    #[test]
    fn at_most_255_octets() {
        assert_eq!(ShortString::try_from(&[0xFF; 255][..]).unwrap().len(), 255);
        assert_eq!(ShortString::try_from(vec![0; 256]), Err(TooLong { len: 256 }));
    }

    #[test]
    fn equal_by_octets() {
        assert_eq!(NAME, "orders");
        assert_eq!(NAME, ShortString::try_from("orders").unwrap());
        assert_eq!(ShortString::try_from(&b"\xFF"[..]).unwrap().to_str_lossy(), "\u{FFFD}");
    }
}
