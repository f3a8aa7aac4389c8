//! `cargo xtask record-api`: what a real RabbitMQ answers, as names and types, and what its tools say, for
//! the tests of ours to compare with.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};

/// Where packages put RabbitMQ's start script.
const RABBITMQ_SERVERS: [&str; 3] = [
    "/usr/lib/rabbitmq/bin/rabbitmq-server",
    "/usr/sbin/rabbitmq-server",
    "/opt/homebrew/sbin/rabbitmq-server",
];

/// It takes seconds to start, and more on a busy machine.
const START_TIMEOUT: Duration = Duration::from_secs(300);

/// Plays the scene of `tests/management` on a RabbitMQ of its own, and keeps the shapes of its answers.
pub(crate) fn run() -> anyhow::Result<()> {
    let server = RABBITMQ_SERVERS.iter().find(|path| Path::new(path).exists());
    let server = server.context("RabbitMQ is not installed (Debian: rabbitmq-server)")?;
    let folder = std::env::current_exe()?.with_file_name(format!("record-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let recorded = record(server, &folder);
    fs::remove_dir_all(&folder)?;
    recorded
}

fn record(server: &str, folder: &Path) -> anyhow::Result<()> {
    let (amqp, api) = (free_port()?, free_port()?);
    let mut rabbitmq = start(server, folder, amqp, api)?;
    let recorded = wait_for(&mut rabbitmq, api).and_then(|()| {
        // The tools are asked first: what they list is what they have declared.
        for test in RECORDING {
            let mut recording = Command::new("cargo");
            recording
                .args([
                    "test",
                    "--package",
                    "pillarbox",
                    "--test",
                    "management",
                    "--",
                    "--exact",
                    test,
                ])
                .env("PILLARBOX_RECORD_AMQP", format!("amqp://guest:guest@127.0.0.1:{amqp}"))
                .env("PILLARBOX_RECORD_API", format!("127.0.0.1:{api}"))
                .env("PILLARBOX_RECORD_NODE", node_name());
            if let Some(tools) = Path::new(server).parent().filter(|_| test.starts_with("cli")) {
                recording.env("PILLARBOX_RECORD_TOOLS", tools);
                recording
                    .env("RABBITMQ_NODENAME", node_name())
                    .env("ERL_EPMD_ADDRESS", "127.0.0.1");
                // Where the tools find the cookie that they share with the server.
                recording.env("PILLARBOX_RECORD_HOME", folder);
            }
            ensure!(recording.status()?.success(), "the test that records failed");
        }
        Ok(())
    });
    let pid = fs::read_to_string(folder.join("pid")).unwrap_or_else(|_| rabbitmq.id().to_string());
    Command::new("kill").arg(pid.trim()).status()?;
    rabbitmq.wait()?;
    recorded
}

/// The tests that record.
const RECORDING: [&str; 2] = [
    "cli::rabbitmq::what_was_recorded_with_rabbitmq_comes_out_of_ours",
    "shapes::every_answer_has_rabbitmqs_shape",
];

fn node_name() -> String {
    format!("record-{}@localhost", std::process::id())
}

fn start(server: &str, folder: &Path, amqp: u16, api: u16) -> anyhow::Result<Child> {
    fs::write(folder.join("plugins"), "[rabbitmq_management].")?;
    let settings = format!("management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {api}\n");
    fs::write(folder.join("rabbitmq.conf"), settings)?;
    Command::new(server)
        .env("HOME", folder)
        .env("RABBITMQ_NODENAME", node_name())
        .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
        .env("RABBITMQ_NODE_PORT", amqp.to_string())
        .env("RABBITMQ_DIST_PORT", free_port()?.to_string())
        .env("ERL_EPMD_ADDRESS", "127.0.0.1")
        .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}")
        .env("RABBITMQ_MNESIA_BASE", folder.join("mnesia"))
        .env("RABBITMQ_LOG_BASE", folder.join("log"))
        .env("RABBITMQ_PID_FILE", folder.join("pid"))
        .env("RABBITMQ_ENABLED_PLUGINS_FILE", folder.join("plugins"))
        .env("RABBITMQ_CONFIG_FILE", folder.join("rabbitmq"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot start RabbitMQ")
}

/// The API is the last that it starts.
fn wait_for(rabbitmq: &mut Child, port: u16) -> anyhow::Result<()> {
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if begun.elapsed() > START_TIMEOUT {
            bail!("RabbitMQ does not answer over HTTP");
        }
        if let Some(status) = rabbitmq.try_wait()? {
            bail!("RabbitMQ does not start: {status}");
        }
        thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
