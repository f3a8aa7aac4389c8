//! The order of the measuring.

use std::{
    env,
    io::{self, Write},
    path::PathBuf,
};

use anyhow::Context;
use cli::process::resident_bytes;

use super::{
    Arguments,
    brokers::Broker,
    loads::{self, LOADS, Pace},
    memory,
    report::{Must, Report, Row},
    topology::{self, Effort},
};

/// How often the start is measured.
const STARTS: usize = 5;

/// Measures what the arguments ask for, and prints it.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let report = runtime.block_on(measure(arguments))?;
    let mut out = io::stdout().lock();
    if arguments.json {
        serde_json::to_writer_pretty(&mut out, &report)?;
        writeln!(out)?;
    } else {
        write!(out, "{report}")?;
    }
    Ok(())
}

/// What there is to measure, by the names that `--only` looks at.
struct Wanted<'a>(&'a [String]);

impl Wanted<'_> {
    fn has(&self, name: &str) -> bool {
        let name = name.to_lowercase();
        self.0.is_empty() || self.0.iter().any(|text| name.contains(&text.to_lowercase()))
    }
}

async fn measure(arguments: &Arguments) -> anyhow::Result<Report> {
    let binary = match &arguments.binary {
        Some(binary) => binary.clone(),
        None => beside_this("pillarbox")?,
    };
    let effort = if arguments.quick {
        let pace = Pace { warm_up: 0.5, measured: 2.0, long: 9.0 };
        Effort { is_quick: true, rounds: arguments.rounds.unwrap_or(1), pace }
    } else {
        let pace = Pace { warm_up: 1.0, measured: 5.0, long: 30.0 };
        Effort { is_quick: false, rounds: arguments.rounds.unwrap_or(3), pace }
    };
    let wanted = Wanted(&arguments.only);
    let mut report = Report::default();
    let rows = &mut report.rows;

    if wanted.has("start") {
        tell("start")?;
        rows.push(start(&binary)?);
    }
    if wanted.has("memory") {
        tell("memory")?;
        rows.extend(memory::measure(&binary, effort.is_quick).await?);
    }
    let ours = Broker::pillarbox(&binary)?;
    let theirs = if arguments.no_rabbitmq { None } else { Broker::rabbitmq()? };
    if let Some(theirs) = &theirs {
        let resident = resident_bytes(theirs.pid)? >> 20;
        tell(&format!("RabbitMQ started in {:.1?} with {resident} MiB", theirs.start))?;
    }
    let both = (&ours, theirs.as_ref());
    for load in LOADS.iter().filter(|load| wanted.has(load.name)) {
        tell(load.name)?;
        rows.extend(load.measure(&binary, both, effort.rounds, effort.pace)?);
    }
    if wanted.has("declare") {
        tell("declare")?;
        rows.extend(topology::round_trips(both, effort).await?);
    }
    if wanted.has("topic") {
        tell("topic")?;
        rows.extend(topology::topic(&ours, effort).await?);
    }
    // Nothing is to run beside what is left.
    drop((ours, theirs));
    if wanted.has("crowd") {
        tell("crowd")?;
        rows.extend(topology::crowded(&binary, &Broker::pillarbox(&binary)?, effort).await?);
    }
    if wanted.has("slow") {
        tell("slow")?;
        let broker = Broker::pillarbox(&binary)?;
        rows.extend(loads::slow_consumer(&binary, &broker, effort.pace)?);
    }
    Ok(report)
}

fn start(binary: &std::path::Path) -> anyhow::Result<Row> {
    let mut times = Vec::new();
    for _ in 0..STARTS {
        times.push((Broker::pillarbox(binary)?.start.as_secs_f64() * 1e3, None));
    }
    Ok(Row::of("start until it accepts connections", "ms", &times, Must::AtMost(50.0)))
}

/// A program that was built into the same folder as this one.
fn beside_this(name: &str) -> anyhow::Result<PathBuf> {
    let this = env::current_exe()?;
    Ok(this.parent().context("a program lies in a folder")?.join(name))
}

fn tell(what: &str) -> anyhow::Result<()> {
    writeln!(io::stderr().lock(), "measuring: {what}")?;
    Ok(())
}
