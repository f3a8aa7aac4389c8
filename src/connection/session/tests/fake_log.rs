//! The log of the fake broker, which is flushed when a test says so, and what must not be said before it is.

use std::collections::BTreeMap;

use ::broker::LogPosition;
use amqp::Method;

/// A log in which everything that is written is a batch of its own.
#[derive(Debug, Default)]
pub(super) struct FakeLog {
    /// Whether it is flushed only when told; else at once, so that there is nothing to wait for.
    pub(super) is_held: bool,
    written: u64,
    flushed: u64,
    /// What changes of definitions wait for, and how many were answered.
    promised: Vec<Option<LogPosition>>,
    answered: usize,
}

impl FakeLog {
    /// Writes something, and returns what has to be waited for.
    pub(super) fn write(&mut self) -> Option<LogPosition> {
        self.written += u64::from(self.is_held);
        self.is_held.then_some(LogPosition(self.written))
    }

    /// Flushes everything, or only so far.
    pub(super) fn flush(&mut self, position: Option<u64>) -> LogPosition {
        self.flushed = self.flushed.max(position.unwrap_or(self.written).min(self.written));
        LogPosition(self.flushed)
    }

    pub(super) fn is_flushed(&self, position: Option<LogPosition>) -> bool {
        position.is_none_or(|position| position.0 <= self.flushed)
    }

    /// A change of a definition waits for this.
    pub(super) fn promise(&mut self, after: Option<LogPosition>) {
        self.promised.push(after);
    }

    /// Checks a reply that is being sent: no more are answered than are flushed.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others change no definition")]
    pub(super) fn check_reply(&mut self, method: &Method<'_>) {
        match method {
            // Of these the broker is not asked.
            Method::QueueDeclareOk(ok) if ok.queue.starts_with("amq.rabbitmq.reply-to") => return,
            Method::ExchangeDeclareOk(_)
            | Method::ExchangeDeleteOk(_)
            | Method::ExchangeBindOk(_)
            | Method::ExchangeUnbindOk(_)
            | Method::QueueDeclareOk(_)
            | Method::QueueDeleteOk(_)
            | Method::QueueBindOk(_)
            | Method::QueueUnbindOk(_)
            | Method::QueuePurgeOk(_)
            | Method::TxCommitOk(_) => self.answered += 1,
            _ => return,
        }
        let flushed = self.promised.iter().filter(|&&after| self.is_flushed(after)).count();
        assert!(self.answered <= flushed, "{} is sent before its time", method.name());
    }
}

/// The publishes of a channel in confirm mode that are not confirmed.
#[derive(Debug, Default)]
pub(super) struct Unconfirmed {
    issued: u64,
    promised: BTreeMap<u64, Promise>,
}

/// How a publish has to be confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Promise {
    AckAfter(Option<LogPosition>),
    Nack,
}

impl Unconfirmed {
    pub(super) fn publish(&mut self, promise: Promise) {
        self.issued += 1;
        self.promised.insert(self.issued, promise);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.promised.is_empty()
    }

    /// What a method on its way to the client confirms: each publish has one, the right one, and not before its time.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the others confirm nothing")]
    pub(super) fn confirm(
        &mut self,
        method: &Method<'_>,
        log: &FakeLog,
    ) -> impl Iterator<Item = u64> + use<> {
        let (tag, multiple) = match method {
            Method::BasicAck(ack) => (ack.delivery_tag, ack.multiple),
            Method::BasicNack(nack) => (nack.delivery_tag, nack.multiple),
            _ => return Vec::new().into_iter(),
        };
        assert!(self.promised.contains_key(&tag), "{tag} is confirmed twice");
        let first = if multiple { 0 } else { tag };
        let tags: Vec<_> = self.promised.range(first..=tag).map(|(&tag, _)| tag).collect();
        for tag in &tags {
            match (method, self.promised.remove(tag)) {
                (Method::BasicAck(_), Some(Promise::AckAfter(position))) => {
                    assert!(log.is_flushed(position), "{tag} is acked before its time");
                }
                (Method::BasicNack(_), Some(Promise::Nack)) => {}
                (_, promise) => panic!("{} of {tag} for {promise:?}", method.name()),
            }
        }
        tags.into_iter()
    }
}
