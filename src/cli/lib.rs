//! The command line beside serving: tools that speak to a broker from outside, and tools for what it keeps on the disk.

mod access;
mod api;
pub mod backup;
pub mod bench;
mod completions;
mod control;
mod declare;
mod definitions;
mod delete;
mod list;
pub mod log;
mod messages;
mod output;
mod pairs;
pub mod process;
mod progress_bar;
mod rabbitmq;
mod serving;
mod show;
mod source;
mod status;
mod table;
pub mod tls;
mod units;
mod user;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub use backup::Backup;
pub use bench::Bench;
pub use log::Log;
pub use rabbitmq::Tool;
pub use tls::Tls;

use self::completions::Completions;
use self::declare::Declare;
use self::definitions::{Export, Import};
use self::delete::{Close, Delete};
use self::list::List;
use self::messages::{Get, Publish, Purge};
use self::rabbitmq::ToolArguments;
use self::serving::{Pause, Resume, Stop};
use self::show::Show;
use self::status::{Health, Ping, Status};
use self::user::User;

/// What `pillarbox` can do apart from being the broker.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Say how a broker is: what it does, what it uses, what it is low on.
    Status(Status),
    /// List what a broker has: a line for each.
    List(List),
    /// Show all that is known of one thing.
    Show(Show),
    /// Make something, or see to it that it is there.
    Declare(Box<Declare>),
    /// Take something away.
    Delete(Delete),
    /// Publish a message.
    Publish(Publish),
    /// Fetch messages from a queue, and put them back unless told otherwise.
    Get(Get),
    /// Take all ready messages out of a queue, and drop them.
    Purge(Purge),
    /// Add users, change them, and let them into vhosts.
    User(Box<User>),
    /// End connections; their clients are told why.
    Close(Close),
    /// Write everything that was declared into a file, as RabbitMQ exports it.
    Export(Export),
    /// Make everything that a file of definitions brings, of this broker or of RabbitMQ.
    Import(Import),
    /// Ask whether a broker answers.
    Ping(Ping),
    /// Check whether a broker is well: nothing is low, and it serves. The exit code is 1 if it is not.
    Health(Health),
    /// Serve no clients for a while: all connections are closed, and nobody can open another.
    Pause(Pause),
    /// Serve clients again.
    Resume(Resume),
    /// End a broker, as SIGTERM does.
    Stop(Stop),
    /// Put a load on a broker and measure it.
    Bench(Box<Bench>),
    /// Look into the log of a data folder.
    Log(Log),
    /// Copy what a broker keeps, also while it runs.
    Backup(Backup),
    /// Make certificates for a try.
    Tls(Tls),
    /// Write what a shell needs to complete commands.
    Completions(Completions),
    /// The commands of RabbitMQ's tool of this name, as when the program is called by it.
    #[command(disable_help_flag = true)]
    Rabbitmqctl(ToolArguments),
    /// The commands of RabbitMQ's tool of this name, as when the program is called by it.
    #[command(disable_help_flag = true)]
    RabbitmqDiagnostics(ToolArguments),
    /// The commands of RabbitMQ's tool of this name, as when the program is called by it.
    #[command(disable_help_flag = true)]
    RabbitmqPlugins(ToolArguments),
}

/// Tells the data folder that the broker takes by itself, with these settings or without.
pub type DefaultFolder<'d> = &'d dyn Fn(Option<&Path>) -> anyhow::Result<PathBuf>;

impl Command {
    /// Does it, and gives the exit code. `program` is the whole command line, for completions.
    ///
    /// # Errors
    /// Whatever kept it from being done, for a person to read.
    pub fn run(
        self,
        default_folder: DefaultFolder<'_>,
        program: impl FnOnce() -> clap::Command,
    ) -> anyhow::Result<ExitCode> {
        let output = match self {
            Self::Bench(bench) => return bench::run(*bench).map(|()| ExitCode::SUCCESS),
            Self::Log(log) => return Ok(log::run(log, default_folder)),
            Self::Backup(backup) => {
                return backup::run(backup, default_folder).map(|()| ExitCode::SUCCESS);
            }
            Self::Tls(tls) => return tls::run(tls).map(|()| ExitCode::SUCCESS),
            Self::Rabbitmqctl(arguments) => {
                return Tool::Ctl.run(&arguments.all, default_folder);
            }
            Self::RabbitmqDiagnostics(arguments) => {
                return Tool::Diagnostics.run(&arguments.all, default_folder);
            }
            Self::RabbitmqPlugins(arguments) => {
                return Tool::Plugins.run(&arguments.all, default_folder);
            }
            Self::Status(status) => status.run(default_folder),
            Self::List(list) => list.run(default_folder),
            Self::Show(show) => show.run(default_folder),
            Self::Declare(declare) => declare.run(default_folder),
            Self::Delete(delete) => delete.run(default_folder),
            Self::Publish(publish) => publish.run(default_folder),
            Self::Get(get) => get.run(default_folder),
            Self::Purge(purge) => purge.run(default_folder),
            Self::User(user) => user.run(default_folder),
            Self::Close(close) => close.run(default_folder),
            Self::Export(export) => export.run(default_folder),
            Self::Import(import) => import.run(default_folder),
            Self::Ping(ping) => ping.run(default_folder),
            Self::Health(health) => health.run(default_folder),
            Self::Pause(pause) => pause.run(default_folder),
            Self::Resume(resume) => resume.run(default_folder),
            Self::Stop(stop) => stop.run(default_folder),
            Self::Completions(completions) => completions.run(program()),
        };
        output?.print()
    }
}
