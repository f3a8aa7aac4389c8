//! `cargo xtask test`: the one command that tests everything, from `rustfmt` to the real clients.
//!
//! It sets up what the parts need (a virtual environment, packages, modules), runs them two at a time where one does
//! not wait for another, goes on after a failure, and closes with a table and the line `N passed, N failed`.

mod closing;
mod parts;
mod programs;
mod schedule;

use std::{
    env, fs,
    io::{self, Write as _},
    path::Path,
    process::Command,
};

use anyhow::{Context, bail, ensure};

use parts::{PARTS, Part};
use schedule::{Outcome, Report};

/// One in so many of the long parts runs, chosen by the commit.
const ROTATION: u64 = 5;

/// What `test` takes.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Run every part; otherwise only a fifth of the long ones run, another fifth with each commit.
    #[arg(long)]
    all: bool,
    /// Run these parts alone, and what they need.
    #[arg(long, value_delimiter = ',', value_name = "NAME", conflicts_with = "all")]
    only: Vec<String>,
    /// Name the parts and run nothing.
    #[arg(long)]
    list: bool,
}

/// Runs the chosen parts.
///
/// # Errors
/// If a needed program is missing, or a part failed.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    if arguments.list {
        return list();
    }
    let chosen = choose(arguments, &root)?;
    programs::check(&chosen)?;

    let target = root.join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()));
    let logs = target.join("test-logs");
    fs::create_dir_all(&logs).with_context(|| format!("make {}", logs.display()))?;
    let reports = schedule::run(&chosen, &schedule::Folders { root, target, logs });
    print_table(&chosen, &reports)?;
    let failed = reports.iter().filter(|report| report.outcome != Outcome::Passed).count();
    writeln!(io::stdout(), "{} passed, {failed} failed", reports.len() - failed)?;
    if failed > 0 {
        // The table has said all there is to say.
        std::process::exit(1);
    }
    Ok(())
}

/// The parts to run, in the order of [`PARTS`].
fn choose(arguments: &Arguments, root: &Path) -> anyhow::Result<Vec<&'static Part>> {
    for name in &arguments.only {
        ensure!(PARTS.iter().any(|part| part.name == name), "no part '{name}': see --list");
    }
    let turn = if arguments.all || !arguments.only.is_empty() { 0 } else { turn(root)? };
    let mut position = 0;
    let mut names: Vec<&str> = Vec::new();
    for part in PARTS {
        let wanted = if !arguments.only.is_empty() {
            arguments.only.iter().any(|name| name == part.name)
        } else if part.long && !arguments.all {
            position += 1;
            position % ROTATION == turn
        } else {
            !part.only_if_needed
        };
        if wanted {
            names.push(part.name);
        }
    }
    // What a part needs is further up in the table, so one walk from the end finds all of it.
    for part in PARTS.iter().rev() {
        if names.contains(&part.name) {
            names.extend(part.after);
        }
    }
    Ok(PARTS.iter().filter(|part| names.contains(&part.name)).collect())
}

/// Which fifth of the long parts this commit runs.
fn turn(root: &Path) -> anyhow::Result<u64> {
    let output = Command::new("git").args(["rev-parse", "HEAD"]).current_dir(root).output();
    let hash = output.context("run git rev-parse HEAD")?.stdout;
    let hash = String::from_utf8_lossy(&hash);
    let Some(Ok(number)) = hash.get(..8).map(|digits| u64::from_str_radix(digits, 16)) else {
        bail!("git names no commit: run with --all");
    };
    Ok(number % ROTATION)
}

fn list() -> anyhow::Result<()> {
    for part in PARTS {
        let when = match part {
            Part { long: true, .. } => " (long: runs in turn)",
            Part { only_if_needed: true, .. } => " (runs if needed)",
            _ => "",
        };
        writeln!(io::stdout(), "{:<19} {}{when}", part.name, part.about)?;
    }
    Ok(())
}

fn print_table(parts: &[&Part], reports: &[Report]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "\n{:<19} {:>8}  {:<8} what the runner counted", "part", "seconds", "result")?;
    for (part, report) in parts.iter().zip(reports) {
        let counted = report.counted.as_deref().unwrap_or("");
        let secs = report.elapsed.as_secs_f32();
        writeln!(out, "{:<19} {secs:>8.1}  {:<8} {counted}", part.name, report.outcome.word())?;
    }
    let mut telling: Vec<(&&Part, &Report)> =
        parts.iter().zip(reports).filter(|(_, report)| !report.told.is_empty()).collect();
    // What failed stands last, where it is looked for.
    telling.sort_by_key(|(_, report)| report.outcome == Outcome::Failed);
    for (part, report) in telling {
        writeln!(out, "\n{}", part.name)?;
        for line in &report.told {
            writeln!(out, "    {line}")?;
        }
    }
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_come_after_what_they_need() {
        for (at, part) in PARTS.iter().enumerate() {
            for needed in part.after {
                let before = PARTS[..at].iter().any(|earlier| earlier.name == *needed);
                assert!(before, "{} needs {needed}, which is no earlier part", part.name);
            }
        }
    }

    #[test]
    fn every_long_part_has_its_turn() {
        let count = PARTS.iter().filter(|part| part.long).count();
        let fifths =
            (0..ROTATION).map(|turn| (1..=count as u64).filter(|n| n % ROTATION == turn).count());
        assert_eq!(fifths.sum::<usize>(), count);
    }
}
