//! Nothing is answered that is not flushed: while a flush stands still, answers do not come.
//!
//! After a kill nobody can tell, since the operating system has what was written. So one flush never comes back, and
//! each kind of promise is asked for more often than there were flushes before.

use std::time::Duration;

use pillarbox_client::{
    Channel, Connection, Error, ExchangeOptions, Properties, Publish, QueueOptions,
};
use tokio::time;
use witness::folder::{Folder, run};

use crate::VARIABLE;

/// The flush that never comes back: late enough for a broker to start before, and for some answers.
const STALL: &str = "stall-sync:20";
/// How often each promise is asked for, one after the other: each takes a flush of its own.
const ASKED: usize = 60;
/// An answer that takes longer does not come.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(1);

/// What is as durable as its answer says.
#[derive(Clone, Copy, Debug)]
enum Promise {
    QueueDeclared,
    QueueDeleted,
    Purged,
    Bound,
    Unbound,
    ExchangeDeclared,
    ExchangeDeleted,
    Confirmed,
    MessageCommitted,
    AckCommitted,
}

const PROMISES: &[Promise] = &[
    Promise::QueueDeclared,
    Promise::QueueDeleted,
    Promise::Purged,
    Promise::Bound,
    Promise::Unbound,
    Promise::ExchangeDeclared,
    Promise::ExchangeDeleted,
    Promise::Confirmed,
    Promise::MessageCommitted,
    Promise::AckCommitted,
];

#[test]
fn nothing_is_answered_while_a_flush_stands_still() {
    for promise in PROMISES {
        let folder = Folder::new("answers");
        let mut launch = folder.launch("");
        let mut process = launch.start().expect("the broker starts");
        run(prepare(&process.uri())).expect("the broker takes what there is to be");
        assert!(process.stop().is_some_and(|status| status.success()), "{}", process.log_text());
        launch.env.push((VARIABLE.to_owned(), STALL.to_owned()));
        let process = launch.start().expect("the broker starts before that flush");
        let answered = run(answered(&process.uri(), *promise)).expect("the broker answers or not");
        assert!(answered < ASKED, "{promise:?} is answered, and never flushed");
        assert!(answered > 0, "{promise:?} is never answered");
    }
}

fn queue(n: usize) -> String {
    format!("queue {n}")
}

fn exchange(n: usize) -> String {
    format!("exchange {n}")
}

fn durable_queue() -> QueueOptions {
    QueueOptions { durable: true, ..QueueOptions::default() }
}

fn durable_exchange() -> ExchangeOptions {
    ExchangeOptions { durable: true, ..ExchangeOptions::default() }
}

async fn publish(channel: &Channel, queue: &str) -> Result<pillarbox_client::Confirm, Error> {
    let persistent = Properties { delivery_mode: Some(2), ..Properties::default() };
    let properties = Some(&persistent);
    channel.publish(&Publish { routing_key: queue, properties, ..Publish::default() }).await
}

/// A queue, a binding, an exchange and a message for each promise.
async fn prepare(uri: &str) -> Result<(), Error> {
    let connection = Connection::connect(uri).await?;
    let channel = connection.open_channel().await?;
    channel.confirm_select().await?;
    let mut last = None;
    for n in 0..ASKED {
        let queue = queue(n);
        channel.queue_declare(&queue, durable_queue()).await?;
        channel.queue_bind(&queue, "amq.fanout", "", &<_>::default()).await?;
        channel.exchange_declare(&exchange(n), "fanout", durable_exchange()).await?;
        last = Some(publish(&channel, &queue).await?);
    }
    if let Some(last) = last {
        last.await?;
    }
    connection.close().await
}

/// How often a promise is given until one is not.
async fn answered(uri: &str, promise: Promise) -> Result<usize, Error> {
    let connection = Connection::connect(uri).await?;
    let channel = connection.open_channel().await?;
    match promise {
        Promise::Confirmed => channel.confirm_select().await?,
        Promise::MessageCommitted | Promise::AckCommitted => channel.tx_select().await?,
        Promise::QueueDeclared
        | Promise::QueueDeleted
        | Promise::Purged
        | Promise::Bound
        | Promise::Unbound
        | Promise::ExchangeDeclared
        | Promise::ExchangeDeleted => {}
    }
    for n in 0..ASKED {
        match time::timeout(ANSWER_TIME_MAX, promise.ask(&channel, n)).await {
            Ok(answer) => answer?,
            Err(_) => return Ok(n),
        }
    }
    Ok(ASKED)
}

impl Promise {
    async fn ask(self, channel: &Channel, n: usize) -> Result<(), Error> {
        let (queue, exchange) = (queue(n), exchange(n));
        match self {
            Self::QueueDeclared => {
                channel.queue_declare(&format!("new {n}"), durable_queue()).await.map(drop)
            }
            Self::QueueDeleted => channel.queue_delete(&queue, false, false).await.map(drop),
            Self::Purged => channel.queue_purge(&queue).await.map(drop),
            Self::Bound => channel.queue_bind(&queue, "amq.direct", "key", &<_>::default()).await,
            Self::Unbound => channel.queue_unbind(&queue, "amq.fanout", "", &<_>::default()).await,
            Self::ExchangeDeclared => {
                channel.exchange_declare(&format!("new {n}"), "fanout", durable_exchange()).await
            }
            Self::ExchangeDeleted => channel.exchange_delete(&exchange, false).await,
            Self::Confirmed => publish(channel, &queue).await?.await.map(drop),
            Self::MessageCommitted => {
                publish(channel, &queue).await?;
                channel.tx_commit().await
            }
            Self::AckCommitted => {
                let delivery = channel.get(&queue, false).await?.expect("a message was published");
                channel.ack(delivery.delivery_tag, false)?;
                channel.tx_commit().await
            }
        }
    }
}
