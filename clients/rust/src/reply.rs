//! Answers to requests: on each channel the broker answers in the order of asking.

use amqp::{Method, MethodError};
use tokio::sync::oneshot;

use crate::{Delivery, Error};

/// What was asked of the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    ChannelOpen,
    ChannelClose,
    ExchangeDeclare,
    ExchangeDelete,
    ExchangeBind,
    ExchangeUnbind,
    QueueDeclare,
    QueueBind,
    QueueUnbind,
    QueuePurge,
    QueueDelete,
    Qos,
    Consume,
    Cancel,
    Get,
    Recover,
    ConfirmSelect,
    TxSelect,
    TxCommit,
    TxRollback,
}

/// A queue, as it was when it was declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredQueue {
    /// Its name, given by the broker if it was declared without one.
    pub name: String,
    /// How many messages are ready in it.
    pub messages: u32,
    /// How many consumers it has.
    pub consumers: u32,
}

/// What the broker answered.
#[derive(Debug)]
pub(crate) enum Reply {
    Done,
    Queue(DeclaredQueue),
    /// How many messages were purged or deleted.
    Messages(u32),
    Message(Option<Box<Delivery>>),
}

/// Brings what the broker answered; an error of its own if the connection's task is gone.
pub(crate) type Answer = oneshot::Receiver<Result<Reply, Error>>;

/// Somebody who waits for an answer, or nobody: the cancel of a dropped consumer is answered, too.
#[derive(Debug)]
pub(crate) struct PendingReply {
    pub(crate) request: Request,
    pub(crate) outcome: Option<oneshot::Sender<Result<Reply, Error>>>,
}

impl PendingReply {
    pub(crate) fn tell(self, outcome: Result<Reply, Error>) {
        if let Some(sender) = self.outcome {
            // Whoever asked may have stopped waiting.
            let _ = sender.send(outcome);
        }
    }
}

/// Which request `method` answers, and what it says; `None` if it is no answer, or one with content.
pub(crate) fn reply_of(method: &Method<'_>) -> Option<(Request, Reply)> {
    let done = |request| Some((request, Reply::Done));
    #[expect(clippy::wildcard_enum_match_arm, reason = "everything else is no answer")]
    match method {
        Method::ChannelOpenOk(_) => done(Request::ChannelOpen),
        Method::ChannelCloseOk(_) => done(Request::ChannelClose),
        Method::ExchangeDeclareOk(_) => done(Request::ExchangeDeclare),
        Method::ExchangeDeleteOk(_) => done(Request::ExchangeDelete),
        Method::ExchangeBindOk(_) => done(Request::ExchangeBind),
        Method::ExchangeUnbindOk(_) => done(Request::ExchangeUnbind),
        Method::QueueDeclareOk(ok) => {
            let name = ok.queue.to_owned();
            let queue =
                DeclaredQueue { name, messages: ok.message_count, consumers: ok.consumer_count };
            Some((Request::QueueDeclare, Reply::Queue(queue)))
        }
        Method::QueueBindOk(_) => done(Request::QueueBind),
        Method::QueueUnbindOk(_) => done(Request::QueueUnbind),
        Method::QueuePurgeOk(ok) => Some((Request::QueuePurge, Reply::Messages(ok.message_count))),
        Method::QueueDeleteOk(ok) => {
            Some((Request::QueueDelete, Reply::Messages(ok.message_count)))
        }
        Method::BasicQosOk(_) => done(Request::Qos),
        Method::BasicConsumeOk(_) => done(Request::Consume),
        Method::BasicCancelOk(_) => done(Request::Cancel),
        Method::BasicGetEmpty(_) => Some((Request::Get, Reply::Message(None))),
        Method::BasicRecoverOk(_) => done(Request::Recover),
        Method::ConfirmSelectOk(_) => done(Request::ConfirmSelect),
        Method::TxSelectOk(_) => done(Request::TxSelect),
        Method::TxCommitOk(_) => done(Request::TxCommit),
        Method::TxRollbackOk(_) => done(Request::TxRollback),
        _ => None,
    }
}

/// What is not an answer to the request that waits for one.
pub(crate) fn unexpected(method: &Method<'_>) -> Error {
    Error::Protocol(format!("{} out of order", method.name()))
}

impl From<MethodError> for Error {
    fn from(error: MethodError) -> Self {
        Self::Protocol(error.to_string())
    }
}

impl From<amqp::FrameError> for Error {
    fn from(error: amqp::FrameError) -> Self {
        Self::Protocol(error.to_string())
    }
}

impl From<amqp::PropertyError> for Error {
    fn from(error: amqp::PropertyError) -> Self {
        Self::Protocol(error.to_string())
    }
}
