//! `cargo xtask torture`: kills, power cuts and simulated disks, from one seed to the next, for as long as wanted.
//!
//! Each turn runs a test with a seed and tells by its closing line what it counted and which seed is next, as in
//! `counts: 100 kills in 50 s, 81204 confirmed, 0 lost; next seed 11`. Where it got to is in `target/torture/seeds`, so
//! that the next run goes on from there.

mod tally;

use std::{
    env, fs,
    io::{self, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};

use tally::{Seeds, Tally};

/// What `torture` takes.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// For how long; a turn that has begun is finished.
    #[arg(long)]
    minutes: u64,
    /// Begin with this seed, instead of where the last run ended.
    #[arg(long)]
    seed: Option<u64>,
    /// These tests alone.
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    only: Vec<String>,
}

/// A test that takes a seed.
struct Torment {
    name: &'static str,
    package: &'static str,
    /// The target that it is in.
    target: &'static str,
    /// Which of the target's tests it is; empty is all.
    filter: &'static str,
    /// How much one turn does, by the variable that says so.
    effort: (&'static str, &'static str),
    /// The seeds that a turn may take, if its closing lines do not say which is next for all of it.
    seeds: u64,
    /// It mounts file systems.
    takes_root: bool,
}

const KILLS: Torment = Torment {
    name: "kills",
    package: "pillarbox-witness",
    target: "torture",
    filter: "kill",
    effort: ("PILLARBOX_CYCLES", "200"),
    seeds: 0,
    takes_root: false,
};

const CUTS: Torment = Torment {
    name: "cuts",
    package: "pillarbox-witness",
    target: "disks",
    filter: "power_cuts",
    effort: ("PILLARBOX_CUTS", "50"),
    seeds: 0,
    takes_root: true,
};

const SIMULATION: Torment = Torment {
    name: "simulation",
    package: "pillarbox-simulation",
    target: "simulation",
    filter: "",
    effort: ("PILLARBOX_EFFORT", "full"),
    seeds: 5000,
    takes_root: false,
};

/// In turn.
const TORMENTS: &[Torment] = &[KILLS, SIMULATION, CUTS];
/// Fast and quickly built, with every assertion on.
const PROFILE: &str = "simulation";

/// Runs turn by turn until the time is over or something is found.
///
/// # Errors
/// If a turn fails; what it printed is shown, and how to run it again.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let target = root.join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()));
    let folder = target.join("torture");
    fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    let torments = choose(arguments, &root)?;
    let runner = Runner {
        root,
        binary: target.join("release/pillarbox"),
        log: folder.join("log"),
        target: folder.clone(),
    };
    runner.build(&torments)?;
    let mut seeds = Seeds::read(&folder.join("seeds"), arguments.seed)?;
    let mut tally = Tally::default();
    let started = Instant::now();
    let limit = Duration::from_secs(arguments.minutes * 60);
    for torment in torments.iter().cycle() {
        if started.elapsed() >= limit {
            break;
        }
        let seed = seeds.next(torment.name);
        let printed = runner.turn(torment, seed)?;
        let next = tally.add(&printed).unwrap_or(seed + 1);
        seeds.set(torment.name, next.max(seed + torment.seeds))?;
        say(started.elapsed(), limit, &tally);
    }
    writeln!(io::stdout(), "\n{} minutes: {tally}", started.elapsed().as_secs() / 60)?;
    Ok(())
}

/// The torments that can be run here.
fn choose(arguments: &Arguments, root: &Path) -> anyhow::Result<Vec<&'static Torment>> {
    let mut chosen = Vec::new();
    for torment in TORMENTS {
        let is_wanted =
            arguments.only.is_empty() || arguments.only.iter().any(|name| name == torment.name);
        if !is_wanted {
            continue;
        }
        if torment.takes_root && !is_root()? {
            writeln!(io::stdout(), "{} are left out: they take root", torment.name)?;
            continue;
        }
        chosen.push(torment);
    }
    if chosen.is_empty() {
        bail!("none of these can be run in {}", root.display());
    }
    Ok(chosen)
}

fn is_root() -> anyhow::Result<bool> {
    let id = Command::new("id").arg("-u").output().context("run id -u")?;
    Ok(id.stdout.trim_ascii() == b"0")
}

/// Where turns run.
struct Runner {
    root: PathBuf,
    /// The broker.
    binary: PathBuf,
    /// Where the tests are built, beside whatever else is being built.
    target: PathBuf,
    /// What the last turn printed.
    log: PathBuf,
}

impl Runner {
    /// Builds the broker and the tests, so that the turns do not.
    fn build(&self, torments: &[&Torment]) -> anyhow::Result<()> {
        let mut broker = Command::new("cargo");
        broker.args(["build", "--release", "--package", "pillarbox"]).current_dir(&self.root);
        let mut builds = vec![broker];
        for torment in torments {
            let mut build = self.test(torment);
            build.arg("--no-run");
            builds.push(build);
        }
        for mut build in builds {
            if !build.status().context("run cargo")?.success() {
                bail!("{build:?} failed");
            }
        }
        Ok(())
    }

    /// The beginning of a command.
    fn test(&self, torment: &Torment) -> Command {
        let mut command = Command::new("cargo");
        command.args(["test", "--profile", PROFILE, "--package", torment.package]);
        command.args(["--test", torment.target]).env("CARGO_TARGET_DIR", &self.target);
        command.current_dir(&self.root).stdin(Stdio::null());
        command
    }

    /// Runs a test once and returns what it printed.
    fn turn(&self, torment: &Torment, seed: u64) -> anyhow::Result<String> {
        let Torment { name, package, target, filter, effort: (variable, amount), .. } = torment;
        let mut command = self.test(torment);
        command.args([*filter, "--", "--show-output"].iter().filter(|word| !word.is_empty()));
        command.args(["--test-threads", "1"]);
        command.env("PILLARBOX_SEED", seed.to_string()).env(variable, amount);
        command.env("PILLARBOX_BIN", &self.binary);
        let output = command.output().context("run cargo test")?;
        let printed = [output.stdout, output.stderr].concat();
        let printed = String::from_utf8_lossy(&printed).into_owned();
        fs::write(&self.log, &printed)?;
        if !output.status.success() {
            writeln!(io::stdout(), "\n{printed}")?;
            bail!(
                "{name} found something; again with PILLARBOX_SEED={seed} {variable}={amount} \
                 cargo test --profile {PROFILE} --package {package} --test {target} {filter}"
            );
        }
        Ok(printed)
    }
}

/// One line that is written over on a terminal, and a line for each turn elsewhere.
fn say(elapsed: Duration, limit: Duration, tally: &Tally) {
    let minutes = |time: Duration| format!("{}:{:02}", time.as_secs() / 60, time.as_secs() % 60);
    let line = format!("{} of {}: {tally}", minutes(elapsed), minutes(limit));
    let mut out = io::stdout().lock();
    // Whoever closed the output does not want to know.
    let _ =
        if out.is_terminal() { write!(out, "\r\x1b[2K{line}") } else { writeln!(out, "{line}") };
    let _ = out.flush();
}
