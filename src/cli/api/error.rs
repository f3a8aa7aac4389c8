//! Why the API did not do what it was asked, for a person to read.

use std::io;

use serde_json::Value;

/// Why not.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// Nobody answers there.
    #[error(
        "no broker answers at {url}: {why}. Is it running, and is its HTTP API there? `--url` or PILLARBOX_URL names another"
    )]
    Unreachable {
        /// Where.
        url: String,
        /// What the operating system says.
        why: String,
    },
    /// It takes too long.
    #[error("the broker at {url} did not answer in time: `--timeout` gives it more")]
    TooSlow {
        /// Where.
        url: String,
    },
    /// Whatever is there is no broker.
    #[error("what answers at {url} is no broker's HTTP API")]
    Strange {
        /// Where.
        url: String,
    },
    /// The address is none.
    #[error("'{url}' is no address of an HTTP API: one is http://127.0.0.1:15672")]
    Address {
        /// What was given.
        url: String,
    },
    /// Name and password are wrong, or the token is.
    #[error(
        "the broker at {url} refuses this user, password or token: `--user` and `--password-file` name others, or PILLARBOX_USER and \
         PILLARBOX_PASSWORD"
    )]
    LoginFailed {
        /// Where.
        url: String,
    },
    /// It says no.
    #[error("{reason}")]
    Refused {
        /// The status of HTTP.
        status: u16,
        /// What it says.
        reason: String,
    },
    /// There is no such thing, or this broker does not know the path.
    #[error("{reason}")]
    Missing {
        /// What it says.
        reason: String,
    },
}

/// What is said where the API says nothing.
const NOTHING: &str = "there is no such thing";

impl ApiError {
    /// What kept the answer from coming.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "whatever else there is, and will be, keeps the answer from coming"
    )]
    pub(super) fn of(url: &str, error: ureq::Error) -> Self {
        let url = url.to_owned();
        match error {
            ureq::Error::Timeout(_) => Self::TooSlow { url },
            ureq::Error::Io(error) if error.kind() == io::ErrorKind::TimedOut => {
                Self::TooSlow { url }
            }
            ureq::Error::Io(error) => Self::Unreachable { url, why: error.to_string() },
            ureq::Error::HostNotFound => {
                Self::Unreachable { url, why: "its host is not known".to_owned() }
            }
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => Self::Address { url },
            ureq::Error::Protocol(_) => Self::Strange { url },
            other => Self::Unreachable { url, why: other.to_string() },
        }
    }

    /// An answer that says no.
    pub(super) fn answered(status: u16, text: &str, url: &str) -> Self {
        let body: Value = serde_json::from_str(text).unwrap_or_default();
        let error = body["error"].as_str().unwrap_or_default();
        let reason = match &body["reason"] {
            Value::Null => None,
            Value::String(reason) => Some(reason.clone()),
            other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                Some(other.to_string())
            }
        };
        let base = || url.split("/api/").next().unwrap_or(url).to_owned();
        match status {
            401 if error != "not_authorised" => Self::LoginFailed { url: base() },
            404 => {
                let reason = reason.filter(|reason| reason != "Not Found");
                Self::Missing { reason: reason.unwrap_or_else(|| NOTHING.to_owned()) }
            }
            _ => {
                let reason =
                    reason.unwrap_or_else(|| format!("{url} is answered with the status {status}"));
                Self::Refused { status, reason }
            }
        }
    }

    /// Whether there is no such thing.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. })
    }

    /// Whether nobody answers.
    pub(crate) fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::TooSlow { .. })
    }

    /// The same, and what was not found is named.
    pub(crate) fn about(self, what: &str) -> Self {
        if !matches!(&self, Self::Missing { reason } if reason == NOTHING) {
            return self;
        }
        Self::Missing { reason: format!("there is no {what}") }
    }
}
