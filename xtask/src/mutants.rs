//! `cargo xtask mutants`: plants each mistake that `src/mutants/lib.rs` lists, and expects a test to fail.
//!
//! The tests are built once, with the feature `planted`; which mistake is made is said by a variable. First all of them
//! run with none, and have to pass. The closing line is `counts: 32 of 32 mutants caught`.

mod catchers;
mod trial;

use std::{
    collections::BTreeSet,
    env, fs,
    io::{self, Write as _},
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
    thread,
    time::Instant,
};

use anyhow::{Context as _, bail, ensure};
use mutants::Mutant;

use catchers::{Catcher, Suite, catchers};
use trial::{Binaries, Outcome};

/// How many mutants are tried at once.
const WORKERS: usize = 2;

/// What `mutants` takes.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Plant these alone.
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    only: Vec<String>,
    /// Name the mutants, what they break and what may catch them, and run nothing.
    #[arg(long)]
    list: bool,
}

/// Plants the chosen mutants, one after the other.
///
/// # Errors
/// If a test fails without a mutant, or none fails with one.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let chosen = choose(&arguments.only)?;
    if arguments.list {
        return list(&chosen);
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let binaries = build(&root)?;
    check_without(&binaries, &chosen)?;
    let survivors = plant_all(&binaries, &chosen)?;
    let (caught, all) = (chosen.len() - survivors.len(), chosen.len());
    writeln!(io::stdout(), "counts: {caught} of {all} mutants caught")?;
    ensure!(survivors.is_empty(), "no test fails with {}", survivors.join(", "));
    Ok(())
}

fn choose(names: &[String]) -> anyhow::Result<Vec<Mutant>> {
    for name in names {
        let is_known = Mutant::ALL.iter().any(|mutant| mutant.name() == name);
        ensure!(is_known, "no mutant '{name}': see --list");
    }
    let is_chosen =
        |mutant: &&Mutant| names.is_empty() || names.iter().any(|name| mutant.name() == name);
    Ok(Mutant::ALL.iter().filter(is_chosen).copied().collect())
}

fn list(chosen: &[Mutant]) -> anyhow::Result<()> {
    for mutant in chosen {
        writeln!(io::stdout(), "{:<28} {}", mutant.name(), mutant.breaks())?;
        for Catcher { suite, filter } in catchers(*mutant) {
            writeln!(io::stdout(), "{:<28} · {} {filter}", "", suite.target())?;
        }
    }
    Ok(())
}

/// Builds all suites and the broker that they start.
fn build(root: &Path) -> anyhow::Result<Binaries> {
    // Where the tests of crashes are built with the same profile, so that no library is built twice.
    let target = root.join("target/torture");
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new("nice");
    command.arg(cargo).args(["test", "--no-run", "--profile", PROFILE, "--features"]);
    command.args(["pillarbox/planted,pillarbox/fail-points", "--lib", "--bin", "pillarbox"]);
    command.args(["--package", "pillarbox"]);
    for suite in Suite::ALL {
        command.args(suite.build());
    }
    let built = command.env("CARGO_TARGET_DIR", &target).current_dir(root).output();
    let built = built.context("run cargo")?;
    let told = String::from_utf8_lossy(&built.stderr);
    if !built.status.success() {
        bail!("the tests cannot be built:\n{told}");
    }
    let logs = target.join("logs");
    fs::create_dir_all(&logs).with_context(|| format!("make {}", logs.display()))?;
    let broker = target.join(PROFILE).join("pillarbox");
    let mut binaries = Binaries { root: root.to_owned(), broker, logs, suites: Vec::new() };
    for suite in Suite::ALL {
        binaries.suites.push((*suite, executable(&told, *suite)?));
    }
    Ok(binaries)
}

/// Where cargo says that it has put a suite: `Executable unittests lib.rs (target/…/deps/store-0123456789abcdef)`.
fn executable(told: &str, suite: Suite) -> anyhow::Result<PathBuf> {
    let paths = told.lines().filter_map(|line| {
        let (_, path) = line.trim_start().strip_prefix("Executable ")?.rsplit_once('(')?;
        Some(Path::new(path.trim_end_matches(')')))
    });
    let is_suite = |path: &&Path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.rsplit_once('-').is_some_and(|(target, _)| target == suite.target())
    };
    let found = paths.into_iter().find(is_suite);
    found.map(Path::to_owned).with_context(|| format!("cargo built no '{}'", suite.target()))
}

/// Runs everything that may catch one of the mutants, with none planted.
fn check_without(binaries: &Binaries, chosen: &[Mutant]) -> anyhow::Result<()> {
    for suite in Suite::ALL {
        let filters: BTreeSet<&str> = chosen
            .iter()
            .flat_map(|mutant| catchers(*mutant))
            .filter(|catcher| catcher.suite == *suite)
            .map(|catcher| catcher.filter)
            .collect();
        for filter in &filters {
            ensure!(binaries.has_test(*suite, filter)?, "{} has no {filter}", suite.target());
        }
        if filters.is_empty() {
            continue;
        }
        let started = Instant::now();
        let filters: Vec<&str> = filters.into_iter().collect();
        let outcome = binaries.run(*suite, &filters, None)?;
        let secs = started.elapsed().as_secs_f32();
        if let Some(failure) = outcome.failure() {
            bail!("without a mutant {} fails: {failure}", suite.target());
        }
        say(&format!("passes without {:<22} {secs:>5.1} s", suite.target()));
    }
    Ok(())
}

/// Plants each; the names of those that no test has caught.
fn plant_all(binaries: &Binaries, chosen: &[Mutant]) -> anyhow::Result<Vec<&'static str>> {
    let left = Mutex::new(chosen.iter());
    let survivors = Mutex::new(Vec::new());
    let work = || -> anyhow::Result<()> {
        loop {
            let next = left.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(mutant) = next.copied() else { return Ok(()) };
            let started = Instant::now();
            let caught = plant(binaries, mutant)?;
            let secs = started.elapsed().as_secs_f32();
            let how = caught.as_ref().map_or("SURVIVES".to_owned(), |by| format!("caught by {by}"));
            say(&format!("{:<28} {secs:>5.1} s  {how}", mutant.name()));
            if caught.is_none() {
                survivors.lock().unwrap_or_else(PoisonError::into_inner).push(mutant.name());
            }
        }
    };
    thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("no worker panics"))
    })?;
    Ok(survivors.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// Runs what may catch a mutant until something does, and names that.
fn plant(binaries: &Binaries, mutant: Mutant) -> anyhow::Result<Option<String>> {
    for Catcher { suite, filter } in catchers(mutant) {
        let outcome = binaries.run(*suite, &[filter], Some(mutant))?;
        match outcome {
            Outcome::Passed => {}
            Outcome::Failed { .. } | Outcome::Hung => {
                let how = outcome.failure().unwrap_or_default();
                return Ok(Some(format!("{}: {how}", suite.target())));
            }
        }
    }
    Ok(None)
}

/// Fast and quickly built, with every assertion on.
const PROFILE: &str = "simulation";

fn say(text: &str) {
    // Whoever closed the output does not want to know.
    let _ = writeln!(io::stdout(), "{text}");
}
