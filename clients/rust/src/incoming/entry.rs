//! What a channel receives apart from contents: answers, confirms, and the end of its consumers.

use std::{collections::VecDeque, sync::Arc};

use amqp::{Method, channel};
use tokio::sync::oneshot;

use super::content::Assembly;
use crate::{
    ConfirmEvent, Error, Replies,
    channel::ChannelShared,
    consumer::ConsumerHandler,
    reply::{Answer, PendingReply, Request, reply_of, unexpected},
};

/// The receiving side of a channel.
pub(super) struct Entry {
    pub(super) shared: Arc<ChannelShared>,
    pub(super) replies: VecDeque<PendingReply>,
    /// A channel seldom has more than a few, and the last one found is tried first.
    pub(super) consumers: Vec<Registered>,
    pub(super) last_found: usize,
    pub(super) assembly: Option<Assembly>,
    /// This side has sent `channel.close`: whatever comes before the answer is passed over.
    pub(super) is_closing: bool,
}

pub(super) struct Registered {
    pub(super) tag: Box<str>,
    pub(super) no_ack: bool,
    pub(super) is_touched: bool,
    pub(super) handler: Box<dyn ConsumerHandler>,
}

impl Entry {
    pub(super) fn expect_reply(&mut self, request: Request) -> Answer {
        let (sender, receiver) = oneshot::channel();
        self.replies.push_back(PendingReply { request, outcome: Some(sender) });
        receiver
    }

    #[inline]
    pub(super) fn find_consumer(&mut self, tag: &[u8]) -> Option<usize> {
        let is_it = |consumer: &Registered| consumer.tag.as_bytes() == tag;
        if !self.consumers.get(self.last_found).is_some_and(is_it) {
            self.last_found = self.consumers.iter().position(is_it)?;
        }
        Some(self.last_found)
    }

    /// A method that has no content and does not close the channel.
    pub(super) fn handle_method(
        &mut self,
        method: &Method<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
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

    pub(super) fn answer(&mut self, method: &Method<'_>) -> Result<(), Error> {
        let (request, reply) = reply_of(method).ok_or_else(|| unexpected(method))?;
        let pending = self.replies.pop_front().filter(|pending| pending.request == request);
        pending.ok_or_else(|| unexpected(method))?.tell(Ok(reply));
        Ok(())
    }

    pub(super) fn end_consumer(&mut self, tag: &str, error: Option<&Error>, out: &mut Vec<u8>) {
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
    pub(super) fn fail(&mut self, error: &Error) {
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
