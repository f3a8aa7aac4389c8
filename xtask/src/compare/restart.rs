//! How long a broker takes to be back after it was killed with a full queue.

use std::path::Path;

use anyhow::ensure;
use pillarbox_client::{Connection, QueueOptions};

use super::{
    brokers::Broker,
    loads::bench_to_end,
    report::{Must, Row},
    topology::Effort,
};

const QUEUE: &str = "kept";

/// How many messages of 100 bytes there are; `--quick` takes a tenth.
const MESSAGES: u64 = 1_000_000;

/// Fills a queue, then kills the broker and starts it again, round by round, each time with all of its messages.
pub(super) async fn after_kill(
    tool: &Path,
    has_rabbitmq: bool,
    effort: Effort,
) -> anyhow::Result<Vec<Row>> {
    let messages = if effort.is_quick { MESSAGES / 10 } else { MESSAGES };
    let ours = seconds(tool, Broker::pillarbox(tool)?, messages, effort.rounds).await?;
    let theirs = match has_rabbitmq.then(Broker::rabbitmq).transpose()?.flatten() {
        Some(broker) => seconds(tool, broker, messages, effort.rounds).await?,
        None => Vec::new(),
    };
    let rounds: Vec<_> =
        (0..).zip(ours).map(|(at, ours)| (ours, theirs.get(at).copied())).collect();
    let share = if effort.is_quick { "0.1 M" } else { "1 M" };
    let what = format!("killed with {share} persistent messages of 100 B, start to accepting");
    Ok(vec![Row::of(what, "s", &rounds, Must::AtMost(2.0))])
}

async fn seconds(
    tool: &Path,
    mut broker: Broker,
    messages: u64,
    rounds: usize,
) -> anyhow::Result<Vec<f64>> {
    let fill = format!("-u {QUEUE} -s 100 -f persistent -y 0 -c 2000 -C {messages}");
    let confirmed = bench_to_end(tool, &broker, &fill)?.confirmed;
    ensure!(confirmed == messages, "{}: {confirmed} of {messages} are confirmed", broker.name);
    let mut seconds = Vec::new();
    for _ in 0..rounds {
        broker = broker.crash_and_restart()?;
        seconds.push(broker.start.as_secs_f64());
        let kept = u64::from(count(&broker).await?);
        ensure!(kept == messages, "{}: {kept} of {messages} are kept", broker.name);
    }
    Ok(seconds)
}

async fn count(broker: &Broker) -> anyhow::Result<u32> {
    let connection = Connection::connect(&broker.uri).await?;
    let channel = connection.open_channel().await?;
    let as_before = QueueOptions { durable: true, auto_delete: true, ..QueueOptions::default() };
    let messages = channel.queue_declare(QUEUE, as_before).await?.messages;
    connection.close().await?;
    Ok(messages)
}
