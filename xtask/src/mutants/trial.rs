//! One run of a test binary, with a mutant or without.

use std::{
    fs::{self, File},
    io,
    path::PathBuf,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use mutants::Mutant;

use super::catchers::Suite;

/// A run that takes longer hangs, which a mutant may well lead to.
const RUN_TIME_MAX: Duration = Duration::from_secs(120);
/// How often a run is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// The tests and the broker, built so that mutants can be planted.
pub(super) struct Binaries {
    pub(super) root: PathBuf,
    pub(super) broker: PathBuf,
    /// Where what runs print is kept.
    pub(super) logs: PathBuf,
    pub(super) suites: Vec<(Suite, PathBuf)>,
}

/// What came of a run.
pub(super) enum Outcome {
    Passed,
    /// With the first test that failed, if it was named, or how the process ended.
    Failed {
        by: String,
    },
    Hung,
}

impl Outcome {
    /// What is wrong, if anything is.
    pub(super) fn failure(&self) -> Option<&str> {
        match self {
            Self::Passed => None,
            Self::Failed { by } => Some(by),
            Self::Hung => Some("it hangs"),
        }
    }
}

impl Binaries {
    fn command(&self, suite: Suite) -> anyhow::Result<Command> {
        let found = self.suites.iter().find(|(known, _)| *known == suite);
        let (_, program) = found.context("every suite was built")?;
        let mut command = Command::new(self.root.join(program));
        // As cargo does it.
        let package = self.root.join(suite.folder());
        command.current_dir(&package).env("CARGO_MANIFEST_DIR", &package);
        command.env("PILLARBOX_BIN", &self.broker).env_remove("PILLARBOX_TEST_ADDR");
        // The same inputs each time, and no search for the smallest that fails.
        command.env("PROPTEST_RNG_SEED", "1").env("PROPTEST_MAX_SHRINK_ITERS", "0");
        command.stdin(Stdio::null());
        Ok(command)
    }

    /// Whether a filter stands for any test at all.
    pub(super) fn has_test(&self, suite: Suite, filter: &str) -> anyhow::Result<bool> {
        let listed = self.command(suite)?.args([filter, "--list"]).output()?;
        Ok(String::from_utf8_lossy(&listed.stdout).lines().any(|line| line.ends_with(": test")))
    }

    /// Runs the tests that one of the filters stands for.
    pub(super) fn run(
        &self,
        suite: Suite,
        filters: &[&str],
        mutant: Option<Mutant>,
    ) -> anyhow::Result<Outcome> {
        let planted = mutant.map_or("", Mutant::name);
        let label = if planted.is_empty() { "none" } else { planted };
        let log = self.logs.join(format!("{label}.{}.log", suite.target()));
        let output = File::create(&log).with_context(|| format!("make {}", log.display()))?;
        let mut child = self
            .command(suite)?
            .args(filters)
            .env("PILLARBOX_MUTANT", planted)
            .stderr(output.try_clone()?)
            .stdout(output)
            .spawn()?;
        let started = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if started.elapsed() > RUN_TIME_MAX {
                child.kill()?;
                child.wait()?;
                return Ok(Outcome::Hung);
            }
            thread::sleep(POLL_INTERVAL);
        };
        if status.success() {
            return Ok(Outcome::Passed);
        }
        let by = first_failed(&log)?.unwrap_or_else(|| status.to_string());
        Ok(Outcome::Failed { by })
    }
}

/// The first test that failed, from lines such as `test tests::model::name ... FAILED`.
fn first_failed(log: &std::path::Path) -> io::Result<Option<String>> {
    let log = fs::read(log)?;
    let log = String::from_utf8_lossy(&log);
    let mut failed = log.lines().filter_map(|line| {
        let name = line.strip_prefix("test ")?.strip_suffix(" ... FAILED")?;
        Some(name.to_owned())
    });
    Ok(failed.next())
}
