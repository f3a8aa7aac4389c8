//! `pillarbox export` and `import`: everything that was declared, as RabbitMQ's files of definitions have it.

use std::fs::{File, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use serde_json::Value;

use crate::DefaultFolder;
use crate::access::Access;
use crate::output::Output;

/// Write everything that was declared into a file, as RabbitMQ exports it.
#[derive(Args, Debug)]
pub struct Export {
    /// The file [default: the standard output]
    file: Option<PathBuf>,
    #[command(flatten)]
    access: Access,
}

/// Make everything that a file of definitions brings, of this broker or of RabbitMQ.
#[derive(Args, Debug)]
pub struct Import {
    /// The file; `-` is the standard input
    file: PathBuf,
    #[command(flatten)]
    access: Access,
}

impl Export {
    /// Writes them.
    pub(crate) fn run(self, default_folder: DefaultFolder<'_>) -> anyhow::Result<Output> {
        let definitions = self.access.api(default_folder)?.get("/definitions")?;
        let text = serde_json::to_string_pretty(&definitions)?;
        let Some(file) = &self.file else { return Ok(Output::line(text)) };
        write_privately(file, &text)?;
        Ok(Output::line(format!("the definitions are in {}", file.display())))
    }
}

/// Writes a file that only its owner can read: hashes of passwords are in it.
pub(crate) fn write_privately(file: &Path, text: &str) -> anyhow::Result<()> {
    let mut options = File::options();
    let opened = options.write(true).create(true).truncate(false).mode(0o600).open(file);
    let written = opened.and_then(|mut opened| {
        let there = opened.metadata()?;
        // One that was there keeps its mode otherwise, and what is in it until nobody else can read it any more.
        if there.is_file() && there.mode() & 0o077 != 0 {
            opened.set_permissions(Permissions::from_mode(0o600))?;
        }
        if there.is_file() {
            opened.set_len(0)?;
        }
        writeln!(opened, "{text}")
    });
    written.with_context(|| format!("cannot write {}", file.display()))
}

impl Import {
    /// Makes them.
    pub(crate) fn run(self, default_folder: DefaultFolder<'_>) -> anyhow::Result<Output> {
        let definitions = read_definitions(&self.file)?;
        self.access.api(default_folder)?.post("/definitions", &definitions)?;
        Ok(Output::line("everything that the definitions name is there"))
    }
}

/// The definitions in a file, or from the standard input.
pub(crate) fn read_definitions(file: &Path) -> anyhow::Result<Value> {
    let name = file.display();
    let text = if file.as_os_str() == "-" {
        std::io::read_to_string(std::io::stdin().lock())
            .context("cannot read the standard input")?
    } else {
        std::fs::read_to_string(file).with_context(|| format!("cannot read {name}"))?
    };
    serde_json::from_str(&text)
        .with_context(|| format!("{name} holds no definitions: it is no JSON"))
}
