//! What comes from the broker: frames are told to the channel, consumer or waiting request they are for.
//!
//! A content that lies whole in one read is handed on in place. Only one that is cut by the end of a read, or by
//! frames of other channels, is put together in a buffer of its own.

mod content;
mod entry;

use std::{collections::VecDeque, mem, sync::Arc};

use amqp::{
    ContentHeader, Frame, FrameType, Method, RawProperties, basic, channel, connection,
    decode_frame,
};
use bytes::{Bytes, BytesMut};
use tokio::sync::{oneshot, watch};

use self::{
    content::{Assembly, WholeContent},
    entry::{Entry, Registered},
};
use crate::{
    Close, DeliveryRef, Error, Replies, ReturnedMessage,
    channel::ChannelShared,
    consumer::{ConsumerHandler, Returner},
    delivery::owned,
    repeated::Repeated,
    reply::{Answer, PendingReply, Reply, Request, unexpected},
};

/// The receiving side of a connection.
pub(crate) struct Incoming {
    frame_max: u32,
    /// By number; channel 0 is never in it.
    channels: Vec<Option<Entry>>,
    /// Consumers that got something from this read: channel and place in [`Entry::consumers`].
    touched: Vec<(u16, usize)>,
    /// The last delivery that came in one piece.
    repeated: Repeated,
    /// Why the connection is blocked, as long as it is.
    blocked: watch::Sender<Option<String>>,
    /// Why the connection ended.
    ended: Option<Error>,
}

/// Whether the connection goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    Open,
    /// The broker has answered `connection.close`.
    CloseOk,
}

impl Incoming {
    pub(crate) fn new(frame_max: u32, blocked: watch::Sender<Option<String>>) -> Self {
        Self {
            frame_max,
            channels: Vec::new(),
            touched: Vec::new(),
            repeated: Repeated::default(),
            blocked,
            ended: None,
        }
    }

    /// Takes the lowest free number, or `None`; `channel.open` is then to be sent.
    pub(crate) fn open(
        &mut self,
        channel_max: u16,
        make: impl FnOnce(u16) -> Arc<ChannelShared>,
    ) -> Result<(Arc<ChannelShared>, Answer), Error> {
        if let Some(error) = &self.ended {
            return Err(error.clone());
        }
        let free = self.channels.iter().skip(1).position(Option::is_none);
        let place = free.map_or(self.channels.len().max(1), |found| found + 1);
        let number = u16::try_from(place)
            .ok()
            .filter(|&number| number <= channel_max)
            .ok_or(Error::NoChannelLeft { channel_max })?;
        if self.channels.len() <= place {
            self.channels.resize_with(place + 1, || None);
        }
        let shared = make(number);
        let mut entry = Entry {
            shared: Arc::clone(&shared),
            replies: VecDeque::new(),
            consumers: Vec::new(),
            last_found: 0,
            assembly: None,
            is_closing: false,
        };
        let receiver = entry.expect_reply(Request::ChannelOpen);
        self.channels[place] = Some(entry);
        Ok((shared, receiver))
    }

    /// Remembers that an answer will come on `channel`.
    pub(crate) fn expect_reply(&mut self, channel: u16, request: Request) -> Answer {
        match self.entry(channel) {
            Some(entry) => entry.expect_reply(request),
            // The sender is gone at once: whoever waits sees that.
            None => oneshot::channel().1,
        }
    }

    pub(crate) fn register_consumer(
        &mut self,
        channel: u16,
        tag: Box<str>,
        no_ack: bool,
        handler: Box<dyn ConsumerHandler>,
    ) {
        if let Some(entry) = self.entry(channel) {
            entry.consumers.push(Registered { tag, no_ack, is_touched: false, handler });
        }
    }

    /// A consumer's stream was dropped: cancels it, and gives back what comes until that is answered.
    pub(crate) fn cancel_dropped(&mut self, channel: u16, tag: &str, out: &mut Vec<u8>) {
        let Some(entry) = self.entry(channel).filter(|entry| !entry.is_closing) else { return };
        let Some(consumer) = entry.consumers.iter_mut().find(|consumer| *consumer.tag == *tag)
        else {
            return;
        };
        consumer.handler = Box::new(Returner { no_ack: consumer.no_ack });
        let cancel = Method::BasicCancel(basic::Cancel { consumer_tag: tag, nowait: false });
        if cancel.try_encode(channel, out).is_ok() {
            entry.replies.push_back(PendingReply { request: Request::Cancel, outcome: None });
        }
    }

    /// This side closes `channel`: appends the close, after which nothing may be sent on it.
    pub(crate) fn close_channel(&mut self, channel: u16, out: &mut Vec<u8>) -> Option<Answer> {
        let entry = self.entry(channel).filter(|entry| !entry.is_closing)?;
        entry.is_closing = true;
        entry.fail(&Error::ClosedByClient);
        let close =
            channel::Close { reply_code: 200, reply_text: "Bye", ..channel::Close::default() };
        Method::ChannelClose(close).try_encode(channel, out).expect("the text is short");
        Some(entry.expect_reply(Request::ChannelClose))
    }

    /// The connection has ended: tells everybody who waits.
    pub(crate) fn end(&mut self, error: &Error) {
        self.ended = Some(error.clone());
        for mut entry in mem::take(&mut self.channels).into_iter().flatten() {
            entry.fail(error);
        }
    }

    /// Hands on every whole frame of `chunk` and appends answers to `out`; returns how many octets that were, and
    /// whether the connection goes on.
    pub(crate) fn handle(
        &mut self,
        chunk: &Bytes,
        out: &mut Vec<u8>,
    ) -> (usize, Result<Flow, Error>) {
        let mut at = 0;
        let flow = loop {
            match self.handle_frame(chunk, &mut at, out) {
                Ok(Some(Flow::Open)) => {}
                Ok(Some(Flow::CloseOk)) => break Ok(Flow::CloseOk),
                Ok(None) => break Ok(Flow::Open),
                Err(error) => break Err(error),
            }
        };
        self.tell_read_done(out);
        (at, flow)
    }

    /// Hands on the frame at `at`, moving that behind it, and behind the whole content if it begins one.
    #[inline]
    fn handle_frame(
        &mut self,
        chunk: &Bytes,
        at: &mut usize,
        out: &mut Vec<u8>,
    ) -> Result<Option<Flow>, Error> {
        let Some((frame, len)) = decode_frame(&chunk[*at..], self.frame_max)? else {
            return Ok(None);
        };
        *at += len;
        if frame.channel == 0 {
            return self.handle_connection(frame, out).map(Some);
        }
        match frame.kind {
            FrameType::Method => {
                *at += match self.handle_repeated(frame, chunk, *at, out)? {
                    Some(len) => len,
                    None => self.handle_method(frame, chunk, *at, out)?,
                };
            }
            FrameType::Header | FrameType::Body => self.handle_content(frame, chunk, out)?,
            FrameType::Heartbeat => {}
        }
        Ok(Some(Flow::Open))
    }

    fn tell_read_done(&mut self, out: &mut Vec<u8>) {
        let mut touched = mem::take(&mut self.touched);
        for (channel, place) in touched.drain(..) {
            let Some(entry) = self.entry(channel) else { continue };
            if let Some(consumer) = entry.consumers.get_mut(place)
                && mem::take(&mut consumer.is_touched)
            {
                consumer.handler.read_done(&mut Replies { out, channel });
            }
        }
        self.touched = touched;
    }

    fn handle_connection(&mut self, frame: Frame<'_>, out: &mut Vec<u8>) -> Result<Flow, Error> {
        match frame.kind {
            FrameType::Heartbeat => return Ok(Flow::Open),
            FrameType::Method => {}
            FrameType::Header | FrameType::Body => {
                return Err(Error::Protocol("content on channel 0".to_owned()));
            }
        }
        #[expect(clippy::wildcard_enum_match_arm, reason = "nothing else is sent on channel 0")]
        match Method::decode(frame.payload)? {
            Method::ConnectionClose(close) => {
                let ok = Method::ConnectionCloseOk(connection::CloseOk {});
                ok.try_encode(0, out)?;
                Err(Error::ConnectionClosed(Close {
                    code: close.reply_code,
                    text: close.reply_text.to_owned(),
                    class_id: close.class_id,
                    method_id: close.method_id,
                }))
            }
            Method::ConnectionCloseOk(_) => Ok(Flow::CloseOk),
            Method::ConnectionBlocked(blocked) => {
                self.blocked.send_replace(Some(blocked.reason.to_owned()));
                Ok(Flow::Open)
            }
            Method::ConnectionUnblocked(_) => {
                self.blocked.send_replace(None);
                Ok(Flow::Open)
            }
            other => Err(unexpected(&other)),
        }
    }

    /// A delivery like the one before, if it came in one piece: returns how many octets after the method's frame it
    /// took as well.
    #[inline]
    fn handle_repeated(
        &mut self,
        frame: Frame<'_>,
        chunk: &Bytes,
        at: usize,
        out: &mut Vec<u8>,
    ) -> Result<Option<usize>, Error> {
        let channel = frame.channel;
        let Some((delivery_tag, redelivered)) = self.repeated.recognise(channel, frame.payload)
        else {
            return Ok(None);
        };
        let entry = self.channels.get_mut(usize::from(channel)).and_then(Option::as_mut);
        let Some(entry) = entry.filter(|entry| !entry.is_closing && entry.assembly.is_none())
        else {
            return Ok(None);
        };
        let Some(content) = WholeContent::decode(&chunk[at..], channel, self.frame_max)? else {
            return Ok(None);
        };
        let Some(consumer) = entry.consumers.get_mut(self.repeated.place) else { return Ok(None) };
        if !mem::replace(&mut consumer.is_touched, true) {
            self.touched.push((channel, self.repeated.place));
        }
        let delivery = DeliveryRef {
            delivery_tag,
            redelivered,
            exchange: &frame.payload[self.repeated.exchange.clone()],
            routing_key: &frame.payload[self.repeated.routing_key.clone()],
            properties: RawProperties::from_bytes(content.properties),
            body: content.body,
            origin: chunk,
        };
        consumer.handler.delivery(&delivery, &mut Replies { out, channel });
        Ok(Some(content.len))
    }

    /// Returns how many octets after the method's frame it took as well.
    fn handle_method(
        &mut self,
        frame: Frame<'_>,
        chunk: &Bytes,
        at: usize,
        out: &mut Vec<u8>,
    ) -> Result<usize, Error> {
        let number = frame.channel;
        let method = Method::decode(frame.payload)?;
        // Whatever it is, it may end a consumer.
        self.repeated.forget();
        let frame_max = self.frame_max;
        let Some(entry) = self.entry(number) else {
            return Err(Error::Protocol(format!("channel {number} is not open")));
        };
        if entry.assembly.is_some() {
            return Err(unexpected(&method));
        }
        if method.has_content() {
            if let Some(content) = WholeContent::decode(&chunk[at..], number, frame_max)? {
                let parts = (content.properties, content.body, chunk);
                self.handle_message(number, &method, parts, out)?;
                self.remember(frame, &method);
                return Ok(content.len);
            }
            let method = chunk.slice_ref(frame.payload);
            entry.assembly = Some(Assembly { method, header: None, body: BytesMut::new() });
            return Ok(0);
        }
        if let Method::ChannelClose(close) = method {
            self.handle_channel_close(number, &close, out)?;
            return Ok(0);
        }
        if let Method::ChannelCloseOk(_) = method {
            // The number is free once nobody refers to it.
            if let Some(mut entry) = self.channels[usize::from(number)].take() {
                entry.answer(&method)?;
            }
            return Ok(0);
        }
        if !entry.is_closing {
            entry.handle_method(&method, out)?;
        }
        Ok(0)
    }

    /// The next delivery is likely to be for the same consumer.
    fn remember(&mut self, frame: Frame<'_>, method: &Method<'_>) {
        let Method::BasicDeliver(deliver) = method else { return };
        if let Some(entry) = &mut self.channels[usize::from(frame.channel)]
            && let Some(place) = entry.find_consumer(deliver.consumer_tag)
        {
            self.repeated.remember(frame.channel, frame.payload, deliver, place);
        }
    }

    fn handle_channel_close(
        &mut self,
        number: u16,
        close: &channel::Close<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let Some(entry) = self.entry(number) else { return Ok(()) };
        let is_closing = entry.is_closing;
        if !is_closing {
            entry.fail(&Error::ChannelClosed(Close {
                code: close.reply_code,
                text: close.reply_text.to_owned(),
                class_id: close.class_id,
                method_id: close.method_id,
            }));
            self.channels[usize::from(number)] = None;
        }
        // If both sides close at once, each answers the other, and ours is answered still.
        Method::ChannelCloseOk(channel::CloseOk {}).try_encode(number, out)?;
        Ok(())
    }

    /// A header or body frame of a content that did not come in one piece.
    fn handle_content(
        &mut self,
        frame: Frame<'_>,
        chunk: &Bytes,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let number = frame.channel;
        let out_of_order = || Error::Protocol(format!("content out of order on channel {number}"));
        let entry = self.entry(number).ok_or_else(out_of_order)?;
        let mut assembly = entry.assembly.take().ok_or_else(out_of_order)?;
        let size = match (frame.kind, &assembly.header) {
            (FrameType::Header, None) => {
                let header = ContentHeader::decode(frame.payload)?;
                let properties = chunk.slice_ref(header.properties.as_bytes());
                assembly.header = Some((properties, header.body_size));
                header.body_size
            }
            (FrameType::Body, Some((_, size))) => {
                assembly.body.extend_from_slice(frame.payload);
                *size
            }
            _ => return Err(out_of_order()),
        };
        let len = assembly.body.len() as u64;
        if len < size {
            entry.assembly = Some(assembly);
            return Ok(());
        }
        let (Some((properties, _)), true) = (assembly.header, len == size) else {
            return Err(out_of_order());
        };
        let (body, method) = (assembly.body.freeze(), Method::decode(&assembly.method)?);
        self.handle_message(number, &method, (&properties, &body, &body), out)
    }

    /// A method with its whole content: properties, body, and what they may be a part of.
    fn handle_message(
        &mut self,
        number: u16,
        method: &Method<'_>,
        (properties, body, origin): (&[u8], &[u8], &Bytes),
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let Some(entry) = self.channels.get_mut(usize::from(number)).and_then(Option::as_mut)
        else {
            return Ok(());
        };
        if entry.is_closing {
            return Ok(());
        }
        let properties = RawProperties::from_bytes(properties);
        if let Method::BasicDeliver(deliver) = method {
            let Some(place) = entry.find_consumer(deliver.consumer_tag) else { return Ok(()) };
            let consumer = &mut entry.consumers[place];
            if !mem::replace(&mut consumer.is_touched, true) {
                self.touched.push((number, place));
            }
            let &basic::Deliver { delivery_tag, redelivered, exchange, routing_key, .. } = deliver;
            let delivery = DeliveryRef {
                delivery_tag,
                redelivered,
                exchange,
                routing_key,
                properties,
                body,
                origin,
            };
            consumer.handler.delivery(&delivery, &mut Replies { out, channel: number });
            return Ok(());
        }
        if let Method::BasicGetOk(got) = method {
            let &basic::GetOk { delivery_tag, redelivered, exchange, routing_key, .. } = got;
            let delivery = DeliveryRef {
                delivery_tag,
                redelivered,
                exchange,
                routing_key,
                properties,
                body,
                origin,
            };
            let delivery = delivery.to_delivery(Arc::clone(&entry.shared));
            let pending = entry.replies.pop_front().filter(|p| p.request == Request::Get);
            let pending = pending.ok_or_else(|| unexpected(method))?;
            pending.tell(Ok(Reply::Message(Some(Box::new(delivery)))));
            return Ok(());
        }
        if let Method::BasicReturn(returned) = method {
            let parts = [returned.exchange, returned.routing_key, properties.as_bytes(), body];
            let [exchange, routing_key, properties, body] = owned(parts, origin);
            let text = String::from_utf8_lossy(returned.reply_text).into_owned();
            let code = returned.reply_code;
            entry.shared.returned(ReturnedMessage {
                code,
                text,
                exchange,
                routing_key,
                properties,
                body,
            });
            return Ok(());
        }
        Err(unexpected(method))
    }

    fn entry(&mut self, number: u16) -> Option<&mut Entry> {
        self.channels.get_mut(usize::from(number)).and_then(Option::as_mut)
    }
}
