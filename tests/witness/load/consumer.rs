//! Who consumes: acks one or many, rejects, gives back, or keeps what it got until the end.

use std::sync::Arc;

use pillarbox_client::{Connection, ConsumeOptions, Consumer, Delivery, Error};
use tokio::task::JoinSet;

use super::{Session, Shared};
use crate::{
    history::{Event, How},
    message::MessageId,
    random::Random,
    topology::{PLAIN, QueueIndex},
};

/// How many deliveries a consumer may have.
const PREFETCHES: &[u16] = &[5, 40, 300];
/// How many of a hundred consumers settle in transactions.
const TRANSACTIONS_SHARE: u64 = 25;
/// After so many deliveries at most a fence or a commit follows.
const STRETCH_MAX: u64 = 40;

/// Consumes from the queues until it is stopped or the broker is gone.
pub(super) async fn consume(shared: Arc<Shared>, queues: Vec<QueueIndex>, mut random: Random) {
    let Ok(connection) = Connection::connect(&shared.uri).await else { return };
    let mut workers = JoinSet::new();
    for queue in queues {
        let Ok(session) = Session::open(&shared, &connection, random.fork()).await else { break };
        workers.spawn(async move {
            // Whatever goes wrong, the broker is gone: the history says what is known.
            let _: Result<(), Error> = Worker::new(session, queue).work().await;
        });
    }
    while let Some(worker) = workers.join_next().await {
        worker.expect("nobody who works panics");
    }
    let _: Result<(), Error> = connection.close().await;
}

/// A consumer of one queue on a channel of its own.
struct Worker {
    session: Session,
    queue: QueueIndex,
    /// Settles in transactions.
    has_transactions: bool,
    /// Delivered and not settled, in the order of their tags.
    open: Vec<(u64, MessageId)>,
    open_max: usize,
    /// Deliveries until the next fence or commit.
    stretch: u64,
}

impl Worker {
    fn new(mut session: Session, queue: QueueIndex) -> Self {
        let has_transactions = session.random.chance(TRANSACTIONS_SHARE);
        let stretch = session.random.below(STRETCH_MAX);
        Self { session, queue, has_transactions, open: Vec::new(), open_max: 0, stretch }
    }

    async fn work(mut self) -> Result<(), Error> {
        let prefetch = self.session.random.pick(PREFETCHES);
        self.open_max = usize::from(prefetch / 2);
        let channel = &self.session.channel;
        if self.has_transactions {
            channel.tx_select().await?;
        } else {
            channel.confirm_select().await?;
        }
        channel.qos(prefetch, false).await?;
        let mut consumer =
            channel.consume(self.queue.kind().name, ConsumeOptions::default()).await?;
        let done = self.consume(&mut consumer).await;
        // What it still had goes back, so it was not delivered.
        drop(consumer);
        done
    }

    async fn consume(&mut self, consumer: &mut Consumer) -> Result<(), Error> {
        let shared = Arc::clone(&self.session.shared);
        loop {
            let delivery = tokio::select! {
                delivery = consumer.next() => delivery,
                () = shared.stopped() => None,
            };
            let Some(delivery) = delivery else { return Ok(()) };
            if self.take(&delivery?)? {
                self.stretch = self.session.random.below(STRETCH_MAX);
                self.make_sure().await?;
            }
        }
    }

    /// Does something with a delivery; `true` if it is time to make sure that it lasts.
    fn take(&mut self, delivery: &Delivery) -> Result<bool, Error> {
        let (history, queue) = (&self.session.shared.history, self.queue);
        let found = match delivery.properties() {
            Ok(properties) => MessageId::recognize(queue, &properties, &delivery.body),
            Err(error) => Err(error.to_string()),
        };
        let message = match found {
            Ok(message) => message,
            Err(what) => {
                history.record(Event::Changed { queue, what });
                return Ok(false);
            }
        };
        let (channel, redelivered) = (self.session.id, delivery.redelivered);
        history.record(Event::Delivered { message, queue, channel, redelivered });
        self.open.push((delivery.delivery_tag, message));
        let (tag, is_full) = (delivery.delivery_tag, self.open.len() > self.open_max);
        match self.session.random.below(100) {
            _ if is_full => self.settle_all(tag)?,
            0..55 => {
                self.settle(How::Ack);
                self.session.channel.ack(tag, false)?;
            }
            55..70 => self.settle_all(tag)?,
            70..78 => {
                self.settle(How::Requeue);
                self.session.channel.nack(tag, false, true)?;
            }
            78..88 => {
                self.settle(How::Reject);
                self.session.channel.nack(tag, false, false)?;
            }
            // It is kept until another one is settled with all before it, or for good.
            _ => {}
        }
        self.stretch = self.stretch.saturating_sub(1);
        Ok(self.stretch == 0)
    }

    /// Notes what will be done with the last delivery.
    fn settle(&mut self, how: How) {
        let (_, message) = self.open.pop().expect("it has just come");
        self.note(message, how);
    }

    fn settle_all(&mut self, tag: u64) -> Result<(), Error> {
        for (_, message) in std::mem::take(&mut self.open) {
            self.note(message, How::Ack);
        }
        self.session.channel.ack(tag, true)
    }

    fn note(&self, message: MessageId, how: How) {
        let Session { shared, id: channel, .. } = &self.session;
        let (queue, channel, in_transaction) = (self.queue, *channel, self.has_transactions);
        shared.history.record(Event::Settled { message, queue, channel, how, in_transaction });
        if how == How::Ack || how == How::Reject && !queue.has_dead_letters() {
            shared.settled(1);
        }
    }

    /// Waits until what was settled lasts: a commit, or a confirm of what was published after it.
    async fn make_sure(&mut self) -> Result<(), Error> {
        let id = self.session.id;
        let shared = Arc::clone(&self.session.shared);
        if self.has_transactions {
            shared.history.record(Event::Committing(id));
            self.session.channel.tx_commit().await?;
            shared.history.record(Event::Committed(id));
            return Ok(());
        }
        if !shared.fences {
            return Ok(());
        }
        let fence = MessageId { route: PLAIN, is_persistent: true, ..self.session.draw() };
        shared.history.record(Event::FenceSent(id));
        self.session.publish(fence).await?;
        if self.session.confirm_down_to(0).await {
            shared.history.record(Event::FencePassed(id));
        }
        Ok(())
    }
}
