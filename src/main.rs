//! `pillarbox`: without a command it is the broker, with one it does what the command says.

mod config;
mod first_user;

use std::io::{IsTerminal, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use clap::{ArgAction, CommandFactory as _, Parser};
use cli::Tool;
use disk::{AdminTokenFile, AdminTokenText};
use management::{AdminToken, Management, Settings};
use server::{LogFailure, Server, StartError};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, info};
use tracing_subscriber::EnvFilter;

use crate::config::{Config, LogFormat};
use crate::first_user::FirstUser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A message broker that speaks RabbitMQ's AMQP 0-9-1.
///
/// Without a command it serves; then these options win over the settings file.
#[derive(Parser)]
#[command(name = "pillarbox", version, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<cli::Command>,
    #[command(flatten)]
    serve: Serve,
}

/// The options of the broker itself.
#[derive(clap::Args)]
struct Serve {
    /// The settings file; see the broker.toml that comes with the program.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// An address to listen on; may be given more than once.
    #[arg(long, value_name = "ADDRESS")]
    bind: Vec<IpAddr>,
    /// The port for AMQP; 0 takes free ones for everything, and prints them.
    #[arg(long)]
    port: Option<u16>,
    /// The port of the HTTP API and the web page; 0 takes free ones for them and for the metrics, and prints them.
    #[arg(long, value_name = "PORT")]
    management_port: Option<u16>,
    /// The folder for what outlives the process.
    #[arg(long, value_name = "FOLDER", conflicts_with = "memory_only")]
    data_dir: Option<PathBuf>,
    /// Keep everything in memory and nothing on disk, for tests: a restart begins empty.
    #[arg(long)]
    memory_only: bool,
    /// How log lines look.
    #[arg(long, value_name = "FORMAT")]
    log: Option<LogFormat>,
    /// Log more: -v for details, -vv for everything.
    #[arg(short, action = ArgAction::Count)]
    verbose: u8,
}

fn main() -> ExitCode {
    let started = Instant::now();
    let mut words = std::env::args_os();
    if let Some(tool) = words.next().and_then(|program| Tool::of_program(Path::new(&program))) {
        let words: Vec<String> = words.map(|word| word.to_string_lossy().into_owned()).collect();
        return ended(tool.run(&words, &default_folder));
    }
    let arguments = Arguments::parse();
    ended(match arguments.command {
        Some(command) => command.run(&default_folder, Arguments::command),
        None => serve(arguments.serve, started).map(|()| ExitCode::SUCCESS),
    })
}

/// Says what went wrong, and gives the exit code.
fn ended(done: Result<ExitCode>) -> ExitCode {
    match done {
        Ok(code) => code,
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "pillarbox: {failure:#}");
            let has_disk_failed = failure.is::<LogFailure>()
                || failure.downcast_ref::<StartError>().is_some_and(StartError::is_disk_failure);
            if has_disk_failed { ExitCode::from(LOG_FAILED) } else { ExitCode::FAILURE }
        }
    }
}

/// The data folder that a command looks at: that of the broker with this settings file; without one, what
/// `PILLARBOX_DATA_DIR` names, or else that of the broker with its defaults.
fn default_folder(config: Option<&Path>) -> Result<PathBuf> {
    let named = std::env::var_os("PILLARBOX_DATA_DIR").filter(|named| !named.is_empty());
    if let (None, Some(named)) = (config, named) {
        return Ok(named.into());
    }
    config.map_or_else(|| Ok(Config::default()), Config::read)?.store.data_dir()
}

/// The exit code when the disk failed under the log, so that a supervisor can tell it from everything else.
const LOG_FAILED: u8 = 3;

impl Serve {
    /// The settings file, or the defaults, with what the command line says on top.
    fn config(&self) -> Result<Config> {
        let mut config = match &self.config {
            Some(file) => Config::read(file)?,
            None => Config::default(),
        };
        if !self.bind.is_empty() {
            config.server.bind.clone_from(&self.bind);
        }
        if let Some(port) = self.port {
            config.server.port = port;
        }
        if let Some(port) = self.management_port.or(self.port.filter(|&port| port == 0)) {
            config.management.set_port(port);
        }
        if let Some(data_dir) = &self.data_dir {
            config.store.data_dir.clone_from(data_dir);
        }
        if let Some(format) = self.log {
            config.log.format = format;
        }
        config.take_first_user(&FirstUser::of(|name| std::env::var(name))?);
        match self.verbose {
            0 => {}
            1 => config.log.level = "debug".to_owned(),
            _ => config.log.level = "trace".to_owned(),
        }
        Ok(config)
    }
}

/// How many threads read back what queues do not keep in memory: each of them takes some megabytes, which is bounded so.
const READER_THREADS: usize = 4;

/// How long tasks have to end, and to log that they do.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// Serves until a signal says stop.
fn serve(arguments: Serve, started: Instant) -> Result<()> {
    let config = arguments.config()?;
    let options = config.options(arguments.memory_only)?;
    let data_dir = options.store.as_ref().map(|store| store.data_dir.clone());
    start_log(&config)?;
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(match config.server.worker_threads {
        0 => std::thread::available_parallelism()
            .map_or(1, |processors| processors.get().div_ceil(2)),
        threads => threads,
    });
    runtime.max_blocking_threads(READER_THREADS);
    let runtime = runtime.enable_all().build().context("cannot start the runtime")?;
    let served = runtime.block_on(async {
        let mut signals = Signals::listen()?;
        let server = Server::start(options).await?;
        let (management, token) = match manage(&config, &server, data_dir.as_deref()).await {
            Ok(started) => started,
            Err(error) => {
                // Nobody was told where to connect: the log is closed as it was opened.
                server.stop("the management cannot be started").await?;
                return Err(error);
            }
        };
        info!(
            version = env!("CARGO_PKG_VERSION"),
            compatible_with = format!("{} {}", config.compat.product, config.compat.version),
            memory_limit = server.memory_limit(),
            started_in_ms = started.elapsed().as_millis(),
            "pillarbox is ready; {}",
            server.promise()
        );
        announce(&server, &management).context("cannot print where it listens")?;
        let name = tokio::select! {
            name = signals.stop(&server) => name,
            () = server.stop_asked() => "an operator's",
            failure = server.failed() => return Err(failure.into()),
            failure = server.vital_failed() => return Err(failure.into()),
        };
        info!(signal = name, "stopping; a second signal ends it at once");
        let stopping = async {
            management.stop().await;
            drop(token);
            server.stop("broker is shutting down").await
        };
        tokio::select! {
            stopped = stopping => stopped?,
            name = signals.end() => bail!("ended at once by {name}"),
        }
        info!("stopped");
        Ok(())
    });
    // Whoever reads from a disk that stands still is not waited for; but those who have something to say at their end
    // have said it before the last line.
    runtime.shutdown_timeout(LAST_WORDS);
    served
}

/// Makes what the definitions name, and starts the management; with the file that lets those in who can read it.
async fn manage(
    config: &Config,
    server: &Server,
    data_dir: Option<&Path>,
) -> Result<(Management, Option<AdminTokenFile>)> {
    let admin = server.admin();
    if let Some((path, text)) = config.management.definitions()? {
        let loaded = management::load_definitions(&admin, &text).await;
        loaded.map_err(|reason| anyhow!("the definitions in {}: {reason}", path.display()))?;
        info!(file = %path.display(), "the definitions are loaded");
    }
    let token = AdminToken::random().context("cannot make the token of the administrator")?;
    let settings = Settings { admin_token: Some(token.clone()), ..config.management() };
    let management = Management::start(&settings, &admin, server.tls())?;
    let file = match (data_dir, management.local_url()) {
        (Some(data_dir), Some(url)) => {
            let text = AdminTokenText { url, token: token.to_text() };
            let path = AdminTokenText::path(data_dir);
            let written = AdminTokenFile::write(data_dir, &text);
            Some(written.with_context(|| format!("cannot write {}", path.display()))?)
        }
        _ => None,
    };
    Ok((management, file))
}

/// Prints a line for each address, for people and for scripts that asked for a free port.
///
/// The lines for AMQP come last: whoever has read them knows that everything is ready.
fn announce(server: &Server, management: &Management) -> std::io::Result<()> {
    let mut stdout = std::io::stdout().lock();
    for address in management.addresses() {
        writeln!(stdout, "management on {address}")?;
    }
    for address in management.tls_addresses() {
        writeln!(stdout, "management on {address} for TLS")?;
    }
    for address in management.metrics_addresses() {
        writeln!(stdout, "metrics on {address}")?;
    }
    for address in server.addresses() {
        writeln!(stdout, "listening on {address}")?;
    }
    for address in server.tls_addresses() {
        writeln!(stdout, "listening on {address} for TLS")?;
    }
    stdout.flush()
}

/// Logs go to the standard error.
fn start_log(config: &Config) -> Result<()> {
    let filter = EnvFilter::try_new(&config.log.level)
        .with_context(|| format!("[log] level is '{}'", config.log.level))?;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // A terminal that is gone takes no complaint about that either, and a panic would end more than the log.
        .log_internal_errors(false)
        .with_ansi(std::io::stderr().is_terminal());
    match config.log.format {
        LogFormat::Text => subscriber.init(),
        LogFormat::Json => subscriber.json().flatten_event(true).init(),
    }
    std::panic::set_hook(Box::new(|panic| error!("{panic}")));
    Ok(())
}

/// What ends the broker, or has it read its certificates again.
struct Signals {
    hang_up: Signal,
    /// Whether its log goes to a terminal.
    has_terminal: bool,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> Result<Self> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self {
            hang_up: listen(SignalKind::hangup())?,
            has_terminal: std::io::stderr().is_terminal(),
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
        })
    }

    /// Waits for what ends the broker. SIGHUP has it read its certificates again; but with the terminal that it was
    /// started from gone, it is what that ends programs with.
    async fn stop(&mut self, server: &Server) -> &'static str {
        loop {
            tokio::select! {
                _ = self.hang_up.recv() => {
                    if self.has_terminal && !std::io::stderr().is_terminal() {
                        return "SIGHUP";
                    }
                    server.reload_tls().await;
                }
                _ = self.terminate.recv() => return "SIGTERM",
                _ = self.interrupt.recv() => return "SIGINT",
            }
        }
    }

    /// Waits for what ends it at once.
    async fn end(&mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
