//! Frames: the envelope of everything after the protocol header.
//!
//! ```text
//! type u8 │ channel u16 │ size u32 │ payload, size octets │ 0xCE
//! ```
//!
//! Specification: AMQP 0-9-1 §4.2.3. RabbitMQ differs: a payload may have `frame_max` octets, eight more than the
//! specification allows.

use std::fmt;

use crate::ErlangBinary;

/// The octet after each payload.
pub const FRAME_END: u8 = 0xCE;

/// Octets of a frame that are not payload: seven before it and one after.
pub const FRAME_OVERHEAD: usize = 8;

/// A heartbeat, the whole frame.
pub const HEARTBEAT_FRAME: [u8; 8] = [8, 0, 0, 0, 0, 0, 0, FRAME_END];

/// How many octets of a bad payload RabbitMQ quotes.
const SNIPPET_LEN: usize = 16;

/// What a frame carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum FrameType {
    /// A method with its arguments.
    Method = 1,
    /// A content header: body size and properties.
    Header = 2,
    /// A piece of a body.
    Body = 3,
    /// A sign of life, without payload.
    Heartbeat = 8,
}

/// One frame, borrowed from the bytes it was read from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What the payload is.
    pub kind: FrameType,
    /// The channel; 0 is the connection itself.
    pub channel: u16,
    /// What stands between the size and the end octet.
    pub payload: &'a [u8],
}

/// Why bytes are no frame. The connection cannot go on: 501.
///
/// Displays as RabbitMQ's explanation, `type 1, all octets = <<>>: {frame_too_large,131073,131064}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameError {
    /// The type octet as it came.
    pub kind: u8,
    /// The channel of the frame.
    pub channel: u16,
    /// What is wrong.
    pub fault: FrameFault,
    snippet: [u8; SNIPPET_LEN],
    payload_len: usize,
}

/// What is wrong with a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameFault {
    /// The announced payload is larger than the negotiated limit; known from the first seven octets.
    TooLarge {
        /// The announced size of the payload.
        size: u32,
        /// The negotiated limit of the whole frame.
        frame_max: u32,
    },
    /// The octet after the payload is not [`FRAME_END`].
    InvalidEnd(u8),
    /// No such frame type, a heartbeat with a payload, or a payload too short for its type.
    Unknown,
}

/// Decodes the frame at the start of `input`, and how many octets it takes; `None` if it is not complete yet.
///
/// `frame_max` is the negotiated limit; every payload is refused that is larger, from its header alone.
///
/// # Errors
/// [`FrameError`] with the first fault in RabbitMQ's order: size, end octet, type.
#[inline]
pub fn decode_frame(
    input: &[u8],
    frame_max: u32,
) -> Result<Option<(Frame<'_>, usize)>, FrameError> {
    let Some((head, rest)) = input.split_first_chunk::<7>() else { return Ok(None) };
    let [kind, c1, c0, s3, s2, s1, s0] = *head;
    let channel = u16::from_be_bytes([c1, c0]);
    let size = u32::from_be_bytes([s3, s2, s1, s0]);
    if size > frame_max {
        let fault = FrameFault::TooLarge { size, frame_max };
        return Err(FrameError::new(kind, channel, &[], fault));
    }
    let Some((payload, after)) = rest.split_at_checked(size as usize) else { return Ok(None) };
    let Some(&end) = after.first() else { return Ok(None) };
    let kind = match (end, kind) {
        (FRAME_END, 1) => FrameType::Method,
        (FRAME_END, 2) => FrameType::Header,
        (FRAME_END, 3) => FrameType::Body,
        (FRAME_END, 8) if payload.is_empty() => FrameType::Heartbeat,
        (FRAME_END, _) => {
            return Err(FrameError::new(kind, channel, payload, FrameFault::Unknown));
        }
        (end, _) => {
            return Err(FrameError::new(kind, channel, payload, FrameFault::InvalidEnd(end)));
        }
    };
    Ok(Some((Frame { kind, channel, payload }, payload.len() + FRAME_OVERHEAD)))
}

/// Appends a frame whose payload `write_payload` appends.
///
/// # Panics
/// If the payload is 4 GiB or more.
pub fn encode_frame(
    out: &mut Vec<u8>,
    kind: FrameType,
    channel: u16,
    write_payload: impl FnOnce(&mut Vec<u8>),
) {
    let start = out.len();
    out.extend_from_slice(&frame_head(kind, channel, 0));
    write_payload(out);
    let size = out.len() - start - (FRAME_OVERHEAD - 1);
    let size = u32::try_from(size).expect("a frame's payload is smaller than 4 GiB");
    if let Some(place) = out.get_mut(start + 3..start + 7) {
        place.copy_from_slice(&size.to_be_bytes());
    }
    out.push(FRAME_END);
}

/// The seven octets before a payload of `size` octets.
#[inline]
pub(crate) fn frame_head(kind: FrameType, channel: u16, size: u32) -> [u8; 7] {
    let [c1, c0] = channel.to_be_bytes();
    let [s3, s2, s1, s0] = size.to_be_bytes();
    [kind as u8, c1, c0, s3, s2, s1, s0]
}

impl FrameError {
    /// The fault of a frame whose payload is too short to be what its type says: a method without class and method,
    /// or a content header without its fixed part.
    #[must_use]
    pub fn unknown(kind: FrameType, channel: u16, payload: &[u8]) -> Self {
        Self::new(kind as u8, channel, payload, FrameFault::Unknown)
    }

    #[cold]
    fn new(kind: u8, channel: u16, payload: &[u8], fault: FrameFault) -> Self {
        let mut snippet = [0; SNIPPET_LEN];
        for (to, from) in snippet.iter_mut().zip(payload) {
            *to = *from;
        }
        Self { kind, channel, fault, snippet, payload_len: payload.len() }
    }
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let share = if self.payload_len <= SNIPPET_LEN { "all" } else { "first 16" };
        let quoted = self.snippet.get(..self.payload_len).unwrap_or(&self.snippet);
        let quoted = ErlangBinary(quoted);
        write!(f, "type {}, {share} octets = {quoted:#}: ", self.kind)?;
        match self.fault {
            FrameFault::TooLarge { size, frame_max } => {
                // RabbitMQ names the limit of the specification, though it accepts eight octets more.
                write!(f, "{{frame_too_large,{size},{}}}", i64::from(frame_max) - 8)
            }
            FrameFault::InvalidEnd(end) => write!(f, "{{invalid_frame_end_marker,{end}}}"),
            FrameFault::Unknown => f.write_str("unknown_frame"),
        }
    }
}

impl std::error::Error for FrameError {}

#[cfg(test)]
mod tests {
    use super::*;

    const METHOD: &[u8] = &[1, 0, 7, 0, 0, 0, 4, 0, 20, 0, 11, FRAME_END];

    #[test]
    fn a_frame_is_decoded_at_every_split() {
        for end in 0..METHOD.len() {
            assert_eq!(decode_frame(&METHOD[..end], 4096), Ok(None), "{end} octets");
        }
        let frame = Frame { kind: FrameType::Method, channel: 7, payload: &[0, 20, 0, 11] };
        assert_eq!(decode_frame(METHOD, 4096), Ok(Some((frame, 12))));
        let mut out = Vec::new();
        encode_frame(&mut out, frame.kind, 7, |out| out.extend_from_slice(frame.payload));
        assert_eq!(out, METHOD);
    }

    #[test]
    fn heartbeat() {
        let frame = Frame { kind: FrameType::Heartbeat, channel: 0, payload: &[] };
        assert_eq!(decode_frame(&HEARTBEAT_FRAME, 4096), Ok(Some((frame, 8))));
    }

    #[test]
    fn the_payload_may_have_frame_max_octets() {
        let frame = |size: usize| {
            let mut out = Vec::new();
            encode_frame(&mut out, FrameType::Body, 1, |out| out.resize(out.len() + size, 0));
            out
        };
        assert!(decode_frame(&frame(4096), 4096).unwrap().is_some());
        let error = decode_frame(&frame(4097)[..7], 4096).unwrap_err();
        assert_eq!(error.to_string(), "type 3, all octets = <<>>: {frame_too_large,4097,4088}");
    }

    #[test]
    fn faults_are_told_as_rabbitmq_tells_them() {
        let text = |bytes: &[u8]| decode_frame(bytes, 4096).unwrap_err().to_string();
        assert_eq!(
            text(&[1, 0, 0, 0, 0, 0, 2, 97, 98, 0]),
            "type 1, all octets = <<\"ab\">>: {invalid_frame_end_marker,0}"
        );
        assert_eq!(
            text(&[8, 0, 0, 0, 0, 0, 1, 0, FRAME_END]),
            "type 8, all octets = <<0>>: unknown_frame"
        );
        let mut long = vec![4, 0, 0, 0, 0, 0, 17];
        long.extend([0; 17]);
        long.push(FRAME_END);
        assert_eq!(
            text(&long),
            "type 4, first 16 octets = <<0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0>>: unknown_frame"
        );
    }
}
