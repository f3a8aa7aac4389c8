//! A RabbitMQ of its own, apart from any that runs here: found where packages put it, on free ports of 127.0.0.1.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

/// Where packages put RabbitMQ's start script.
const SERVERS: [&str; 3] = [
    "/usr/lib/rabbitmq/bin/rabbitmq-server",
    "/usr/sbin/rabbitmq-server",
    "/opt/homebrew/sbin/rabbitmq-server",
];

/// It takes seconds to start, and more on a busy machine or with many messages.
pub(crate) const START_TIMEOUT: Duration = Duration::from_secs(300);

/// A node that is not started yet.
#[derive(Clone, Debug)]
pub(crate) struct RabbitMq {
    server: &'static str,
    /// The port for AMQP.
    pub(crate) port: u16,
    distribution_port: u16,
    /// If it has the HTTP API and metrics, their ports.
    pub(crate) management: Option<ManagementPorts>,
}

/// Where the HTTP API and the metrics are.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ManagementPorts {
    pub(crate) api: u16,
    /// Without the API's login.
    pub(crate) metrics: u16,
}

impl RabbitMq {
    /// One with nothing but its defaults and no plugins; `None` if it is not installed.
    ///
    /// # Errors
    /// If there is no free port.
    pub(crate) fn find() -> anyhow::Result<Option<Self>> {
        let Some(server) = SERVERS.iter().find(|path| Path::new(path).exists()) else {
            return Ok(None);
        };
        let (port, distribution_port) = (free_port()?, free_port()?);
        Ok(Some(Self { server, port, distribution_port, management: None }))
    }

    /// The same with its HTTP API and its metrics.
    ///
    /// # Errors
    /// If there is no free port.
    pub(crate) fn with_management(self) -> anyhow::Result<Self> {
        let ports = ManagementPorts { api: free_port()?, metrics: free_port()? };
        Ok(Self { management: Some(ports), ..self })
    }

    /// How the node is called, which its tools want to know.
    pub(crate) fn node_name(&self) -> String {
        format!("xtask-{}-{}@localhost", std::process::id(), self.port)
    }

    /// The folder of its tools, such as `rabbitmqctl`.
    pub(crate) fn tools(&self) -> Option<&Path> {
        Path::new(self.server).parent()
    }

    /// What starts it with all that it keeps in `folder`, where its process writes its number to `pid`.
    ///
    /// # Errors
    /// If its settings cannot be written.
    pub(crate) fn command(&self, folder: &Path) -> anyhow::Result<Command> {
        let (plugins, settings) = match self.management {
            None => ("[].", String::new()),
            Some(ManagementPorts { api, metrics }) => (
                "[rabbitmq_management,rabbitmq_prometheus].",
                format!(
                    "management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {api}\n\
                     prometheus.tcp.ip = 127.0.0.1\nprometheus.tcp.port = {metrics}\n"
                ),
            ),
        };
        fs::write(folder.join("plugins"), plugins)?;
        fs::write(folder.join("rabbitmq.conf"), settings)?;
        let mut command = Command::new(self.server);
        command
            .env("HOME", folder)
            .env("RABBITMQ_NODENAME", self.node_name())
            .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODE_PORT", self.port.to_string())
            .env("RABBITMQ_DIST_PORT", self.distribution_port.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env(
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                "-kernel inet_dist_use_interface {127,0,0,1}",
            )
            .env("RABBITMQ_MNESIA_BASE", folder.join("mnesia"))
            .env("RABBITMQ_LOG_BASE", folder.join("log"))
            .env("RABBITMQ_PID_FILE", pid_file(folder))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", folder.join("plugins"))
            .env("RABBITMQ_CONFIG_FILE", folder.join("rabbitmq"))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        Ok(command)
    }
}

/// Where the real process writes its number: the script may have started it beside itself.
pub(crate) fn pid_file(folder: &Path) -> PathBuf {
    folder.join("pid")
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
