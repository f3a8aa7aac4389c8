//! Queues that are longer than memory: what they take of it, and what they do to the rates.

use std::path::Path;

use anyhow::{Context, ensure};

use super::{
    brokers::Broker,
    loads::{PERSISTENT_LOADS, Summary, bench, bench_to_end},
    memory::settled,
    report::{Must, Row},
    topology::Effort,
};

/// How many messages of 100 bytes make a long queue; `--quick` takes a tenth.
const LONG_QUEUE: u64 = 10_000_000;

/// How much memory the long queue may take, in MB.
const LONG_QUEUE_MB: f64 = 400.0;

/// What an entry with a deadline takes beside the others, in bytes.
const DEADLINE_BYTES: f64 = 16.0;

/// What lies in the deep queue: 5 GB in messages of 1 KiB; `--quick` takes a tenth.
const BACKLOG_BYTES: u64 = 5_000_000_000;
const BACKLOG_MESSAGE_BYTES: u64 = 1_024;

/// What all the bounds of the default settings come to beside the entries, in MB: an idle broker, a queue's resident
/// messages, the log's two buffers, the free segments, an outbox, four readers.
const SETTINGS_MB: f64 = 25.0 + 8.4 + 2.0 * 8.4 + 67.1 + 0.3 + 4.0 * 3.1;

/// What a message in a queue takes in memory when its content is on the disk, in bytes.
const ENTRY_BYTES: f64 = 32.0;

/// A long queue of small messages: its memory, and how fast it goes on to grow.
pub(super) async fn long_queue(tool: &Path, effort: Effort) -> anyhow::Result<Vec<Row>> {
    let messages = if effort.is_quick { LONG_QUEUE / 10 } else { LONG_QUEUE };
    let (mut resident, mut slowdowns) = (Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        let broker = Broker::pillarbox(tool)?;
        let at_first = fill_long(tool, &broker, messages / 10, "")?;
        fill_long(tool, &broker, messages - messages / 10, "")?;
        resident.push((settled(&broker).await? / 1e6, None));
        let at_last = fill_long(tool, &broker, messages / 10, "")?;
        slowdowns.push((at_first / at_last, None));
    }
    let with_ttl = {
        let broker = Broker::pillarbox(tool)?;
        fill_long(tool, &broker, messages, "--queue-argument x-message-ttl=86400000")?;
        settled(&broker).await? / 1e6
    };
    let deadlines_mb = DEADLINE_BYTES * float(messages) / 1e6;
    let name = format!("{} M queued persistent messages of 100 B", float(messages) / 1e6);
    Ok(vec![
        Row::of(format!("{name}, memory"), "MB", &resident, Must::AtMost(LONG_QUEUE_MB)),
        Row::of(
            format!("{name}, memory with a TTL"),
            "MB",
            &[(with_ttl, None)],
            Must::AtMost(LONG_QUEUE_MB + deadlines_mb),
        ),
        Row::of(
            format!("{name}, publish rate of an empty queue against theirs"),
            "×",
            &slowdowns,
            Must::AtMost(2.0),
        ),
    ])
}

/// Returns how many messages a second were confirmed.
fn fill_long(tool: &Path, broker: &Broker, messages: u64, more: &str) -> anyhow::Result<f64> {
    let fill = format!("-u long -s 100 -f persistent -y 0 -c 2000 -C {messages} {more}");
    Ok(filled(bench_to_end(tool, broker, &fill)?, messages)?.confirmed_per_sec)
}

/// A deep queue: what memory it takes to fill and drain it, and how fast it drains.
pub(super) fn deep_queue(tool: &Path, effort: Effort) -> anyhow::Result<Vec<Row>> {
    let bytes = if effort.is_quick { BACKLOG_BYTES / 10 } else { BACKLOG_BYTES };
    let messages = bytes / BACKLOG_MESSAGE_BYTES;
    let broker = Broker::pillarbox(tool)?;
    let (mut resident, mut shares) = (Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        let straight = bench(tool, &broker, PERSISTENT_LOADS[1].arguments, effort.pace)?;
        let queue = format!("-u deep -s {BACKLOG_MESSAGE_BYTES} -f persistent");
        let fill = format!("{queue} -y 0 -c 2000 -C {messages}");
        let fill = filled(bench_to_end(tool, &broker, &fill)?, messages)?;
        let drain = format!("{queue} -x 0 -q 1000 -A 50 -D {messages} -z 600");
        let drain = bench_to_end(tool, &broker, &drain)?;
        ensure!(drain.received == messages, "{} of {messages} came back", drain.received);
        for summary in [&fill, &drain] {
            let bytes = summary.broker_resident_bytes_max.context("the broker runs here")?;
            resident.push((float(bytes) / 1e6, None));
        }
        shares.push((drain.received_per_sec / straight.received_per_sec * 100.0, None));
    }
    // All of them are to be within the bound, not the middle one.
    resident.sort_by(|a, b| b.0.total_cmp(&a.0));
    // A fifth is the allocator's.
    let bound = (SETTINGS_MB + ENTRY_BYTES * float(messages) / 1e6) * 1.2;
    let name = format!("backlog of {:.1} GB in one queue", float(bytes) / 1e9);
    Ok(vec![
        Row::of(format!("{name}, memory"), "MB", &resident[..1], Must::AtMost(bound)),
        Row::of(
            format!("{name}, drained, of the rate without one"),
            "%",
            &shares,
            Must::AtLeast(50.0),
        ),
    ])
}

fn filled(summary: Summary, messages: u64) -> anyhow::Result<Summary> {
    ensure!(summary.confirmed == messages, "{} of {messages} are confirmed", summary.confirmed);
    Ok(summary)
}

fn float(count: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]
    let count = count as f64;
    count
}
