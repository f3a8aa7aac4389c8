//! Reply codes: why a channel or a connection closes.
//!
//! Specification: AMQP 0-9-1 §1.2.

use crate::ShortString;

/// A reply code of AMQP 0-9-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u16)]
pub enum ReplyCode {
    /// All is well.
    Success = 200,
    /// A content is larger than the peer takes now.
    ContentTooLarge = 311,
    /// A mandatory message reached no queue; only in `basic.return`.
    NoRoute = 312,
    /// An immediate message met no consumer.
    NoConsumers = 313,
    /// An operator closed the connection.
    ConnectionForced = 320,
    /// The virtual host does not exist.
    InvalidPath = 402,
    /// Not permitted to this user.
    AccessRefused = 403,
    /// No such exchange or queue.
    NotFound = 404,
    /// The queue belongs to another connection.
    ResourceLocked = 405,
    /// Something is not as the method needs it to be.
    PreconditionFailed = 406,
    /// Bytes that are no frame.
    FrameError = 501,
    /// A frame with impossible values.
    SyntaxError = 502,
    /// A method that does not belong here.
    CommandInvalid = 503,
    /// A channel that is not open, or open already.
    ChannelError = 504,
    /// A frame out of order.
    UnexpectedFrame = 505,
    /// The server lacks room for this.
    ResourceError = 506,
    /// Prohibited by configuration or limits.
    NotAllowed = 530,
    /// Not supported here.
    NotImplemented = 540,
    /// The server failed.
    InternalError = 541,
}

/// A number that is no reply code of AMQP 0-9-1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a reply code")]
pub struct UnknownReplyCode(pub u16);

impl ReplyCode {
    /// Every code, in ascending order.
    pub const ALL: [Self; 19] = [
        Self::Success,
        Self::ContentTooLarge,
        Self::NoRoute,
        Self::NoConsumers,
        Self::ConnectionForced,
        Self::InvalidPath,
        Self::AccessRefused,
        Self::NotFound,
        Self::ResourceLocked,
        Self::PreconditionFailed,
        Self::FrameError,
        Self::SyntaxError,
        Self::CommandInvalid,
        Self::ChannelError,
        Self::UnexpectedFrame,
        Self::ResourceError,
        Self::NotAllowed,
        Self::NotImplemented,
        Self::InternalError,
    ];

    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> u16 {
        self as u16
    }

    /// The name with which RabbitMQ begins the reply text, such as `NOT_FOUND`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::ContentTooLarge => "CONTENT_TOO_LARGE",
            Self::NoRoute => "NO_ROUTE",
            Self::NoConsumers => "NO_CONSUMERS",
            Self::ConnectionForced => "CONNECTION_FORCED",
            Self::InvalidPath => "INVALID_PATH",
            Self::AccessRefused => "ACCESS_REFUSED",
            Self::NotFound => "NOT_FOUND",
            Self::ResourceLocked => "RESOURCE_LOCKED",
            Self::PreconditionFailed => "PRECONDITION_FAILED",
            Self::FrameError => "FRAME_ERROR",
            Self::SyntaxError => "SYNTAX_ERROR",
            Self::CommandInvalid => "COMMAND_INVALID",
            Self::ChannelError => "CHANNEL_ERROR",
            Self::UnexpectedFrame => "UNEXPECTED_FRAME",
            Self::ResourceError => "RESOURCE_ERROR",
            Self::NotAllowed => "NOT_ALLOWED",
            Self::NotImplemented => "NOT_IMPLEMENTED",
            Self::InternalError => "INTERNAL_ERROR",
        }
    }

    /// Whether it closes the whole connection rather than one channel.
    #[must_use]
    pub const fn is_hard(self) -> bool {
        match self {
            Self::ConnectionForced
            | Self::InvalidPath
            | Self::FrameError
            | Self::SyntaxError
            | Self::CommandInvalid
            | Self::ChannelError
            | Self::UnexpectedFrame
            | Self::ResourceError
            | Self::NotAllowed
            | Self::NotImplemented
            | Self::InternalError => true,
            Self::Success
            | Self::ContentTooLarge
            | Self::NoRoute
            | Self::NoConsumers
            | Self::AccessRefused
            | Self::NotFound
            | Self::ResourceLocked
            | Self::PreconditionFailed => false,
        }
    }

    /// The reply text `NAME - explanation`, [cut](cut_reply_text) to what a close method holds.
    #[must_use]
    pub fn reply_text(self, explanation: &str) -> String {
        cut_reply_text(format!("{} - {explanation}", self.name()))
    }
}

/// A reply text that fits a short string: what is too long ends in `...` as RabbitMQ's does, cut between two characters.
#[must_use]
pub fn cut_reply_text(mut text: String) -> String {
    const DOTS: &str = "...";
    if text.len() > ShortString::LEN_MAX {
        let mut len = ShortString::LEN_MAX - DOTS.len();
        while !text.is_char_boundary(len) {
            len -= 1;
        }
        text.truncate(len);
        text.push_str(DOTS);
    }
    text
}

impl TryFrom<u16> for ReplyCode {
    type Error = UnknownReplyCode;

    fn try_from(code: u16) -> Result<Self, UnknownReplyCode> {
        Self::ALL.into_iter().find(|known| known.code() == code).ok_or(UnknownReplyCode(code))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names() {
        for code in ReplyCode::ALL {
            assert_eq!(ReplyCode::try_from(code.code()), Ok(code));
        }
        assert_eq!(ReplyCode::try_from(407), Err(UnknownReplyCode(407)));
        let hard: Vec<u16> =
            ReplyCode::ALL.into_iter().filter(|code| code.is_hard()).map(ReplyCode::code).collect();
        assert_eq!(hard, [320, 402, 501, 502, 503, 504, 505, 506, 530, 540, 541]);
    }

    #[test]
    fn the_text_fits_a_short_string() {
        assert_eq!(ReplyCode::NotFound.reply_text("no queue 'q'"), "NOT_FOUND - no queue 'q'");
        let text = ReplyCode::NotFound.reply_text(&"ü".repeat(200));
        assert_eq!(text, format!("NOT_FOUND - {}...", "ü".repeat(120)));
    }
}
