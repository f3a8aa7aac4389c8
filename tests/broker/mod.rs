//! Starts the built broker for a test, and stops it again.
//!
//! Put `#[path = "../broker/mod.rs"] mod broker;` into the test. With `PILLARBOX_TEST_ADDR=ip:port` in the environment
//! nothing is started and that broker is used, so that a test can be pointed at a RabbitMQ.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

/// How long the broker may take until it listens.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the broker may take to stop before it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(8);
/// The variable that names a running broker to use instead.
const ADDR_VARIABLE: &str = "PILLARBOX_TEST_ADDR";

/// A running broker: a child process with a folder of its own, or the one that `PILLARBOX_TEST_ADDR` names.
pub(crate) struct Broker {
    addr: SocketAddr,
    started: Option<Started>,
}

/// Where a broker says that it listens.
#[derive(Clone, Copy)]
struct Addresses {
    amqp: SocketAddr,
    /// If its settings say so.
    tls: Option<SocketAddr>,
    management: Option<SocketAddr>,
    management_tls: Option<SocketAddr>,
    metrics: Option<SocketAddr>,
}

/// What belongs to a broker that the test started itself.
struct Started {
    child: Child,
    folder: PathBuf,
    addresses: Addresses,
    log: Arc<Mutex<String>>,
}

impl Broker {
    /// Starts a broker with the default settings, on a free port.
    pub(crate) fn start() -> Self {
        Self::start_with("")
    }

    /// Starts a broker with `config_toml` as its settings, on a free port.
    pub(crate) fn start_with(config_toml: &str) -> Self {
        if let Some(addr) = foreign_addr() {
            return Self { addr, started: None };
        }
        let folder = new_folder();
        fs::write(folder.join("broker.toml"), config_toml).expect("the settings can be written");
        let started = Started::start(folder);
        Self { addr: started.addresses.amqp, started: Some(started) }
    }

    /// Starts a broker that keeps everything in memory, on a free port.
    pub(crate) fn start_in_memory() -> Self {
        if let Some(addr) = foreign_addr() {
            return Self { addr, started: None };
        }
        let folder = new_folder();
        fs::write(folder.join("broker.toml"), "").expect("the settings can be written");
        let started = Started::start_with(folder, |command| command.arg("--memory-only"));
        Self { addr: started.addresses.amqp, started: Some(started) }
    }

    /// Starts a broker on data that is moved to it; `None` if another broker is asked.
    pub(crate) fn start_on(data_dir: &Path) -> Option<Self> {
        if foreign_addr().is_some() {
            return None;
        }
        let folder = new_folder();
        fs::write(folder.join("broker.toml"), "").expect("the settings can be written");
        fs::rename(data_dir, folder.join("data")).expect("the data can be moved");
        let started = Started::start(folder);
        Some(Self { addr: started.addresses.amqp, started: Some(started) })
    }

    /// Where it keeps its data.
    pub(crate) fn data_dir(&self) -> PathBuf {
        let started = self.started.as_ref().expect("only a broker of this test has a known folder");
        started.folder.join("data")
    }

    /// Ends the broker as an operator does, and starts it again on the same data.
    pub(crate) fn restart(&mut self) {
        let started = self.started.as_mut().expect("only a broker of this test can be restarted");
        started.stop();
        self.start_again();
    }

    /// Restarts it with other settings.
    pub(crate) fn restart_with(&mut self, config_toml: &str) {
        let started = self.started.as_ref().expect("only a broker of this test has settings");
        fs::write(started.folder.join("broker.toml"), config_toml).expect("they can be written");
        self.restart();
    }

    /// Ends the broker as an operator does, lets `change` do something to its data folder, and starts it again.
    pub(crate) fn restart_changed(&mut self, change: impl FnOnce(&Path)) {
        let started = self.started.as_mut().expect("only a broker of this test can be restarted");
        started.stop();
        change(&started.folder.join("data"));
        self.start_again();
    }

    /// Ends the broker where it stands, and starts it again on the same data.
    pub(crate) fn kill_and_restart(&mut self) {
        let started = self.started.as_mut().expect("only a broker of this test can be killed");
        started.child.kill().expect("the broker runs");
        let _ = started.child.wait();
        self.start_again();
    }

    /// The broker goes on in another process, on another port.
    fn start_again(&mut self) {
        let Some(ended) = &self.started else { return };
        let started = Started::start(ended.folder.clone());
        self.addr = started.addresses.amqp;
        self.started = Some(started);
    }

    /// Whether this is not our broker but the one that `PILLARBOX_TEST_ADDR` names.
    pub(crate) fn is_foreign(&self) -> bool {
        self.started.is_none()
    }

    /// Where it listens for AMQP.
    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Where it listens for AMQP under TLS.
    pub(crate) fn tls_addr(&self) -> SocketAddr {
        let started = self.started.as_ref().expect("only a broker of this test listens for TLS");
        started.addresses.tls.expect("the settings have it listen for TLS")
    }

    /// Where its HTTP API is.
    pub(crate) fn management(&self) -> SocketAddr {
        let started = self.started.as_ref().expect("only a broker of this test has a known API");
        started.addresses.management.expect("the management is on")
    }

    /// Where its HTTP API is under TLS.
    pub(crate) fn management_tls(&self) -> SocketAddr {
        let started = self.started.as_ref().expect("only a broker of this test has a known API");
        started.addresses.management_tls.expect("its settings say so")
    }

    /// Where its metrics are.
    pub(crate) fn metrics(&self) -> SocketAddr {
        let started = self.started.as_ref().expect("only a broker of this test has known metrics");
        started.addresses.metrics.expect("the metrics are on")
    }

    /// Where it listens, with the default user, as client libraries want it.
    pub(crate) fn uri(&self) -> String {
        format!("amqp://guest:guest@{}/%2f", self.addr)
    }

    /// The process id; `None` for a broker that was not started here.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.started.as_ref().map(|started| started.child.id())
    }

    /// What it has written to its log (stderr) so far; empty for a broker that was not started here.
    pub(crate) fn log_text(&self) -> String {
        self.started.as_ref().map(Started::log_text).unwrap_or_default()
    }
}

impl Started {
    /// Starts a broker with the settings and the data of `folder`.
    fn start(folder: PathBuf) -> Self {
        let data_dir = folder.join("data");
        Self::start_with(folder, |command| command.arg("--data-dir").arg(data_dir))
    }

    /// Starts a broker with the settings of `folder`; `keep` says where it keeps its data.
    fn start_with(folder: PathBuf, keep: impl FnOnce(&mut Command) -> &mut Command) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pillarbox"));
        command.args(["--port", "0", "--config"]).arg(folder.join("broker.toml"));
        let mut child = keep(&mut command)
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the broker can be started");

        let log = Arc::new(Mutex::new(String::new()));
        let (lines_tx, lines) = mpsc::channel();
        let stdout = child.stdout.take().expect("stdout is piped");
        let stderr = child.stderr.take().expect("stderr is piped");
        // Both are read to their end, or the broker would block on a full pipe.
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _ = lines_tx.send(line); // nobody listens any more once the address is known
            }
        });
        let kept = Arc::clone(&log);
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.push_str(&line);
                kept.push('\n');
            }
        });
        let settings = fs::read_to_string(folder.join("broker.toml"));
        let has_tls = settings.is_ok_and(|settings| settings.contains("[tls]"));
        match wait_for_addresses(&lines, has_tls) {
            Some(addresses) => Self { child, folder, addresses, log },
            None => {
                let _ = child.kill();
                let status = child.wait();
                let log = log.lock().unwrap_or_else(PoisonError::into_inner);
                panic!("the broker did not say where it listens ({status:?}); log:\n{log}");
            }
        }
    }

    fn log_text(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks it to stop and waits; kills it if it takes too long.
    fn stop(&mut self) {
        let _ = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status();
        let give_up = Instant::now() + STOP_TIMEOUT;
        while Instant::now() < give_up {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The addresses out of the lines, of which those for AMQP are the last: `management on <ip>:<port>`,
/// `metrics on <ip>:<port>`, `listening on <ip>:<port>`, and for TLS once more.
fn wait_for_addresses(lines: &mpsc::Receiver<String>, has_tls: bool) -> Option<Addresses> {
    let give_up = Instant::now() + START_TIMEOUT;
    let (mut management, mut management_tls, mut metrics, mut plain) = (None, None, None, None);
    while let Ok(line) = lines.recv_timeout(give_up.saturating_duration_since(Instant::now())) {
        let after = |words: &str| -> Option<SocketAddr> {
            let (_, rest) = line.split_once(words)?;
            rest.split_whitespace().next()?.parse().ok()
        };
        match line.ends_with(" for TLS") {
            true => management_tls = management_tls.or(after("management on ")),
            false => management = management.or(after("management on ")),
        }
        metrics = metrics.or(after("metrics on "));
        let Some(listening) = after("listening on ") else { continue };
        match plain {
            None if has_tls => plain = Some(listening),
            found => {
                let amqp = found.unwrap_or(listening);
                let tls = found.map(|_| listening);
                return Some(Addresses { amqp, tls, management, management_tls, metrics });
            }
        }
    }
    None
}

impl Drop for Broker {
    fn drop(&mut self) {
        let Some(started) = &mut self.started else { return };
        started.stop();
        if thread::panicking() {
            eprintln!("--- the broker's log ---\n{}---", started.log_text());
        }
        let _ = fs::remove_dir_all(&started.folder);
    }
}

/// The broker that `PILLARBOX_TEST_ADDR` names, if it is set.
fn foreign_addr() -> Option<SocketAddr> {
    let text = env::var(ADDR_VARIABLE).ok()?;
    Some(text.parse().unwrap_or_else(|error| panic!("{ADDR_VARIABLE}={text}: {error}")))
}

/// A new empty folder below the one for temporary files.
fn new_folder() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = env::temp_dir().join(format!("pillarbox-test-{}-{count}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder for the broker can be made");
    folder
}

/// Names what a test may call, as no single test calls all of it.
const _: fn() = || {
    let mut broker = Broker::start();
    broker.restart();
    broker.restart_with("");
    broker.kill_and_restart();
    broker.restart_changed(|_| {});
    let _ = (broker.addr(), broker.tls_addr(), broker.uri(), broker.pid());
    let _ = (broker.log_text(), broker.is_foreign());
    let _ = (broker.management(), broker.management_tls(), broker.metrics());
    let _ = (Broker::start_on(&broker.data_dir()), Broker::start_in_memory());
};
