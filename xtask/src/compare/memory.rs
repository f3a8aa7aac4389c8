//! What things take in the broker's memory: the growth of its resident set, divided by their number.

use std::{path::Path, time::Duration};

use anyhow::ensure;
use cli::process::resident_bytes;
use pillarbox_client::{Channel, Connection, Publish, QueueOptions};
use tokio::time;

use super::{
    brokers::Broker,
    report::{Must, Row},
};

const CONNECTIONS: usize = 5_000;
const QUEUES: usize = 50_000;
const MESSAGES: usize = 1_000_000;
const MESSAGE_BYTES: usize = 100;

/// How many of them `--quick` takes: a tenth.
const QUICK_SHARE: usize = 10;

/// Each figure in a broker of its own, so that nothing is reused.
pub(super) async fn measure(binary: &Path, is_quick: bool) -> anyhow::Result<Vec<Row>> {
    let share = if is_quick { QUICK_SHARE } else { 1 };
    let idle = {
        let broker = Broker::pillarbox(binary)?;
        settled(&broker).await?
    };
    let connection = connections(&Broker::pillarbox(binary)?, CONNECTIONS / share).await?;
    let queue = queues(&Broker::pillarbox(binary)?, QUEUES / share).await?;
    // With a disk most of them would not be in memory.
    let in_memory = Broker::pillarbox_in_memory(binary)?;
    let message = messages(&in_memory, MESSAGES / share).await?;
    let row = |what: &str, unit, figure: f64, bound| {
        Row::of(what, unit, &[(figure, None)], Must::AtMost(bound))
    };
    Ok(vec![
        row("memory of an idle broker", "MB", idle / 1e6, 25.0),
        row("memory of an idle connection with a channel", "bytes", connection, 6.0 * 1024.0),
        row("memory of a declared queue", "bytes", queue, 2.0 * 1024.0),
        row("memory of a queued 100 B message beside its body", "bytes", message, 80.0),
    ])
}

async fn connections(broker: &Broker, count: usize) -> anyhow::Result<f64> {
    // What the first one brings about, such as buffers of threads, is not of each.
    let _first = connection_with_channel(broker).await?;
    let before = settled(broker).await?;
    let mut open = Vec::with_capacity(count);
    for _ in 0..count {
        open.push(connection_with_channel(broker).await?);
    }
    Ok((settled(broker).await? - before) / float(count))
}

async fn connection_with_channel(broker: &Broker) -> anyhow::Result<(Connection, Channel)> {
    let connection = Connection::connect(&broker.uri).await?;
    let channel = connection.open_channel().await?;
    Ok((connection, channel))
}

async fn queues(broker: &Broker, count: usize) -> anyhow::Result<f64> {
    let (_connection, channel) = connection_with_channel(broker).await?;
    channel.queue_declare("first", QueueOptions::default()).await?;
    let before = settled(broker).await?;
    for number in 0..count {
        channel.queue_declare(&format!("queue-{number}"), QueueOptions::default()).await?;
    }
    Ok((settled(broker).await? - before) / float(count))
}

async fn messages(broker: &Broker, count: usize) -> anyhow::Result<f64> {
    let (_connection, channel) = connection_with_channel(broker).await?;
    channel.queue_declare("long", QueueOptions::default()).await?;
    let publish = Publish { routing_key: "long", body: &[7; MESSAGE_BYTES], ..Publish::default() };
    let batch = channel.prepare(&publish, 100)?;
    channel.publish_prepared(&batch, batch.len()).await?;
    let before = settled(broker).await?;
    for _ in 0..count / batch.len() {
        channel.publish_prepared(&batch, batch.len()).await?;
    }
    // A channel's methods are served in order: by its answer everything is queued.
    let queued = channel.queue_declare("long", QueueOptions::default()).await?.messages;
    ensure!(queued as usize == count + batch.len(), "{queued} messages are queued");
    Ok((settled(broker).await? - before) / float(count) - float(MESSAGE_BYTES))
}

/// The resident memory, once it has stood still for half a second.
pub(super) async fn settled(broker: &Broker) -> anyhow::Result<f64> {
    let mut last = resident_bytes(broker.pid)?;
    let mut unchanged = 0;
    while unchanged < 5 {
        time::sleep(Duration::from_millis(100)).await;
        let now = resident_bytes(broker.pid)?;
        unchanged = if now == last { unchanged + 1 } else { 0 };
        last = now;
    }
    #[expect(clippy::cast_precision_loss, reason = "a memory of 2^52 bytes is not near")]
    Ok(last as f64)
}

fn float(count: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]
    let count = count as f64;
    count
}
