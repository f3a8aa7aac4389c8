//! `x-recent-history`: routes like a fanout, and remembers the last messages for who binds later.

use std::collections::VecDeque;

use amqp::{FieldTable, FieldValueRef, RawTable};

use super::{Exchange, ExchangeKind};
use crate::{Refusal, arguments::Term};

/// How many messages are remembered unless `x-recent-history-length` says otherwise.
const LENGTH_DEFAULT: usize = 20;

/// The last messages that went through an exchange, oldest first. The server keeps it beside the exchange, and sends
/// what it holds to each new binding.
#[derive(Debug)]
pub struct RecentHistory<M> {
    length: usize,
    bytes: usize,
    bytes_max: usize,
    messages: VecDeque<(M, usize)>,
}

impl<M> RecentHistory<M> {
    /// An empty history for `exchange`; `None` if that is of another type.
    ///
    /// `bytes_max` bounds its memory whatever length was asked for; the newest message is remembered in any case.
    pub fn of(exchange: &Exchange, bytes_max: usize) -> Option<Self> {
        let spec = exchange.spec();
        let remembers = spec.kind == ExchangeKind::RecentHistory
            || spec.kind == ExchangeKind::Delayed
                && spec.arguments.get("x-delayed-type").and_then(amqp::FieldValue::as_long_string)
                    == Some(ExchangeKind::RecentHistory.as_str().as_bytes());
        if !remembers {
            return None;
        }
        let asked = spec.arguments.get("x-recent-history-length");
        let asked = asked.and_then(|length| usize::try_from(length.as_integer()?).ok());
        let length = asked.unwrap_or(LENGTH_DEFAULT);
        Some(Self { length, bytes: 0, bytes_max, messages: VecDeque::new() })
    }

    /// Whether a message with these headers is to be remembered.
    pub fn wants(headers: Option<RawTable<'_>>) -> bool {
        let no_store = headers.and_then(|headers| headers.get("x-recent-history-no-store"));
        !matches!(no_store, Some(FieldValueRef::Bool(true)))
    }

    /// Remembers a message that takes `bytes` of memory, and forgets the oldest ones beyond the limits.
    pub fn push(&mut self, message: M, bytes: usize) {
        self.bytes += bytes;
        self.messages.push_back((message, bytes));
        while self.messages.len() > self.length
            || self.bytes > self.bytes_max && self.messages.len() > 1
        {
            let Some((_, bytes)) = self.messages.pop_front() else { break };
            self.bytes -= bytes;
        }
    }

    /// What a new binding gets, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &M> {
        self.messages.iter().map(|(message, _)| message)
    }

    /// How much memory the messages take.
    pub fn memory_bytes(&self) -> usize {
        self.bytes
    }
}

/// The length must be a positive integer.
pub(super) fn check_arguments(arguments: &FieldTable) -> Result<(), Refusal> {
    let Some(length) = arguments.get("x-recent-history-length") else { return Ok(()) };
    match length.as_integer() {
        Some(1..) => Ok(()),
        _ => Err(Refusal::PreconditionFailed {
            explanation: format!(
                "Invalid argument {}, 'x-recent-history-length' must be a positive integer",
                Term(length)
            ),
        }),
    }
}

#[cfg(test)]
mod tests {
    use amqp::{FieldValue, ShortString};

    use super::*;
    use crate::exchange::ExchangeSpec;

    fn exchange(length: Option<FieldValue>) -> Result<Exchange, Refusal> {
        let arguments = length
            .into_iter()
            .map(|length| (ShortString::from_static("x-recent-history-length"), length))
            .collect();
        let spec = ExchangeSpec {
            name: "x".into(),
            kind: ExchangeKind::RecentHistory,
            durable: true,
            auto_delete: false,
            internal: false,
            arguments,
        };
        Exchange::new(spec, &"/".into())
    }

    #[test]
    fn the_last_messages_are_remembered() {
        let exchange = exchange(Some(3.into())).unwrap();
        let mut history = RecentHistory::of(&exchange, 100).unwrap();
        for message in 1..=5 {
            history.push(message, 1);
        }
        assert_eq!(history.iter().copied().collect::<Vec<_>>(), [3, 4, 5]);
        history.push(6, 99);
        assert_eq!(history.iter().copied().collect::<Vec<_>>(), [5, 6]);
        history.push(7, 1_000);
        assert_eq!(history.iter().copied().collect::<Vec<_>>(), [7]);
        assert_eq!(history.memory_bytes(), 1_000);
    }

    #[test]
    fn twenty_by_default() {
        let mut history = RecentHistory::of(&exchange(None).unwrap(), 1_000).unwrap();
        (0..50).for_each(|message| history.push(message, 1));
        assert_eq!(history.iter().count(), 20);
    }

    #[test]
    fn the_length_is_a_positive_integer() {
        for (length, shown) in
            [(FieldValue::from(0), "0"), ((-1).into(), "-1"), ("5".into(), "<<\"5\">>")]
        {
            let refusal = exchange(Some(length)).map(|_| ()).unwrap_err();
            assert_eq!(
                refusal.to_string(),
                format!(
                    "PRECONDITION_FAILED - Invalid argument {shown}, 'x-recent-history-length' must be a positive integer"
                )
            );
        }
    }
}
