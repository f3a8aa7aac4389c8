//! `cargo xtask page`: builds the web page from its sources, as `src/management/page/dist`.
//!
//! A build of the broker takes what it finds there. So whoever has no Node builds without the page, and whoever has one
//! builds it once before.

use std::{path::Path, process::Command};

use anyhow::{Context, ensure};

/// Where the page's sources are, from the root of the repository.
const FOLDER: &str = "src/management/page";

/// Installs what the lock file says, and builds.
pub(crate) fn run() -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    let folder = root.join(FOLDER);
    npm(&folder, &["install", "--no-audit", "--no-fund"])?;
    npm(&folder, &["run", "build"])
}

fn npm(folder: &Path, arguments: &[&str]) -> anyhow::Result<()> {
    let status = Command::new("npm").args(arguments).current_dir(folder).status();
    let status = status.context("cannot start npm, which the web page is built with")?;
    ensure!(status.success(), "npm {} in {}: {status}", arguments.join(" "), folder.display());
    Ok(())
}
