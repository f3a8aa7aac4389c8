//! The two brokers, as processes of their own on free ports of 127.0.0.1.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};

/// Where packages put RabbitMQ's start script.
const RABBITMQ_SERVERS: [&str; 3] = [
    "/usr/lib/rabbitmq/bin/rabbitmq-server",
    "/usr/sbin/rabbitmq-server",
    "/opt/homebrew/sbin/rabbitmq-server",
];

/// RabbitMQ takes seconds to start, and more on a busy machine.
const START_TIMEOUT: Duration = Duration::from_secs(120);

/// How long a broker may take to stop before it is killed.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// A running broker; dropping it stops it.
pub(super) struct Broker {
    pub(super) name: &'static str,
    pub(super) uri: String,
    pub(super) pid: u32,
    /// From the start of the process until it accepts connections.
    pub(super) start: Duration,
    child: Child,
    folder: Option<PathBuf>,
    /// The Erlang port mapper was not there before, and stays behind.
    has_started_epmd: bool,
}

impl Broker {
    /// Starts this repository's broker with its defaults.
    pub(super) fn pillarbox(binary: &Path) -> anyhow::Result<Self> {
        let begun = Instant::now();
        let mut child = Command::new(binary)
            .args(["--port", "0"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        let stdout = child.stdout.take().context("its output is piped")?;
        let mut lines = BufReader::new(stdout).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("listening on ").map(str::to_owned))
            .context("the broker does not say where it listens")?;
        TcpStream::connect(address.as_str())?;
        let start = begun.elapsed();
        // Whatever else it prints must not fill the pipe.
        thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Ok(Self {
            name: "Pillarbox",
            uri: format!("amqp://guest:guest@{address}"),
            pid: child.id(),
            start,
            child,
            folder: None,
            has_started_epmd: false,
        })
    }

    /// Starts a RabbitMQ of its own, with nothing but its defaults, no plugins and a folder that goes with it; `None`
    /// if it is not installed.
    pub(super) fn rabbitmq() -> anyhow::Result<Option<Self>> {
        let Some(server) = RABBITMQ_SERVERS.iter().find(|path| Path::new(path).exists()) else {
            return Ok(None);
        };
        let folder = env::temp_dir().join(format!("pillarbox-compare-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("plugins"), "[].")?;
        let (port, distribution_port) = (free_port()?, free_port()?);
        let has_started_epmd = TcpStream::connect(("127.0.0.1", 4369)).is_err();
        let begun = Instant::now();
        let child = Command::new(server)
            .env("HOME", &folder)
            .env("RABBITMQ_NODENAME", format!("compare-{}@localhost", std::process::id()))
            .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODE_PORT", port.to_string())
            .env("RABBITMQ_DIST_PORT", distribution_port.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env(
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                "-kernel inet_dist_use_interface {127,0,0,1}",
            )
            .env("RABBITMQ_MNESIA_BASE", folder.join("mnesia"))
            .env("RABBITMQ_LOG_BASE", folder.join("log"))
            .env("RABBITMQ_PID_FILE", folder.join("pid"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", folder.join("plugins"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start RabbitMQ")?;
        let mut broker = Self {
            name: "RabbitMQ",
            uri: format!("amqp://guest:guest@127.0.0.1:{port}"),
            pid: child.id(),
            start: Duration::ZERO,
            child,
            folder: Some(folder.clone()),
            has_started_epmd,
        };
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if begun.elapsed() > START_TIMEOUT {
                bail!("RabbitMQ does not accept connections");
            }
            if let Some(status) = broker.child.try_wait()? {
                bail!("RabbitMQ does not start: {status}");
            }
            thread::sleep(Duration::from_millis(20));
        }
        broker.start = begun.elapsed();
        // The script may have started the real process beside itself.
        broker.pid = fs::read_to_string(folder.join("pid"))?.trim().parse()?;
        Ok(Some(broker))
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // A broker that is gone already is as good as stopped.
        let _ = Command::new("kill").arg(self.pid.to_string()).stderr(Stdio::null()).status();
        let begun = Instant::now();
        while begun.elapsed() < STOP_TIMEOUT && matches!(self.child.try_wait(), Ok(None)) {
            thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        if self.has_started_epmd {
            // It refuses while another node needs it.
            let _ = Command::new("epmd").arg("-kill").stdout(Stdio::null()).status();
        }
        if let Some(folder) = &self.folder {
            let _ = fs::remove_dir_all(folder);
        }
    }
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
