//! `cargo xtask record-api`: what a real RabbitMQ answers, as names and types, and what its tools say, for
//! the tests of ours to compare with.

use std::{
    fs,
    net::TcpStream,
    path::Path,
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};

use crate::rabbitmq::{self, RabbitMq};

/// Plays the scene of `tests/management` on a RabbitMQ of its own, and keeps the shapes of its answers.
pub(crate) fn run() -> anyhow::Result<()> {
    let server =
        RabbitMq::find()?.context("RabbitMQ is not installed (Debian: rabbitmq-server)")?;
    let folder = std::env::current_exe()?.with_file_name(format!("record-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let recorded = record(&server.with_management()?, &folder);
    fs::remove_dir_all(&folder)?;
    recorded
}

fn record(server: &RabbitMq, folder: &Path) -> anyhow::Result<()> {
    let (amqp, api) = (server.port, server.management.context("it has its API")?.api);
    let mut rabbitmq = server.command(folder)?.spawn().context("cannot start RabbitMQ")?;
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
                .env("PILLARBOX_RECORD_NODE", server.node_name());
            if let Some(tools) = server.tools().filter(|_| test.starts_with("cli")) {
                recording.env("PILLARBOX_RECORD_TOOLS", tools);
                recording
                    .env("RABBITMQ_NODENAME", server.node_name())
                    .env("ERL_EPMD_ADDRESS", "127.0.0.1");
                // Where the tools find the cookie that they share with the server.
                recording.env("PILLARBOX_RECORD_HOME", folder);
            }
            ensure!(recording.status()?.success(), "the test that records failed");
        }
        Ok(())
    });
    let pid = fs::read_to_string(rabbitmq::pid_file(folder));
    let pid = pid.unwrap_or_else(|_| rabbitmq.id().to_string());
    Command::new("kill").arg(pid.trim()).status()?;
    rabbitmq.wait()?;
    recorded
}

/// The tests that record.
const RECORDING: [&str; 2] = [
    "cli::rabbitmq::what_was_recorded_with_rabbitmq_comes_out_of_ours",
    "shapes::every_answer_has_rabbitmqs_shape",
];

/// The API is the last that it starts.
fn wait_for(rabbitmq: &mut Child, port: u16) -> anyhow::Result<()> {
    let begun = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if begun.elapsed() > rabbitmq::START_TIMEOUT {
            bail!("RabbitMQ does not answer over HTTP");
        }
        if let Some(status) = rabbitmq.try_wait()? {
            bail!("RabbitMQ does not start: {status}");
        }
        thread::sleep(Duration::from_millis(100));
    }
    Ok(())
}
