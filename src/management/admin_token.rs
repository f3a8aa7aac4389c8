//! What lets those in who may read the data folder: a token that is new at each start.
//!
//! It is kept in a file that only its owner can read, and whoever brings it from this machine is administrator, also when
//! no user is left who is one.

use std::fmt;
use std::io;
use std::net::IpAddr;

use subtle::ConstantTimeEq as _;

/// How many octets of chance: nobody guesses them.
const BYTES: usize = 32;

/// The token of a process.
#[derive(Clone)]
pub struct AdminToken([u8; BYTES]);

impl AdminToken {
    /// A new one, from the operating system's randomness.
    ///
    /// # Errors
    /// If it has none.
    pub fn random() -> io::Result<Self> {
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
        Ok(Self(bytes))
    }

    /// As it is written into the file and into `Authorization: Bearer`: in hexadecimal.
    #[must_use]
    pub fn to_text(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether somebody who comes from there has it. How long that takes tells nothing of it.
    pub(crate) fn lets_in(&self, text: &[u8], peer: IpAddr) -> bool {
        let is_it = self.to_text().as_bytes().ct_eq(text);
        peer.to_canonical().is_loopback() && bool::from(is_it)
    }
}

/// Nothing of it is shown.
impl fmt::Debug for AdminToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminToken")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_for_this_machine_only_and_for_whoever_has_all_of_it() {
        let token = AdminToken::random().unwrap();
        let text = token.to_text();
        assert_eq!(text.len(), 64);
        let from = |peer: &str, text: &str| token.lets_in(text.as_bytes(), peer.parse().unwrap());
        for here in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert!(from(here, &text), "{here}");
        }
        for elsewhere in ["192.0.2.1", "10.0.0.1", "::ffff:192.0.2.1", "2001:db8::1", "0.0.0.0"] {
            assert!(!from(elsewhere, &text), "{elsewhere}");
        }
        for wrong in ["", &text[..63], &format!("{text}0"), &text.to_uppercase().replace('A', "b")]
        {
            assert!(!from("127.0.0.1", wrong), "{wrong}");
        }
        assert_ne!(text, AdminToken::random().unwrap().to_text());
    }

    #[test]
    fn it_is_not_shown() {
        let token = AdminToken([0xab; BYTES]);
        assert_eq!(format!("{token:?}"), "AdminToken");
    }
}
