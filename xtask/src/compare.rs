//! `cargo xtask compare`: this broker and RabbitMQ under the same loads, in turns, on the same machine.
//!
//! Rates depend on the machine and on what else it does, so each round runs every load on both brokers one after the
//! other, and what counts is the median of the rounds' ratios. What measures is built in release mode as well, with
//! the feature `compare`: this program builds it and becomes it.

#[cfg(feature = "compare")]
mod backlog;
#[cfg(feature = "compare")]
mod before;
#[cfg(feature = "compare")]
mod brokers;
#[cfg(feature = "compare")]
mod disk;
#[cfg(feature = "compare")]
mod durable;
#[cfg(feature = "compare")]
mod loads;
#[cfg(feature = "compare")]
mod measure;
#[cfg(feature = "compare")]
mod memory;
#[cfg(feature = "compare")]
mod operating;
#[cfg(feature = "compare")]
mod operator;
#[cfg(feature = "compare")]
mod report;
#[cfg(feature = "compare")]
mod restart;
#[cfg(feature = "compare")]
mod space;
#[cfg(feature = "compare")]
mod topology;

use std::path::PathBuf;

/// What `compare` takes.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Arguments {
    /// One round and shorter loads: to see that it works
    #[arg(long)]
    quick: bool,
    /// How many rounds, of which the medians count [default: 3]
    #[arg(long, value_name = "N")]
    rounds: Option<usize>,
    /// Measure only what has this in its name, such as latency or memory
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
    /// Leave RabbitMQ out even if it is installed
    #[arg(long)]
    no_rabbitmq: bool,
    /// Measure this program instead of building this repository's
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Compare the transient loads with this binary, too: one that was built before a change
    #[arg(long, value_name = "FILE")]
    before: Option<PathBuf>,
    /// Print the results as JSON
    #[arg(long)]
    json: bool,
}

/// Builds what measures, and becomes it.
#[cfg(not(feature = "compare"))]
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    use std::{env, os::unix::process::CommandExt as _, path::Path, process::Command};

    use anyhow::{Context as _, ensure};

    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let build = |package: &[&str]| -> anyhow::Result<()> {
        let mut command = Command::new(&cargo);
        let built = command.args(["build", "--release"]).args(package).current_dir(&root).status();
        ensure!(built.context("cargo does not start")?.success(), "the build failed");
        Ok(())
    };
    build(&["--package", "xtask", "--features", "compare"])?;
    if arguments.binary.is_none() {
        build(&["--package", "pillarbox"])?;
    }
    let target = root.join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()));
    // Thousands of connections need as many files; what is started from there inherits the limit.
    let error = Command::new("sh")
        .args(["-c", "ulimit -S -n \"$(ulimit -H -n)\"; exec \"$0\" \"$@\""])
        .arg(target.join("release/xtask"))
        .args(env::args_os().skip(1))
        .exec();
    Err(error).context("cannot start what measures")
}

#[cfg(feature = "compare")]
pub(crate) use measure::run;
