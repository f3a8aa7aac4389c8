//! Bytes on their way into a socket: small things copied one behind the other, large bodies by reference.

use std::io::IoSlice;
use std::ops::{Range, RangeInclusive};

use amqp::{DeliverTemplate, FRAME_END, FRAME_OVERHEAD, FrameType, encode_header_frame};
use broker::message::{Body, SHARED_BODY_BYTES_MIN};
use bytes::Bytes;

/// What is to be written, in order.
///
/// `bytes` holds everything but the shared bodies; each of `shared` belongs in front of `bytes[at..]`.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    bytes: Vec<u8>,
    shared: Vec<Shared>,
    shared_len: usize,
    /// How much of all this is written already: octets of `bytes`, whole bodies, and octets of the next body.
    written: Written,
}

#[derive(Debug)]
struct Shared {
    at: usize,
    body: Bytes,
}

#[derive(Debug, Default, Clone, Copy)]
struct Written {
    bytes: usize,
    bodies: usize,
    of_body: usize,
}

/// How many slices are given to one `writev`.
const SLICES_MAX: usize = 64;

/// An emptied buffer is kept for the next burst if it is neither so large that it would be a waste, nor so small that
/// ten thousand idle connections are better off without.
const KEPT_BYTES: RangeInclusive<usize> = 4 << 10..=1 << 20;

impl Outgoing {
    /// Octets that are held, written ones included.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() + self.shared_len
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.shared.is_empty()
    }

    /// Where small things are appended.
    pub(crate) fn bytes_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Appends a whole delivery.
    #[inline]
    pub(crate) fn append_delivery(
        &mut self,
        template: &DeliverTemplate,
        frame_max: u32,
        (delivery_tag, redelivered): (u64, bool),
        properties: &[u8],
        body: Body<'_>,
    ) {
        match body {
            Body::Shared(body) if body.len() >= SHARED_BODY_BYTES_MIN => {
                template.append(&mut self.bytes, delivery_tag, redelivered);
                self.append_shared_content(template.channel(), frame_max, properties, body);
            }
            Body::Shared(_) | Body::Inline(_) => template.append_content(
                &mut self.bytes,
                frame_max,
                (delivery_tag, redelivered),
                properties,
                body.as_bytes(),
            ),
        }
    }

    /// Appends header and body frames of a content that follows a method.
    pub(crate) fn append_content(
        &mut self,
        channel: u16,
        frame_max: u32,
        properties: &[u8],
        body: Body<'_>,
    ) {
        match body {
            Body::Shared(body) if body.len() >= SHARED_BODY_BYTES_MIN => {
                self.append_shared_content(channel, frame_max, properties, body);
            }
            Body::Shared(_) | Body::Inline(_) => {
                let body = body.as_bytes();
                encode_header_frame(&mut self.bytes, channel, body.len() as u64, properties);
                amqp::encode_body_frames(&mut self.bytes, channel, frame_max, body);
            }
        }
    }

    fn append_shared_content(
        &mut self,
        channel: u16,
        frame_max: u32,
        properties: &[u8],
        body: &Bytes,
    ) {
        encode_header_frame(&mut self.bytes, channel, body.len() as u64, properties);
        let payload_max = (frame_max as usize).saturating_sub(FRAME_OVERHEAD).max(1);
        let mut from = 0;
        while from < body.len() {
            let to = body.len().min(from + payload_max);
            self.append_body_frame(channel, body, from..to);
            from = to;
        }
    }

    fn append_body_frame(&mut self, channel: u16, body: &Bytes, range: Range<usize>) {
        let size = u32::try_from(range.len()).expect("a frame is smaller than frame_max");
        self.bytes.push(FrameType::Body as u8);
        self.bytes.extend_from_slice(&channel.to_be_bytes());
        self.bytes.extend_from_slice(&size.to_be_bytes());
        self.shared_len += range.len();
        self.shared.push(Shared { at: self.bytes.len(), body: body.slice(range) });
        self.bytes.push(FRAME_END);
    }

    /// What is to be written next, as slices for one `writev`.
    pub(crate) fn slices<'a>(&'a self, slices: &mut [IoSlice<'a>; SLICES_MAX]) -> usize {
        let Written { mut bytes, bodies, mut of_body } = self.written;
        let mut count = 0;
        for shared in &self.shared[bodies..] {
            if count + 2 > SLICES_MAX {
                return count;
            }
            if bytes < shared.at {
                slices[count] = IoSlice::new(&self.bytes[bytes..shared.at]);
                count += 1;
                bytes = shared.at;
            }
            slices[count] = IoSlice::new(&shared.body[of_body..]);
            count += 1;
            of_body = 0;
        }
        if bytes < self.bytes.len() && count < SLICES_MAX {
            slices[count] = IoSlice::new(&self.bytes[bytes..]);
            count += 1;
        }
        count
    }

    /// Empty slices to begin with.
    pub(crate) fn no_slices<'a>() -> [IoSlice<'a>; SLICES_MAX] {
        [IoSlice::new(&[]); SLICES_MAX]
    }

    /// Notes that `count` octets of [`slices`](Self::slices) were written; empties the buffer after the last.
    pub(crate) fn advance(&mut self, mut count: usize) {
        while let Some(shared) = self.shared.get(self.written.bodies) {
            let before = shared.at - self.written.bytes;
            if count < before {
                break;
            }
            count -= before;
            self.written.bytes = shared.at;
            let of_body = shared.body.len() - self.written.of_body;
            if count < of_body {
                self.written.of_body += count;
                return;
            }
            count -= of_body;
            self.written.of_body = 0;
            self.written.bodies += 1;
        }
        self.written.bytes += count;
        if self.written.bytes == self.bytes.len() && self.written.bodies == self.shared.len() {
            self.clear();
        }
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.shared.clear();
        self.shared_len = 0;
        self.written = Written::default();
        if !KEPT_BYTES.contains(&self.bytes.capacity()) {
            self.bytes = Vec::new();
        }
    }

    /// Gives back the memory of an emptied buffer: the connection is idle.
    pub(crate) fn free_when_empty(&mut self) {
        if self.is_empty() {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Writes everything in portions of `portion` octets and gives back what a socket would have seen.
    fn written_by(mut outgoing: Outgoing, portion: usize) -> Vec<u8> {
        let mut seen = Vec::new();
        while !outgoing.is_empty() {
            let mut slices = Outgoing::no_slices();
            let count = outgoing.slices(&mut slices);
            let joined: Vec<u8> = slices[..count].iter().flat_map(|s| s.iter().copied()).collect();
            let part = &joined[..portion.min(joined.len())];
            seen.extend_from_slice(part);
            outgoing.advance(part.len());
        }
        seen
    }

    fn two_deliveries() -> Outgoing {
        let template = DeliverTemplate::new(1, b"tag", b"", b"key").unwrap();
        let large = Bytes::from(vec![7; 10_000]);
        let mut outgoing = Outgoing::default();
        outgoing.append_delivery(&template, 4096, (1, false), &[0, 0], Body::Shared(&large));
        outgoing.append_delivery(&template, 4096, (2, true), &[0, 0], Body::Inline(b"small"));
        outgoing
    }

    #[test]
    fn a_shared_body_reads_like_a_copied_one() {
        let template = DeliverTemplate::new(1, b"tag", b"", b"key").unwrap();
        let mut copied = Vec::new();
        template.append_content(&mut copied, 4096, (1, false), &[0, 0], &[7; 10_000]);
        template.append_content(&mut copied, 4096, (2, true), &[0, 0], b"small");
        assert_eq!(written_by(two_deliveries(), usize::MAX), copied);
    }

    #[test]
    fn it_does_not_matter_how_much_is_written_at_once() {
        let whole = written_by(two_deliveries(), usize::MAX);
        for portion in [1, 7, 100, 4095, 4096] {
            assert_eq!(written_by(two_deliveries(), portion), whole, "portion {portion}");
        }
    }

    #[test]
    fn more_bodies_than_slices_are_written_in_turns() {
        let body = Bytes::from(vec![1; SHARED_BODY_BYTES_MIN]);
        let mut outgoing = Outgoing::default();
        (0..100).for_each(|_| outgoing.append_content(1, 131_072, &[0, 0], Body::Shared(&body)));
        let len = outgoing.len();
        assert_eq!(written_by(outgoing, usize::MAX).len(), len);
    }
}
