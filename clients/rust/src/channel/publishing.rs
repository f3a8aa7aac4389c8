//! Publishing: message by message, or many that were encoded beforehand.

use amqp::{Method, TooLong, basic, encode_body_frames, encode_header_frame};

use super::Channel;
use crate::{Confirm, Error, Properties, confirm::fingerprint};

/// A message, and where it shall go.
#[derive(Clone, Copy, Debug, Default)]
pub struct Publish<'a> {
    /// The exchange; empty for the default one, which routes to the queue named by the key.
    pub exchange: &'a str,
    /// The routing key.
    pub routing_key: &'a str,
    /// The properties and headers; `None` if there are none.
    pub properties: Option<&'a Properties>,
    /// The body.
    pub body: &'a [u8],
    /// If no queue gets it, it comes back.
    pub mandatory: bool,
}

impl Publish<'_> {
    fn encode(&self, channel: u16, frame_max: u32, out: &mut Vec<u8>) -> Result<(), TooLong> {
        let publish = basic::Publish {
            exchange: self.exchange.as_bytes(),
            routing_key: self.routing_key.as_bytes(),
            mandatory: self.mandatory,
            immediate: false,
        };
        Method::BasicPublish(publish).try_encode(channel, out)?;
        let size = self.body.len() as u64;
        match self.properties {
            None => encode_header_frame(out, channel, size, &[0, 0]),
            Some(properties) => encode_header_frame(out, channel, size, &properties.to_bytes()),
        }
        encode_body_frames(out, channel, frame_max, self.body);
        Ok(())
    }
}

/// The same message many times over, as it goes over the wire; each body can still be written to.
///
/// It belongs to the channel that [prepared](Channel::prepare) it.
#[derive(Clone, Debug)]
pub struct PreparedPublishes {
    frames: Vec<u8>,
    channel: u16,
    /// Octets that one message takes.
    stride: usize,
    /// Where in a message its body begins, and how much of the body is in one piece.
    body_at: usize,
    body_len: usize,
}

impl PreparedPublishes {
    /// How many messages there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.frames.len() / self.stride
    }

    /// Whether there is no message.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// How many octets each message takes on the wire.
    #[must_use]
    pub const fn message_octets(&self) -> usize {
        self.stride
    }

    /// The body of one message, or what of it the first frame holds, to be overwritten.
    ///
    /// # Panics
    /// If there is no message `index`.
    pub fn body_mut(&mut self, index: usize) -> &mut [u8] {
        let start = index * self.stride + self.body_at;
        &mut self.frames[start..start + self.body_len]
    }
}

impl Channel {
    /// Publishes a message, once there is room to send it. What is awaited then is its confirm, if at all.
    ///
    /// Many messages may be published before the first confirm is awaited: that is how they become fast.
    ///
    /// # Errors
    /// [`Error::TooLong`] if a name is; otherwise the error that ended the channel or the connection.
    pub async fn publish(&self, publish: &Publish<'_>) -> Result<Confirm, Error> {
        let connection = &self.shared.connection;
        loop {
            {
                let mut outbound = self.shared.outbound.lock();
                if let Some(error) = &outbound.closed {
                    return Err(error.clone());
                }
                let encode = |out: &mut Vec<u8>| {
                    publish.encode(self.shared.number, connection.frame_max, out)
                };
                if let Some(encoded) = connection.outgoing.append_if_room(encode)? {
                    encoded?;
                    let fingerprint = publish.mandatory.then(|| {
                        let Publish { exchange, routing_key, body, .. } = publish;
                        fingerprint(exchange.as_bytes(), routing_key.as_bytes(), body)
                    });
                    return Ok(outbound.confirms.published(fingerprint));
                }
            }
            connection.outgoing.wait_for_room().await;
        }
    }

    /// Encodes a message `count` times, to be published again and again.
    ///
    /// # Errors
    /// [`Error::TooLong`] if a name is.
    pub fn prepare(&self, publish: &Publish<'_>, count: usize) -> Result<PreparedPublishes, Error> {
        let (channel, frame_max) = (self.shared.number, self.shared.connection.frame_max);
        let mut head = Vec::new();
        Publish { body: &[], ..*publish }.encode(channel, frame_max, &mut head)?;
        let mut message = Vec::new();
        publish.encode(channel, frame_max, &mut message)?;
        let payload_max = frame_max as usize - amqp::FRAME_OVERHEAD;
        Ok(PreparedPublishes {
            frames: message.repeat(count),
            channel,
            stride: message.len(),
            // Behind type, channel and size of the body frame.
            body_at: if publish.body.is_empty() { head.len() } else { head.len() + 7 },
            body_len: publish.body.len().min(payload_max),
        })
    }

    /// Publishes the first `count` of prepared messages, once there is room, and returns the tag that confirms the
    /// last of them, 0 without confirms: for [`on_confirm`](Self::on_confirm).
    ///
    /// # Errors
    /// [`Error::OtherChannel`]; otherwise the error that ended the channel or the connection.
    ///
    /// # Panics
    /// If there are less than `count`.
    pub async fn publish_prepared(
        &self,
        prepared: &PreparedPublishes,
        count: usize,
    ) -> Result<u64, Error> {
        if prepared.channel != self.shared.number {
            return Err(Error::OtherChannel);
        }
        let frames = &prepared.frames[..count * prepared.stride];
        let outgoing = &self.shared.connection.outgoing;
        loop {
            {
                let mut outbound = self.shared.outbound.lock();
                if let Some(error) = &outbound.closed {
                    return Err(error.clone());
                }
                if outgoing.append_if_room(|out| out.extend_from_slice(frames))?.is_some() {
                    return Ok(outbound.confirms.published_unawaited(count as u64));
                }
            }
            outgoing.wait_for_room().await;
        }
    }
}
