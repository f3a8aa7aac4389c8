//! How Erlang prints a binary: RabbitMQ's reply texts quote the offending bytes that way.

use std::fmt;

/// Bytes as Erlang's `~w` prints them, `<<0,1,206>>`; with the alternate flag (`{:#}`) as `~p` does, which shows
/// printable Latin-1 as text: `<<"GET ">>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErlangBinary<'a>(pub &'a [u8]);

impl fmt::Display for ErlangBinary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() && !self.0.is_empty() && self.0.iter().all(|&byte| is_printable(byte)) {
            return self.write_text(f);
        }
        f.write_str("<<")?;
        for (index, byte) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{byte}")?;
        }
        f.write_str(">>")
    }
}

impl ErlangBinary<'_> {
    fn write_text(self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<<\"")?;
        for &byte in self.0 {
            match byte {
                b'\n' => f.write_str("\\n")?,
                b'\r' => f.write_str("\\r")?,
                b'\t' => f.write_str("\\t")?,
                0x0B => f.write_str("\\v")?,
                0x08 => f.write_str("\\b")?,
                0x0C => f.write_str("\\f")?,
                0x1B => f.write_str("\\e")?,
                b'"' => f.write_str("\\\"")?,
                b'\\' => f.write_str("\\\\")?,
                _ => write!(f, "{}", char::from(byte))?,
            }
        }
        f.write_str("\">>")
    }
}

/// What `io_lib:printable_latin1_list` accepts.
fn is_printable(byte: u8) -> bool {
    matches!(byte, 0x20..=0x7E | 0xA0..=0xFF | 0x08..=0x0D | 0x1B)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_like_erlang() {
        assert_eq!(ErlangBinary(b"").to_string(), "<<>>");
        assert_eq!(format!("{:#}", ErlangBinary(b"")), "<<>>");
        assert_eq!(ErlangBinary(b"a\x00").to_string(), "<<97,0>>");
        assert_eq!(format!("{:#}", ErlangBinary(b"a\x00")), "<<97,0>>");
        assert_eq!(format!("{:#}", ErlangBinary(b"GET \"x\\\r\n")), r#"<<"GET \"x\\\r\n">>"#);
    }
}
