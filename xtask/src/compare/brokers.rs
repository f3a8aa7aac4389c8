//! The two brokers, as processes of their own on free ports of 127.0.0.1, each with a data folder of its own.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};

use crate::rabbitmq::{self, RabbitMq};

/// How long a broker may take to stop before it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// A running broker; dropping it stops it, and removes what it kept on disk.
pub(super) struct Broker {
    pub(super) name: &'static str,
    pub(super) uri: String,
    /// Its HTTP API and its metrics, as `address:port`, if it has them.
    pub(super) management: Option<Management>,
    pub(super) pid: u32,
    /// From the start of the process until it accepts connections.
    pub(super) start: Duration,
    /// What it keeps on disk.
    pub(super) folder: PathBuf,
    program: Program,
    child: Child,
    /// It was killed, and another one goes on with its folder.
    is_replaced: bool,
}

/// Where to ask a broker for its state.
#[derive(Clone, Debug)]
pub(super) struct Management {
    pub(super) api: String,
    pub(super) metrics: String,
}

/// How a broker is started, and started again.
#[derive(Clone, Debug)]
enum Program {
    Pillarbox {
        /// The binary, or what runs it and then the binary.
        command: Vec<PathBuf>,
        /// It can be told where to keep its data; what keeps everything in memory cannot.
        has_data_dir: bool,
    },
    RabbitMq {
        server: RabbitMq,
        /// The Erlang port mapper was not there before, and would stay behind.
        starts_epmd: bool,
    },
}

impl Broker {
    /// Starts this repository's broker with its defaults.
    pub(super) fn pillarbox(binary: &Path) -> anyhow::Result<Self> {
        Self::pillarbox_under(&[], binary)
    }

    /// Starts it without a disk.
    pub(super) fn pillarbox_in_memory(binary: &Path) -> anyhow::Result<Self> {
        let command = vec![binary.to_owned(), PathBuf::from("--memory-only")];
        Self::start(Program::Pillarbox { command, has_data_dir: false }, fresh_folder()?)
    }

    /// Starts it under another program, such as `valgrind` and its arguments.
    pub(super) fn pillarbox_under(runner: &[&str], binary: &Path) -> anyhow::Result<Self> {
        let help = Command::new(binary).arg("--help").output();
        let help = help.with_context(|| format!("cannot start {}", binary.display()))?;
        let has_data_dir = String::from_utf8_lossy(&help.stdout).contains("--data-dir");
        let command = runner.iter().map(PathBuf::from).chain([binary.to_owned()]).collect();
        Self::start(Program::Pillarbox { command, has_data_dir }, fresh_folder()?)
    }

    /// Starts it with nothing that an operator would ask.
    pub(super) fn pillarbox_without_management(
        runner: &[&str],
        binary: &Path,
    ) -> anyhow::Result<Self> {
        let folder = fresh_folder()?;
        let settings = folder.join("settings.toml");
        fs::write(&settings, "[management]\nbind = []\nmetrics_bind = []\n")?;
        let command = runner.iter().map(PathBuf::from).chain([binary.to_owned()]);
        let command = command.chain(["--config".into(), settings]).collect();
        Self::start(Program::Pillarbox { command, has_data_dir: true }, folder)
    }

    /// Starts a RabbitMQ of its own, with nothing but its defaults and no plugins; `None` if it is not installed.
    pub(super) fn rabbitmq() -> anyhow::Result<Option<Self>> {
        RabbitMq::find()?.map(Self::start_found).transpose()
    }

    /// The same with its HTTP API and its metrics.
    pub(super) fn rabbitmq_with_management() -> anyhow::Result<Option<Self>> {
        let found = RabbitMq::find()?.map(RabbitMq::with_management).transpose()?;
        found.map(Self::start_found).transpose()
    }

    fn start_found(server: RabbitMq) -> anyhow::Result<Self> {
        let starts_epmd = TcpStream::connect(("127.0.0.1", 4369)).is_err();
        Self::start(Program::RabbitMq { server, starts_epmd }, fresh_folder()?)
    }

    /// Kills it with a signal that it cannot catch, and starts it again on what it left.
    pub(super) fn crash_and_restart(mut self) -> anyhow::Result<Self> {
        let killed = Command::new("kill").args(["-KILL", &self.pid.to_string()]).status()?;
        ensure!(killed.success(), "cannot kill {}", self.name);
        // The script that started it ends with it.
        self.child.wait()?;
        let restarted = Self::start(self.program.clone(), self.folder.clone())?;
        self.is_replaced = true;
        Ok(restarted)
    }

    fn start(program: Program, folder: PathBuf) -> anyhow::Result<Self> {
        match &program {
            Program::Pillarbox { command, has_data_dir } => {
                let mut command = command.iter();
                let mut started = Command::new(command.next().context("there is a binary")?);
                started.args(command).args(["--port", "0"]);
                if *has_data_dir {
                    started.arg("--data-dir").arg(&folder);
                }
                Self::start_pillarbox(started, program, folder)
            }
            Program::RabbitMq { server, .. } => {
                let server = server.clone();
                Self::start_rabbitmq(&server, program, folder)
            }
        }
    }

    fn start_pillarbox(
        mut command: Command,
        program: Program,
        folder: PathBuf,
    ) -> anyhow::Result<Self> {
        let begun = Instant::now();
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {command:?}"))?;
        let stdout = child.stdout.take().context("its output is piped")?;
        let mut lines = BufReader::new(stdout).lines();
        let (mut api, mut metrics) = (None, None);
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| {
                // These lines come before it.
                let behind = |what: &str| line.strip_prefix(what).map(str::to_owned);
                api = api.take().or_else(|| behind("management on "));
                metrics = metrics.take().or_else(|| behind("metrics on "));
                behind("listening on ")
            })
            .context("the broker does not say where it listens")?;
        TcpStream::connect(address.as_str())?;
        let start = begun.elapsed();
        // Whatever else it prints must not fill the pipe.
        thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Ok(Self {
            name: "Pillarbox",
            uri: format!("amqp://guest:guest@{address}"),
            management: api.zip(metrics).map(|(api, metrics)| Management { api, metrics }),
            pid: child.id(),
            start,
            folder,
            program,
            child,
            is_replaced: false,
        })
    }

    fn start_rabbitmq(
        server: &RabbitMq,
        program: Program,
        folder: PathBuf,
    ) -> anyhow::Result<Self> {
        // One that is left from before names a process that is gone.
        let pid_file = rabbitmq::pid_file(&folder);
        if pid_file.exists() {
            fs::remove_file(&pid_file)?;
        }
        let begun = Instant::now();
        let child = server.command(&folder)?.spawn().context("cannot start RabbitMQ")?;
        let on = |port| format!("127.0.0.1:{port}");
        let management = server
            .management
            .map(|ports| Management { api: on(ports.api), metrics: on(ports.metrics) });
        let mut broker = Self {
            name: "RabbitMQ",
            uri: format!("amqp://guest:guest@{}", on(server.port)),
            management,
            pid: child.id(),
            start: Duration::ZERO,
            folder,
            program,
            child,
            is_replaced: false,
        };
        broker.wait_for(&on(server.port), begun)?;
        broker.start = begun.elapsed();
        if let Some(management) = broker.management.clone() {
            broker.wait_for(&management.api, begun)?;
            broker.wait_for(&management.metrics, begun)?;
        }
        // The script may have started the real process beside itself.
        broker.pid = fs::read_to_string(pid_file)?.trim().parse()?;
        Ok(broker)
    }

    fn wait_for(&mut self, address: &str, begun: Instant) -> anyhow::Result<()> {
        while TcpStream::connect(address).is_err() {
            if begun.elapsed() > rabbitmq::START_TIMEOUT {
                bail!("RabbitMQ does not accept connections on {address}");
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("RabbitMQ does not start: {status}");
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if self.is_replaced {
            return;
        }
        // A broker that is gone already is as good as stopped.
        let _ = Command::new("kill").arg(self.pid.to_string()).stderr(Stdio::null()).status();
        let begun = Instant::now();
        while begun.elapsed() < STOP_TIMEOUT && matches!(self.child.try_wait(), Ok(None)) {
            thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        if matches!(self.program, Program::RabbitMq { starts_epmd: true, .. }) {
            // It refuses while another node needs it.
            let _ = Command::new("epmd").arg("-kill").stdout(Stdio::null()).status();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A new folder beside this program: on the repository's disk, where a folder for temporary files may be in memory.
pub(super) fn fresh_folder() -> anyhow::Result<PathBuf> {
    static CREATED: AtomicUsize = AtomicUsize::new(0);
    let number = CREATED.fetch_add(1, Ordering::Relaxed);
    let name = format!("compare-{}-{number}", std::process::id());
    let folder = env::current_exe()?.with_file_name(name);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}
