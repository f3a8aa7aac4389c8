//! This broker against another binary of it, such as one of the commit before: what a change costs where it should
//! cost nothing.

use std::{fs, path::Path, process::Command};

use anyhow::Context;

use super::{
    brokers::{Broker, fresh_folder},
    loads::{LOADS, Load, bench, bench_to_end},
    report::{Must, Row, median},
    topology::Effort,
};

/// How many deliveries the longer of two runs has, of which the difference counts: what a start and an end cost is in
/// both.
const DELIVERIES: u64 = 250_000;

/// How many bytes of bodies it moves at most: `valgrind` is slow.
const BYTES_MAX: u64 = 400_000_000;

/// How much longer the longer run is.
const LONGER: u64 = 5;

/// Rates in turns, against the other's.
pub(super) fn rates(
    (now, before): (&Path, &Path),
    wanted: impl Fn(&str) -> bool,
    effort: Effort,
) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for load in transient_loads().filter(|load| wanted(load.name)) {
        let brokers = (Broker::pillarbox(now)?, Broker::pillarbox(before)?);
        let mut shares = Vec::new();
        for _ in 0..effort.rounds {
            let rate = |broker| -> anyhow::Result<f64> {
                Ok(bench(now, broker, load.arguments, effort.pace)?.received_per_sec)
            };
            shares.push((rate(&brokers.0)? / rate(&brokers.1)? * 100.0, None));
        }
        let what = format!("{}, of the rate before", load.name);
        rows.push(Row::of(what, "%", &shares, Must::AtLeast(85.0)));
    }
    Ok(rows)
}

/// User instructions for each message, against the other's, as `callgrind` counts them.
pub(super) fn instructions(
    (now, before): (&Path, &Path),
    wanted: impl Fn(&str) -> bool,
    effort: Effort,
) -> anyhow::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for load in transient_loads().filter(|load| wanted(load.name)) {
        let (mut counts, mut ratios) = (Vec::new(), Vec::new());
        for _ in 0..effort.rounds {
            let of =
                |binary| a_message(now, load, |runner| Broker::pillarbox_under(runner, binary));
            let count = of(now)?;
            ratios.push((count / of(before)?, None));
            counts.push(count);
        }
        let count = median(counts.into_iter()).context("something was counted")?;
        let what = format!("{}, {count:.0} user instructions a message, against before", load.name);
        rows.push(Row::of(what, "×", &ratios, Must::AtMost(1.05)));
    }
    Ok(rows)
}

/// The loads of which each message is the same, whatever the clock says.
fn transient_loads() -> impl Iterator<Item = &'static Load> {
    LOADS.iter().filter(|load| !load.arguments.contains("-r "))
}

/// The instructions of the longer run beyond the shorter one, by each delivery more, of a broker that is started under
/// `callgrind` by `start`.
pub(super) fn a_message(
    tool: &Path,
    load: &Load,
    start: impl Fn(&[&str]) -> anyhow::Result<Broker>,
) -> anyhow::Result<f64> {
    let each = load.argument("-x").or(load.argument("--fanout")).unwrap_or(1);
    let fitting = BYTES_MAX / load.argument("-s").context("a load has a size")?;
    let many = DELIVERIES.min(fitting) / each;
    let run = |messages: u64| {
        let arguments = format!("{} -C {messages}", load.arguments);
        counted(&start, |broker| Ok(bench_to_end(tool, broker, &arguments)?.received))
    };
    let (shorter, longer) = (run(many / LONGER)?, run(many)?);
    #[expect(clippy::cast_precision_loss, reason = "a run has less than 2^52 messages")]
    let deliveries = (longer.1 - shorter.1) as f64;
    Ok((longer.0 - shorter.0) / deliveries)
}

/// Instructions of a broker's whole life with one load on it, and what came of the load.
pub(super) fn counted<T>(
    start: impl Fn(&[&str]) -> anyhow::Result<Broker>,
    load: impl FnOnce(&Broker) -> anyhow::Result<T>,
) -> anyhow::Result<(f64, T)> {
    let folder = fresh_folder()?;
    let out = folder.join("callgrind.out");
    let out_argument = format!("--callgrind-out-file={}", out.display());
    let broker = start(&["valgrind", "--tool=callgrind", "--quiet", &out_argument])?;
    let came = load(&broker)?;
    // It writes the file when it ends.
    drop(broker);
    let text = fs::read_to_string(&out).context("callgrind leaves its counts")?;
    fs::remove_dir_all(&folder)?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    Ok((total.context("callgrind tells a total")?.trim().parse()?, came))
}

/// Whether instructions can be counted here.
pub(super) fn has_callgrind() -> bool {
    Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success())
}
