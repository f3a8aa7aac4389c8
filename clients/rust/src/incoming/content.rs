//! Contents: whole in one read, or put together from several.

use amqp::{ContentHeader, FrameType, decode_frame};
use bytes::{Bytes, BytesMut};

use crate::Error;

/// A content of which not everything has come.
pub(super) struct Assembly {
    /// The payload of the method frame, decoded again at the end.
    pub(super) method: Bytes,
    /// Properties and size of the body, once the header has come.
    pub(super) header: Option<(Bytes, u64)>,
    pub(super) body: BytesMut,
}

/// A content of which every frame has come.
pub(super) struct WholeContent<'a> {
    pub(super) properties: &'a [u8],
    pub(super) body: &'a [u8],
    /// What its frames take.
    pub(super) len: usize,
}

impl<'a> WholeContent<'a> {
    /// The content at the start of `input`, if its header and its only body frame, or none, are all there.
    #[inline]
    pub(super) fn decode(
        input: &'a [u8],
        channel: u16,
        frame_max: u32,
    ) -> Result<Option<Self>, Error> {
        let Some((header, header_len)) = decode_frame(input, frame_max)? else { return Ok(None) };
        if header.kind != FrameType::Header || header.channel != channel {
            return Ok(None);
        }
        let content = ContentHeader::decode(header.payload)?;
        let properties = content.properties.as_bytes();
        if content.body_size == 0 {
            return Ok(Some(Self { properties, body: &[], len: header_len }));
        }
        let Some((frame, frame_len)) = decode_frame(&input[header_len..], frame_max)? else {
            return Ok(None);
        };
        let is_whole = frame.kind == FrameType::Body
            && frame.channel == channel
            && frame.payload.len() as u64 == content.body_size;
        let len = header_len + frame_len;
        Ok(is_whole.then_some(Self { properties, body: frame.payload, len }))
    }
}
