//! What a few messages that nobody acknowledges keep on the disk of all that were consumed around them.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use pillarbox_client::{
    Connection, ConsumeOptions, ConsumerHandler, DeliveryRef, Properties, Publish, QueueOptions,
    Replies,
};
use tokio::time;

use super::{
    brokers::Broker,
    report::{Must, Row},
};

const MESSAGE_BYTES: usize = 1_024;

/// What is consumed: 200 MiB.
const MESSAGES: u64 = (200 << 20) / MESSAGE_BYTES as u64;

/// One message of 8 MiB is not acknowledged.
const KEPT_EVERY: u64 = (8 << 20) / MESSAGE_BYTES as u64;

/// How many messages are published before they have to be received.
const AHEAD: u64 = 2_000;

/// How long it may take until the space is given back.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(60);

/// The space has been given back when it has stood still for so long.
const STILL: Duration = Duration::from_secs(3);

/// Publishes, consumes, and leaves one message of 8 MiB unacknowledged; then looks into the data folder.
pub(super) async fn unacked(tool: &Path) -> anyhow::Result<Vec<Row>> {
    let broker = Broker::pillarbox(tool)?;
    let connection = Connection::connect(&broker.uri).await?;
    let channel = connection.open_channel().await?;
    let durable = QueueOptions { durable: true, ..QueueOptions::default() };
    channel.queue_declare("kept", durable).await?;
    let received = Arc::new(AtomicU64::new(0));
    let handler = AckMost { received: Arc::clone(&received) };
    channel.consume_with("kept", ConsumeOptions::default(), handler).await?;

    let persistent = Properties { delivery_mode: Some(2), ..Properties::default() };
    let publish = Publish {
        routing_key: "kept",
        properties: Some(&persistent),
        body: &[7; MESSAGE_BYTES],
        ..Publish::default()
    };
    let batch = channel.prepare(&publish, 50)?;
    let mut sent = 0;
    while sent < MESSAGES {
        channel.publish_prepared(&batch, batch.len()).await?;
        sent += batch.len() as u64;
        while sent - received.load(Ordering::Relaxed) > AHEAD {
            time::sleep(Duration::from_millis(1)).await;
        }
    }
    let begun = Instant::now();
    while received.load(Ordering::Relaxed) < sent {
        ensure!(begun.elapsed() < SETTLE_TIMEOUT, "not everything is delivered");
        time::sleep(Duration::from_millis(10)).await;
    }

    let left = still(&broker.folder).await?;
    connection.close().await?;
    #[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
    let left = left as f64 / f64::from(1 << 20);
    let what =
        "one unacked message per 8 MiB, 200 MiB consumed, left beside active segment and spares";
    Ok(vec![Row::of(what, "MiB", &[(left, None)], Must::AtMost(30.0))])
}

/// Acknowledges each message but one of many.
struct AckMost {
    received: Arc<AtomicU64>,
}

impl ConsumerHandler for AckMost {
    fn delivery(&mut self, delivery: &DeliveryRef<'_>, replies: &mut Replies<'_>) {
        if !self.received.fetch_add(1, Ordering::Relaxed).is_multiple_of(KEPT_EVERY) {
            replies.ack(delivery.delivery_tag, false);
        }
    }
}

/// What the folder holds once that stands still.
async fn still(folder: &Path) -> anyhow::Result<u64> {
    let begun = Instant::now();
    let (mut last, mut since) = (held(folder)?, Instant::now());
    while since.elapsed() < STILL && begun.elapsed() < SETTLE_TIMEOUT {
        time::sleep(Duration::from_millis(100)).await;
        let now = held(folder)?;
        if now != last {
            (last, since) = (now, Instant::now());
        }
    }
    Ok(last)
}

/// The bytes of all files but the newest segment, which is written to, and what is kept for times to come.
fn held(folder: &Path) -> anyhow::Result<u64> {
    let mut segments = BTreeMap::new();
    let mut others = 0;
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().into_string().ok().context("names are UTF-8")?;
            // What was listed may be gone by now.
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                folders.push(entry.path());
            } else if name.ends_with(".seg") {
                segments.insert(name, metadata.len());
            } else if !name.starts_with("spare-") && name != "reserve" {
                others += metadata.len();
            }
        }
    }
    segments.pop_last();
    Ok(others + segments.values().sum::<u64>())
}
