//! One read buffer of an open connection: frame by frame, the methods are carried out.

mod publishing;

use ::broker::LogPosition;
use amqp::{Frame, FrameType, Method, MethodError, ReplyCode, access, connection, decode_frame};

use self::publishing::OpenRun;
use crate::{
    Broker, ChannelNumber, Settings,
    channel::{self, Channel, Handled, basic, content, exchange, queue},
    failure::{Failure, Outcome, check_payload, ids, unimplemented_method},
    held_replies::Replies,
    open_connection::OpenConnection,
};

/// The handling of one input.
///
/// `at` is how many octets are done with. While a run is open, its messages are not yet published.
pub(crate) struct Turn<'c, 'i, B> {
    connection: &'c mut OpenConnection,
    broker: &'c mut B,
    settings: &'c Settings,
    input: &'i [u8],
    at: usize,
    run: Option<OpenRun<'i>>,
    stopped: Stopped,
}

/// Why a turn has ended, unless for a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// There is no complete frame left.
    Input,
    /// A declare or a get is to be asked again after so many milliseconds.
    Retry { ms: u64 },
    /// The client is to read first.
    Drain,
    /// The log is to be flushed so far first.
    Flush(LogPosition),
    /// The client closed the connection.
    Closed,
}

/// What to do after a frame.
enum Step {
    /// Go on so many octets further.
    Skip(usize),
    /// End the turn, for the reason that it has noted; the frame is done with only if it closed the connection.
    Stop,
}

impl<'c, 'i, B: Broker> Turn<'c, 'i, B> {
    pub(crate) const fn new(
        connection: &'c mut OpenConnection,
        broker: &'c mut B,
        settings: &'c Settings,
        input: &'i [u8],
    ) -> Self {
        let stopped = Stopped::Input;
        Self { connection, broker, settings, input, at: 0, run: None, stopped }
    }

    /// Handles the input; returns how many octets are done with, and how it ended.
    ///
    /// A failure closes the connection; what was published before it counts, and is confirmed.
    pub(crate) fn handle(mut self) -> (usize, Outcome<Stopped>) {
        let handled = self.handle_frames();
        let flushed = self.flush_run();
        self.connection.send_confirms(self.broker);
        (self.at, flushed.and(handled))
    }

    fn handle_frames(&mut self) -> Outcome<Stopped> {
        if !self.continue_body()? {
            return Ok(Stopped::Input);
        }
        loop {
            if self.extend_run() {
                continue;
            }
            let input = self.input;
            let rest = &input[self.at..];
            let frame = decode_frame(rest, self.connection.tuning.frame_max)
                .map_err(|error| Failure::frame(&error))?;
            let Some((frame, len)) = frame else {
                self.begin_body(rest)?;
                return Ok(Stopped::Input);
            };
            match self.handle_frame(&frame, len) {
                Ok(Step::Skip(len)) => self.at += len,
                Ok(Step::Stop) => {
                    self.at += if self.stopped == Stopped::Closed { len } else { 0 };
                    return Ok(self.stopped);
                }
                Err(failure) => {
                    self.fail(frame.channel, failure)?;
                    self.at += len;
                }
            }
        }
    }

    /// Closes the channel for a failure that concerns it alone; the others are the connection's.
    #[cold]
    fn fail(&mut self, channel: u16, failure: Box<Failure>) -> Outcome {
        if failure.code.is_hard() || channel == 0 {
            return Err(failure);
        }
        self.flush_run()?;
        self.connection.fail_channel(ChannelNumber(channel), &failure, self.broker);
        Ok(())
    }

    /// Ends the turn before, or with [`Stopped::Closed`] behind, the frame that is being handled.
    const fn stop(&mut self, stopped: Stopped) -> Step {
        self.stopped = stopped;
        Step::Stop
    }

    fn handle_frame(&mut self, frame: &Frame<'i>, len: usize) -> Outcome<Step> {
        check_payload(frame)?;
        match (frame.kind, frame.channel) {
            (FrameType::Heartbeat, 0) => Ok(Step::Skip(len)),
            (FrameType::Method, 0) => self.handle_connection_method(frame.payload, len),
            (FrameType::Heartbeat, _) | (FrameType::Header | FrameType::Body, 0) => {
                Err(Failure::unexpected_frame(frame))
            }
            (FrameType::Method, _) => self.handle_channel_method(frame, len),
            (FrameType::Header, _) => self.handle_header(frame).map(|()| Step::Skip(len)),
            (FrameType::Body, _) => self.handle_body(frame).map(|()| Step::Skip(len)),
        }
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "whatever else there is or will be does not belong here"
    )]
    fn handle_connection_method(&mut self, payload: &[u8], len: usize) -> Outcome<Step> {
        let method =
            Method::decode(payload).map_err(|error| Failure::method(&error, payload, 0))?;
        match method {
            Method::ConnectionClose(_) => {
                self.flush_run()?;
                let awaits = self.connection.awaits_last();
                Ok(self.stop(awaits.map_or(Stopped::Closed, Stopped::Flush)))
            }
            Method::ConnectionUpdateSecret(_) => {
                // Users are checked at login only; RabbitMQ's own accepts any secret as well.
                let ok = Method::ConnectionUpdateSecretOk(connection::UpdateSecretOk);
                self.broker.send(ChannelNumber::CONNECTION, &ok);
                Ok(Step::Skip(len))
            }
            _ => {
                const EXPLANATION: &str = "unexpected method in connection state running";
                Err(Failure::new(ReplyCode::ChannelError, EXPLANATION).of(ids(&method)))
            }
        }
    }

    fn handle_channel_method(&mut self, frame: &Frame<'i>, len: usize) -> Outcome<Step> {
        let number = frame.channel;
        let method = match Method::decode(frame.payload) {
            Ok(method) => method,
            Err(error) => return Err(self.undecodable(&error, frame)),
        };
        let Some(channel) = self.connection.channels.get_mut(&number) else {
            return self.handle_on_no_channel(&method, number).map(|()| Step::Skip(len));
        };
        let Channel::Open(open) = channel else {
            if let Some(position) = self.connection.replies.awaits_room() {
                return Ok(self.stop(Stopped::Flush(position)));
            }
            self.handle_while_closing(&method, number).map_err(|f| f.of(ids(&method)))?;
            return Ok(Step::Skip(len));
        };
        check_no_content(open)?;
        if let Method::BasicPublish(publish) = &method {
            return self.handle_publish(publish, number, len);
        }
        if let Some(settle) = basic::Settle::from_method(&method) {
            // Whoever publishes and then settles must never find only the settlement done.
            if self.run.is_some() {
                self.flush_run()?;
                return self.settle(settle, number, len).map_err(|f| f.of(ids(&method)));
            }
            let settled = settle.handle(open, ChannelNumber(number), self.broker);
            return settled.map(|()| Step::Skip(len)).map_err(|f| f.of(ids(&method)));
        }
        self.handle_method(&method, number, len).map_err(|f| f.of(ids(&method)))
    }

    /// What is wrong first, with a method that cannot be decoded: RabbitMQ knows only then what a method's arguments
    /// are when it has a channel that takes one.
    #[cold]
    fn undecodable(&mut self, error: &MethodError, frame: &Frame<'_>) -> Box<Failure> {
        let failure = Failure::method(error, frame.payload, frame.channel);
        if matches!(error, MethodError::Unknown { .. }) {
            return failure;
        }
        let checked = match self.connection.channels.get(&frame.channel) {
            Some(Channel::Open(open)) => check_no_content(open),
            Some(Channel::Closing) => Ok(()),
            None => self.connection.check_channel_count(),
        };
        checked.err().unwrap_or(failure)
    }

    fn handle_on_no_channel(&mut self, method: &Method<'_>, number: u16) -> Outcome {
        self.connection.check_channel_count()?;
        if !matches!(method, Method::ChannelOpen(_)) {
            let failure = Failure::new(ReplyCode::ChannelError, "expected 'channel.open'");
            return Err(failure.of(ids(method)));
        }
        self.broker
            .check_channel()
            .map_err(|refusal| Box::<Failure>::from(refusal).of(ids(method)))?;
        self.connection.open_channel(ChannelNumber(number), self.broker);
        Ok(())
    }

    /// After our close everything is dropped but what ends the channel; a close that crossed ours is answered.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "whatever else there is or will be is dropped"
    )]
    fn handle_while_closing(&mut self, method: &Method<'_>, number: u16) -> Outcome {
        match method {
            Method::ChannelOpen(_) => return Err(opened_twice()),
            Method::ChannelClose(_) => {
                let ok = Method::ChannelCloseOk(amqp::channel::CloseOk);
                // Our close, which comes first, may be held.
                self.connection.replies.send(ChannelNumber(number), &ok, None, self.broker);
            }
            Method::ChannelCloseOk(_) => {
                self.connection.channels.remove(&number);
                self.connection.replies.forget(number);
            }
            _ => {}
        }
        Ok(())
    }

    fn settle(&mut self, settle: basic::Settle, number: u16, len: usize) -> Outcome<Step> {
        // The run may have closed this very channel.
        if let Some(open) = self.connection.open_channel_mut(number) {
            settle.handle(open, ChannelNumber(number), self.broker)?;
        }
        Ok(Step::Skip(len))
    }

    /// A method on an open channel that neither publishes nor settles: most have an answer.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "whatever else there is or will be is the server's to send"
    )]
    fn handle_method(&mut self, method: &Method<'_>, number: u16, len: usize) -> Outcome<Step> {
        if self.broker.is_congested() {
            return Ok(self.stop(Stopped::Drain));
        }
        self.flush_run()?;
        if let Some(position) = self.must_not_overtake(method, number) {
            return Ok(self.stop(Stopped::Flush(position)));
        }
        let connection = &mut *self.connection;
        // The run may have closed this very channel.
        let Some(Channel::Open(open)) = connection.channels.get_mut(&number) else {
            self.handle_while_closing(method, number)?;
            return Ok(Step::Skip(len));
        };
        let (channel, broker) = (ChannelNumber(number), &mut *self.broker);
        let replies = &mut Replies { channel, held: &mut connection.replies, broker };
        match method {
            Method::ChannelOpen(_) => return Err(opened_twice()),
            Method::ChannelClose(_) => connection.close_channel(channel, self.broker),
            Method::ChannelFlow(flow) => {
                let ok = channel::flow(flow.active)?;
                replies.send(&ok);
            }
            Method::AccessRequest(_) => {
                let ok = Method::AccessRequestOk(access::RequestOk { ticket: 1 });
                replies.send(&ok);
            }
            Method::ExchangeDeclare(method) => exchange::declare(method, replies)?,
            Method::ExchangeDelete(method) => exchange::delete(method, replies)?,
            Method::ExchangeBind(method) => exchange::bind(method, replies)?,
            Method::ExchangeUnbind(method) => exchange::unbind(method, replies)?,
            Method::QueueDeclare(method) => {
                let vhost = &connection.vhost;
                if let Handled::Retry { ms } = queue::declare(open, method, vhost, replies)? {
                    return Ok(self.stop(Stopped::Retry { ms }));
                }
            }
            Method::QueueBind(method) => queue::bind(open, method, replies)?,
            Method::QueueUnbind(method) => queue::unbind(open, method, replies)?,
            Method::QueuePurge(method) => queue::purge(open, method, replies)?,
            Method::QueueDelete(method) => queue::delete(open, method, replies)?,
            Method::BasicQos(method) => basic::qos(method, replies)?,
            Method::BasicConsume(method) => basic::consume(open, method, channel, replies.broker)?,
            Method::BasicCancel(method) => {
                replies.broker.cancel(channel, method.consumer_tag, method.nowait);
            }
            // The answer to our own cancel, after which there is nothing to cancel; as in RabbitMQ 4.3 it does.
            Method::BasicCancelOk(method) => {
                replies.broker.cancel(channel, method.consumer_tag, true)
            }
            Method::BasicGet(method) => {
                if let Handled::Retry { ms } = basic::get(open, method, channel, replies.broker)? {
                    return Ok(self.stop(Stopped::Retry { ms }));
                }
            }
            Method::BasicRecoverAsync(method) => {
                basic::recover(method.requeue, false, channel, replies.broker)?;
            }
            Method::BasicRecover(method) => {
                basic::recover(method.requeue, true, channel, replies.broker)?;
            }
            Method::TxSelect(_) => {
                open.select_transaction()?;
                replies.send(&channel::TX_SELECT_OK);
            }
            Method::TxCommit(_) => connection.commit(channel, self.broker)?,
            Method::TxRollback(_) => connection.roll_back(channel, self.broker)?,
            Method::ConfirmSelect(method) => {
                open.select_confirms()?;
                if !method.nowait {
                    replies.send(&channel::CONFIRM_SELECT_OK);
                }
            }
            _ => return Err(unimplemented_method()),
        }
        Ok(Step::Skip(len))
    }

    /// How far the log has to be flushed before this method may be handled on an open channel.
    ///
    /// Most only put their reply behind those that are held. These cannot: their reply is the broker's to send, between
    /// deliveries, or confirms follow it, or nothing may come after it.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the replies of all others can be held")]
    fn must_not_overtake(&mut self, method: &Method<'_>, number: u16) -> Option<LogPosition> {
        if let Some(position) = self.connection.replies.awaits_room() {
            return Some(position);
        }
        let is_concerned = match method {
            Method::ChannelClose(_) => {
                self.connection.open_channel_mut(number)?;
                return self.connection.awaits_last_on(number);
            }
            Method::BasicCancel(method) => !method.nowait,
            Method::ConfirmSelect(method) => !method.nowait,
            Method::BasicConsume(_) | Method::BasicGet(_) | Method::BasicRecover(_) => true,
            _ => false,
        };
        let position = self.connection.replies.awaits_last_on(number);
        position.filter(|_| is_concerned)
    }
}

/// A method must not come before the content of the one before it is complete.
#[inline]
fn check_no_content(open: &channel::OpenChannel) -> Outcome {
    let explanation = match open.content {
        content::Content::Idle => return Ok(()),
        content::Content::AwaitHeader(_) => content::NOT_A_HEADER,
        content::Content::AwaitBody(_) => content::NOT_A_BODY,
    };
    let failure = Failure::new(ReplyCode::UnexpectedFrame, explanation);
    Err(failure.of(crate::open_connection::PUBLISH))
}

/// `channel.open` on a channel that is open, or whose close the client has yet to answer.
fn opened_twice() -> Box<Failure> {
    Failure::new(ReplyCode::ChannelError, "second 'channel.open' seen")
}
