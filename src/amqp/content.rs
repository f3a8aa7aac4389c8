//! Contents on their way out: the header frame, the body frames, and deliveries from a prebuilt method frame.
//!
//! ```text
//! deliver   method frame │ header frame │ body frames, as many as it takes
//! header    class u16 = 60 │ weight u16 = 0 │ body size u64 │ properties
//! ```
//!
//! RabbitMQ sends a content header as one frame even if it is larger than the receiver's `frame_max`; so does this.

use crate::{
    FRAME_END, FRAME_OVERHEAD, FrameType, TooLong, basic, frame::frame_head, methods::Method,
};

/// Class, weight and body size: what stands before the properties.
const HEADER_FIXED_LEN: usize = 12;

/// The same with the head of the frame.
const HEADER_HEAD_LEN: usize = 7 + HEADER_FIXED_LEN;

/// Appends the header frame of a content whose properties are already in their wire form, flags first.
///
/// # Panics
/// If the properties take 4 GiB or more.
#[inline]
pub fn encode_header_frame(out: &mut Vec<u8>, channel: u16, body_size: u64, properties: &[u8]) {
    out.reserve(HEADER_HEAD_LEN + properties.len() + 1);
    out.extend_from_slice(&header_head(channel, body_size, properties));
    out.extend_from_slice(properties);
    out.push(FRAME_END);
}

/// What stands in the header frame before the properties.
#[inline]
fn header_head(channel: u16, body_size: u64, properties: &[u8]) -> [u8; HEADER_HEAD_LEN] {
    let len = HEADER_FIXED_LEN + properties.len();
    let len = u32::try_from(len).expect("properties take less than 4 GiB");
    let [f6, f5, f4, f3, f2, f1, f0] = frame_head(FrameType::Header, channel, len);
    let [c1, c0] = basic::CLASS_ID.to_be_bytes();
    let [s7, s6, s5, s4, s3, s2, s1, s0] = body_size.to_be_bytes();
    [f6, f5, f4, f3, f2, f1, f0, c1, c0, 0, 0, s7, s6, s5, s4, s3, s2, s1, s0]
}

/// Appends `body` in frames of at most `frame_max` octets; nothing if it is empty.
///
/// `frame_max` is what was negotiated, 4096 or more; less than nine octets count as nine.
#[inline]
pub fn encode_body_frames(out: &mut Vec<u8>, channel: u16, frame_max: u32, body: &[u8]) {
    let payload_max = payload_max(frame_max);
    if body.len() > payload_max {
        encode_many_frames(out, channel, payload_max, body);
    } else if !body.is_empty() {
        out.reserve(body.len() + FRAME_OVERHEAD);
        push_body_frame(out, channel, body);
    }
}

#[inline(never)]
fn encode_many_frames(out: &mut Vec<u8>, channel: u16, payload_max: usize, body: &[u8]) {
    out.reserve(body.len() + FRAME_OVERHEAD * body.len().div_ceil(payload_max));
    for payload in body.chunks(payload_max) {
        push_body_frame(out, channel, payload);
    }
}

#[inline]
fn push_body_frame(out: &mut Vec<u8>, channel: u16, payload: &[u8]) {
    // No payload is longer than `frame_max`, a u32.
    let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&frame_head(FrameType::Body, channel, len));
    out.extend_from_slice(payload);
    out.push(FRAME_END);
}

#[inline]
fn payload_max(frame_max: u32) -> usize {
    (frame_max as usize).saturating_sub(FRAME_OVERHEAD).max(1)
}

/// The `basic.deliver` frame of one consumer, exchange and routing key, built once, and the beginning of the header
/// frame after it.
///
/// ```text
/// frame head │ class, method │ consumer tag │ delivery tag u64 │ redelivered u8 │ exchange │ routing key │ 0xCE
///                                             ╰─ written for each delivery ──╯
/// frame head, with the size │ class, weight │ body size u64
///                   ╰──────── written for each delivery ──╯
/// ```
#[derive(Clone, Debug)]
pub struct DeliverTemplate {
    bytes: Box<[u8]>,
    channel: u16,
    /// Where the delivery tag stands.
    tag_at: usize,
    /// Where the header frame begins.
    header_at: usize,
}

impl DeliverTemplate {
    /// Builds the frame.
    ///
    /// # Errors
    /// [`TooLong`] if one of the strings has more than 255 octets.
    pub fn new(
        channel: u16,
        consumer_tag: &[u8],
        exchange: &[u8],
        routing_key: &[u8],
    ) -> Result<Self, TooLong> {
        let deliver = basic::Deliver {
            consumer_tag,
            delivery_tag: 0,
            redelivered: false,
            exchange,
            routing_key,
        };
        let mut bytes = Vec::new();
        Method::BasicDeliver(deliver).try_encode(channel, &mut bytes)?;
        // Frame head, class, method, and the length of the consumer tag.
        let tag_at = 7 + 4 + 1 + consumer_tag.len();
        let header_at = bytes.len();
        bytes.extend_from_slice(&[0; HEADER_HEAD_LEN]);
        Ok(Self { bytes: bytes.into_boxed_slice(), channel, tag_at, header_at })
    }

    /// The channel it delivers on.
    #[must_use]
    pub const fn channel(&self) -> u16 {
        self.channel
    }

    /// Appends the method frame alone, for this delivery.
    #[inline]
    pub fn append(&self, out: &mut Vec<u8>, delivery_tag: u64, redelivered: bool) {
        let start = out.len();
        out.extend_from_slice(self.bytes.get(..self.header_at).unwrap_or_default());
        patch(out, start + self.tag_at, per_delivery(delivery_tag, redelivered));
    }

    /// Appends a whole delivery: method, header and body, the properties in their wire form.
    ///
    /// # Panics
    /// If the properties take 4 GiB or more.
    // Left to the compiler it becomes a call, which costs each delivery four instructions in a hundred.
    #[inline(always)]
    pub fn append_content(
        &self,
        out: &mut Vec<u8>,
        frame_max: u32,
        (delivery_tag, redelivered): (u64, bool),
        properties: &[u8],
        body: &[u8],
    ) {
        // Enough for one body frame; a longer body reserves the rest.
        out.reserve(self.bytes.len() + properties.len() + 1 + body.len() + FRAME_OVERHEAD);
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        patch(out, start + self.tag_at, per_delivery(delivery_tag, redelivered));
        let head = header_head(self.channel, body.len() as u64, properties);
        patch(out, start + self.header_at, head);
        out.extend_from_slice(properties);
        out.push(FRAME_END);
        encode_body_frames(out, self.channel, frame_max, body);
    }
}

/// The two arguments of `basic.deliver` that differ from delivery to delivery.
#[inline]
const fn per_delivery(delivery_tag: u64, redelivered: bool) -> [u8; 9] {
    let [t7, t6, t5, t4, t3, t2, t1, t0] = delivery_tag.to_be_bytes();
    [t7, t6, t5, t4, t3, t2, t1, t0, redelivered as u8]
}

/// Overwrites `N` octets, which are there because the template was just copied.
#[inline]
fn patch<const N: usize>(out: &mut [u8], at: usize, bytes: [u8; N]) {
    if let Some(place) = out.get_mut(at..).and_then(|rest| rest.first_chunk_mut()) {
        *place = bytes;
    }
}

#[cfg(test)]
mod tests;
