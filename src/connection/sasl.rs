//! The authentication mechanisms: what user and password a client's response holds.
//!
//! RabbitMQ answers a malformed response with nothing but the end of the connection, because its text would show the
//! password; ours does not, and is sent.

use amqp::{FieldValueRef, RawTable, ReplyCode};

use crate::failure::{Failure, Outcome};
use crate::{Password, Proof};

/// The mechanisms on offer, as `connection.start` lists them, to a client whose certificate names a user or does not.
pub(crate) const fn mechanisms(is_certified: bool) -> &'static str {
    if is_certified { "PLAIN AMQPLAIN EXTERNAL" } else { "PLAIN AMQPLAIN" }
}

/// How a client proves who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mechanism<'a> {
    /// RFC 4616, with an empty authorisation identity: NUL user NUL password.
    Plain,
    /// The contents of a field table with `LOGIN` and `PASSWORD`.
    Amqplain,
    /// RFC 4422, appendix A: TLS has proved it already. What the response says is not looked at, as in RabbitMQ: nobody
    /// acts for somebody else.
    External {
        /// Whom the certificate names.
        user: &'a str,
    },
}

/// What a response holds, or what makes it superfluous.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Credentials<'a> {
    pub(crate) user: &'a [u8],
    pub(crate) proof: Proof<'a>,
}

impl<'a> Mechanism<'a> {
    /// The mechanism of this name, if it is on offer to a client whose certificate names this user.
    pub(crate) fn parse(name: &[u8], certified_user: Option<&'a str>) -> Outcome<Self> {
        match (name, certified_user) {
            (b"PLAIN", _) => Ok(Self::Plain),
            (b"AMQPLAIN", _) => Ok(Self::Amqplain),
            (b"EXTERNAL", Some(user)) => Ok(Self::External { user }),
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
            Self::External { .. } => "EXTERNAL",
        }
    }

    pub(crate) fn credentials(self, response: &'a [u8]) -> Outcome<Credentials<'a>> {
        let credentials = match self {
            Self::Plain => plain(response),
            Self::Amqplain => amqplain(response),
            Self::External { user } => {
                return Ok(Credentials { user: user.as_bytes(), proof: Proof::Certificate });
            }
        };
        let (user, password) =
            credentials.map_err(|explanation| Failure::new(ReplyCode::SyntaxError, explanation))?;
        Ok(Credentials { user, proof: Proof::Password(Password(password)) })
    }
}

/// User and password.
type UserAndPassword<'a> = (&'a [u8], &'a [u8]);

fn plain(response: &[u8]) -> Result<UserAndPassword<'_>, &'static str> {
    const INVALID: &str = "invalid PLAIN response";
    let mut parts = response.split(|&byte| byte == 0);
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some([]), Some(user), Some(password), None) => Ok((user, password)),
        _ => Err(INVALID),
    }
}

fn amqplain(response: &[u8]) -> Result<UserAndPassword<'_>, &'static str> {
    const INVALID: &str = "invalid AMQPLAIN response";
    let table = RawTable::from_bytes(response).map_err(|_| INVALID)?;
    let (Some(user), Some(password)) = (table.get("LOGIN"), table.get("PASSWORD")) else {
        return Err("AMQPLAIN auth info is missing LOGIN or PASSWORD field");
    };
    match (user, password) {
        (FieldValueRef::LongString(user), FieldValueRef::LongString(password)) => {
            Ok((user, password))
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
        let guest = (b"guest".as_slice(), b"secret".as_slice());
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
        let guest = (b"guest".as_slice(), b"secret".as_slice());
        assert_eq!(amqplain(&table("secret".into())), Ok(guest));
        assert_eq!(amqplain(&table(FieldValue::Void)), Err("invalid AMQPLAIN response"));
        assert_eq!(amqplain(b"\x05x"), Err("invalid AMQPLAIN response"));
        assert!(amqplain(b"").unwrap_err().contains("missing LOGIN"));
    }
    #[test]
    fn external_is_for_those_whose_certificate_names_a_user() {
        assert!(Mechanism::parse(b"EXTERNAL", None).is_err());
        assert!(!mechanisms(false).contains("EXTERNAL") && mechanisms(true).contains("EXTERNAL"));
        let external = Mechanism::parse(b"EXTERNAL", Some("CN=anna")).unwrap();
        assert_eq!(external.name(), "EXTERNAL");
        let credentials = external.credentials(b"somebody else").unwrap();
        assert_eq!(credentials.user, b"CN=anna");
        assert!(matches!(credentials.proof, Proof::Certificate));
    }
}
