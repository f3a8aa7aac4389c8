//! Why a channel or the connection closes: the four fields of `channel.close` and `connection.close`.

use ::broker::Refusal;
use amqp::{
    ErlangBinary, Frame, FrameError, FrameFault, FrameType, Method, MethodError, ReplyCode,
    TableError,
};

/// What a client did wrong, boxed because it is rare and large.
pub(crate) type Outcome<T = ()> = Result<T, Box<Failure>>;

/// The reason of a close.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) code: ReplyCode,
    /// The whole reply text, at most 255 octets.
    pub(crate) text: String,
    /// The class and method at fault; 0 and 0 if there is none.
    pub(crate) method: (u16, u16),
    /// The place of the next frame is unknown: nothing more is read.
    pub(crate) is_fatal: bool,
}

impl Failure {
    /// `NAME - explanation`, not yet of any method.
    #[cold]
    pub(crate) fn new(code: ReplyCode, explanation: &str) -> Box<Self> {
        let text = code.reply_text(explanation);
        Box::new(Self { code, text, method: (0, 0), is_fatal: false })
    }

    /// What RabbitMQ says when it crashes over a content.
    #[cold]
    pub(crate) fn internal_error() -> Box<Self> {
        let text = ReplyCode::InternalError.name().to_owned();
        Box::new(Self { code: ReplyCode::InternalError, text, method: (0, 0), is_fatal: false })
    }

    /// The bytes are no frame.
    #[cold]
    pub(crate) fn frame(error: &FrameError) -> Box<Self> {
        let mut failure = Self::new(ReplyCode::FrameError, &error.to_string());
        failure.is_fatal = error.fault != FrameFault::Unknown;
        failure
    }

    /// The end octet of a body frame is wrong, of which the payload was handled while it arrived.
    #[cold]
    pub(crate) fn body_frame_end(payload_start: &[u8], payload_len: usize, end: u8) -> Box<Self> {
        let quoted = quote(payload_start, payload_len);
        let explanation = format!("type 3, {quoted}: {{invalid_frame_end_marker,{end}}}");
        let mut failure = Self::new(ReplyCode::FrameError, &explanation);
        failure.is_fatal = true;
        failure
    }

    /// A frame that has no business on its channel.
    #[cold]
    pub(crate) fn unexpected_frame(frame: &Frame<'_>) -> Box<Self> {
        let quoted = quote(frame.payload, frame.payload.len());
        let explanation = format!("type {}, {quoted}", frame.kind as u8);
        Self::new(ReplyCode::UnexpectedFrame, &explanation)
    }

    /// A payload that is no method.
    #[cold]
    pub(crate) fn method(error: &MethodError, payload: &[u8], channel: u16) -> Box<Self> {
        let failure = match error {
            MethodError::Unknown { .. } => unimplemented_method(),
            MethodError::Table { error, .. } => {
                Self::new(ReplyCode::SyntaxError, &table_explanation(*error))
            }
            MethodError::Truncated { .. }
            | MethodError::TrailingBytes { .. }
            | MethodError::InvalidUtf8 { .. } => {
                let explanation = error.explanation(payload).unwrap_or_default();
                Self::new(ReplyCode::FrameError, &explanation)
            }
        };
        // RabbitMQ knows no method when it finds this on a channel.
        if matches!(error, MethodError::InvalidUtf8 { .. }) && channel != 0 {
            return failure;
        }
        failure.of(error.ids())
    }

    /// The same, of this method.
    #[must_use]
    pub(crate) fn of(mut self: Box<Self>, method: (u16, u16)) -> Box<Self> {
        self.method = method;
        self
    }
}

impl From<Refusal> for Box<Failure> {
    #[cold]
    fn from(refusal: Refusal) -> Self {
        let text = refusal.reply_text();
        Self::new(Failure { code: refusal.code(), text, method: (0, 0), is_fatal: false })
    }
}

/// Class and method.
const METHOD_IDS_LEN: usize = 4;
/// Class, weight and body size.
pub(crate) const CONTENT_HEADER_FIXED_LEN: usize = 12;

/// Checks that a payload has as much as tells what it is; RabbitMQ does so before it looks at the channel.
#[inline]
pub(crate) fn check_payload(frame: &Frame<'_>) -> Outcome {
    let len_min = match frame.kind {
        FrameType::Method => METHOD_IDS_LEN,
        FrameType::Header => CONTENT_HEADER_FIXED_LEN,
        FrameType::Body | FrameType::Heartbeat => 0,
    };
    if frame.payload.len() >= len_min {
        return Ok(());
    }
    let error = FrameError::unknown(frame.kind, frame.channel, frame.payload);
    Err(Failure::frame(&error))
}

/// A method that a client never sends, or that nobody knows.
#[cold]
pub(crate) fn unimplemented_method() -> Box<Failure> {
    Failure::new(ReplyCode::CommandInvalid, "unimplemented method")
}

/// The class and method of a method.
pub(crate) fn ids(method: &Method<'_>) -> (u16, u16) {
    (method.class_id(), method.method_id())
}

/// RabbitMQ resets the connection for these; the texts are ours.
fn table_explanation(error: TableError) -> String {
    match error {
        TableError::UnknownTag(tag) => format!("unknown field type {tag} in field table"),
        TableError::Truncated => "field table ends in the middle of a value".to_owned(),
        TableError::TooDeep => {
            format!("field table nested deeper than {} levels", amqp::NESTING_MAX)
        }
        TableError::TooManyElements => {
            format!("field table holds more than {} elements", amqp::ELEMENTS_MAX)
        }
    }
}

/// How many octets of a payload RabbitMQ quotes.
pub(crate) const QUOTED_LEN_MAX: usize = 16;

/// The start of a payload as RabbitMQ quotes it.
fn quote(payload_start: &[u8], payload_len: usize) -> String {
    let share = if payload_len <= QUOTED_LEN_MAX { "all" } else { "first 16" };
    let quoted = &payload_start[..payload_start.len().min(QUOTED_LEN_MAX)];
    format!("{share} octets = {:#}", ErlangBinary(quoted))
}
