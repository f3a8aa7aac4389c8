//! The loads that `pillarbox bench` puts on both brokers in turns.

use std::{
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context, ensure};
use serde::Deserialize;

use super::{
    brokers::Broker,
    report::{Must, Row},
};

/// A load, and what is looked at in its summary.
pub(super) struct Load {
    pub(super) name: &'static str,
    /// What `pillarbox bench` gets. In-flight caps keep queues short: otherwise the publisher's lead is measured.
    pub(super) arguments: &'static str,
    figures: &'static [Figure],
}

/// One figure of a summary: how it is called, its unit, where it stands and what it has to be.
type Figure = (&'static str, &'static str, fn(&Summary) -> Option<f64>, Must);

const RECEIVED: fn(&Summary) -> Option<f64> = |summary| Some(summary.received_per_sec);
const BROKER_CPU: fn(&Summary) -> Option<f64> = |summary| summary.broker_cpu_us_per_message;

pub(super) const LOADS: [Load; 9] = [
    Load {
        name: "16 B auto-ack",
        arguments: "-s 16 -a --in-flight 20000",
        figures: &[
            ("", "msg/s", RECEIVED, Must::RatioAtLeast(40.0)),
            (" CPU", "µs a message", BROKER_CPU, Must::AtMost(0.20)),
        ],
    },
    Load {
        name: "16 B ack and confirm",
        arguments: "-s 16 -q 1000 -A 50 -c 2000 --in-flight 20000",
        figures: &[("", "msg/s", RECEIVED, Must::RatioAtLeast(30.0))],
    },
    Load {
        name: "1 KiB auto-ack",
        arguments: "-s 1024 -a --in-flight 2000",
        figures: &[
            ("", "msg/s", RECEIVED, Must::RatioAtLeast(10.0)),
            (" CPU", "µs a message", BROKER_CPU, Must::AtMost(0.90)),
        ],
    },
    Load {
        name: "1 KiB ack and confirm",
        arguments: "-s 1024 -q 1000 -A 50 -c 2000 --in-flight 2000",
        figures: &[("", "msg/s", RECEIVED, Must::RatioAtLeast(10.0))],
    },
    Load {
        name: "16 KiB auto-ack",
        arguments: "-s 16384 -a --in-flight 100",
        figures: &[("", "msg/s", RECEIVED, Must::RatioAtLeast(1.5))],
    },
    Load {
        name: "16 KiB ack and confirm",
        arguments: "-s 16384 -q 1000 -A 50 -c 2000 --in-flight 100",
        figures: &[("", "msg/s", RECEIVED, Must::RatioAtLeast(1.5))],
    },
    Load {
        name: "100 queues, producers and consumers, 16 B auto-ack",
        arguments: "-s 16 -a -x 100 -y 100 --queues 100 --in-flight 100000",
        figures: &[("", "msg/s", RECEIVED, Must::RatioAtLeast(25.0))],
    },
    Load {
        name: "fanout to 50 queues, 16 B auto-ack",
        arguments: "-s 16 -a --fanout 50 --in-flight 2000",
        figures: &[("", "copies/s", RECEIVED, Must::RatioAtLeast(40.0))],
    },
    Load {
        name: "latency at 20,000 msg/s, 256 B",
        arguments: "-s 256 -r 20000 -q 1000 -A 10",
        figures: &[
            (
                " p50",
                "µs",
                |summary| Some(summary.latency_us.as_ref()?.p50),
                Must::RatioAtMost(0.4),
            ),
            (
                " p99",
                "µs",
                |summary| Some(summary.latency_us.as_ref()?.p99),
                Must::RatioAtMost(0.5),
            ),
        ],
    },
];

/// The same for messages that outlive the broker: each confirm stands for a flush.
pub(super) const PERSISTENT_LOADS: [Load; 3] = [
    Load {
        name: "16 B persistent, ack and confirm",
        arguments: "-s 16 -f persistent -q 1000 -A 50 -c 2000 --in-flight 20000",
        figures: &[("", "msg/s", RECEIVED, Must::RatioAtLeast(40.0))],
    },
    Load {
        name: "1 KiB persistent, ack and confirm",
        arguments: "-s 1024 -f persistent -q 1000 -A 50 -c 2000 --in-flight 2000",
        figures: &[("", "msg/s", RECEIVED, Must::RatioAtLeast(15.0))],
    },
    Load {
        name: "16 KiB persistent, ack and confirm",
        arguments: "-s 16384 -f persistent -q 1000 -A 50 -c 200 --in-flight 200",
        figures: &[("", "msg/s", RECEIVED, Must::RatioAtLeast(2.5))],
    },
];

/// What is read of the summary that the tool prints.
#[derive(Debug, Deserialize)]
pub(super) struct Summary {
    pub(super) received: u64,
    pub(super) confirmed: u64,
    pub(super) received_per_sec: f64,
    pub(super) confirmed_per_sec: f64,
    pub(super) broker_cpu_us_per_message: Option<f64>,
    pub(super) broker_resident_bytes_max: Option<u64>,
    latency_us: Option<Latency>,
}

impl Summary {
    /// In microseconds, if messages carry the time at which they were sent.
    pub(super) fn p99_us(&self) -> Option<f64> {
        Some(self.latency_us.as_ref()?.p99)
    }
}

#[derive(Debug, Deserialize)]
struct Latency {
    p50: f64,
    p99: f64,
}

/// How long loads run, in seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) warm_up: f64,
    pub(super) measured: f64,
    /// What stands for the half minute of a slow consumer.
    pub(super) long: f64,
}

impl Load {
    /// The number behind a flag of its arguments.
    pub(super) fn argument(&self, flag: &str) -> Option<u64> {
        let mut words = self.arguments.split_whitespace();
        words.find(|word| *word == flag)?;
        words.next()?.parse().ok()
    }

    /// Runs it on both brokers, round by round.
    pub(super) fn measure(
        &self,
        tool: &Path,
        brokers: (&Broker, Option<&Broker>),
        rounds: usize,
        pace: Pace,
    ) -> anyhow::Result<Vec<Row>> {
        let mut summaries = Vec::new();
        for _ in 0..rounds {
            let ours = bench(tool, brokers.0, self.arguments, pace)?;
            let theirs = brokers.1.map(|broker| bench(tool, broker, self.arguments, pace));
            summaries.push((ours, theirs.transpose()?));
        }
        let mut rows = Vec::new();
        for (suffix, unit, read, must) in self.figures {
            let mut figures = Vec::new();
            for (ours, theirs) in &summaries {
                let ours =
                    read(ours).with_context(|| format!("{}: nothing measured", self.name))?;
                figures.push((ours, theirs.as_ref().and_then(read)));
            }
            rows.push(Row::of(format!("{}{suffix}", self.name), unit, &figures, *must));
        }
        Ok(rows)
    }
}

/// Runs the tool for as long as `pace` says.
pub(super) fn bench(
    tool: &Path,
    broker: &Broker,
    arguments: &str,
    pace: Pace,
) -> anyhow::Result<Summary> {
    summary_of(bench_command(tool, broker, arguments, pace), broker)
}

/// Runs a load that has a size of its own to its end.
pub(super) fn bench_to_end(
    tool: &Path,
    broker: &Broker,
    arguments: &str,
) -> anyhow::Result<Summary> {
    let mut command = tool_command(tool, broker);
    command.args(arguments.split_whitespace());
    summary_of(command, broker)
}

fn summary_of(mut command: Command, broker: &Broker) -> anyhow::Result<Summary> {
    let output = command.output().with_context(|| format!("cannot start {command:?}"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} on {}: {errors}", broker.name);
    serde_json::from_slice(&output.stdout).context("the tool prints JSON")
}

fn bench_command(tool: &Path, broker: &Broker, arguments: &str, pace: Pace) -> Command {
    let mut command = tool_command(tool, broker);
    command
        .args(["--warm-up", &pace.warm_up.to_string(), "-z", &pace.measured.to_string()])
        .args(arguments.split_whitespace());
    command
}

fn tool_command(tool: &Path, broker: &Broker) -> Command {
    let mut command = Command::new(tool);
    command.args(["bench", "--json", "-h", &broker.uri, "--broker-pid", &broker.pid.to_string()]);
    command
}

/// A slow consumer beside a fast publisher: what it does to the memory, and to another queue.
pub(super) fn slow_consumer(tool: &Path, broker: &Broker, pace: Pace) -> anyhow::Result<Vec<Row>> {
    let other = "-u other -s 16 -a --in-flight 20000";
    let alone = bench(tool, broker, other, pace)?;
    let long = Pace { warm_up: 0.0, measured: pace.long, ..pace };
    let slow = bench_command(tool, broker, "-u slow -s 16 -q 100 -R 100", long)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    // The queue is to be long before the other load comes.
    thread::sleep(Duration::from_secs_f64(pace.long / 3.0));
    let beside = bench(tool, broker, other, pace);
    let output = slow.wait_with_output()?;
    let slow: Summary = serde_json::from_slice(&output.stdout).context("the tool prints JSON")?;
    let resident = slow.broker_resident_bytes_max.context("the broker runs here")?;
    let share = beside?.received_per_sec / alone.received_per_sec;
    let limit_mib = queue_limit_mib()?;
    #[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
    let resident_mib = resident as f64 / f64::from(1 << 20);
    Ok(vec![
        Row::of(
            "slow consumer beside a fast publisher, memory",
            "MiB",
            &[(resident_mib, None)],
            Must::AtMost(limit_mib),
        ),
        Row::of(
            "another queue beside it, of its rate alone",
            "%",
            &[(share * 100.0, None)],
            Must::AtLeast(50.0),
        ),
    ])
}

/// What the defaults allow one queue, a quarter of the 60 % that the broker may take, and a fifth for the rest.
fn queue_limit_mib() -> anyhow::Result<f64> {
    let text = std::fs::read_to_string("/proc/meminfo")?;
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = total.and_then(|line| line.trim().strip_suffix("kB")).context("MemTotal is known")?;
    Ok(kib.trim().parse::<f64>()? / 1024.0 * 0.6 / 4.0 * 1.2)
}
