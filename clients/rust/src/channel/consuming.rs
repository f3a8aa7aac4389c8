//! Consuming, fetching and settling.

use std::sync::Arc;

use amqp::{Method, RawTable, basic};

use super::{Channel, topology::mismatch};
use crate::{
    Consumer, ConsumerHandler, Delivery, Error, FieldTable,
    consumer::{Feeder, Inbox},
    reply::{Answer, Reply, Request},
};

/// How to consume.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConsumeOptions {
    /// What to call the consumer; empty for a name of its own.
    pub consumer_tag: String,
    /// Messages count as done with once they are sent; prefetch does not hold them back.
    pub no_ack: bool,
    /// Nobody else may consume from the queue.
    pub exclusive: bool,
    /// Such as `x-priority`.
    pub arguments: FieldTable,
}

/// Every method fails with the error that ended the channel or the connection.
impl Channel {
    /// Limits how many deliveries may be unsettled at once: of each consumer that starts later, or with `global` of
    /// the channel. 0 is no limit.
    ///
    /// # Errors
    /// See above.
    pub async fn qos(&self, prefetch_count: u16, global: bool) -> Result<(), Error> {
        let qos = basic::Qos { prefetch_size: 0, prefetch_count, global };
        self.call(Request::Qos, &Method::BasicQos(qos)).await.map(drop)
    }

    /// Starts a consumer and returns its deliveries as a stream.
    ///
    /// # Errors
    /// See above.
    pub async fn consume(&self, queue: &str, options: ConsumeOptions) -> Result<Consumer, Error> {
        let backlog = Arc::clone(&self.shared.connection.backlog);
        let inbox = Arc::new(Inbox::new(Arc::clone(&self.shared), backlog, options.no_ack));
        let feeder = Feeder(Arc::clone(&inbox));
        let (tag, reply) = self.start_consumer(queue, &options, Box::new(feeder))?;
        // From here on, giving up cancels the consumer.
        let consumer = Consumer { tag: tag.into(), inbox };
        reply.await.unwrap_or(Err(Error::ClosedByClient))?;
        Ok(consumer)
    }

    /// Starts a consumer whose deliveries `handler` gets where they are read, and returns its name.
    ///
    /// # Errors
    /// See above.
    pub async fn consume_with(
        &self,
        queue: &str,
        options: ConsumeOptions,
        handler: impl ConsumerHandler + 'static,
    ) -> Result<String, Error> {
        let (tag, reply) = self.start_consumer(queue, &options, Box::new(handler))?;
        reply.await.unwrap_or(Err(Error::ClosedByClient))?;
        Ok(tag)
    }

    fn start_consumer(
        &self,
        queue: &str,
        options: &ConsumeOptions,
        handler: Box<dyn ConsumerHandler>,
    ) -> Result<(String, Answer), Error> {
        let tag = if options.consumer_tag.is_empty() {
            let mut outbound = self.shared.outbound.lock();
            outbound.consumers += 1;
            // Known before the broker answers, so that no delivery meets a consumer without a name.
            format!("consumer-{}", outbound.consumers)
        } else {
            options.consumer_tag.clone()
        };
        let arguments = options.arguments.to_bytes();
        let consume = basic::Consume {
            queue,
            consumer_tag: &tag,
            no_local: false,
            no_ack: options.no_ack,
            exclusive: options.exclusive,
            nowait: false,
            arguments: RawTable::from_bytes(&arguments)?,
        };
        let reply = self.ask(Request::Consume, &Method::BasicConsume(consume), |incoming| {
            let tag = tag.as_str().into();
            incoming.register_consumer(self.shared.number, tag, options.no_ack, handler);
        })?;
        Ok((tag, reply))
    }

    /// Ends a consumer; its stream ends once everything that came before was taken out.
    ///
    /// # Errors
    /// See above.
    pub async fn cancel(&self, consumer_tag: &str) -> Result<(), Error> {
        let cancel = basic::Cancel { consumer_tag, nowait: false };
        self.call(Request::Cancel, &Method::BasicCancel(cancel)).await.map(drop)
    }

    /// Fetches one message, or `None` if none is ready.
    ///
    /// # Errors
    /// See above.
    pub async fn get(&self, queue: &str, no_ack: bool) -> Result<Option<Delivery>, Error> {
        let get = basic::Get { queue, no_ack };
        let Reply::Message(delivery) = self.call(Request::Get, &Method::BasicGet(get)).await?
        else {
            return Err(mismatch(Request::Get));
        };
        Ok(delivery.map(|delivery| *delivery))
    }

    /// Acknowledges a delivery, or with `multiple` all of this channel up to it; tag 0 then means all of them.
    ///
    /// # Errors
    /// See above.
    pub fn ack(&self, delivery_tag: u64, multiple: bool) -> Result<(), Error> {
        self.shared.send(&Method::BasicAck(basic::Ack { delivery_tag, multiple }))
    }

    /// Gives back a delivery, or with `multiple` all of this channel up to it.
    ///
    /// # Errors
    /// See above.
    pub fn nack(&self, delivery_tag: u64, multiple: bool, requeue: bool) -> Result<(), Error> {
        self.shared.send(&Method::BasicNack(basic::Nack { delivery_tag, multiple, requeue }))
    }

    /// Gives everything unsettled on this channel back to its queues.
    ///
    /// # Errors
    /// See above.
    pub async fn recover(&self) -> Result<(), Error> {
        let recover = basic::Recover { requeue: true };
        self.call(Request::Recover, &Method::BasicRecover(recover)).await.map(drop)
    }
}
