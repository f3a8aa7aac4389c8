//! Runs parts two at a time, each when what it needs has passed.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use super::{
    closing::{self, Counts},
    parts::{Lane, Part},
};

/// How many parts run at once.
const WORKERS: usize = 2;
/// A part that takes longer hangs.
const PART_TIME_MAX: Duration = Duration::from_secs(25 * 60);
/// How often a running part is looked at.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// How much of a failed part's log is shown.
const LINES_SHOWN: usize = 80;

/// Where a run takes place.
pub(super) struct Folders {
    /// The repository.
    pub(super) root: PathBuf,
    /// Where cargo builds.
    pub(super) target: PathBuf,
    /// Where each part's output goes, as `NAME.log`.
    pub(super) logs: PathBuf,
}

/// How a part ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    Passed,
    Failed,
    /// Something that it needs did not pass.
    NotRun,
}

impl Outcome {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Passed => "ok",
            Self::Failed => "FAILED",
            Self::NotRun => "NOT RUN",
        }
    }
}

/// What came of a part.
pub(super) struct Report {
    pub(super) outcome: Outcome,
    pub(super) elapsed: Duration,
    /// What its runner counted, in words.
    pub(super) counted: Option<String>,
    /// What its tests told of themselves, or which of them failed.
    pub(super) told: Vec<String>,
}

/// How far a part has come.
enum Progress {
    Waiting,
    Running,
    Done(Report),
}

/// Runs all of `parts` and returns what came of each, in the same order.
pub(super) fn run(parts: &[&Part], folders: &Folders) -> Vec<Report> {
    let mut progress: Vec<Progress> = parts.iter().map(|_| Progress::Waiting).collect();
    let (done_tx, done_rx) = mpsc::channel();
    thread::scope(|scope| {
        loop {
            skip_hopeless(parts, &mut progress);
            while let Some(next) = next_ready(parts, &progress) {
                progress[next] = Progress::Running;
                let done_tx = done_tx.clone();
                scope.spawn(move || {
                    let report = run_part(parts[next], folders);
                    done_tx.send((next, report)).expect("the receiver outlives the scope");
                });
            }
            if !progress.iter().any(|progress| matches!(progress, Progress::Running)) {
                break;
            }
            let (index, report) = done_rx.recv().expect("a sender is kept here");
            progress[index] = Progress::Done(report);
        }
    });
    let reports = progress.into_iter().map(|progress| match progress {
        Progress::Done(report) => report,
        Progress::Waiting | Progress::Running => unreachable!("every part is done by now"),
    });
    reports.collect()
}

/// Gives up on what needs a part that did not pass.
fn skip_hopeless(parts: &[&Part], progress: &mut [Progress]) {
    // Needs stand above, so one walk down reaches the needs of needs.
    for index in 0..parts.len() {
        let waiting = matches!(progress[index], Progress::Waiting);
        let unmet = |needed: &&str| {
            let at = parts.iter().position(|part| part.name == *needed);
            at.is_some_and(|at| matches!(&progress[at], Progress::Done(report) if report.outcome != Outcome::Passed))
        };
        if let (true, Some(needed)) =
            (waiting, parts[index].after.iter().find(|needed| unmet(needed)))
        {
            let counted = Some(format!("needs {needed}"));
            progress[index] = Progress::Done(Report {
                outcome: Outcome::NotRun,
                elapsed: Duration::ZERO,
                counted,
                told: Vec::new(),
            });
        }
    }
}

/// The first part that may start now.
fn next_ready(parts: &[&Part], progress: &[Progress]) -> Option<usize> {
    let running = |index: &usize| matches!(progress[*index], Progress::Running);
    if (0..parts.len()).filter(running).count() >= WORKERS {
        return None;
    }
    let cargo_is_busy =
        (0..parts.len()).filter(running).any(|index| parts[index].lane == Lane::Cargo);
    let passed = |needed: &&str| {
        let at = parts.iter().position(|part| part.name == *needed);
        at.is_some_and(|at| matches!(progress[at], Progress::Done(_)))
    };
    (0..parts.len()).find(|&index| {
        matches!(progress[index], Progress::Waiting)
            && parts[index].after.iter().all(passed)
            && !(cargo_is_busy && parts[index].lane == Lane::Cargo)
    })
}

/// Runs one part, and shows the end of its log if it failed.
fn run_part(part: &Part, folders: &Folders) -> Report {
    let path = folders.logs.join(format!("{}.log", part.name));
    say(&format!("start  {:<19} {}", part.name, part.about));
    let started = Instant::now();
    let ended = spawn_and_wait(part, folders, &path);
    let elapsed = started.elapsed();
    let log = fs::read(&path).unwrap_or_default();
    let log = String::from_utf8_lossy(&log);

    let counts = part.runner.counts(&log);
    let trouble = match &ended {
        Err(error) => Some(error.to_string()),
        Ok(status) if !status.success() => Some(status.to_string()),
        Ok(_) => counts.and_then(what_counts_against),
    };
    let outcome = if trouble.is_some() { Outcome::Failed } else { Outcome::Passed };
    if let Some(trouble) = trouble {
        let lines: Vec<&str> = log.lines().collect();
        let end = lines[lines.len().saturating_sub(LINES_SHOWN)..].join("\n");
        say(&format!("---- {}: {trouble}; the end of {}:\n{end}\n----", part.name, path.display()));
    }
    say(&format!("{:<6} {:<19} {:.1} s", outcome.word(), part.name, elapsed.as_secs_f32()));
    let told =
        if outcome == Outcome::Failed { closing::failures(&log) } else { closing::told(&log) };
    Report { outcome, elapsed, counted: counts.map(in_words), told }
}

fn spawn_and_wait(part: &Part, folders: &Folders, log: &Path) -> io::Result<ExitStatus> {
    let output = File::create(log)?;
    let folder = folders.root.join(part.folder);
    // A program with a path is meant from the part's own folder.
    let program = part.command[0];
    let program = if program.contains('/') { folder.join(program) } else { program.into() };
    let mut child = Command::new(program)
        .args(&part.command[1..])
        .env("PILLARBOX_BIN", folders.target.join("release/pillarbox"))
        .envs(part.env.iter().copied())
        .current_dir(folder)
        .stdin(Stdio::null())
        .stderr(output.try_clone()?)
        .stdout(output)
        .spawn()?;
    let started = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if started.elapsed() > PART_TIME_MAX {
            child.kill()?;
            child.wait()?;
            return Err(io::Error::new(io::ErrorKind::TimedOut, "it hung and was ended"));
        }
        thread::sleep(POLL_INTERVAL);
    }
}

/// Why a run that ended well still shows too little: only the suites' own lists may leave tests out.
fn what_counts_against(counts: Counts) -> Option<String> {
    match counts {
        Counts { passed: 0, .. } => Some("no test ran".to_owned()),
        Counts { failed: 0, skipped: 0, .. } => None,
        Counts { failed, skipped, .. } => Some(format!("{failed} failed, {skipped} skipped")),
    }
}

fn in_words(counts: Counts) -> String {
    format!("{} passed, {} failed, {} skipped", counts.passed, counts.failed, counts.skipped)
}

fn say(text: &str) {
    // Whoever closed the output does not want to know.
    let _ = writeln!(io::stdout(), "{text}");
}
