//! Exchanges, queues and bindings.

use amqp::{Method, RawTable, exchange, queue};

use super::Channel;
use crate::{
    DeclaredQueue, Error, FieldTable,
    reply::{Reply, Request},
};

/// How an exchange shall be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExchangeOptions {
    /// Only ask whether it exists.
    pub passive: bool,
    /// It survives a restart.
    pub durable: bool,
    /// It is deleted with the last binding from it.
    pub auto_delete: bool,
    /// Only other exchanges can publish to it.
    pub internal: bool,
    /// Such as `alternate-exchange`.
    pub arguments: FieldTable,
}

/// How a queue shall be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QueueOptions {
    /// Only ask whether it exists.
    pub passive: bool,
    /// It survives a restart.
    pub durable: bool,
    /// Only this connection may use it, and it is deleted with the connection.
    pub exclusive: bool,
    /// It is deleted with its last consumer.
    pub auto_delete: bool,
    /// Such as `x-queue-type` or `x-message-ttl`.
    pub arguments: FieldTable,
}

/// Every method fails with the error that ended the channel or the connection; [`Error::TooLong`] and
/// [`Error::Arguments`] leave both as they were.
impl Channel {
    /// Declares an exchange of a type such as `direct`, `fanout` or `topic`.
    ///
    /// # Errors
    /// See above.
    pub async fn exchange_declare(
        &self,
        exchange: &str,
        exchange_type: &str,
        options: ExchangeOptions,
    ) -> Result<(), Error> {
        let arguments = options.arguments.to_bytes();
        let declare = exchange::Declare {
            exchange,
            exchange_type,
            passive: options.passive,
            durable: options.durable,
            auto_delete: options.auto_delete,
            internal: options.internal,
            nowait: false,
            arguments: RawTable::from_bytes(&arguments)?,
        };
        self.call(Request::ExchangeDeclare, &Method::ExchangeDeclare(declare)).await.map(drop)
    }

    /// Deletes an exchange; with `if_unused` only if no binding begins at it.
    ///
    /// # Errors
    /// See above.
    pub async fn exchange_delete(&self, exchange: &str, if_unused: bool) -> Result<(), Error> {
        let delete = exchange::Delete { exchange, if_unused, nowait: false };
        self.call(Request::ExchangeDelete, &Method::ExchangeDelete(delete)).await.map(drop)
    }

    /// Lets messages go on from one exchange to another.
    ///
    /// # Errors
    /// See above.
    pub async fn exchange_bind(
        &self,
        destination: &str,
        source: &str,
        routing_key: &str,
        arguments: &FieldTable,
    ) -> Result<(), Error> {
        let arguments = arguments.to_bytes();
        let arguments = RawTable::from_bytes(&arguments)?;
        let bind = exchange::Bind { destination, source, routing_key, nowait: false, arguments };
        self.call(Request::ExchangeBind, &Method::ExchangeBind(bind)).await.map(drop)
    }

    /// Removes a binding between exchanges.
    ///
    /// # Errors
    /// See above.
    pub async fn exchange_unbind(
        &self,
        destination: &str,
        source: &str,
        routing_key: &str,
        arguments: &FieldTable,
    ) -> Result<(), Error> {
        let arguments = arguments.to_bytes();
        let arguments = RawTable::from_bytes(&arguments)?;
        let unbind =
            exchange::Unbind { destination, source, routing_key, nowait: false, arguments };
        self.call(Request::ExchangeUnbind, &Method::ExchangeUnbind(unbind)).await.map(drop)
    }

    /// Declares a queue; the broker names it if `queue` is empty.
    ///
    /// # Errors
    /// See above.
    pub async fn queue_declare(
        &self,
        queue: &str,
        options: QueueOptions,
    ) -> Result<DeclaredQueue, Error> {
        let arguments = options.arguments.to_bytes();
        let declare = queue::Declare {
            queue,
            passive: options.passive,
            durable: options.durable,
            exclusive: options.exclusive,
            auto_delete: options.auto_delete,
            nowait: false,
            arguments: RawTable::from_bytes(&arguments)?,
        };
        let reply = self.call(Request::QueueDeclare, &Method::QueueDeclare(declare)).await?;
        let Reply::Queue(queue) = reply else { return Err(mismatch(Request::QueueDeclare)) };
        Ok(queue)
    }

    /// Lets messages go from an exchange to a queue.
    ///
    /// # Errors
    /// See above.
    pub async fn queue_bind(
        &self,
        queue: &str,
        exchange: &str,
        routing_key: &str,
        arguments: &FieldTable,
    ) -> Result<(), Error> {
        let arguments = arguments.to_bytes();
        let arguments = RawTable::from_bytes(&arguments)?;
        let bind = queue::Bind { queue, exchange, routing_key, nowait: false, arguments };
        self.call(Request::QueueBind, &Method::QueueBind(bind)).await.map(drop)
    }

    /// Removes a binding.
    ///
    /// # Errors
    /// See above.
    pub async fn queue_unbind(
        &self,
        queue: &str,
        exchange: &str,
        routing_key: &str,
        arguments: &FieldTable,
    ) -> Result<(), Error> {
        let arguments = arguments.to_bytes();
        let arguments = RawTable::from_bytes(&arguments)?;
        let unbind = queue::Unbind { queue, exchange, routing_key, arguments };
        self.call(Request::QueueUnbind, &Method::QueueUnbind(unbind)).await.map(drop)
    }

    /// Drops the ready messages of a queue and returns how many they were.
    ///
    /// # Errors
    /// See above.
    pub async fn queue_purge(&self, queue: &str) -> Result<u32, Error> {
        let purge = queue::Purge { queue, nowait: false };
        let reply = self.call(Request::QueuePurge, &Method::QueuePurge(purge)).await?;
        let Reply::Messages(count) = reply else { return Err(mismatch(Request::QueuePurge)) };
        Ok(count)
    }

    /// Deletes a queue, under conditions if wanted, and returns how many messages were ready in it.
    ///
    /// # Errors
    /// See above.
    pub async fn queue_delete(
        &self,
        queue: &str,
        if_unused: bool,
        if_empty: bool,
    ) -> Result<u32, Error> {
        let delete = queue::Delete { queue, if_unused, if_empty, nowait: false };
        let reply = self.call(Request::QueueDelete, &Method::QueueDelete(delete)).await?;
        let Reply::Messages(count) = reply else { return Err(mismatch(Request::QueueDelete)) };
        Ok(count)
    }
}

/// Requests and replies are paired where they arrive, so this does not happen.
pub(super) fn mismatch(request: Request) -> Error {
    Error::Protocol(format!("the answer to {request:?} belongs to something else"))
}
