//! The way of a publish: runs of contents that lie complete in the input, and contents that come in pieces.
//!
//! A run is what consecutive publishes have in common. Its first method frame is decoded and checked; each further one
//! that equals it byte for byte joins it. Nothing is copied and nothing allocated until the broker stores it.

use std::{borrow::Cow, mem};

use ::broker::{ExchangeName, Refusal, message::Body};
use amqp::{
    ContentHeader, FRAME_END, FRAME_OVERHEAD, Frame, FrameType, RawProperties, ReplyCode,
    basic as wire, decode_frame,
};

use super::{Step, Turn};
use crate::{
    Broker, ChannelNumber, PublishRun, RunMessage,
    channel::{
        Channel, Item, Messages, Mode, OpenChannel,
        content::{
            self, Assembly, Content, NOT_A_BODY, NOT_A_HEADER, NOT_A_METHOD, Publish, check_header,
        },
        inspect::{Inspected, Special, inspect},
        transaction::HeldMessage,
    },
    failure::{CONTENT_HEADER_FIXED_LEN, Failure, Outcome, QUOTED_LEN_MAX},
    open_connection::{BodyPart, PUBLISH},
};

/// A run to which messages are being added; they are in [`OpenConnection::items`].
///
/// [`OpenConnection::items`]: crate::open_connection::OpenConnection::items
pub(super) struct OpenRun<'i> {
    /// The method frame that all its messages began with.
    frame: &'i [u8],
    channel: ChannelNumber,
    exchange: &'i str,
    routing_key: &'i [u8],
    mandatory: bool,
}

/// Header and body of a message, complete in the input.
struct WholeContent<'i> {
    properties: RawProperties<'i>,
    properties_at: usize,
    body: &'i [u8],
    body_at: usize,
    /// Where its last frame ends.
    end: usize,
}

/// Type, channel and size.
const FRAME_HEAD_LEN: usize = FRAME_OVERHEAD - 1;

/// Where a message goes.
#[derive(Clone, Copy)]
struct Target<'a> {
    channel: ChannelNumber,
    exchange: &'a [u8],
    routing_key: &'a [u8],
    mandatory: bool,
}

impl<'i> WholeContent<'i> {
    /// The content that starts at `at`, if it is there to its end and as it should be; what it is otherwise is found
    /// out frame by frame.
    #[inline]
    fn find(input: &'i [u8], at: usize, channel: ChannelNumber, frame_max: u32) -> Option<Self> {
        let (frame, header_len) = decode_frame(&input[at..], frame_max).ok()??;
        if frame.kind != FrameType::Header || frame.channel != channel.0 {
            return None;
        }
        let header = ContentHeader::decode(frame.payload).ok()?;
        if header.class_id != wire::CLASS_ID || header.weight != 0 {
            return None;
        }
        let properties = header.properties;
        let properties_at = at + FRAME_HEAD_LEN + CONTENT_HEADER_FIXED_LEN;
        let body_frame_at = at + header_len;
        if header.body_size == 0 {
            let (body, body_at, end) = (&[][..], body_frame_at, body_frame_at);
            return Some(Self { properties, properties_at, body, body_at, end });
        }
        let (frame, body_len) = decode_frame(&input[body_frame_at..], frame_max).ok()??;
        if frame.kind != FrameType::Body
            || frame.channel != channel.0
            || frame.payload.len() as u64 != header.body_size
        {
            return None;
        }
        let (body, body_at) = (frame.payload, body_frame_at + FRAME_HEAD_LEN);
        Some(Self { properties, properties_at, body, body_at, end: body_frame_at + body_len })
    }

    /// Its place in the input.
    #[inline]
    fn item(&self, inspected: &Inspected) -> Item {
        let offset = |at: usize| u32::try_from(at).expect("an input is smaller than 4 GiB");
        Item {
            properties_at: offset(self.properties_at),
            properties_len: offset(self.properties.as_bytes().len()),
            body_at: offset(self.body_at),
            body_len: offset(self.body.len()),
            persistent: inspected.persistent,
            priority: inspected.priority,
            expiration_ms: inspected.expiration_ms,
        }
    }
}

impl<'i, B: Broker> Turn<'_, 'i, B> {
    /// Adds the next message to the open run, if it belongs there and needs nothing special.
    #[inline]
    pub(super) fn extend_run(&mut self) -> bool {
        let Some(run) = &self.run else { return false };
        if !self.input[self.at..].starts_with(run.frame) {
            return false;
        }
        let (at, channel) = (self.at + run.frame.len(), run.channel);
        let frame_max = self.connection.tuning.frame_max;
        let Some(content) = WholeContent::find(self.input, at, channel, frame_max) else {
            return false;
        };
        if content.body.len() as u64 > self.settings.message_bytes_max {
            return false;
        }
        match inspect(content.properties, channel, self.broker) {
            Ok(inspected) if inspected.special.is_none() => {
                self.connection.items.push(content.item(&inspected));
                self.at = content.end;
                true
            }
            // It is inspected again, by whom it ends the run.
            _ => false,
        }
    }

    /// Publishes the open run.
    #[inline]
    pub(super) fn flush_run(&mut self) -> Outcome {
        match self.run.take() {
            Some(run) => self.publish_run(&run),
            None => Ok(()),
        }
    }

    fn publish_run(&mut self, run: &OpenRun<'i>) -> Outcome {
        let mut items = mem::take(&mut self.connection.items);
        let &OpenRun { frame: _, channel, exchange, routing_key, mandatory } = run;
        let published = self.connection.publish(
            &PublishRun {
                channel,
                exchange,
                routing_key,
                mandatory,
                carbon_keys: &[],
                blind_keys: &[],
                messages: Messages::Input { input: self.input, items: &items },
            },
            self.broker,
        );
        items.clear();
        self.connection.items = items;
        published.or_else(|failure| self.fail(channel.0, failure))
    }

    /// `basic.publish` on an open channel that awaits a method.
    pub(super) fn handle_publish(
        &mut self,
        publish: &wire::Publish<'i>,
        number: u16,
        len: usize,
    ) -> Outcome<Step> {
        self.flush_run()?;
        let input = self.input;
        let (channel, frame_max) = (ChannelNumber(number), self.connection.tuning.frame_max);
        let Some(open) = self.connection.open_channel_mut(number) else {
            return Ok(Step::Skip(len));
        };
        let (at, bytes_max) = (self.at + len, self.settings.message_bytes_max);
        let content = WholeContent::find(input, at, channel, frame_max)
            .filter(|content| !publish.immediate && content.body.len() as u64 <= bytes_max);
        let Some(content) = content else {
            open.content = Content::AwaitHeader(Publish::new(publish));
            return Ok(Step::Skip(len));
        };
        let takes_runs = !matches!(open.mode, Mode::Transaction(_));
        let &wire::Publish { exchange, routing_key, mandatory, .. } = publish;
        let target = Target { channel, exchange, routing_key, mandatory };
        let name = self.check_target(target)?;
        let inspected = self.inspect(content.properties, channel)?;
        self.check_topics(&name, routing_key, &inspected)?;
        match name {
            Cow::Borrowed(exchange) if takes_runs && inspected.special.is_none() => {
                let frame = &input[self.at..self.at + len];
                self.run = Some(OpenRun { frame, channel, exchange, routing_key, mandatory });
                self.connection.items.push(content.item(&inspected));
            }
            name @ (Cow::Borrowed(_) | Cow::Owned(_)) => {
                let properties = content.properties.as_bytes();
                let body = Body::Inline(content.body);
                self.publish_single(target, &name, (properties, body), inspected)?;
            }
        }
        Ok(Step::Skip(content.end - self.at))
    }

    /// Whether the client may publish there; the exchange's name.
    fn check_target<'a>(&mut self, target: Target<'a>) -> Outcome<Cow<'a, str>> {
        let Target { channel, exchange, routing_key, .. } = target;
        let name = String::from_utf8_lossy(exchange);
        let checked = self.broker.check_publish(channel, &name, routing_key).and_then(|()| {
            // No exchange has a name that is not UTF-8, but one may have the name it is shown as.
            if matches!(name, Cow::Borrowed(_)) {
                return Ok(());
            }
            let exchange = ExchangeName::from(&*name);
            Err(Refusal::NoSuchExchange { exchange, vhost: self.connection.vhost.clone() })
        });
        checked.map_err(|refusal| Box::<Failure>::from(refusal).of(PUBLISH))?;
        Ok(name)
    }

    /// Whether the client may publish with every key that the message is routed by.
    fn check_topics(
        &mut self,
        exchange: &str,
        routing_key: &[u8],
        inspected: &Inspected,
    ) -> Outcome {
        let special = inspected.special.as_deref();
        let other_keys = special.map_or([&[][..]; 2], |s| [&s.carbon_keys, &s.blind_keys]);
        self.broker
            .check_topics(exchange, routing_key, other_keys)
            .map_err(|refusal| Box::<Failure>::from(refusal).of(PUBLISH))
    }

    fn inspect(&self, properties: RawProperties<'_>, channel: ChannelNumber) -> Outcome<Inspected> {
        inspect(properties, channel, self.broker).map_err(|failure| {
            // RabbitMQ knows no method when it crashes.
            if failure.code == ReplyCode::InternalError { failure } else { failure.of(PUBLISH) }
        })
    }

    /// Publishes a message that cannot join a run, or holds it for its transaction.
    fn publish_single(
        &mut self,
        target: Target<'_>,
        exchange: &str,
        (properties, body): (&[u8], Body<'_>),
        inspected: Inspected,
    ) -> Outcome {
        let Target { channel, routing_key, mandatory, .. } = target;
        let Some(open) = self.connection.open_channel_mut(channel.0) else { return Ok(()) };
        if let Mode::Transaction(_) = &open.mode {
            let bytes = HeldMessage::bytes_of(properties, body);
            self.connection.charge(bytes, self.settings).map_err(|f| f.of(PUBLISH))?;
            if let Some(OpenChannel { mode: Mode::Transaction(transaction), figures, .. }) =
                self.connection.open_channel_mut(channel.0)
            {
                let names = (exchange, routing_key);
                transaction.hold(names, mandatory, (properties, body), inspected);
                figures.set_uncommitted(transaction.messages.len());
            }
            return Ok(());
        }
        let Inspected { persistent, priority, expiration_ms, special } = inspected;
        let Special { properties: changed, carbon_keys, blind_keys } =
            special.map_or_else(Special::default, |special| *special);
        let properties = changed.as_deref().unwrap_or(properties);
        let message = RunMessage { properties, body, persistent, priority, expiration_ms };
        let run = PublishRun {
            channel,
            exchange,
            routing_key,
            mandatory,
            carbon_keys: &carbon_keys,
            blind_keys: &blind_keys,
            messages: Messages::Single(message),
        };
        self.connection.publish(&run, self.broker)
    }

    /// A content header that did not come right behind its method, or not with its whole body.
    pub(super) fn handle_header(&mut self, frame: &Frame<'_>) -> Outcome {
        let open = match self.connection.channels.get_mut(&frame.channel) {
            Some(Channel::Open(open)) => open,
            Some(Channel::Closing) => return Ok(()),
            None => return Err(no_method()),
        };
        let publish = match mem::take(&mut open.content) {
            Content::AwaitHeader(publish) => publish,
            Content::Idle => return Err(no_method()),
            Content::AwaitBody(assembly) => {
                open.content = Content::AwaitBody(assembly);
                return Err(out_of_place(NOT_A_BODY));
            }
        };
        let header =
            ContentHeader::decode(frame.payload).map_err(|_| out_of_place(NOT_A_HEADER))?;
        check_header(&header, publish.immediate, self.settings).map_err(|f| f.of(PUBLISH))?;
        let assembly = Assembly::new(publish, &header);
        if assembly.missing() == 0 {
            return self.publish_assembled(ChannelNumber(frame.channel), assembly);
        }
        let held_bytes = assembly.held_bytes();
        open.content = Content::AwaitBody(assembly);
        self.connection.charge(held_bytes, self.settings).map_err(|f| f.of(PUBLISH))
    }

    /// A whole body frame of a content in assembly.
    pub(super) fn handle_body(&mut self, frame: &Frame<'_>) -> Outcome {
        let open = match self.connection.channels.get_mut(&frame.channel) {
            Some(Channel::Open(open)) => open,
            Some(Channel::Closing) => return Ok(()),
            None => return Err(no_method()),
        };
        match &open.content {
            Content::Idle => return Err(no_method()),
            Content::AwaitHeader(_) => return Err(out_of_place(NOT_A_HEADER)),
            Content::AwaitBody(assembly) if frame.payload.len() as u64 > assembly.missing() => {
                const EXPLANATION: &str = "content body frame exceeds remaining content size";
                return Err(Failure::new(ReplyCode::FrameError, EXPLANATION).of(PUBLISH));
            }
            Content::AwaitBody(_) => {}
        }
        self.append_body(frame.channel, frame.payload)?;
        self.complete_body(frame.channel)
    }

    fn append_body(&mut self, number: u16, part: &[u8]) -> Outcome {
        self.connection.charge(part.len() as u64, self.settings).map_err(|f| f.of(PUBLISH))?;
        match self.connection.open_channel_mut(number) {
            Some(OpenChannel { content: Content::AwaitBody(assembly), .. }) => {
                assembly.append(part);
            }
            // The channel was closed while the frame arrived.
            _ => self.connection.release(part.len() as u64),
        }
        Ok(())
    }

    /// Publishes a content in assembly if its last octet is there.
    fn complete_body(&mut self, number: u16) -> Outcome {
        let Some(open) = self.connection.open_channel_mut(number) else { return Ok(()) };
        match mem::take(&mut open.content) {
            Content::AwaitBody(assembly) if assembly.missing() == 0 => {
                self.connection.release(assembly.held_bytes());
                self.publish_assembled(ChannelNumber(number), assembly)
            }
            unfinished @ (Content::Idle | Content::AwaitHeader(_) | Content::AwaitBody(_)) => {
                open.content = unfinished;
                Ok(())
            }
        }
    }

    fn publish_assembled(&mut self, channel: ChannelNumber, assembly: Assembly) -> Outcome {
        self.flush_run()?;
        let (publish, properties, body) = assembly.into_parts();
        let (exchange, routing_key) = (publish.exchange(), publish.routing_key());
        let target = Target { channel, exchange, routing_key, mandatory: publish.mandatory };
        let name = self.check_target(target)?;
        let inspected = self.inspect(RawProperties::from_bytes(&properties), channel)?;
        self.check_topics(&name, routing_key, &inspected)?;
        let body = content::body(&body);
        self.publish_single(target, &name, (&properties, body), inspected)
    }

    /// Handles the front of a body frame whose end is not there yet, so that a large body is copied only once.
    ///
    /// Anything that is not as it should be waits until the frame is complete.
    pub(super) fn begin_body(&mut self, rest: &[u8]) -> Outcome {
        let Some((&[kind, c1, c0, s3, s2, s1, s0], payload)) =
            rest.split_first_chunk::<FRAME_HEAD_LEN>()
        else {
            return Ok(());
        };
        let number = u16::from_be_bytes([c1, c0]);
        let payload_len = u32::from_be_bytes([s3, s2, s1, s0]);
        let missing = match self.connection.open_channel_mut(number) {
            Some(OpenChannel { content: Content::AwaitBody(assembly), .. }) => assembly.missing(),
            _ => return Ok(()),
        };
        // Enough must be there to be quoted if the end turns out to be wrong.
        let is_quotable = payload.len() >= QUOTED_LEN_MAX.min(payload_len as usize);
        if kind != FrameType::Body as u8 || u64::from(payload_len) > missing || !is_quotable {
            return Ok(());
        }
        let mut start = [0; QUOTED_LEN_MAX];
        let quoted = payload.len().min(QUOTED_LEN_MAX);
        start[..quoted].copy_from_slice(&payload[..quoted]);
        self.append_body(number, payload)?;
        self.at += rest.len();
        let left = u32::try_from(payload.len()).map_or(0, |len| payload_len - len);
        self.connection.body_part = Some(BodyPart { channel: number, left, payload_len, start });
        Ok(())
    }

    /// Goes on with a body frame that [`begin_body`](Self::begin_body) began; whether it, if there was one, is done.
    pub(super) fn continue_body(&mut self) -> Outcome<bool> {
        let Some(part) = &mut self.connection.body_part else { return Ok(true) };
        let input = self.input;
        let rest = &input[self.at..];
        let (payload, rest) = rest.split_at(rest.len().min(part.left as usize));
        part.left -= u32::try_from(payload.len()).unwrap_or(part.left);
        let part = *part;
        self.at += payload.len();
        self.append_body(part.channel, payload)?;
        match rest.first() {
            None => Ok(false),
            Some(&FRAME_END) => {
                self.at += 1;
                self.connection.body_part = None;
                let completed = self.complete_body(part.channel);
                completed.or_else(|failure| self.fail(part.channel, failure))?;
                Ok(true)
            }
            Some(&end) => {
                let payload_len = part.payload_len as usize;
                let start = &part.start[..payload_len.min(QUOTED_LEN_MAX)];
                Err(Failure::body_frame_end(start, payload_len, end))
            }
        }
    }
}

/// Neither a header nor a body was to come.
#[cold]
fn no_method() -> Box<Failure> {
    Failure::new(ReplyCode::UnexpectedFrame, NOT_A_METHOD)
}

/// Something else than what the content of a publish needs next.
#[cold]
fn out_of_place(explanation: &str) -> Box<Failure> {
    Failure::new(ReplyCode::UnexpectedFrame, explanation).of(PUBLISH)
}
