//! Who publishes: with confirms, many or few at a time, or in transactions.

use std::sync::Arc;

use futures_util::FutureExt as _;
use pillarbox_client::{Confirmation, Connection, Error, Publish};

use super::{Session, Shared};
use crate::{
    history::Event,
    message::MessageId,
    random::Random,
    topology::{PLAIN, QueueIndex},
};

/// How many messages may be unconfirmed.
const WINDOWS: &[usize] = &[1, 10, 100, 500];
/// The most messages of a transaction.
const TRANSACTION_MAX: u64 = 20;
/// How many of a hundred transactions are taken back.
const ROLLBACK_SHARE: u64 = 10;

/// Publishes with confirms until it is stopped or the broker is gone.
pub(super) async fn with_confirms(shared: Arc<Shared>, random: Random) {
    // Whatever goes wrong, the broker is gone: the history says what is known.
    let _: Result<(), Error> = confirmed(shared, random).await;
}

/// Publishes in transactions until it is stopped or the broker is gone.
pub(super) async fn with_transactions(shared: Arc<Shared>, random: Random) {
    let _: Result<(), Error> = committed(shared, random).await;
}

async fn confirmed(shared: Arc<Shared>, mut random: Random) -> Result<(), Error> {
    let connection = Connection::connect(&shared.uri).await?;
    let window = random.pick(WINDOWS);
    let mut session = Session::open(&shared, &connection, random).await?;
    session.channel.confirm_select().await?;
    while !shared.is_stopped() {
        session.wait_for_backlog().await;
        let message = session.draw();
        if let Err(error) = session.publish(message).await {
            session.confirm_down_to(0).await;
            return Err(error);
        }
        session.confirm_what_is_there();
        session.confirm_down_to(window - 1).await;
    }
    session.confirm_down_to(0).await;
    connection.close().await
}

async fn committed(shared: Arc<Shared>, random: Random) -> Result<(), Error> {
    let connection = Connection::connect(&shared.uri).await?;
    let mut session = Session::open(&shared, &connection, random).await?;
    session.channel.tx_select().await?;
    while !shared.is_stopped() {
        session.wait_for_backlog().await;
        let count = 1 + session.random.below(TRANSACTION_MAX);
        for _ in 0..count {
            let message = session.draw_for_transaction();
            session.publish_in_transaction(message).await?;
        }
        if session.random.chance(ROLLBACK_SHARE) {
            session.channel.tx_rollback().await?;
            shared.done(usize::try_from(count).unwrap_or(0));
            // What was taken back never counts, so the next messages are another transaction's.
            session.id = shared.history.next_channel();
        } else {
            shared.history.record(Event::Committing(session.id));
            session.channel.tx_commit().await?;
            shared.history.record(Event::Committed(session.id));
        }
    }
    connection.close().await
}

impl Session {
    /// The next message.
    pub(super) fn draw(&mut self) -> MessageId {
        self.number += 1;
        MessageId::draw(self.session, self.number, &mut self.random)
    }

    /// The next message that no queue refuses, for that would close the channel.
    fn draw_for_transaction(&mut self) -> MessageId {
        let message = self.draw();
        let refuses = |queue: &QueueIndex| queue.kind().refuses();
        let is_refused =
            message.route.route().is_some_and(|route| route.queues.iter().any(refuses));
        if is_refused { MessageId { route: PLAIN, ..message } } else { message }
    }

    /// Publishes a message whose confirm is to be awaited.
    pub(super) async fn publish(&mut self, message: MessageId) -> Result<(), Error> {
        let confirm = self.send(message, false).await?;
        self.unconfirmed.push_back((message, confirm));
        Ok(())
    }

    async fn publish_in_transaction(&self, message: MessageId) -> Result<(), Error> {
        self.send(message, true).await.map(drop)
    }

    async fn send(
        &self,
        message: MessageId,
        in_transaction: bool,
    ) -> Result<pillarbox_client::Confirm, Error> {
        let route = message.route.route().expect("it was drawn from the routes");
        let (body, properties) = (message.body(), message.properties());
        let publish = Publish {
            exchange: route.exchange,
            routing_key: route.routing_key,
            properties: Some(&properties),
            body: &body,
            mandatory: !in_transaction && !message.route.is_delayed(),
        };
        let channel = self.id;
        self.shared.history.record(Event::Published { message, channel, in_transaction });
        self.shared.on_its_way(message);
        self.channel.publish(&publish).await
    }

    /// Notes the confirms that have come already.
    fn confirm_what_is_there(&mut self) {
        while let Some((message, confirm)) = self.unconfirmed.front_mut()
            && let Some(confirmation) = confirm.now_or_never()
        {
            note(&self.shared, *message, confirmation);
            self.unconfirmed.pop_front();
        }
    }

    /// Waits for confirms until so many messages are left without, and tells whether all were good.
    pub(super) async fn confirm_down_to(&mut self, left: usize) -> bool {
        let mut all_good = true;
        while self.unconfirmed.len() > left
            && let Some((message, confirm)) = self.unconfirmed.pop_front()
        {
            all_good &= note(&self.shared, message, confirm.await);
        }
        all_good
    }
}

/// Notes what became of a message; `true` if the broker has it.
fn note(shared: &Shared, message: MessageId, confirmation: Result<Confirmation, Error>) -> bool {
    match confirmation {
        Ok(Confirmation::Ack) => {
            shared.confirmed(message);
            return true;
        }
        Ok(Confirmation::Nack) => {
            shared.done(1);
            shared.history.record(Event::Refused(message));
        }
        Ok(Confirmation::Returned(_)) => shared.history.record(Event::Unroutable(message)),
        // It may have come to the broker or not.
        Err(_) => {}
    }
    false
}
