//! What can go wrong between a client and its broker.

use std::{io, sync::Arc};

use crate::UriError;

/// Why something the client asked for did not happen.
///
/// Everything that waits on a connection or channel when it ends gets the same error, so it is cheap to clone.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The URI cannot be read.
    #[error("the URI is not valid: {0}")]
    Uri(#[from] UriError),
    /// The socket failed or the broker closed it without a word.
    #[error("the connection broke: {0}")]
    Io(Arc<io::Error>),
    /// Connecting and logging in took longer than the options allow.
    #[error("the broker did not finish the handshake in time")]
    ConnectTimeout,
    /// The broker refused the login: it closed the socket, or said 403, before the connection was open.
    #[error("the login was refused: {0}")]
    LoginRefused(String),
    /// The broker closed the connection.
    #[error("the broker closed the connection: {0}")]
    ConnectionClosed(Close),
    /// The broker closed the channel; the connection and its other channels go on.
    #[error("the broker closed the channel: {0}")]
    ChannelClosed(Close),
    /// The connection or channel was closed by this side before the answer came.
    #[error("it was closed by this client")]
    ClosedByClient,
    /// The broker ended the consumer, usually because its queue was deleted.
    #[error("the broker cancelled the consumer")]
    ConsumerCancelled,
    /// Nothing was heard from the broker for two heartbeat intervals.
    #[error("no sign of life from the broker for {secs} seconds")]
    HeartbeatMissed {
        /// How long it was silent.
        secs: u64,
    },
    /// The broker sent what the protocol does not allow.
    #[error("the broker sent something unexpected: {0}")]
    Protocol(String),
    /// Every channel number the broker allows is in use.
    #[error("the connection has no channel left, the limit is {channel_max}")]
    NoChannelLeft {
        /// How many channels the broker allows.
        channel_max: u16,
    },
    /// A name or key has more octets than its place on the wire.
    #[error(transparent)]
    TooLong(#[from] amqp::TooLong),
    /// A table of arguments or headers cannot be sent.
    #[error("the arguments cannot be sent: {0}")]
    Arguments(#[from] amqp::TableError),
    /// Frames were prepared for another channel.
    #[error("the publishes were prepared for another channel")]
    OtherChannel,
    /// A confirm was awaited of a channel on which confirms were not selected.
    #[error("confirms are not selected on this channel")]
    NotConfirming,
}

/// What a close from the broker says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code} {text}")]
pub struct Close {
    /// The reply code, such as 404.
    pub code: u16,
    /// The reply text, such as `NOT_FOUND - no queue 'letters' in vhost '/'`.
    pub text: String,
    /// The class of the method that was refused, or 0.
    pub class_id: u16,
    /// The method that was refused, or 0.
    pub method_id: u16,
}

impl Error {
    /// The reply code, if the broker closed the connection or the channel.
    #[must_use]
    pub const fn reply_code(&self) -> Option<u16> {
        if let Self::ConnectionClosed(close) | Self::ChannelClosed(close) = self {
            Some(close.code)
        } else {
            None
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(Arc::new(error))
    }
}
