//! The authentication mechanisms: what user and password a client's response holds.
//!
//! RabbitMQ answers a malformed response with nothing but the end of the connection, because its text would show the
//! password; ours does not, and is sent.

use amqp::{FieldValueRef, RawTable, ReplyCode};

use crate::failure::{Failure, Outcome};

/// The mechanisms on offer, as `connection.start` lists them.
pub(crate) const MECHANISMS: &str = "PLAIN AMQPLAIN";

/// How a client proves who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mechanism {
    /// RFC 4616, with an empty authorisation identity: NUL user NUL password.
    Plain,
    /// The contents of a field table with `LOGIN` and `PASSWORD`.
    Amqplain,
}

/// What a response holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Credentials<'a> {
    pub(crate) user: &'a [u8],
    pub(crate) password: &'a [u8],
}

impl Mechanism {
    pub(crate) fn parse(name: &[u8]) -> Outcome<Self> {
        match name {
            b"PLAIN" => Ok(Self::Plain),
            b"AMQPLAIN" => Ok(Self::Amqplain),
            _ => {
                let name = String::from_utf8_lossy(name);
                let explanation = format!("unknown authentication mechanism '{name}'");
                Err(Failure::new(ReplyCode::CommandInvalid, &explanation))
            }
        }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Plain => "PLAIN",
            Self::Amqplain => "AMQPLAIN",
        }
    }

    pub(crate) fn credentials(self, response: &[u8]) -> Outcome<Credentials<'_>> {
        let credentials = match self {
            Self::Plain => plain(response),
            Self::Amqplain => amqplain(response),
        };
        credentials.map_err(|explanation| Failure::new(ReplyCode::SyntaxError, explanation))
    }
}

fn plain(response: &[u8]) -> Result<Credentials<'_>, &'static str> {
    const INVALID: &str = "invalid PLAIN response";
    let mut parts = response.split(|&byte| byte == 0);
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some([]), Some(user), Some(password), None) => Ok(Credentials { user, password }),
        _ => Err(INVALID),
    }
}

fn amqplain(response: &[u8]) -> Result<Credentials<'_>, &'static str> {
    const INVALID: &str = "invalid AMQPLAIN response";
    let table = RawTable::from_bytes(response).map_err(|_| INVALID)?;
    let (Some(user), Some(password)) = (table.get("LOGIN"), table.get("PASSWORD")) else {
        return Err("AMQPLAIN auth info is missing LOGIN or PASSWORD field");
    };
    match (user, password) {
        (FieldValueRef::LongString(user), FieldValueRef::LongString(password)) => {
            Ok(Credentials { user, password })
        }
        _ => Err(INVALID),
    }
}

#[cfg(test)]
mod tests {
    use amqp::{FieldTable, FieldValue, ShortString};

    use super::*;

    #[test]
    fn plain_needs_an_empty_identity_and_exactly_two_parts() {
        let guest = Credentials { user: b"guest", password: b"secret" };
        assert_eq!(plain(b"\0guest\0secret"), Ok(guest));
        assert!(plain(b"\0\0").is_ok());
        for response in ["", "\0", "\0guest", "guest\0secret", "me\0guest\0secret", "\0a\0b\0c"] {
            assert!(plain(response.as_bytes()).is_err(), "{response:?}");
        }
    }

    #[test]
    fn amqplain_is_a_table_without_its_length() {
        let table = |password: FieldValue| {
            FieldTable::from_iter([
                (ShortString::from_static("LOGIN"), FieldValue::from("guest")),
                (ShortString::from_static("PASSWORD"), password),
            ])
            .to_bytes()
        };
        let guest = Credentials { user: b"guest", password: b"secret" };
        assert_eq!(amqplain(&table("secret".into())), Ok(guest));
        assert_eq!(amqplain(&table(FieldValue::Void)), Err("invalid AMQPLAIN response"));
        assert_eq!(amqplain(b"\x05x"), Err("invalid AMQPLAIN response"));
        assert!(amqplain(b"").unwrap_err().contains("missing LOGIN"));
    }
}
