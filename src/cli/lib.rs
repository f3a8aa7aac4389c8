//! The command line beside serving: tools that speak to a broker from outside, and tools for what it keeps on the disk.

pub mod backup;
pub mod bench;
mod control;
pub mod log;
pub mod process;
mod progress_bar;
mod source;
pub mod tls;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub use backup::Backup;
pub use bench::Bench;
pub use log::Log;
pub use tls::Tls;

/// What `pillarbox` can do apart from being the broker.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Put a load on a broker and measure it.
    Bench(Box<Bench>),
    /// Look into the log of a data folder.
    Log(Log),
    /// Copy what a broker keeps, also while it runs.
    Backup(Backup),
    /// Make certificates for a try.
    Tls(Tls),
}

/// Tells the data folder that the broker takes by itself, with these settings or without.
pub type DefaultFolder<'d> = &'d dyn Fn(Option<&Path>) -> anyhow::Result<PathBuf>;

impl Command {
    /// Does it, and gives the exit code.
    ///
    /// # Errors
    /// Whatever kept it from being done, for a person to read.
    pub fn run(self, default_folder: DefaultFolder<'_>) -> anyhow::Result<ExitCode> {
        match self {
            Self::Bench(bench) => bench::run(*bench).map(|()| ExitCode::SUCCESS),
            Self::Log(log) => Ok(log::run(log, default_folder)),
            Self::Backup(backup) => backup::run(backup, default_folder).map(|()| ExitCode::SUCCESS),
            Self::Tls(tls) => tls::run(tls).map(|()| ExitCode::SUCCESS),
        }
    }
}
