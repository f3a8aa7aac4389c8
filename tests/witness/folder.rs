//! What a test begins with: a folder, the built broker, and a runtime for its clients.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, SystemTime},
};

use crate::process::Launch;

/// A number from the environment; underscores are for readers.
///
/// # Panics
/// If it is none.
#[must_use]
pub fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    let number = text.replace('_', "").parse();
    Some(number.unwrap_or_else(|_| panic!("{variable} is a number, not {text:?}")))
}

/// Nothing that tests do at a stretch takes as long, unless it hangs.
const STRETCH_TIME_MAX: Duration = Duration::from_secs(100);

/// Runs what clients do to its end.
///
/// # Panics
/// If it hangs.
pub fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = runtime();
    let done = runtime.block_on(async { tokio::time::timeout(STRETCH_TIME_MAX, work).await });
    // Whoever hangs is not waited for.
    runtime.shutdown_background();
    done.expect("clients and broker come to an end")
}

/// A runtime for the clients.
///
/// # Panics
/// If the machine has no threads left.
#[must_use]
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("threads can be started")
}

/// The broker that `PILLARBOX_BIN` names, or the one beside this test's own executable, built now if nobody has.
///
/// # Panics
/// If that one is older than what it is made of: it would be judged for something else.
fn binary() -> PathBuf {
    if let Some(named) = env::var_os("PILLARBOX_BIN").filter(|named| !named.is_empty()) {
        return named.into();
    }
    let this = env::current_exe().expect("a test knows where it is");
    let folder = this.parent().and_then(Path::parent).expect("it lies in deps/");
    let binary = folder.join("pillarbox");
    if !binary.exists() {
        let profile = match folder.file_name().and_then(|name| name.to_str()) {
            Some("debug") | None => "dev",
            Some(profile) => profile,
        };
        let build = ["build", "--bin", "pillarbox", "--profile", profile];
        let built = Command::new(env!("CARGO")).args(build).status();
        assert!(built.is_ok_and(|status| status.success()), "the broker cannot be built");
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../src");
    let is_old = modified(&binary) < newest(&source);
    assert!(!is_old, "{} is older than its source: build it first", binary.display());
    binary
}

fn modified(path: &Path) -> SystemTime {
    let modified = path.metadata().and_then(|found| found.modified());
    modified.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// When something in a folder was changed last.
fn newest(folder: &Path) -> SystemTime {
    let entries = fs::read_dir(folder).expect("a folder can be listed");
    let changed = entries.map(|entry| {
        let path = entry.expect("a folder can be listed").path();
        if path.is_dir() { newest(&path) } else { modified(&path) }
    });
    changed.max().unwrap_or(SystemTime::UNIX_EPOCH)
}

/// A folder of a test's own, which is removed unless the test fails.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// An empty folder with this in its name.
    ///
    /// # Panics
    /// If none can be made.
    #[must_use]
    pub fn new(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let unique = format!("pillarbox-{name}-{}-{count}", std::process::id());
        let path = env::temp_dir().join(unique);
        fs::create_dir_all(&path).expect("a folder can be made");
        Self(path)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// How to start the built broker with these settings, on data in this folder.
    ///
    /// # Panics
    /// If there is no broker, or one that is older than its source.
    #[must_use]
    pub fn launch(&self, config_toml: &str) -> Launch {
        let config = self.0.join("broker.toml");
        fs::write(&config, config_toml).expect("the settings can be written");
        Launch {
            prefix: Vec::new(),
            program: binary(),
            config,
            data_dir: self.0.join("data"),
            env: Vec::new(),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("what the broker left is in {}", self.0.display());
            return;
        }
        let _ = fs::remove_dir_all(&self.0); // the next start of the machine removes it, too
    }
}
