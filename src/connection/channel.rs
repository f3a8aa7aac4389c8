//! One channel: whether it is open, how far its content has come, and its mode.

pub(crate) mod basic;
pub(crate) mod confirms;
pub(crate) mod content;
mod deliveries;
pub(crate) mod exchange;
pub(crate) mod figures;
pub(crate) mod inspect;
mod publish_run;
pub(crate) mod queue;
pub(crate) mod transaction;

use std::{borrow::Cow, fmt, sync::Arc};

use ::broker::QueueName;
use amqp::{Method, ReplyCode, channel as wire, confirm, tx};

pub(crate) use self::publish_run::{Item, Messages};
use self::{confirms::Confirms, content::Content, figures::ChannelMode, transaction::Transaction};
pub use self::{
    deliveries::{Deliveries, Unacked},
    figures::ChannelFigures,
    publish_run::{PublishRun, RunMessage},
};
use crate::failure::{Failure, Outcome};

/// The number of a channel; 0 is the connection itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelNumber(pub u16);

impl ChannelNumber {
    /// The connection itself.
    pub const CONNECTION: Self = Self(0);
}

impl fmt::Display for ChannelNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number of a delivery, or of a publish awaiting its confirm, on one channel; the first is 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeliveryTag(pub u64);

impl fmt::Display for DeliveryTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A channel that the client has opened.
///
/// ```text
/// (none) ──open──▶ Open ──our close──▶ Closing ──close-ok──▶ (none)
///    ▲               └──close──┐
///    └─────────────────────────┘
/// ```
#[derive(Debug)]
pub(crate) enum Channel {
    Open(OpenChannel),
    /// We closed it; until the client agrees, everything it sends there is dropped.
    Closing,
}

/// What an open channel remembers.
#[derive(Debug, Default)]
pub(crate) struct OpenChannel {
    pub(crate) content: Content,
    pub(crate) mode: Mode,
    /// The queue that an empty name means.
    pub(crate) last_queue: Option<QueueName>,
    pub(crate) figures: Arc<ChannelFigures>,
}

/// What becomes of publishes.
#[derive(Debug, Default)]
pub(crate) enum Mode {
    #[default]
    Plain,
    /// They are confirmed.
    Confirm(Confirms),
    /// They are held until `tx.commit`.
    Transaction(Transaction),
}

/// What a method left to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handled {
    Done,
    /// Nothing has happened; the method is to be handled again after this time.
    Retry {
        ms: u64,
    },
}

impl OpenChannel {
    /// What it keeps in memory of contents that are not yet in any queue.
    pub(crate) fn held_bytes(&self) -> u64 {
        let in_assembly = match &self.content {
            Content::AwaitBody(assembly) => assembly.held_bytes(),
            Content::Idle | Content::AwaitHeader(_) => 0,
        };
        let in_transaction = match &self.mode {
            Mode::Transaction(transaction) => transaction.held_bytes(),
            Mode::Plain | Mode::Confirm(_) => 0,
        };
        in_assembly + in_transaction
    }

    /// `confirm.select`.
    pub(crate) fn select_confirms(&mut self) -> Outcome {
        match self.mode {
            Mode::Plain => {
                self.mode = Mode::Confirm(Confirms::default());
                self.figures.set_mode(ChannelMode::Confirm);
            }
            Mode::Confirm(_) => {}
            Mode::Transaction(_) => {
                return Err(precondition("cannot switch from tx to confirm mode"));
            }
        }
        Ok(())
    }

    /// `tx.select`.
    pub(crate) fn select_transaction(&mut self) -> Outcome {
        match self.mode {
            Mode::Plain => {
                self.mode = Mode::Transaction(Transaction::default());
                self.figures.set_mode(ChannelMode::Transaction);
            }
            Mode::Transaction(_) => {}
            Mode::Confirm(_) => return Err(precondition("cannot switch from confirm to tx mode")),
        }
        Ok(())
    }

    /// The transaction so far, of which nothing is left in the channel.
    pub(crate) fn take_transaction(&mut self) -> Outcome<Transaction> {
        match &mut self.mode {
            Mode::Transaction(transaction) => {
                self.figures.set_uncommitted(0);
                Ok(std::mem::take(transaction))
            }
            Mode::Plain | Mode::Confirm(_) => Err(precondition("channel is not transactional")),
        }
    }

    /// The queue that a name in a method means.
    pub(crate) fn queue_name<'a>(&'a self, name: &'a str) -> Outcome<Cow<'a, str>> {
        if !name.is_empty() {
            return Ok(strip_cr_lf(name));
        }
        match &self.last_queue {
            Some(queue) => Ok(Cow::Borrowed(queue.as_str())),
            None => Err(::broker::Refusal::NoPreviousQueue.into()),
        }
    }
}

/// A name as RabbitMQ takes it: without line ends.
pub(crate) fn strip_cr_lf(name: &str) -> Cow<'_, str> {
    if name.contains(['\r', '\n']) {
        Cow::Owned(name.replace(['\r', '\n'], ""))
    } else {
        Cow::Borrowed(name)
    }
}

/// A 406.
#[cold]
pub(crate) fn precondition(explanation: &str) -> Box<Failure> {
    Failure::new(ReplyCode::PreconditionFailed, explanation)
}

/// The methods of class `channel` that need no more than an answer.
pub(crate) fn flow(active: bool) -> Outcome<Method<'static>> {
    if active {
        return Ok(Method::ChannelFlowOk(wire::FlowOk { active }));
    }
    Err(Failure::new(ReplyCode::NotImplemented, "active=false"))
}

/// The answer to `confirm.select`.
pub(crate) const CONFIRM_SELECT_OK: Method<'static> = Method::ConfirmSelectOk(confirm::SelectOk);
/// The answer to `tx.select`.
pub(crate) const TX_SELECT_OK: Method<'static> = Method::TxSelectOk(tx::SelectOk);
