//! Runs the built program's commands, on folders that are gone afterwards.

use std::{
    env,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use crate::client::unique;

/// What a command has said.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).expect("it prints text"),
            err: String::from_utf8(output.stderr).expect("it prints text"),
        }
    }
}

impl Said {
    /// Panics unless the command ended so.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.err);
        self
    }
}

/// The program with a command, to be run.
pub(crate) fn command<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pillarbox"));
    command.args(arguments);
    command
}

/// `pillarbox log check`
pub(crate) fn check(data_dir: &Path) -> Said {
    let check =
        [OsStr::new("log"), OsStr::new("check"), OsStr::new("--queues"), data_dir.as_os_str()];
    command(check).output().expect("it starts").into()
}

/// `pillarbox log dump`
pub(crate) fn dump(data_dir: &Path, options: &[&str]) -> Said {
    let mut dump = command(["log", "dump"]);
    dump.args(options).arg(data_dir).output().expect("it starts").into()
}

/// `pillarbox backup`
pub(crate) fn backup(data_dir: &Path, destination: &Path) -> Said {
    backup_command(data_dir, destination).output().expect("it starts").into()
}

pub(crate) fn backup_command(data_dir: &Path, destination: &Path) -> Command {
    let mut backup = command(["backup"]);
    backup.arg(destination).arg("--data-dir").arg(data_dir);
    backup
}

/// A folder for what a test makes.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        let path = env::temp_dir().join(unique("pillarbox-tools"));
        fs::create_dir_all(&path).expect("a folder can be made");
        Self(path)
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0); // what stays is in the folder for temporary files
    }
}
