//! The eight octets a client says first.
//!
//! Specification: AMQP 0-9-1 §4.2.2. RabbitMQ also takes the header of 0-9, `AMQP 1 1 0 9`, for 0-9-1.

/// What the first eight octets of a connection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolHeader {
    /// AMQP 0-9-1, ours.
    Amqp091,
    /// Another version of AMQP, such as 1.0 or 0-8.
    OtherAmqp {
        /// The protocol: 0 is AMQP itself, 3 is SASL, 2 is TLS (1.0); 1 in headers before 0-9-1.
        id: u8,
        /// The first number of the version.
        major: u8,
        /// The second number of the version.
        minor: u8,
        /// The third number of the version.
        revision: u8,
    },
    /// A TLS handshake, on a port that does not speak it.
    Tls,
    /// An HTTP request.
    Http,
    /// Anything else.
    Garbage([u8; 8]),
}

impl ProtocolHeader {
    /// How many octets a header has.
    pub const LEN: usize = 8;

    /// The header of AMQP 0-9-1: what a client sends, and what a server answers to others.
    pub const BYTES: [u8; 8] = *b"AMQP\x00\x00\x09\x01";

    /// Tells what the first [`LEN`](Self::LEN) octets of `input` are; `None` if it has fewer.
    #[must_use]
    pub fn decode(input: &[u8]) -> Option<Self> {
        let bytes = *input.first_chunk::<8>()?;
        let [a, b, c, d, id, major, minor, revision] = bytes;
        Some(match (&[a, b, c, d], [id, major, minor, revision]) {
            (b"AMQP", [0, 0, 9, 1] | [1, 1, 0, 9]) => Self::Amqp091,
            (b"AMQP", _) => Self::OtherAmqp { id, major, minor, revision },
            ([0x16, 0x03, ..], _) => Self::Tls,
            (b"GET " | b"POST" | b"HEAD" | b"PUT " | b"OPTI" | b"DELE" | b"PRI ", _) => Self::Http,
            _ => Self::Garbage(bytes),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classified() {
        let check = |bytes: &[u8; 8], expected| {
            assert_eq!(ProtocolHeader::decode(&bytes[..7]), None);
            assert_eq!(ProtocolHeader::decode(bytes), Some(expected));
        };
        check(&ProtocolHeader::BYTES, ProtocolHeader::Amqp091);
        check(b"AMQP\x01\x01\x00\x09", ProtocolHeader::Amqp091);
        let amqp10 = ProtocolHeader::OtherAmqp { id: 3, major: 1, minor: 0, revision: 0 };
        check(b"AMQP\x03\x01\x00\x00", amqp10);
        check(b"\x16\x03\x01\x02\x00\x01\x00\x01", ProtocolHeader::Tls);
        check(b"GET / HT", ProtocolHeader::Http);
        check(
            b"\x00\x01\x02\x03\x04\x05\x06\x07",
            ProtocolHeader::Garbage([0, 1, 2, 3, 4, 5, 6, 7]),
        );
    }
}
