//! How a command of RabbitMQ's tools fails: an exit code of sysexits.h, and words for the standard error.

use crate::api::ApiError;

/// It was called in a way that makes no sense.
pub(super) const USAGE: u8 = 64;
/// What it was given makes no sense, or is not there.
pub(super) const DATA: u8 = 65;
/// There is no such user.
pub(super) const NO_USER: u8 = 67;
/// It cannot be done, or nobody is there to do it.
pub(super) const UNAVAILABLE: u8 = 69;
/// It went wrong inside, or is there already.
pub(super) const SOFTWARE: u8 = 70;

/// How it failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) code: u8,
    pub(super) text: String,
}

impl Fault {
    /// With these words only.
    pub(super) fn plain(code: u8, text: impl Into<String>) -> Self {
        Self { code, text: text.into() }
    }

    /// With a line in front that says that it is an error.
    pub(super) fn error(code: u8, text: &str) -> Self {
        Self::plain(code, format!("Error:\n{text}"))
    }
}

impl From<ApiError> for Fault {
    fn from(error: ApiError) -> Self {
        if error.is_unreachable() {
            return Self::plain(
                UNAVAILABLE,
                format!("Error: unable to perform an operation on the node: {error}"),
            );
        }
        Self::error(UNAVAILABLE, &error.to_string())
    }
}

impl From<anyhow::Error> for Fault {
    fn from(error: anyhow::Error) -> Self {
        match error.downcast::<ApiError>() {
            Ok(error) => error.into(),
            Err(error) => Self::plain(UNAVAILABLE, format!("Error: {error:#}")),
        }
    }
}
