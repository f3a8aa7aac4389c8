//! Class `basic`, without publishing: qos, consume, cancel, get, settlements, recover, and direct reply-to's consumer.

use ::broker::{Refusal, queue::Settlement};
use amqp::{Method, ReplyCode, basic};

use super::{Handled, Mode, OpenChannel, inspect::REPLY_TO, precondition};
use crate::{
    Broker, ChannelNumber, Consume, DeliveryTag, Got, UnknownDeliveryTag,
    failure::{Failure, Outcome},
    held_replies::Replies,
};

/// How long a get waits before it is asked again: a message is read from disk meanwhile.
const PAGE_RETRY_MS: u64 = 2;

pub(crate) fn qos<B: Broker>(method: &basic::Qos, replies: &mut Replies<'_, B>) -> Outcome {
    if method.prefetch_size != 0 {
        let explanation = format!("prefetch_size!=0 ({})", method.prefetch_size);
        return Err(Failure::new(ReplyCode::NotImplemented, &explanation));
    }
    replies.broker.qos(replies.channel, method.prefetch_count, method.global)?;
    replies.send(&Method::BasicQosOk(basic::QosOk));
    Ok(())
}

pub(crate) fn consume<B: Broker>(
    open: &OpenChannel,
    method: &basic::Consume<'_>,
    channel: ChannelNumber,
    broker: &mut B,
) -> Outcome {
    let queue = open.queue_name(method.queue)?;
    let (consumer_tag, nowait) = (method.consumer_tag, method.nowait);
    if !consumer_tag.is_empty() && broker.has_consumer(channel, consumer_tag) {
        let explanation = format!("attempt to reuse consumer tag '{consumer_tag}'");
        return Err(Failure::new(ReplyCode::NotAllowed, &explanation));
    }
    if queue == REPLY_TO {
        if !method.no_ack {
            return Err(precondition("reply consumer cannot acknowledge"));
        }
        if broker.reply_address(channel).is_some() {
            return Err(precondition("reply consumer already set"));
        }
        broker.consume_replies(channel, consumer_tag, nowait);
        return Ok(());
    }
    let request = Consume {
        queue: &queue,
        consumer_tag,
        no_ack: method.no_ack,
        exclusive: method.exclusive,
        nowait,
        arguments: method.arguments,
    };
    Ok(broker.consume(channel, &request)?)
}

pub(crate) fn get<B: Broker>(
    open: &OpenChannel,
    method: &basic::Get<'_>,
    channel: ChannelNumber,
    broker: &mut B,
) -> Outcome<Handled> {
    let queue = open.queue_name(method.queue)?;
    match broker.get(channel, &queue, method.no_ack)? {
        Got::Delivered => {}
        Got::Empty => broker.send(channel, &Method::BasicGetEmpty(basic::GetEmpty)),
        Got::Wait => return Ok(Handled::Retry { ms: PAGE_RETRY_MS }),
    }
    Ok(Handled::Done)
}

/// A settlement, as one of the three methods that make one asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settle {
    delivery_tag: DeliveryTag,
    multiple: bool,
    settlement: Settlement,
}

impl Settle {
    /// What the method settles, if it is one that does.
    #[inline]
    #[expect(clippy::wildcard_enum_match_arm, reason = "three methods of many settle")]
    pub(crate) const fn from_method(method: &Method<'_>) -> Option<Self> {
        // A reject counts towards a delivery limit, a nack does not.
        let (delivery_tag, multiple, requeue, counted) = match method {
            Method::BasicAck(ack) => {
                let delivery_tag = DeliveryTag(ack.delivery_tag);
                let (multiple, settlement) = (ack.multiple, Settlement::Ack);
                return Some(Self { delivery_tag, multiple, settlement });
            }
            Method::BasicNack(nack) => (nack.delivery_tag, nack.multiple, nack.requeue, false),
            Method::BasicReject(reject) => (reject.delivery_tag, false, reject.requeue, true),
            _ => return None,
        };
        let settlement = if requeue { Settlement::Requeue { counted } } else { Settlement::Reject };
        Some(Self { delivery_tag: DeliveryTag(delivery_tag), multiple, settlement })
    }

    #[inline]
    pub(crate) fn handle<B: Broker>(
        self,
        open: &OpenChannel,
        channel: ChannelNumber,
        broker: &mut B,
    ) -> Outcome {
        let Self { delivery_tag, multiple, settlement } = self;
        let settled = if matches!(open.mode, Mode::Transaction(_)) {
            broker.hold_settlement(channel, delivery_tag, multiple, settlement)
        } else {
            broker.settle(channel, delivery_tag, multiple, settlement)
        };
        settled.map_err(|UnknownDeliveryTag(tag)| {
            Refusal::UnknownDeliveryTag { delivery_tag: tag.0 }.into()
        })
    }
}

/// `basic.recover`, and `basic.recover-async`, which has no answer.
pub(crate) fn recover<B: Broker>(
    requeue: bool,
    answered: bool,
    channel: ChannelNumber,
    broker: &mut B,
) -> Outcome {
    if !requeue {
        return Err(Failure::new(ReplyCode::NotImplemented, "requeue=false"));
    }
    if answered {
        // Before what is delivered again: with the answer, clients drop what they were given until then.
        broker.send(channel, &Method::BasicRecoverOk(basic::RecoverOk));
    }
    broker.recover(channel);
    Ok(())
}
