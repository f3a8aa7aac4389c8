//! The files of a log that is to be read or copied: held by the broker that runs on them, or at rest.

use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use disk::{Frozen, LOG, Lock, is_locked};
use store::Snapshot;

use crate::control::{Held, Purpose};

/// How often it is tried to get hold of the files of a broker that is just starting, or dropping one of them.
const ATTEMPTS: u32 = 25;
const BETWEEN: Duration = Duration::from_millis(200);

/// The files of a log at one moment.
#[derive(Debug)]
pub(crate) struct Source {
    data_dir: PathBuf,
    pub(crate) files: Frozen,
    /// There is a broker, which holds them.
    held: Option<Held>,
    /// There is none, and none can be started meanwhile.
    _lock: Option<Lock>,
}

impl Source {
    /// Finds out whether a broker runs on a data folder, and gets hold of its log.
    ///
    /// # Errors
    /// If there is no log, or it cannot be had; says what to do.
    pub(crate) fn open(data_dir: &Path, purpose: Purpose) -> anyhow::Result<Self> {
        ensure_log(data_dir)?;
        let mut failure = None;
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                thread::sleep(BETWEEN);
            }
            match Self::try_open(data_dir, purpose) {
                Ok(Ok(source)) => return Ok(source),
                Ok(Err(may_pass)) => failure = Some(may_pass),
                Err(error) => return Err(error),
            }
        }
        let failure = failure.unwrap_or_else(|| anyhow::anyhow!("it is busy"));
        Err(failure.context(format!(
            "something uses the data folder {} and cannot be asked for the log: a broker that is starting, or of an \
             earlier version, or a backup without a broker; try again later, or stop it",
            data_dir.display()
        )))
    }

    /// The inner error may pass.
    fn try_open(data_dir: &Path, purpose: Purpose) -> anyhow::Result<Result<Self, anyhow::Error>> {
        let log = data_dir.join(LOG);
        let lock_failed = || format!("cannot see whether a broker runs on {}", data_dir.display());
        if is_locked(data_dir).with_context(lock_failed)? {
            let held = match Held::ask(data_dir, purpose) {
                Ok(held) => held,
                Err(error) => return Ok(Err(error)),
            };
            return match Frozen::part_of(&log, held.files().iter().cloned()) {
                Ok(files) => Ok(Ok(Self::new(data_dir, files, Some(held), None))),
                // Dropped just now.
                Err(fault) if fault.source.kind() == io::ErrorKind::NotFound => {
                    Ok(Err(fault.into()))
                }
                Err(fault) => Err(fault.into()),
            };
        }
        let lock = match purpose {
            Purpose::Check | Purpose::Dump => None,
            Purpose::Backup => match Lock::take(data_dir).with_context(lock_failed)? {
                Some(lock) => Some(lock),
                None => return Ok(Err(anyhow::anyhow!("a broker was started just now"))),
            },
        };
        Ok(Ok(Self::new(data_dir, Frozen::folder(&log)?, None, lock)))
    }

    fn new(data_dir: &Path, files: Frozen, held: Option<Held>, lock: Option<Lock>) -> Self {
        Self { data_dir: data_dir.to_owned(), files, held, _lock: lock }
    }

    /// Whether a broker runs on it.
    pub(crate) fn is_running(&self) -> bool {
        self.held.is_some()
    }

    /// The files as they are to be copied.
    pub(crate) fn snapshot(&self) -> Snapshot<disk::FrozenFile> {
        Snapshot::of(self.files.files())
    }

    /// All was read. `is_doubtful`: something was found that a broker would explain that was started meanwhile.
    ///
    /// # Errors
    /// If the files may have changed under way, so that it has to be done again.
    pub(crate) fn finish(self, bytes: u64, is_doubtful: bool) -> anyhow::Result<()> {
        match self.held {
            Some(held) => held.done(bytes),
            None if is_doubtful && self._lock.is_none() && is_locked(&self.data_dir)? => {
                bail!(
                    "a broker was started on {} while the log was read: try again",
                    self.data_dir.display()
                )
            }
            None => Ok(()),
        }
    }
}

/// Tells what is wrong with a folder without a log.
fn ensure_log(data_dir: &Path) -> anyhow::Result<()> {
    let shown = data_dir.display();
    let names = |folder: &Path| -> io::Result<Vec<String>> {
        std::fs::read_dir(folder)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    };
    let has_segments = |names: &[String]| names.iter().any(|name| name.ends_with(".seg"));
    let here = names(data_dir).with_context(|| format!("cannot read the data folder {shown}"))?;
    if !here.iter().any(|name| name == LOG) {
        ensure!(
            !has_segments(&here),
            "{shown} is the log itself: name the data folder, which it lies in"
        );
        bail!(
            "there is no log in {shown}: name the data folder of a broker, which has a folder 'log'"
        );
    }
    let log = data_dir.join(LOG);
    let there = names(&log).with_context(|| format!("cannot read the log in {shown}"))?;
    ensure!(
        has_segments(&there),
        "the log in {} has no segment: nothing was ever written there, or all is lost",
        log.display()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_a_log_is_told_from_the_log_itself() {
        let base = std::env::temp_dir().join(format!("pillarbox-source-{}", std::process::id()));
        let log = base.join("data").join(LOG);
        std::fs::create_dir_all(&log).unwrap();
        let refused = |folder: &Path| format!("{:#}", ensure_log(folder).unwrap_err());
        assert!(refused(&base.join("nowhere")).contains("cannot read the data folder"));
        assert!(refused(&base).contains("there is no log in"));
        assert!(refused(&base.join("data")).contains("has no segment"));
        std::fs::write(log.join("0000000000000001.seg"), "").unwrap();
        assert!(refused(&log).contains("is the log itself"));
        assert!(ensure_log(&base.join("data")).is_ok());
        std::fs::remove_dir_all(base).unwrap();
    }

    #[test]
    fn no_broker_starts_while_its_folder_is_copied_and_looking_keeps_none_from_it() {
        let data_dir = std::env::temp_dir().join(format!("pillarbox-lock-{}", std::process::id()));
        std::fs::create_dir_all(data_dir.join(LOG)).unwrap();
        std::fs::write(data_dir.join(LOG).join("0000000000000001.seg"), "").unwrap();
        let looking = Source::open(&data_dir, Purpose::Check).unwrap();
        assert!(!looking.is_running() && !is_locked(&data_dir).unwrap());
        let copying = Source::open(&data_dir, Purpose::Backup).unwrap();
        assert!(is_locked(&data_dir).unwrap());
        // Whoever looked may have seen what was written meanwhile.
        looking.finish(0, true).unwrap_err();
        copying.finish(0, false).unwrap();
        assert!(!is_locked(&data_dir).unwrap());
        std::fs::remove_dir_all(data_dir).unwrap();
    }
}
