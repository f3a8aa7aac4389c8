//! Channels: conversations within a connection.

mod consuming;
mod publishing;
mod topology;

use std::{fmt, sync::Arc};

use amqp::{Method, confirm, tx};
use parking_lot::Mutex;

pub use self::{
    consuming::ConsumeOptions,
    publishing::{PreparedPublishes, Publish},
    topology::{ExchangeOptions, QueueOptions},
};
use crate::{
    ConfirmEvent, Error, ReturnedMessage,
    confirm::Confirms,
    connection::ConnectionShared,
    outgoing::Command,
    reply::{Answer, Reply, Request},
};

/// A channel of a connection: on it, everything happens in order.
///
/// A refusal, such as consuming from a queue that does not exist, ends the channel: whatever waits on it gets
/// [`Error::ChannelClosed`], and a new one has to be opened. Dropping it closes it.
pub struct Channel {
    shared: Arc<ChannelShared>,
}

/// What the handle, its consumers and deliveries, and the connection's task hold of a channel.
pub(crate) struct ChannelShared {
    pub(crate) number: u16,
    pub(crate) connection: Arc<ConnectionShared>,
    outbound: Mutex<Outbound>,
}

/// The sending side.
#[derive(Default)]
struct Outbound {
    confirms: Confirms,
    /// Why nothing may be sent any more; the number may belong to another channel by now.
    closed: Option<Error>,
    on_return: Option<OnReturn>,
    /// Consumers so far, for their names.
    consumers: u64,
}

type OnReturn = Box<dyn FnMut(ReturnedMessage) + Send>;

impl ChannelShared {
    pub(crate) fn new(number: u16, connection: Arc<ConnectionShared>) -> Self {
        Self { number, connection, outbound: Mutex::default() }
    }

    /// Sends a method that is not answered.
    pub(crate) fn send(&self, method: &Method<'_>) -> Result<(), Error> {
        let outbound = self.outbound.lock();
        if let Some(error) = &outbound.closed {
            return Err(error.clone());
        }
        self.connection.outgoing.append(|out| method.try_encode(self.number, out))??;
        Ok(())
    }

    pub(crate) fn confirmed(&self, event: ConfirmEvent) {
        let mut outbound = self.outbound.lock();
        outbound.confirms.confirmed(event);
        let observer = outbound.confirms.observer();
        // The observer may publish.
        drop(outbound);
        if let Some(observer) = observer {
            observer(event);
        }
    }

    pub(crate) fn returned(&self, message: ReturnedMessage) {
        let mut outbound = self.outbound.lock();
        if outbound.confirms.returned(&message) {
            return;
        }
        let Some(mut on_return) = outbound.on_return.take() else { return };
        // It may publish.
        drop(outbound);
        on_return(message);
        self.outbound.lock().on_return.get_or_insert(on_return);
    }

    /// Nothing may be sent any more.
    pub(crate) fn end(&self, error: &Error) {
        let mut outbound = self.outbound.lock();
        outbound.closed.get_or_insert_with(|| error.clone());
        outbound.confirms.fail(error);
        outbound.on_return = None;
    }
}

impl Channel {
    pub(crate) const fn new(shared: Arc<ChannelShared>) -> Self {
        Self { shared }
    }

    /// Its number in the connection.
    #[must_use]
    pub fn number(&self) -> u16 {
        self.shared.number
    }

    /// Why the channel has ended, if it has.
    #[must_use]
    pub fn closed(&self) -> Option<Error> {
        let closed = self.shared.outbound.lock().closed.clone();
        closed.or_else(|| self.shared.connection.outgoing.closed())
    }

    /// Asks the broker to confirm every message published from now on.
    ///
    /// # Errors
    /// As every method here: the error that ended the channel or the connection.
    pub async fn confirm_select(&self) -> Result<(), Error> {
        let select = Method::ConfirmSelect(confirm::Select { nowait: false });
        self.call(Request::ConfirmSelect, &select).await?;
        self.shared.outbound.lock().confirms.select();
        Ok(())
    }

    /// Calls `observer` for every confirm, as it comes, on the connection's task: it must not take long.
    ///
    /// Futures of publishes are told, too; this is for whoever counts instead of waiting.
    pub fn on_confirm(&self, observer: impl Fn(ConfirmEvent) + Send + Sync + 'static) {
        self.shared.outbound.lock().confirms.set_observer(Arc::new(observer));
    }

    /// Calls `handler` for every mandatory message that comes back and belongs to no awaited confirm, on the
    /// connection's task: it must not take long.
    pub fn on_return(&self, handler: impl FnMut(ReturnedMessage) + Send + 'static) {
        self.shared.outbound.lock().on_return = Some(Box::new(handler));
    }

    /// Makes the channel transactional: what is published and settled counts once it is committed.
    ///
    /// # Errors
    /// The error that ended the channel or the connection.
    pub async fn tx_select(&self) -> Result<(), Error> {
        self.call(Request::TxSelect, &Method::TxSelect(tx::Select {})).await.map(drop)
    }

    /// Lets what was published and settled since the last commit count.
    ///
    /// # Errors
    /// The error that ended the channel or the connection.
    pub async fn tx_commit(&self) -> Result<(), Error> {
        self.call(Request::TxCommit, &Method::TxCommit(tx::Commit {})).await.map(drop)
    }

    /// Undoes what was published and settled since the last commit.
    ///
    /// # Errors
    /// The error that ended the channel or the connection.
    pub async fn tx_rollback(&self) -> Result<(), Error> {
        self.call(Request::TxRollback, &Method::TxRollback(tx::Rollback {})).await.map(drop)
    }

    /// Closes the channel and returns once the broker has answered. What was published before is sent.
    ///
    /// # Errors
    /// The error that ended the channel or the connection before.
    pub async fn close(self) -> Result<(), Error> {
        if let Some(error) = self.closed() {
            return Err(error);
        }
        let answered = {
            let mut incoming = self.shared.connection.incoming.lock();
            let mut close = Vec::new();
            let answered = incoming.close_channel(self.shared.number, &mut close);
            self.shared.connection.outgoing.append(|out| out.extend_from_slice(&close))?;
            answered.ok_or(Error::ClosedByClient)?
        };
        answered.await.unwrap_or(Err(Error::ClosedByClient)).map(drop)
    }

    /// Sends a request and waits for its answer.
    async fn call(&self, request: Request, method: &Method<'_>) -> Result<Reply, Error> {
        self.ask(request, method, |_| ())?.await.unwrap_or(Err(Error::ClosedByClient))
    }

    /// Sends a request; `prepare` runs before anything can come of it.
    fn ask(
        &self,
        request: Request,
        method: &Method<'_>,
        prepare: impl FnOnce(&mut crate::incoming::Incoming),
    ) -> Result<Answer, Error> {
        let mut incoming = self.shared.connection.incoming.lock();
        self.shared.send(method)?;
        prepare(&mut incoming);
        Ok(incoming.expect_reply(self.shared.number, request))
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        if self.shared.outbound.lock().closed.is_none() {
            self.shared.connection.outgoing.command(Command::CloseChannel(self.shared.number));
        }
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("number", &self.shared.number).finish_non_exhaustive()
    }
}
