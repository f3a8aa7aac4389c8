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
const HEADER_FIXED: usize = 12;

/// Appends the header frame of a content whose properties are already in their wire form, flags first.
///
/// # Panics
/// If the properties take 4 GiB or more.
#[inline]
pub fn encode_header_frame(out: &mut Vec<u8>, channel: u16, body_size: u64, properties: &[u8]) {
    let size =
        u32::try_from(HEADER_FIXED + properties.len()).expect("properties take less than 4 GiB");
    out.reserve(HEADER_FIXED + properties.len() + FRAME_OVERHEAD);
    let mut head = [0; 7 + HEADER_FIXED];
    let (frame, content) = head.split_at_mut(7);
    frame.copy_from_slice(&frame_head(FrameType::Header, channel, size));
    let (ids, size) = content.split_at_mut(4);
    let [c1, c0] = basic::CLASS_ID.to_be_bytes();
    ids.copy_from_slice(&[c1, c0, 0, 0]);
    size.copy_from_slice(&body_size.to_be_bytes());
    out.extend_from_slice(&head);
    out.extend_from_slice(properties);
    out.push(FRAME_END);
}

/// Appends `body` in frames of at most `frame_max` octets; nothing if it is empty.
///
/// `frame_max` is what was negotiated, 4096 or more; less than nine octets count as nine.
#[inline]
pub fn encode_body_frames(out: &mut Vec<u8>, channel: u16, frame_max: u32, body: &[u8]) {
    let payload_max = (frame_max as usize).saturating_sub(FRAME_OVERHEAD).max(1);
    out.reserve(body_frames_len(payload_max, body));
    for payload in body.chunks(payload_max) {
        // A chunk is smaller than `frame_max`.
        let size = u32::try_from(payload.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&frame_head(FrameType::Body, channel, size));
        out.extend_from_slice(payload);
        out.push(FRAME_END);
    }
}

fn body_frames_len(payload_max: usize, body: &[u8]) -> usize {
    body.len() + FRAME_OVERHEAD * body.len().div_ceil(payload_max)
}

/// The `basic.deliver` frame of one consumer, exchange and routing key, built once.
///
/// ```text
/// frame head │ class, method │ consumer tag │ delivery tag u64 │ redelivered u8 │ exchange │ routing key │ 0xCE
///                                             ╰── `append` writes these nine ──╯
/// ```
#[derive(Clone, Debug)]
pub struct DeliverTemplate {
    frame: Box<[u8]>,
    channel: u16,
    /// Where the delivery tag stands in the frame.
    tag_at: usize,
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
        let mut frame = Vec::new();
        Method::BasicDeliver(deliver).try_encode(channel, &mut frame)?;
        // Frame head, class, method, and the length of the consumer tag.
        let tag_at = 7 + 4 + 1 + consumer_tag.len();
        Ok(Self { frame: frame.into_boxed_slice(), channel, tag_at })
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
        out.extend_from_slice(&self.frame);
        let at = start + self.tag_at;
        if let Some(place) = out.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<9>()) {
            let [t7, t6, t5, t4, t3, t2, t1, t0] = delivery_tag.to_be_bytes();
            *place = [t7, t6, t5, t4, t3, t2, t1, t0, u8::from(redelivered)];
        }
    }

    /// Appends a whole delivery: method, header and body, the properties in their wire form.
    #[inline]
    pub fn append_content(
        &self,
        out: &mut Vec<u8>,
        frame_max: u32,
        (delivery_tag, redelivered): (u64, bool),
        properties: &[u8],
        body: &[u8],
    ) {
        let payload_max = (frame_max as usize).saturating_sub(FRAME_OVERHEAD).max(1);
        out.reserve(
            self.frame.len()
                + HEADER_FIXED
                + properties.len()
                + FRAME_OVERHEAD
                + body_frames_len(payload_max, body),
        );
        self.append(out, delivery_tag, redelivered);
        encode_header_frame(out, self.channel, body.len() as u64, properties);
        encode_body_frames(out, self.channel, frame_max, body);
    }
}
