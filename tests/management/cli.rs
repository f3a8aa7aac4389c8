//! The command line against the built broker: what people and scripts type, and what they are told.

mod first_user;
mod people;
mod rabbitmq;
mod serving;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::broker::Broker;

/// The program, as somebody on the broker's machine calls it.
pub(crate) struct Shell {
    data_dir: PathBuf,
    program: PathBuf,
}

/// What a command has said.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) code: i32,
}

impl Shell {
    /// For a broker that a test has started.
    pub(crate) fn of(broker: &Broker) -> Self {
        let program = PathBuf::from(env!("CARGO_BIN_EXE_pillarbox"));
        Self { data_dir: broker.data_dir(), program }
    }

    /// The same, by a link of another name beside the data.
    pub(crate) fn called(broker: &Broker, name: &str) -> Self {
        let link = broker.data_dir().join("..").join(name);
        if !link.exists() {
            std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_pillarbox"), &link).unwrap();
        }
        Self { program: link, ..Self::of(broker) }
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        self.run_with(arguments, &[], b"")
    }

    /// With further variables of the environment, and something on the standard input.
    pub(crate) fn run_with(
        &self,
        arguments: &[&str],
        variables: &[(&str, &str)],
        input: &[u8],
    ) -> Said {
        let mut command = Command::new(&self.program);
        for name in ["PILLARBOX_URL", "PILLARBOX_USER", "PILLARBOX_PASSWORD"] {
            command.env_remove(name);
        }
        let mut child = command
            .args(arguments)
            .env("PILLARBOX_DATA_DIR", &self.data_dir)
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Who reads nothing may have ended already.
        let _ = child.stdin.take().unwrap().write_all(input);
        said(child.wait_with_output().unwrap())
    }

    /// What a command prints that has to succeed.
    #[track_caller]
    pub(crate) fn ok(&self, arguments: &[&str]) -> String {
        let said = self.run(arguments);
        assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{arguments:?}");
        said.stdout
    }

    /// What a command says that has to fail.
    #[track_caller]
    pub(crate) fn refused(&self, arguments: &[&str]) -> String {
        let said = self.run(arguments);
        assert_eq!((said.code, said.stdout.as_str()), (1, ""), "{arguments:?}");
        said.stderr
    }
}

fn said(output: Output) -> Said {
    Said {
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code().unwrap(),
    }
}

/// The token that a broker has left.
fn token(data_dir: &Path) -> Option<String> {
    let text = std::fs::read_to_string(data_dir.join("admin.token")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("token ")).map(str::to_owned)
}
