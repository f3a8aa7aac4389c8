//! The order of the measuring.

use std::{
    env,
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::Context;
use cli::process::resident_bytes;

use super::{
    Arguments, backlog, before,
    brokers::Broker,
    durable,
    loads::{self, LOADS, PERSISTENT_LOADS, Pace},
    memory, operating,
    report::{Must, Report, Row},
    restart, space,
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
    let rows = &mut report.figures;

    if wanted.has("start") {
        tell("start")?;
        rows.push(start(&binary)?);
    }
    if wanted.has("memory") {
        tell("memory")?;
        rows.extend(memory::measure(&binary, effort.is_quick).await?);
    }
    in_turns(&binary, &wanted, !arguments.no_rabbitmq, effort, &mut report).await?;
    let rows = &mut report.figures;
    // Nothing is to run beside what is left.
    if wanted.has("crowd") {
        tell("crowd")?;
        rows.extend(topology::crowded(&binary, &Broker::pillarbox(&binary)?, effort).await?);
    }
    if wanted.has("slow") {
        tell("slow")?;
        let broker = Broker::pillarbox(&binary)?;
        rows.extend(loads::slow_consumer(&binary, &broker, effort.pace)?);
    }
    operated(&binary, &wanted, !arguments.no_rabbitmq, effort, &mut report.operating).await?;
    on_disk(&binary, &wanted, !arguments.no_rabbitmq, effort, &mut report.durable).await?;
    if let Some(before) = &arguments.before {
        against_before(&binary, before, &wanted, effort, &mut report.durable)?;
    }
    Ok(report)
}

const DECLARE: &str = "declare";
const TOPIC: &str = "topic";
const MANY_QUEUES: &str = "100 queues persistent";
const ONE_CONFIRM: &str = "one confirm at a time";

/// What both brokers do in turns.
async fn in_turns(
    binary: &Path,
    wanted: &Wanted<'_>,
    with_rabbitmq: bool,
    effort: Effort,
    report: &mut Report,
) -> anyhow::Result<()> {
    let loads = LOADS.iter().chain(&PERSISTENT_LOADS).map(|load| load.name);
    let others = [DECLARE, TOPIC, MANY_QUEUES, ONE_CONFIRM];
    if !loads.chain(others).any(|name| wanted.has(name)) {
        return Ok(());
    }
    let ours = Broker::pillarbox(binary)?;
    let theirs = if with_rabbitmq { Broker::rabbitmq()? } else { None };
    if let Some(theirs) = &theirs {
        let resident = resident_bytes(theirs.pid)? >> 20;
        tell(&format!("RabbitMQ started in {:.1?} with {resident} MiB", theirs.start))?;
    }
    let both = (&ours, theirs.as_ref());
    let Report { figures, durable, .. } = report;
    let transient = LOADS.iter().map(|load| (load, false));
    let persistent = PERSISTENT_LOADS.iter().map(|load| (load, true));
    for (load, is_durable) in transient.chain(persistent) {
        if wanted.has(load.name) {
            tell(load.name)?;
            let rows = if is_durable { &mut *durable } else { &mut *figures };
            rows.extend(load.measure(binary, both, effort.rounds, effort.pace)?);
        }
    }
    if wanted.has(DECLARE) {
        tell(DECLARE)?;
        figures.extend(topology::round_trips(both, effort).await?);
    }
    if wanted.has(TOPIC) {
        tell(TOPIC)?;
        figures.extend(topology::topic(&ours, effort).await?);
    }
    if wanted.has(MANY_QUEUES) {
        tell(MANY_QUEUES)?;
        durable.extend(durable::many_queues(binary, both, effort)?);
    }
    if wanted.has(ONE_CONFIRM) {
        tell(ONE_CONFIRM)?;
        durable.extend(durable::one_at_a_time(binary, both, effort)?);
    }
    Ok(())
}

/// What each needs a disk of its own for.
async fn on_disk(
    binary: &Path,
    wanted: &Wanted<'_>,
    with_rabbitmq: bool,
    effort: Effort,
    rows: &mut Vec<Row>,
) -> anyhow::Result<()> {
    if wanted.has("killed") {
        tell("killed")?;
        rows.extend(restart::after_kill(binary, with_rabbitmq, effort).await?);
    }
    if wanted.has("queued messages") {
        tell("queued messages")?;
        rows.extend(backlog::long_queue(binary, effort).await?);
    }
    if wanted.has("unacked") {
        tell("unacked")?;
        rows.extend(space::unacked(binary).await?);
    }
    if wanted.has("backlog") {
        tell("backlog")?;
        rows.extend(backlog::deep_queue(binary, effort)?);
    }
    Ok(())
}

/// What is there for an operator, and what it costs.
async fn operated(
    binary: &Path,
    wanted: &Wanted<'_>,
    with_rabbitmq: bool,
    effort: Effort,
    rows: &mut Vec<Row>,
) -> anyhow::Result<()> {
    if wanted.has("questions") {
        tell("questions")?;
        rows.extend(operating::questions(binary, with_rabbitmq, effort).await?);
    }
    if wanted.has("statistics") {
        tell("statistics")?;
        rows.push(operating::statistics_memory(binary).await?);
    }
    tell("rates beside the page")?;
    let is_rate_wanted = |load: &str| wanted.has(&format!("beside page, {load}"));
    rows.extend(operating::rates_beside_page(binary, is_rate_wanted, effort)?);
    let is_wanted = |load: &str| wanted.has(&format!("instructions beside page, {load}"));
    if before::has_callgrind() && LOADS.iter().any(|load| is_wanted(load.name)) {
        tell("instructions beside the page")?;
        rows.extend(operating::instructions_beside_page(binary, is_wanted, effort)?);
    }
    Ok(())
}

/// What the binary before did.
fn against_before(
    binary: &Path,
    before: &Path,
    wanted: &Wanted<'_>,
    effort: Effort,
    rows: &mut Vec<Row>,
) -> anyhow::Result<()> {
    let binaries = (binary, before);
    let is_rate_wanted = |load: &str| wanted.has(&format!("before, {load}"));
    tell("rates before")?;
    rows.extend(before::rates(binaries, is_rate_wanted, effort)?);
    if before::has_callgrind() {
        tell("instructions before")?;
        let is_wanted = |load: &str| wanted.has(&format!("instructions before, {load}"));
        rows.extend(before::instructions(binaries, is_wanted, effort)?);
    } else {
        tell("no instructions: there is no valgrind")?;
    }
    Ok(())
}

fn start(binary: &Path) -> anyhow::Result<Row> {
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
