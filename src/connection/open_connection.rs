//! A connection after `connection.open-ok`: its channels, and what all of them share.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    sync::Arc,
};

use ::broker::{LogPosition, VhostName};
use amqp::{Method, ReplyCode, basic, channel, tx};
use mutants::Mutant;

use crate::{
    Broker, ChannelNumber, PublishOutcome, PublishRun, Settings, Tuning,
    channel::{
        Channel, Item, Mode, OpenChannel,
        confirms::{Confirm, Confirms, Fate},
        precondition,
    },
    failure::{Failure, Outcome},
    handshake::Capabilities,
    held_replies::HeldReplies,
};

/// The class and method of `basic.publish`.
pub(crate) const PUBLISH: (u16, u16) = (60, 40);

/// The state of an open connection.
///
/// `content_bytes` is the sum of what its channels hold of contents that are not yet in any queue.
#[derive(Debug)]
pub(crate) struct OpenConnection {
    pub(crate) channels: BTreeMap<u16, Channel>,
    pub(crate) tuning: Tuning,
    pub(crate) capabilities: Capabilities,
    pub(crate) vhost: VhostName,
    /// The body frame that has begun to arrive, if its payload is handled before its end is there.
    pub(crate) body_part: Option<BodyPart>,
    pub(crate) replies: HeldReplies,
    /// Room for the messages of a run; empty between runs.
    pub(crate) items: Vec<Item>,
    outcome: PublishOutcome,
    content_bytes: u64,
    /// Channels that may have confirms to send.
    unconfirmed: Vec<u16>,
    /// Channels that may have confirms which wait for the log, and a position that none of them waits below.
    unflushed: BTreeSet<u16>,
    unflushed_from: Option<LogPosition>,
}

/// A body frame of which the front has been handled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyPart {
    pub(crate) channel: u16,
    /// How many octets of the payload are still to come; then the end octet.
    pub(crate) left: u32,
    pub(crate) payload_len: u32,
    /// The first octets of the payload, in case the end octet is wrong.
    pub(crate) start: [u8; crate::failure::QUOTED_LEN_MAX],
}

impl OpenConnection {
    pub(crate) fn new(tuning: Tuning, capabilities: Capabilities, vhost: VhostName) -> Self {
        Self {
            channels: BTreeMap::new(),
            tuning,
            capabilities,
            vhost,
            body_part: None,
            replies: HeldReplies::default(),
            items: Vec::new(),
            outcome: PublishOutcome::default(),
            content_bytes: 0,
            unconfirmed: Vec::new(),
            unflushed: BTreeSet::new(),
            unflushed_from: None,
        }
    }

    /// `channel.open`, on a number that is not in use, and within the limits.
    pub(crate) fn open_channel<B: Broker>(&mut self, number: ChannelNumber, broker: &mut B) {
        let open = OpenChannel::default();
        broker.open_channel(number, &open.figures);
        self.channels.insert(number.0, Channel::Open(open));
        broker.send(number, &Method::ChannelOpenOk(channel::OpenOk));
    }

    /// Whether one more channel is within the limit; RabbitMQ counts the open ones, whatever their numbers.
    pub(crate) fn check_channel_count(&self) -> Outcome {
        let (count, max) = (self.channels.len(), self.tuning.channel_max);
        if count < usize::from(max) {
            return Ok(());
        }
        let explanation = format!(
            "number of channels opened ({count}) has reached the negotiated channel_max ({max})"
        );
        Err(Failure::new(ReplyCode::NotAllowed, &explanation))
    }

    pub(crate) fn open_channel_mut(&mut self, number: u16) -> Option<&mut OpenChannel> {
        match self.channels.get_mut(&number) {
            Some(Channel::Open(open)) => Some(open),
            Some(Channel::Closing) | None => None,
        }
    }

    /// `channel.close` from the client; nothing of the channel waits for the log.
    pub(crate) fn close_channel<B: Broker>(&mut self, number: ChannelNumber, broker: &mut B) {
        self.end_channel(number, broker);
        broker.send(number, &Method::ChannelCloseOk(channel::CloseOk));
    }

    /// Closes a channel for a fault of the client; until it agrees, it is not heard there.
    ///
    /// As in RabbitMQ, what is not yet confirmed never will be. Replies that are held still leave before the close.
    pub(crate) fn fail_channel<B: Broker>(
        &mut self,
        number: ChannelNumber,
        failure: &Failure,
        broker: &mut B,
    ) {
        self.end_channel(number, broker);
        self.channels.insert(number.0, Channel::Closing);
        broker.closing(number, failure.code, &failure.text);
        let (class_id, method_id) = failure.method;
        let close = channel::Close {
            reply_code: failure.code.code(),
            reply_text: &failure.text,
            class_id,
            method_id,
        };
        self.replies.send(number, &Method::ChannelClose(close), None, broker);
    }

    fn end_channel<B: Broker>(&mut self, number: ChannelNumber, broker: &mut B) {
        self.send_confirms_of(number.0, broker);
        broker.close_channel(number);
        if let Some(Channel::Open(open)) = self.channels.remove(&number.0) {
            self.release(open.held_bytes());
        }
    }

    /// Counts octets of a content that is to be kept for later.
    pub(crate) fn charge(&mut self, bytes: u64, settings: &Settings) -> Outcome {
        let max = settings.content_bytes_max;
        if self.content_bytes.saturating_add(bytes) > max {
            let explanation =
                format!("contents in assembly and in transactions take more than {max} bytes");
            return Err(Failure::new(ReplyCode::ResourceError, &explanation));
        }
        self.content_bytes += bytes;
        Ok(())
    }

    /// Counts octets out again.
    pub(crate) const fn release(&mut self, bytes: u64) {
        self.content_bytes -= bytes;
    }

    /// Publishes a run on a channel that is not transactional; returns what is unroutable, and notes the confirms.
    pub(crate) fn publish<B: Broker>(&mut self, run: &PublishRun<'_>, broker: &mut B) -> Outcome {
        self.outcome.clear();
        broker
            .publish(run, &mut self.outcome)
            .map_err(|refusal| Box::<Failure>::from(refusal).of(PUBLISH))?;
        return_unroutable(run, &self.outcome, broker);
        let number = run.channel.0;
        let Some(Channel::Open(open)) = self.channels.get_mut(&number) else { return Ok(()) };
        open.figures.add_publishes(run.len(), self.outcome.unroutable.len(), run.mandatory);
        if let Mode::Confirm(confirms) = &mut open.mode {
            settle_run(confirms, run.len() as u64, &self.outcome);
            if !self.unconfirmed.contains(&number) {
                self.unconfirmed.push(number);
            }
            if let Some(after) = self.outcome.after {
                self.unflushed.insert(number);
                self.unflushed_from = Some(lower(self.unflushed_from, after));
            }
        }
        Ok(())
    }

    /// Sends the confirms of every channel that has some.
    pub(crate) fn send_confirms<B: Broker>(&mut self, broker: &mut B) {
        let mut numbers = mem::take(&mut self.unconfirmed);
        for number in numbers.drain(..) {
            self.send_confirms_of(number, broker);
        }
        self.unconfirmed = numbers;
    }

    fn confirms_mut(&mut self, number: u16) -> Option<&mut Confirms> {
        match self.open_channel_mut(number) {
            Some(OpenChannel { mode: Mode::Confirm(confirms), .. }) => Some(confirms),
            Some(_) | None => None,
        }
    }

    fn send_confirms_of<B: Broker>(&mut self, number: u16, broker: &mut B) {
        let Some(OpenChannel { mode: Mode::Confirm(confirms), figures, .. }) =
            self.open_channel_mut(number)
        else {
            return;
        };
        confirms.drain(|confirm| {
            let method = match confirm {
                Confirm::Ack { delivery_tag, multiple } => {
                    Method::BasicAck(basic::Ack { delivery_tag: delivery_tag.0, multiple })
                }
                Confirm::Nack { delivery_tag, multiple } => Method::BasicNack(basic::Nack {
                    delivery_tag: delivery_tag.0,
                    multiple,
                    // The specification's default, which RabbitMQ encodes though it means nothing here.
                    requeue: true,
                }),
            };
            broker.send(ChannelNumber(number), &method);
        });
        figures.set_confirms(confirms.confirmed(), confirms.unconfirmed());
    }

    /// The lowest position of the log that a confirm or a reply waits for; nothing waits below it.
    pub(crate) fn awaits(&self) -> Option<LogPosition> {
        match (self.replies.awaits(), self.unflushed_from) {
            (Some(position), from) => Some(lower(from, position)),
            (None, from) => from,
        }
    }

    /// The highest position that a confirm or a reply of this channel waits for.
    pub(crate) fn awaits_last_on(&mut self, number: u16) -> Option<LogPosition> {
        let confirms = self.confirms_mut(number).and_then(|confirms| confirms.awaits_last());
        confirms.max(self.replies.awaits_last_on(number))
    }

    /// The highest position that a confirm or a reply of any channel waits for.
    pub(crate) fn awaits_last(&mut self) -> Option<LogPosition> {
        let unflushed = mem::take(&mut self.unflushed);
        let confirms = unflushed.iter().filter_map(|&number| self.awaits_last_on(number)).max();
        self.unflushed = unflushed;
        confirms.max(self.replies.awaits_last())
    }

    /// The log is flushed as far as `flushed`: sends the confirms and replies that waited for it.
    pub(crate) fn handle_flushed<B: Broker>(&mut self, flushed: LogPosition, broker: &mut B) {
        // A direct reply stays behind the confirm of its question.
        self.flush_confirms(flushed, broker);
        self.replies.flush(flushed, broker);
    }

    fn flush_confirms<B: Broker>(&mut self, flushed: LogPosition, broker: &mut B) {
        if self.unflushed_from.is_none_or(|lowest| lowest > flushed) {
            return;
        }
        let mut unflushed = mem::take(&mut self.unflushed);
        self.unflushed_from = None;
        unflushed.retain(|&number| {
            let Some(confirms) = self.confirms_mut(number) else { return false };
            confirms.flush(flushed);
            let lowest = confirms.awaits();
            if let Some(lowest) = lowest {
                self.unflushed_from = Some(lower(self.unflushed_from, lowest));
            }
            self.send_confirms_of(number, broker);
            lowest.is_some()
        });
        self.unflushed = unflushed;
    }

    /// `tx.commit`: publishes what was held, returns what is unroutable, settles what was held, and answers once all of
    /// it is flushed.
    pub(crate) fn commit<B: Broker>(&mut self, number: ChannelNumber, broker: &mut B) -> Outcome {
        let Some(open) = self.open_channel_mut(number.0) else { return Ok(()) };
        let transaction = open.take_transaction()?;
        let figures = Arc::clone(&open.figures);
        self.release(transaction.held_bytes());
        let (mut is_complete, mut after) = (true, None);
        for message in &transaction.messages {
            let run = message.run(number);
            self.outcome.clear();
            match broker.publish(&run, &mut self.outcome) {
                Ok(()) => {
                    return_unroutable(&run, &self.outcome, broker);
                    let unroutable = self.outcome.unroutable.len();
                    figures.add_publishes(1, unroutable, run.mandatory);
                    is_complete &= self.outcome.rejected.is_empty();
                    after = after.max(self.outcome.after);
                }
                Err(_) => is_complete = false,
            }
        }
        let settled = broker.commit_settlements(number);
        if !mutants::is_planted(Mutant::AcksOfCommitNotAwaited) {
            after = after.max(settled);
        }
        if !is_complete {
            return Err(precondition("partial tx completion"));
        }
        self.replies.send(number, &Method::TxCommitOk(tx::CommitOk), after, broker);
        Ok(())
    }

    /// `tx.rollback`.
    pub(crate) fn roll_back<B: Broker>(
        &mut self,
        number: ChannelNumber,
        broker: &mut B,
    ) -> Outcome {
        let Some(open) = self.open_channel_mut(number.0) else { return Ok(()) };
        let transaction = open.take_transaction()?;
        self.release(transaction.held_bytes());
        broker.roll_back_settlements(number);
        self.replies.send(number, &Method::TxRollbackOk(tx::RollbackOk), None, broker);
        Ok(())
    }

    /// Sends direct replies, behind the confirms that their channel still awaits: who asks awaits the confirm of the
    /// question before the answer.
    pub(crate) fn replied<B: Broker>(
        &mut self,
        number: ChannelNumber,
        frames: &[u8],
        broker: &mut B,
    ) {
        if self.open_channel_mut(number.0).is_some() {
            let after = self.confirms_mut(number.0).and_then(|confirms| confirms.awaits_last());
            self.replies.send_direct(number, frames, after, broker);
        }
    }

    /// A consumer is gone: the client learns it, if it wants to.
    pub(crate) fn consumer_cancelled<B: Broker>(
        &mut self,
        number: ChannelNumber,
        consumer_tag: &str,
        broker: &mut B,
    ) {
        if self.capabilities.consumer_cancel_notify && self.open_channel_mut(number.0).is_some() {
            let cancel = basic::Cancel { consumer_tag, nowait: true };
            // A client that deleted the queue itself is told so first, as by RabbitMQ: py-amqp fails otherwise.
            self.replies.send(number, &Method::BasicCancel(cancel), None, broker);
        }
    }

    /// A consumer held a delivery for too long: it is cancelled, or where the client would not notice or the broker
    /// is strict, its channel closes.
    pub(crate) fn consumer_timed_out<B: Broker>(
        &mut self,
        number: ChannelNumber,
        consumer_tag: &str,
        (timeout_ms, close_channel): (u64, bool),
        broker: &mut B,
    ) {
        if self.open_channel_mut(number.0).is_none() {
            return;
        }
        if self.capabilities.consumer_cancel_notify && !close_channel {
            broker.expel_consumer(number, consumer_tag);
            self.consumer_cancelled(number, consumer_tag, broker);
            return;
        }
        let explanation = format!(
            "delivery acknowledgement on channel {number} timed out. Timeout value used: {timeout_ms} ms. \
             This timeout value can be configured, see consumers doc guide to learn more"
        );
        self.fail_channel(number, &precondition(&explanation), broker);
    }
}

/// Sends back what a mandatory run could not route.
fn return_unroutable<B: Broker>(run: &PublishRun<'_>, outcome: &PublishOutcome, broker: &mut B) {
    if !run.mandatory {
        return;
    }
    let method = Method::BasicReturn(basic::Return {
        reply_code: ReplyCode::NoRoute.code(),
        reply_text: ReplyCode::NoRoute.name().as_bytes(),
        exchange: run.exchange.as_bytes(),
        routing_key: run.routing_key,
    });
    for &index in &outcome.unroutable {
        let message = run.message(index as usize);
        broker.send_content(run.channel, &method, message.properties, message.body.as_bytes());
    }
}

/// Numbers a run and settles it: all are accepted but those rejected, which wait for nothing.
fn settle_run(confirms: &mut Confirms, len: u64, outcome: &PublishOutcome) {
    let is_awaited = !mutants::is_planted(Mutant::ConfirmedAtOnce);
    let accepted = Fate::accepted(outcome.after.filter(|_| is_awaited));
    let mut settled = 0;
    for &index in &outcome.rejected {
        confirms.push(u64::from(index) - settled, accepted);
        confirms.push(1, Fate::Rejected);
        settled = u64::from(index) + 1;
    }
    confirms.push(len - settled, accepted);
}

/// The lower of two positions, of which one is known.
fn lower(known: Option<LogPosition>, position: LogPosition) -> LogPosition {
    known.map_or(position, |known| known.min(position))
}
