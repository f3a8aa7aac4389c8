//! Publisher confirms: which publish each `basic.ack`, `basic.nack` and `basic.return` of the broker belongs to.

use std::{
    collections::VecDeque,
    future::Future,
    hash::{DefaultHasher, Hash, Hasher},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::{Error, Properties, PropertyError};

/// What became of a published message.
#[derive(Clone, Debug)]
pub enum Confirmation {
    /// The broker took responsibility for it.
    Ack,
    /// The broker did not take it, or not into every queue.
    Nack,
    /// It was mandatory, and no queue got it: here it is again.
    Returned(Box<ReturnedMessage>),
}

/// A mandatory message that reached no queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnedMessage {
    /// 312 as far as anybody knows.
    pub code: u16,
    /// `NO_ROUTE`.
    pub text: String,
    /// The exchange it was published to.
    pub exchange: Bytes,
    /// The routing key it was published with.
    pub routing_key: Bytes,
    pub(crate) properties: Bytes,
    /// The body.
    pub body: Bytes,
}

impl ReturnedMessage {
    /// The properties of the message.
    ///
    /// # Errors
    /// [`PropertyError`] if the broker sent malformed ones.
    pub fn properties(&self) -> Result<Properties, PropertyError> {
        Properties::decode(amqp::RawProperties::from_bytes(&self.properties))
    }
}

/// The confirmation of one publish, once the broker has sent it.
///
/// Dropping it only means that nobody looks: the message is published all the same.
#[derive(Debug)]
pub struct Confirm(pub(crate) State);

#[derive(Debug)]
pub(crate) enum State {
    NotConfirming,
    Waiting(oneshot::Receiver<Result<Confirmation, Error>>),
}

impl Future for Confirm {
    type Output = Result<Confirmation, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::NotConfirming => Poll::Ready(Err(Error::NotConfirming)),
            State::Waiting(outcome) => Pin::new(outcome)
                .poll(cx)
                .map(|outcome| outcome.unwrap_or(Err(Error::ClosedByClient))),
        }
    }
}

/// One `basic.ack` or `basic.nack` from the broker, as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfirmEvent {
    /// The publish it is about: the first one after `confirm.select` is 1.
    pub delivery_tag: u64,
    /// Whether every earlier publish that was not confirmed yet is meant, too.
    pub multiple: bool,
    /// Whether the broker took the messages.
    pub is_ack: bool,
}

/// Called for each confirm, on the connection's task.
pub(crate) type ConfirmObserver = Arc<dyn Fn(ConfirmEvent) + Send + Sync>;

/// The publishes of one channel that the broker has not confirmed.
///
/// - Tags in `waiting` ascend; whoever was told leaves a `None` until everybody before was told, too.
#[derive(Default)]
pub(crate) struct Confirms {
    /// The tag of the latest publish; `None` until confirms are selected.
    last_tag: Option<u64>,
    waiting: VecDeque<Option<Waiting>>,
    /// Tags of `waiting`, position by position.
    tags: VecDeque<u64>,
    observer: Option<ConfirmObserver>,
}

struct Waiting {
    outcome: oneshot::Sender<Result<Confirmation, Error>>,
    /// Of a mandatory publish, so that a return finds it.
    fingerprint: Option<u64>,
    returned: Option<Box<ReturnedMessage>>,
}

impl Confirms {
    pub(crate) fn select(&mut self) {
        self.last_tag.get_or_insert(0);
    }

    pub(crate) fn set_observer(&mut self, observer: ConfirmObserver) {
        self.observer = Some(observer);
    }

    pub(crate) fn observer(&self) -> Option<ConfirmObserver> {
        self.observer.clone()
    }

    /// Counts a publish that somebody waits for; `fingerprint` if it is mandatory.
    pub(crate) fn published(&mut self, fingerprint: Option<u64>) -> Confirm {
        let Some(last_tag) = &mut self.last_tag else { return Confirm(State::NotConfirming) };
        *last_tag += 1;
        let (outcome, receiver) = oneshot::channel();
        self.tags.push_back(*last_tag);
        self.waiting.push_back(Some(Waiting { outcome, fingerprint, returned: None }));
        Confirm(State::Waiting(receiver))
    }

    /// Counts publishes that only the observer follows, and returns the tag of the last one, 0 without confirms.
    pub(crate) fn published_unawaited(&mut self, count: u64) -> u64 {
        let Some(last_tag) = &mut self.last_tag else { return 0 };
        *last_tag += count;
        *last_tag
    }

    /// Gives a returned message to the oldest publish that looks the same; `false` if there is none.
    ///
    /// A return bears no tag. Publishes that look the same were routed the same, so it does not matter which of them
    /// is told, unless a binding changed in between.
    pub(crate) fn returned(&mut self, message: &ReturnedMessage) -> bool {
        let fingerprint = fingerprint(&message.exchange, &message.routing_key, &message.body);
        let found =
            self.waiting.iter_mut().flatten().find(|waiting| {
                waiting.fingerprint == Some(fingerprint) && waiting.returned.is_none()
            });
        if let Some(waiting) = found {
            waiting.returned = Some(Box::new(message.clone()));
            return true;
        }
        false
    }

    pub(crate) fn confirmed(&mut self, event: ConfirmEvent) {
        // One past the last publish that is meant.
        let end = self.tags.partition_point(|&tag| tag <= event.delivery_tag);
        if event.multiple {
            self.tags.drain(..end);
            for waiting in self.waiting.drain(..end).flatten() {
                waiting.settle(event.is_ack);
            }
            return;
        }
        let Some(at) = end.checked_sub(1) else { return };
        if self.tags.get(at) == Some(&event.delivery_tag)
            && let Some(waiting) = self.waiting.get_mut(at).and_then(Option::take)
        {
            waiting.settle(event.is_ack);
        }
        while let Some(None) = self.waiting.front() {
            self.waiting.pop_front();
            self.tags.pop_front();
        }
    }

    /// Nothing will be confirmed any more.
    pub(crate) fn fail(&mut self, error: &Error) {
        self.tags.clear();
        for waiting in self.waiting.drain(..).flatten() {
            // Nobody may be waiting.
            let _ = waiting.outcome.send(Err(error.clone()));
        }
        self.observer = None;
    }
}

impl Waiting {
    fn settle(self, is_ack: bool) {
        let confirmation = match self.returned {
            Some(message) => Confirmation::Returned(message),
            None if is_ack => Confirmation::Ack,
            None => Confirmation::Nack,
        };
        // Nobody may be waiting.
        let _ = self.outcome.send(Ok(confirmation));
    }
}

/// What a return can be recognised by. Properties are left out: brokers write headers back in another order.
pub(crate) fn fingerprint(exchange: &[u8], routing_key: &[u8], body: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (exchange, routing_key, body).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn event(delivery_tag: u64, multiple: bool, is_ack: bool) -> ConfirmEvent {
        ConfirmEvent { delivery_tag, multiple, is_ack }
    }

    /// `None` while it waits.
    fn outcome(confirm: &mut Confirm) -> Option<&'static str> {
        Some(match confirm.now_or_never()?.unwrap() {
            Confirmation::Ack => "ack",
            Confirmation::Nack => "nack",
            Confirmation::Returned(_) => "returned",
        })
    }

    fn check(publishes: usize, events: &[ConfirmEvent], expected: &[Option<&str>]) {
        let mut confirms = Confirms::default();
        confirms.select();
        let mut all: Vec<_> = (0..publishes).map(|_| confirms.published(None)).collect();
        for &event in events {
            confirms.confirmed(event);
        }
        assert_eq!(all.iter_mut().map(outcome).collect::<Vec<_>>(), expected, "{events:?}");
    }

    #[test]
    fn confirms_find_their_publish_in_any_order() {
        check(3, &[], &[None, None, None]);
        check(3, &[event(2, false, true)], &[None, Some("ack"), None]);
        check(3, &[event(2, true, false)], &[Some("nack"), Some("nack"), None]);
        let acks = [event(2, false, true), event(3, true, false)];
        check(3, &acks, &[Some("nack"), Some("ack"), Some("nack")]);
        let acks = [event(3, false, true), event(1, false, true), event(2, false, false)];
        check(3, &acks, &[Some("ack"), Some("nack"), Some("ack")]);
    }

    #[test]
    fn what_was_never_published_is_passed_over() {
        check(1, &[event(0, false, true), event(9, false, true)], &[None]);
        check(1, &[event(9, true, true), event(1, false, false)], &[Some("ack")]);
    }

    #[test]
    fn a_return_finds_its_publish_between_unawaited_ones() {
        let mut confirms = Confirms::default();
        assert_eq!(confirms.published_unawaited(5), 0);
        confirms.select();
        assert_eq!(confirms.published_unawaited(5), 5);
        let mut routed = confirms.published(Some(fingerprint(b"", b"here", b"x")));
        let mut lost = confirms.published(Some(fingerprint(b"", b"nowhere", b"x")));
        let message = ReturnedMessage {
            code: 312,
            text: "NO_ROUTE".to_owned(),
            exchange: Bytes::new(),
            routing_key: Bytes::from_static(b"nowhere"),
            properties: Bytes::from_static(&[0, 0]),
            body: Bytes::from_static(b"x"),
        };
        assert!(confirms.returned(&message));
        assert!(!confirms.returned(&message));
        confirms.confirmed(event(7, true, true));
        assert_eq!(outcome(&mut routed), Some("ack"));
        assert_eq!(outcome(&mut lost), Some("returned"));
    }

    #[test]
    fn without_confirms_there_is_nothing_to_wait_for() {
        let confirm = Confirms::default().published(None);
        assert!(matches!(confirm.now_or_never(), Some(Err(Error::NotConfirming))));
    }
}
