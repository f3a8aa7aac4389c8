//! What comes from the broker: frames are told to the channel, consumer or waiting request they are for.
//!
//! A content that lies whole in one read is handed on in place. Only one that is cut by the end of a read, or by
//! frames of other channels, is put together in a buffer of its own.

use std::{collections::VecDeque, mem, sync::Arc};

use amqp::{
    ContentHeader, Frame, FrameType, Method, RawProperties, basic, channel, connection,
    decode_frame,
};
use bytes::{Bytes, BytesMut};
use tokio::sync::{oneshot, watch};

use crate::{
    Close, ConfirmEvent, DeliveryRef, Error, Replies, ReturnedMessage,
    channel::ChannelShared,
    consumer::{ConsumerHandler, Returner},
    delivery::owned,
    reply::{Answer, PendingReply, Reply, Request, reply_of, unexpected},
};

/// The receiving side of a connection.
pub(crate) struct Incoming {
    frame_max: u32,
    /// By number; channel 0 is never in it.
    channels: Vec<Option<Entry>>,
    /// Consumers that got something from this read: channel and place in [`Entry::consumers`].
    touched: Vec<(u16, usize)>,
    /// Why the connection is blocked, as long as it is.
    blocked: watch::Sender<Option<String>>,
    /// Why the connection ended.
    ended: Option<Error>,
}

/// The receiving side of a channel.
struct Entry {
    shared: Arc<ChannelShared>,
    replies: VecDeque<PendingReply>,
    /// A channel seldom has more than a few, and the last one found is tried first.
    consumers: Vec<Registered>,
    last_found: usize,
    assembly: Option<Assembly>,
    /// This side has sent `channel.close`: whatever comes before the answer is passed over.
    is_closing: bool,
}

struct Registered {
    tag: Box<str>,
    no_ack: bool,
    is_touched: bool,
    handler: Box<dyn ConsumerHandler>,
}

/// A content of which not everything has come.
struct Assembly {
    /// The payload of the method frame, decoded again at the end.
    method: Bytes,
    /// Properties and size of the body, once the header has come.
    header: Option<(Bytes, u64)>,
    body: BytesMut,
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
        Self { frame_max, channels: Vec::new(), touched: Vec::new(), blocked, ended: None }
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
            FrameType::Method => *at += self.handle_method(frame, chunk, *at, out)?,
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

/// A content of which every frame has come.
struct WholeContent<'a> {
    properties: &'a [u8],
    body: &'a [u8],
    /// What its frames take.
    len: usize,
}

impl<'a> WholeContent<'a> {
    /// The content at the start of `input`, if its header and its only body frame, or none, are all there.
    #[inline]
    fn decode(input: &'a [u8], channel: u16, frame_max: u32) -> Result<Option<Self>, Error> {
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

impl Entry {
    fn expect_reply(&mut self, request: Request) -> Answer {
        let (sender, receiver) = oneshot::channel();
        self.replies.push_back(PendingReply { request, outcome: Some(sender) });
        receiver
    }

    #[inline]
    fn find_consumer(&mut self, tag: &[u8]) -> Option<usize> {
        let is_it = |consumer: &Registered| consumer.tag.as_bytes() == tag;
        if !self.consumers.get(self.last_found).is_some_and(is_it) {
            self.last_found = self.consumers.iter().position(is_it)?;
        }
        Some(self.last_found)
    }

    /// A method that has no content and does not close the channel.
    fn handle_method(&mut self, method: &Method<'_>, out: &mut Vec<u8>) -> Result<(), Error> {
        #[expect(clippy::wildcard_enum_match_arm, reason = "everything else answers a request")]
        match method {
            Method::BasicAck(ack) => self.shared.confirmed(ConfirmEvent {
                delivery_tag: ack.delivery_tag,
                multiple: ack.multiple,
                is_ack: true,
            }),
            Method::BasicNack(nack) => self.shared.confirmed(ConfirmEvent {
                delivery_tag: nack.delivery_tag,
                multiple: nack.multiple,
                is_ack: false,
            }),
            Method::BasicCancel(cancel) => {
                self.end_consumer(cancel.consumer_tag, Some(&Error::ConsumerCancelled), out);
            }
            Method::BasicCancelOk(ok) => {
                self.end_consumer(ok.consumer_tag, None, out);
                self.answer(method)?;
            }
            Method::ChannelFlow(flow) => {
                // RabbitMQ never sends it; publishers slow down by themselves when the socket is not read.
                let ok = channel::FlowOk { active: flow.active };
                Method::ChannelFlowOk(ok).try_encode(self.shared.number, out)?;
            }
            _ => self.answer(method)?,
        }
        Ok(())
    }

    fn answer(&mut self, method: &Method<'_>) -> Result<(), Error> {
        let (request, reply) = reply_of(method).ok_or_else(|| unexpected(method))?;
        let pending = self.replies.pop_front().filter(|pending| pending.request == request);
        pending.ok_or_else(|| unexpected(method))?.tell(Ok(reply));
        Ok(())
    }

    fn end_consumer(&mut self, tag: &str, error: Option<&Error>, out: &mut Vec<u8>) {
        let Some(place) = self.find_consumer(tag.as_bytes()) else { return };
        // Places change, so nobody would find those that wait for the end of this read.
        let channel = self.shared.number;
        for consumer in self.consumers.iter_mut().filter(|consumer| consumer.is_touched) {
            consumer.is_touched = false;
            consumer.handler.read_done(&mut Replies { out, channel });
        }
        self.consumers.remove(place).handler.ended(error);
    }

    /// Tells everybody on this channel that it has ended.
    fn fail(&mut self, error: &Error) {
        self.shared.end(error);
        for pending in self.replies.drain(..) {
            pending.tell(Err(error.clone()));
        }
        let told = if let Error::ClosedByClient = error { None } else { Some(error) };
        for mut consumer in self.consumers.drain(..) {
            consumer.handler.ended(told);
        }
    }
}
