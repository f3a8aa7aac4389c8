//! A dead letter is in the log before its original is gone from there: a broker that ends between two writes, whichever
//! they are, has it in one place at least.

use std::{collections::BTreeSet, time::Duration};

use pillarbox_client::{
    Channel, Connection, Error, FieldTable, Properties, Publish, QueueOptions, ShortString,
};
use witness::folder::{Folder, run};

use crate::VARIABLE;

/// The writes before which the broker ends. What a rejection writes is not the same each time: with so many, one comes
/// between any two of its writes.
const NTH: std::ops::Range<u64> = 20..45;
/// How many messages there are, and are rejected one after the other until the broker ends.
const MESSAGES: usize = 60;
/// How long the broker may take to get there.
const END_TIME_MAX: Duration = Duration::from_secs(20);

#[test]
fn a_dead_letter_is_there_before_its_original_goes() {
    for nth in NTH {
        let folder = Folder::new("letters");
        let launch = folder.launch("");
        let mut process = launch.start().expect("the broker starts");
        run(prepare(&process.uri())).expect("the broker takes the messages");
        assert!(process.stop().is_some_and(|status| status.success()), "{}", process.log_text());
        let mut ending = launch.clone();
        ending.env.push((VARIABLE.to_owned(), format!("before-write:{nth}")));
        let mut process = ending.start().expect("the broker starts before that write");
        let rejected = run(reject(&process.uri()));
        assert!(rejected.is_err(), "the broker ends while messages are rejected");
        assert!(process.wait(END_TIME_MAX).is_some(), "it does not end before write {nth}");
        let process = launch.start().expect("the broker starts again");
        let left = run(left(&process.uri())).expect("the broker gives what it has");
        let missing: Vec<_> = bodies().filter(|body| !left.contains(body)).collect();
        assert!(missing.is_empty(), "before write {nth}: {missing:?} are in neither queue");
    }
}

fn bodies() -> impl Iterator<Item = String> {
    (0..MESSAGES).map(|n| format!("message {n}"))
}

/// A connection lives for as long as it is kept.
async fn connect(uri: &str) -> Result<(Connection, Channel), Error> {
    let connection = Connection::connect(uri).await?;
    let channel = connection.open_channel().await?;
    channel.confirm_select().await?;
    Ok((connection, channel))
}

async fn confirmed(channel: &Channel, queue: &str, body: &str) -> Result<(), Error> {
    let persistent = Properties { delivery_mode: Some(2), ..Properties::default() };
    let publish = Publish {
        routing_key: queue,
        properties: Some(&persistent),
        body: body.as_bytes(),
        ..Publish::default()
    };
    channel.publish(&publish).await?.await.map(drop)
}

async fn prepare(uri: &str) -> Result<(), Error> {
    let (_connection, channel) = connect(uri).await?;
    let mut arguments = FieldTable::new();
    for (name, value) in [("x-dead-letter-exchange", ""), ("x-dead-letter-routing-key", "dead")] {
        arguments.insert(ShortString::from_static(name), value);
    }
    let durable = QueueOptions { durable: true, ..QueueOptions::default() };
    for queue in ["dead", "others"] {
        channel.queue_declare(queue, durable.clone()).await?;
    }
    channel.queue_declare("q", QueueOptions { arguments, ..durable }).await?;
    for body in bodies() {
        confirmed(&channel, "q", &body).await?;
    }
    Ok(())
}

/// Rejects one after the other, each when what came before is flushed.
async fn reject(uri: &str) -> Result<(), Error> {
    let (_connection, channel) = connect(uri).await?;
    for _ in 0..MESSAGES {
        let delivery = channel.get("q", false).await?.expect("there are enough");
        channel.nack(delivery.delivery_tag, false, false)?;
        confirmed(&channel, "others", "flushed").await?;
    }
    Ok(())
}

/// The bodies that are in one of both queues.
async fn left(uri: &str) -> Result<BTreeSet<String>, Error> {
    let (_connection, channel) = connect(uri).await?;
    let mut left = BTreeSet::new();
    for queue in ["q", "dead"] {
        while let Some(delivery) = channel.get(queue, true).await? {
            left.insert(String::from_utf8_lossy(&delivery.body).into_owned());
        }
    }
    Ok(left)
}
