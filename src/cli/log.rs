//! `pillarbox log`: looks into the log of a data folder, and changes nothing there.

mod check;
mod dump;
mod line;
mod names;
mod record;
mod report;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use self::check::Check;
use self::dump::Dump;
use crate::DefaultFolder;

/// The log is not what was written.
const DAMAGED: u8 = 1;
/// The log cannot be read at all.
const UNREADABLE: u8 = 2;

/// Look into the log of a data folder.
///
/// Nothing in the folder is changed. If a broker runs on it, what it has flushed is read, and it goes on meanwhile.
#[derive(Args, Debug)]
pub struct Log {
    #[command(subcommand)]
    command: LogCommand,
}

#[derive(Debug, Subcommand)]
enum LogCommand {
    Check(Check),
    Dump(Dump),
}

/// Which log.
#[derive(Args, Debug)]
struct Where {
    /// The data folder [default: that of the settings; or PILLARBOX_DATA_DIR]
    #[arg(value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The settings file that names the data folder
    #[arg(long, value_name = "FILE", conflicts_with = "data_dir")]
    config: Option<PathBuf>,
}

impl Where {
    fn data_dir(&self, default_folder: DefaultFolder<'_>) -> anyhow::Result<PathBuf> {
        match &self.data_dir {
            Some(data_dir) => Ok(data_dir.clone()),
            None => default_folder(self.config.as_deref().map(Path::new)),
        }
    }
}

/// Does it; the exit code is 0 if the log is sound, 1 if it is damaged, 2 if it cannot be read.
pub(crate) fn run(log: Log, default_folder: DefaultFolder<'_>) -> ExitCode {
    let is_sound = match &log.command {
        LogCommand::Check(check) => check.run(default_folder),
        LogCommand::Dump(dump) => dump.run(default_folder),
    };
    match is_sound {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(DAMAGED),
        Err(failure) => {
            // Nobody may be there to read it.
            let _ = writeln!(std::io::stderr(), "pillarbox: {failure:#}");
            ExitCode::from(UNREADABLE)
        }
    }
}
