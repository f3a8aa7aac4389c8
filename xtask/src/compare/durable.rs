//! Loads whose confirms wait for the disk: many queues at once, and one message at a time.

use std::path::Path;

use super::{
    brokers::Broker,
    disk::RawDisk,
    loads::{PERSISTENT_LOADS, bench},
    report::{Must, Row},
    topology::Effort,
};

const MANY_QUEUES: &str = "-s 16 -f persistent -x 100 -y 100 --queues 100 -q 1000 -A 50 -c 100";

const ONE_AT_A_TIME: &str = "-s 16 -f persistent -q 1000 -A 50 -c 1";

/// A hundred queues with a producer and a consumer each, against RabbitMQ's and against one queue of our own.
pub(super) fn many_queues(
    tool: &Path,
    brokers: (&Broker, Option<&Broker>),
    effort: Effort,
) -> anyhow::Result<Vec<Row>> {
    let (mut rates, mut shares) = (Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        let rate = |broker, load| -> anyhow::Result<f64> {
            Ok(bench(tool, broker, load, effort.pace)?.received_per_sec)
        };
        let one = rate(brokers.0, PERSISTENT_LOADS[0].arguments)?;
        let many = rate(brokers.0, MANY_QUEUES)?;
        let theirs = brokers.1.map(|broker| rate(broker, MANY_QUEUES)).transpose()?;
        rates.push((many, theirs));
        shares.push((many / one * 100.0, None));
    }
    let name = "100 queues and producers, 16 B persistent, window 100";
    Ok(vec![
        Row::of(name, "msg/s", &rates, Must::RatioAtLeast(25.0)),
        Row::of(format!("{name}, of one queue's rate"), "%", &shares, Must::AtLeast(70.0)),
    ])
}

/// One message at a time, each sent when the one before is confirmed, against what the disk does without a broker.
pub(super) fn one_at_a_time(
    tool: &Path,
    brokers: (&Broker, Option<&Broker>),
    effort: Effort,
) -> anyhow::Result<Vec<Row>> {
    let mut disk = RawDisk::beside(&brokers.0.folder)?;
    let (mut raw_rates, mut rates, mut shares) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..effort.rounds {
        // The disk changes from one second to the next: each rate stands between two of its own.
        let mut raw = vec![disk.flushes_per_sec(effort.pace.measured / 2.0)?];
        let mut measure = |broker| -> anyhow::Result<(f64, f64)> {
            let rate = bench(tool, broker, ONE_AT_A_TIME, effort.pace)?.confirmed_per_sec;
            let before = raw[raw.len() - 1];
            raw.push(disk.flushes_per_sec(effort.pace.measured / 2.0)?);
            Ok((rate, rate / f64::midpoint(before, raw[raw.len() - 1]) * 100.0))
        };
        let ours = measure(brokers.0)?;
        let theirs = brokers.1.map(measure).transpose()?;
        rates.push((ours.0, theirs.map(|theirs| theirs.0)));
        shares.push((ours.1, theirs.map(|theirs| theirs.1)));
        raw_rates.extend(raw.into_iter().map(|raw| (raw, None)));
    }
    Ok(vec![
        Row::of("flushes of the disk itself", "a second", &raw_rates, Must::Nothing),
        Row::of("one confirm at a time", "msg/s", &rates, Must::Nothing),
        Row::of(
            "one confirm at a time, of the disk's own flushes",
            "%",
            &shares,
            Must::AtLeast(50.0),
        ),
    ])
}
