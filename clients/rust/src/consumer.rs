//! Consumers: a stream of deliveries, or a handler called where they are read.

use std::{
    collections::VecDeque,
    fmt, mem,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};

use amqp::{Method, basic};
use futures_util::Stream;
use parking_lot::Mutex;

use crate::{
    Delivery, DeliveryRef, Error,
    channel::ChannelShared,
    outgoing::{Command, Outgoing},
};

/// A connection is not read while its streams hold more than this.
const BACKLOG_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Takes deliveries where they are read, without a copy: the cheap way for very many small messages.
///
/// It is called on the connection's task and must neither block nor take long. It may publish and settle through a
/// [`Channel`](crate::Channel), or settle through `replies`, which costs less.
pub trait ConsumerHandler: Send {
    /// A message has come.
    fn delivery(&mut self, delivery: &DeliveryRef<'_>, replies: &mut Replies<'_>);

    /// Everything that one read brought has been given to [`delivery`](Self::delivery).
    fn read_done(&mut self, replies: &mut Replies<'_>) {
        let _ = replies;
    }

    /// Nothing will come any more; `None` if this client wanted it so.
    fn ended(&mut self, error: Option<&Error>) {
        let _ = error;
    }
}

/// What a handler answers; it is sent once the read buffer is done with.
#[derive(Debug)]
pub struct Replies<'a> {
    pub(crate) out: &'a mut Vec<u8>,
    pub(crate) channel: u16,
}

impl Replies<'_> {
    /// Acknowledges one delivery, or all of the channel up to this one.
    pub fn ack(&mut self, delivery_tag: u64, multiple: bool) {
        self.push(&Method::BasicAck(basic::Ack { delivery_tag, multiple }));
    }

    /// Gives back one delivery, or all of the channel up to this one.
    pub fn nack(&mut self, delivery_tag: u64, multiple: bool, requeue: bool) {
        self.push(&Method::BasicNack(basic::Nack { delivery_tag, multiple, requeue }));
    }

    fn push(&mut self, method: &Method<'_>) {
        method.try_encode(self.channel, self.out).expect("there is no string in it");
    }
}

/// The deliveries of one consumer, as a stream.
///
/// The connection is not read any further while the application leaves 16 MiB of deliveries lying in its streams;
/// confirms and answers then wait, too. A prefetch (`Channel::qos`) keeps it far from that.
///
/// Dropping it cancels the consumer and gives back what was not taken out.
pub struct Consumer {
    pub(crate) tag: Box<str>,
    pub(crate) inbox: Arc<Inbox>,
}

/// Between the connection's task, which puts deliveries in, and a [`Consumer`], which takes them out.
pub(crate) struct Inbox {
    state: Mutex<InboxState>,
    channel: Arc<ChannelShared>,
    backlog: Arc<Backlog>,
    no_ack: bool,
}

#[derive(Default)]
struct InboxState {
    deliveries: VecDeque<Delivery>,
    waker: Option<Waker>,
    /// Nothing more will come; the error, if there is one, is still to be told.
    end: Option<Option<Error>>,
    /// The [`Consumer`] was dropped.
    is_abandoned: bool,
}

/// How much lies in the streams of one connection.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    bytes: AtomicUsize,
    /// The task has stopped reading and wants to be told when there is room.
    is_paused: AtomicBool,
}

impl Backlog {
    /// For the task: whether it must not read now; it is nudged when it may again.
    pub(crate) fn is_full(&self) -> bool {
        if self.bytes.load(Ordering::SeqCst) < BACKLOG_BYTES_MAX {
            return false;
        }
        self.is_paused.store(true, Ordering::SeqCst);
        // Somebody may have made room before the flag was up.
        self.bytes.load(Ordering::SeqCst) >= BACKLOG_BYTES_MAX
    }

    fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::SeqCst);
    }

    fn remove(&self, bytes: usize, outgoing: &Outgoing) {
        let left = self.bytes.fetch_sub(bytes, Ordering::SeqCst) - bytes;
        if left < BACKLOG_BYTES_MAX && self.is_paused.swap(false, Ordering::SeqCst) {
            outgoing.nudge();
        }
    }
}

impl Inbox {
    pub(crate) fn new(channel: Arc<ChannelShared>, backlog: Arc<Backlog>, no_ack: bool) -> Self {
        Self { state: Mutex::default(), channel, backlog, no_ack }
    }

    fn poll_next(&self, cx: &Context<'_>) -> Poll<Option<Result<Delivery, Error>>> {
        let mut state = self.state.lock();
        if let Some(delivery) = state.deliveries.pop_front() {
            drop(state);
            self.backlog.remove(delivery.weight(), &self.channel.connection.outgoing);
            return Poll::Ready(Some(Ok(delivery)));
        }
        if let Some(end) = &mut state.end {
            return Poll::Ready(end.take().map(Err));
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Gives back what nobody will take out any more.
    fn abandon(&self) {
        let mut state = self.state.lock();
        state.is_abandoned = true;
        let deliveries = mem::take(&mut state.deliveries);
        drop(state);
        let weight = deliveries.iter().map(Delivery::weight).sum();
        self.backlog.remove(weight, &self.channel.connection.outgoing);
        if !self.no_ack {
            for delivery in deliveries {
                // If it has ended, the broker has them back already.
                let _ = delivery.nack(true);
            }
        }
    }
}

/// The handler behind a [`Consumer`].
pub(crate) struct Feeder(pub(crate) Arc<Inbox>);

impl ConsumerHandler for Feeder {
    fn delivery(&mut self, delivery: &DeliveryRef<'_>, replies: &mut Replies<'_>) {
        let mut state = self.0.state.lock();
        if state.is_abandoned {
            // The cancel is on its way.
            return Returner { no_ack: self.0.no_ack }.delivery(delivery, replies);
        }
        let delivery = delivery.to_delivery(Arc::clone(&self.0.channel));
        self.0.backlog.add(delivery.weight());
        state.deliveries.push_back(delivery);
        if let Some(waker) = state.waker.take() {
            drop(state);
            waker.wake();
        }
    }

    fn ended(&mut self, error: Option<&Error>) {
        let mut state = self.0.state.lock();
        state.end.get_or_insert_with(|| error.cloned());
        if let Some(waker) = state.waker.take() {
            drop(state);
            waker.wake();
        }
    }
}

/// Stands in for a consumer that was dropped: gives back what comes until the broker has seen the cancel.
pub(crate) struct Returner {
    pub(crate) no_ack: bool,
}

impl ConsumerHandler for Returner {
    fn delivery(&mut self, delivery: &DeliveryRef<'_>, replies: &mut Replies<'_>) {
        if !self.no_ack {
            replies.nack(delivery.delivery_tag, false, true);
        }
    }
}

impl Consumer {
    /// What the broker calls this consumer.
    #[must_use]
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// The next delivery: an error once if the broker ended the consumer, its channel or the connection, then `None`.
    pub async fn next(&mut self) -> Option<Result<Delivery, Error>> {
        std::future::poll_fn(|cx| self.inbox.poll_next(cx)).await
    }
}

impl Stream for Consumer {
    type Item = Result<Delivery, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.inbox.poll_next(cx)
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        if self.inbox.state.lock().end.is_none() {
            let (channel, tag) = (self.inbox.channel.number, mem::take(&mut self.tag));
            self.inbox
                .channel
                .connection
                .outgoing
                .command(Command::CancelConsumer { channel, tag });
        }
        self.inbox.abandon();
    }
}

impl fmt::Debug for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consumer").field("tag", &self.tag).finish_non_exhaustive()
    }
}
