//! `pillarbox backup`: a consistent copy of what a broker keeps, also while it runs.
//!
//! The copy is written to `DEST.partial`, flushed, and has its name only then: what is called `DEST` is a whole backup.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use disk::{Folder, LOG, free_bytes, sync_folder};
use store::{DiskFile, Snapshot};

use crate::DefaultFolder;
use crate::control::Purpose;
use crate::progress_bar::progress_bar;
use crate::source::Source;

/// Room that is left on the destination's disk.
const SPARE_BYTES: u64 = 1 << 20;

/// Copy what a broker keeps: definitions and messages, as they are flushed when the copy begins.
///
/// The broker may be running, and goes on meanwhile. The copy is a data folder: a broker on any machine starts with it by
/// --data-dir. Everything that was confirmed before the command began is in it.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  pillarbox backup backups/monday                                of the data folder that the broker takes by itself
  pillarbox backup backups/monday --data-dir /var/lib/pillarbox  of another one
  pillarbox log check backups/monday                             verifies the copy
  pillarbox --data-dir backups/monday                            starts a broker with it: better with a copy of the copy")]
pub struct Backup {
    /// The folder for the copy: there must be none yet, or an empty one
    #[arg(value_name = "DEST")]
    destination: PathBuf,
    /// The data folder to copy [default: that of the settings; or PILLARBOX_DATA_DIR]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The settings file that names the data folder
    #[arg(long, value_name = "FILE", conflicts_with = "data_dir")]
    config: Option<PathBuf>,
}

/// Makes the copy.
///
/// # Errors
/// If it cannot be made; then there is nothing at the destination.
pub(crate) fn run(backup: Backup, default_folder: DefaultFolder<'_>) -> anyhow::Result<()> {
    let data_dir = match backup.data_dir {
        Some(data_dir) => data_dir,
        None => default_folder(backup.config.as_deref())?,
    };
    let destination = Destination::find(&backup.destination, &data_dir)?;
    let source = Source::open(&data_dir, Purpose::Backup)?;
    let snapshot = source.snapshot();
    let bytes = snapshot.bytes();
    destination.ensure_room(bytes)?;
    let partial = destination.begin()?;
    partial.copy(&snapshot)?;
    source.finish(bytes, false)?;
    destination.finish(partial)?;
    let _ = writeln!(io::stdout(), "{bytes} bytes in {}", destination.path.display()); // it is made, whoever reads that
    Ok(())
}

/// Where a copy goes.
#[derive(Debug)]
struct Destination {
    path: PathBuf,
    partial: PathBuf,
    parent: PathBuf,
}

/// A copy that is not finished: it is removed unless it becomes one.
#[derive(Debug)]
struct Partial<'d> {
    path: &'d Path,
    is_finished: bool,
}

impl Destination {
    /// Finds out whether a copy can be made there.
    fn find(wanted: &Path, data_dir: &Path) -> anyhow::Result<Self> {
        let shown = wanted.display();
        let path = match fs::canonicalize(wanted) {
            Ok(path) => {
                let mut there =
                    fs::read_dir(&path).with_context(|| format!("cannot read {shown}"))?;
                ensure!(
                    there.next().is_none(),
                    "{shown} is not empty: name a folder that does not exist yet"
                );
                path
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => new_path(wanted)?,
            Err(error) => return Err(error).with_context(|| format!("cannot look at {shown}")),
        };
        let data_dir = fs::canonicalize(data_dir)
            .with_context(|| format!("cannot look at {}", data_dir.display()))?;
        ensure!(
            !path.starts_with(&data_dir),
            "{shown} is inside of the data folder {}: name a folder elsewhere, best on another disk",
            data_dir.display()
        );
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            bail!("{shown} is the root of a file system: name a folder in it");
        };
        let mut partial_name = name.to_owned();
        partial_name.push(".partial");
        let (parent, partial) = (parent.to_owned(), path.with_file_name(partial_name));
        ensure!(
            !is_mounted(&path, &parent),
            "{shown} is the root of a file system: name a folder in it"
        );
        Ok(Self { path, partial, parent })
    }

    fn ensure_room(&self, bytes: u64) -> anyhow::Result<()> {
        let parent = self.parent.display();
        let free = free_bytes(&self.parent)
            .with_context(|| format!("cannot see how much room {parent} has"))?;
        ensure!(
            free >= bytes.saturating_add(SPARE_BYTES),
            "there is no room for the copy in {parent}: it takes {bytes} bytes, and {free} are free"
        );
        Ok(())
    }

    fn begin(&self) -> anyhow::Result<Partial<'_>> {
        let shown = self.partial.display();
        let made = Folder::make_new(self.partial.clone());
        if made.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::AlreadyExists) {
            bail!(
                "{shown} is there: another backup is being made, or one was interrupted; then remove it"
            );
        }
        made.with_context(|| format!("cannot make {shown}"))?;
        Ok(Partial { path: &self.partial, is_finished: false })
    }

    /// Gives a copy its name.
    fn finish(&self, mut partial: Partial<'_>) -> anyhow::Result<()> {
        let shown = self.path.display();
        sync_folder(partial.path)
            .with_context(|| format!("cannot flush {}", partial.path.display()))?;
        fs::rename(partial.path, &self.path)
            .with_context(|| format!("cannot name the copy {shown}"))?;
        partial.is_finished = true;
        sync_folder(&self.parent).with_context(|| format!("cannot flush the name {shown}"))
    }
}

/// The path of a folder that is not there, in one that is.
fn new_path(wanted: &Path) -> anyhow::Result<PathBuf> {
    let shown = wanted.display();
    let name = wanted.file_name().with_context(|| format!("{shown} does not end in a name"))?;
    let parent = match wanted.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) | None => Path::new("."),
    };
    let parent = fs::canonicalize(parent)
        .with_context(|| format!("cannot look at {}: make it first", parent.display()))?;
    Ok(parent.join(name))
}

/// Whether a folder is another file system than the one that it is in.
fn is_mounted(path: &Path, parent: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let device = |path: &Path| path.metadata().map(|found| found.dev()).ok();
    path.exists() && device(path) != device(parent)
}

impl Partial<'_> {
    fn copy(&self, snapshot: &Snapshot<impl DiskFile>) -> anyhow::Result<()> {
        let log = self.path.join(LOG);
        let folder =
            Folder::make(log.clone()).with_context(|| format!("cannot make {}", log.display()))?;
        let bar = progress_bar(Some(snapshot.bytes()));
        let copied = snapshot.copy_to(&folder, &mut |copied| bar.set_position(copied));
        bar.finish_and_clear();
        copied.with_context(|| format!("cannot copy the log to {}", log.display()))
    }
}

impl Drop for Partial<'_> {
    fn drop(&mut self) {
        if !self.is_finished
            && let Err(error) = fs::remove_dir_all(self.path)
        {
            let shown = self.path.display();
            let _ = writeln!(
                io::stderr(),
                "pillarbox: what is in {shown} is no backup, and cannot be removed: {error}"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_that_does_not_fit_is_not_begun_and_one_that_fails_is_removed() {
        let base = std::env::temp_dir().join(format!("pillarbox-copy-{}", std::process::id()));
        fs::create_dir_all(base.join("data")).unwrap();
        let destination = Destination::find(&base.join("copy"), &base.join("data")).unwrap();
        destination.ensure_room(1).unwrap();
        let no_room = destination.ensure_room(u64::MAX).unwrap_err().to_string();
        assert!(no_room.contains("there is no room for the copy"), "{no_room}");
        let partial = destination.begin().unwrap();
        fs::write(partial.path.join("piece"), "").unwrap();
        assert!(destination.begin().is_err(), "one at a time");
        drop(partial);
        assert_eq!(fs::read_dir(&base).unwrap().count(), 1, "the data alone");
        let partial = destination.begin().unwrap();
        destination.finish(partial).unwrap();
        assert!(destination.path.is_dir() && !destination.partial.exists());
        fs::remove_dir_all(base).unwrap();
    }
}
