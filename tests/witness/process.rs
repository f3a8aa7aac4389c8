//! A broker that is a process of its own, and can be killed.

use std::{
    fs,
    io::{self, BufRead, BufReader},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::{Duration, Instant},
};

/// How long a broker may take until it listens.
const START_TIME_MAX: Duration = Duration::from_secs(30);
/// How long a broker may take to stop.
const STOP_TIME_MAX: Duration = Duration::from_secs(20);
/// How long it takes until a process is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// How to start a broker, again and again on the same data.
#[derive(Clone, Debug)]
pub struct Launch {
    /// A command line that runs the rest of it, such as `nsenter …`; mostly empty.
    pub prefix: Vec<String>,
    /// The broker.
    pub program: PathBuf,
    /// The settings file.
    pub config: PathBuf,
    /// Where its data is.
    pub data_dir: PathBuf,
    /// More of its environment.
    pub env: Vec<(String, String)>,
}

/// Why a broker did not start.
#[derive(Debug)]
pub struct NotStarted {
    /// How it ended; `None` if it did not say in time where it listens, and was killed.
    pub status: Option<ExitStatus>,
    /// What it had logged.
    pub log: String,
}

/// A running broker. It is killed when this is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    addr: SocketAddr,
    log: Arc<Mutex<String>>,
    /// Reads the log to its end.
    reader: Option<thread::JoinHandle<()>>,
}

impl Launch {
    /// Starts the broker on a free port, and waits until it listens.
    ///
    /// # Errors
    /// If it ends before, as with a fail point on its way.
    ///
    /// # Panics
    /// If there is no such program.
    pub fn start(&self) -> Result<Process, NotStarted> {
        let program = self.program.display().to_string();
        let mut line = self.prefix.iter().map(String::as_str).chain([program.as_str()]);
        let mut command = Command::new(line.next().expect("there is the program at least"));
        command.args(line).args(["--port", "0", "--config"]).arg(&self.config);
        command.arg("--data-dir").arg(&self.data_dir);
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{program}: {error}"));

        let stdout = child.stdout.take().expect("it is piped");
        let stderr = child.stderr.take().expect("it is piped");
        let (addr_tx, addr_rx) = mpsc::channel();
        // Both are read to their ends, or the broker would wait for room.
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let after = line.split_once("listening on ").map(|(_, after)| after);
                if let Some(addr) = after.and_then(|after| after.trim().parse().ok()) {
                    let _: Result<(), _> = addr_tx.send(addr); // who gave up does not want to know
                }
            }
        });
        let log = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&log);
        let reader = thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.push_str(&line);
                kept.push('\n');
            }
        });
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        let mut process = Process { child, addr: nowhere, log, reader: Some(reader) };
        match addr_rx.recv_timeout(START_TIME_MAX) {
            Ok(addr) => {
                process.addr = addr;
                Ok(process)
            }
            Err(ended) => {
                let has_ended = ended == mpsc::RecvTimeoutError::Disconnected;
                let status = has_ended.then(|| process.wait(STOP_TIME_MAX)).flatten();
                process.kill();
                Err(NotStarted { status, log: process.log_text() })
            }
        }
    }
}

impl Process {
    /// Where it listens, as clients want it.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("amqp://guest:guest@{}/%2f", self.addr)
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it where it stands, and waits until nothing of it is left.
    pub fn kill(&mut self) {
        let _: io::Result<()> = self.child.kill(); // it may have ended by itself
        let _: io::Result<ExitStatus> = self.child.wait();
        self.finish_log();
    }

    /// Ends it as an operator does; `None` if it took too long.
    pub fn stop(&mut self) -> Option<ExitStatus> {
        self.signal("TERM");
        self.wait(STOP_TIME_MAX)
    }

    /// Sends it a signal, such as `STOP`.
    pub fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let _: io::Result<ExitStatus> = // it may have ended by itself
            Command::new("kill").args([&format!("-{name}"), &pid]).status();
    }

    /// How it ended, or `None` if it still runs after so long.
    pub fn wait(&mut self, at_most: Duration) -> Option<ExitStatus> {
        let give_up = Instant::now() + at_most;
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                self.finish_log();
                return Some(status);
            }
            if Instant::now() >= give_up {
                return None;
            }
            thread::sleep(LOOK_AGAIN);
        }
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(Some(_)))
    }

    /// What it has logged.
    #[must_use]
    pub fn log_text(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many bytes of memory it has; `None` if it has ended.
    #[must_use]
    pub fn resident_bytes(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
        Some(kibibytes * 1024)
    }

    /// Waits for the last line of its log.
    fn finish_log(&mut self) {
        if let Some(reader) = self.reader.take() {
            let _: thread::Result<()> = reader.join();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
