//! Traces: what of a vhost's messages is written into files, and these files.

use std::fs::File;
use std::io;
use std::sync::Arc;

use broker::VhostName;

use super::{Admin, AdminError, NAME_BYTES_MAX, no_such};
use crate::trace::files::{FileName, TraceFileInfo, TraceFiles};
use crate::trace::log::{NewTrace, TRACES_MAX, TraceCounts, TraceLog, TraceSeat};

/// A trace as it is now.
#[derive(Clone, Debug)]
pub struct TraceInfo {
    /// Its vhost.
    pub vhost: VhostName,
    /// Its name.
    pub name: String,
    /// What it was told to write.
    pub what: NewTrace,
    /// What has become of it.
    pub counts: TraceCounts,
}

impl Admin {
    /// The traces of a vhost or of all, by vhost and name.
    pub fn traces(&self, vhost: Option<&str>) -> Vec<TraceInfo> {
        let mut traces = Vec::new();
        for vhost in self.vhosts_named(vhost) {
            let mut logs = vhost.tracing.logs();
            logs.sort_unstable_by(|one, other| one.name.cmp(&other.name));
            traces.extend(logs.iter().map(|log| TraceInfo::of(&vhost.name, log)));
        }
        traces
    }

    /// A trace.
    pub fn trace(&self, vhost: &str, name: &str) -> Option<TraceInfo> {
        let vhost = self.node.vhost(vhost)?;
        let logs = vhost.tracing.logs();
        logs.iter().find(|log| log.name == name).map(|log| TraceInfo::of(&vhost.name, log))
    }

    /// Begins a trace: from now on the vhost is traced, until its last one is stopped or the broker ends.
    ///
    /// # Errors
    /// [`AdminError::NotFound`] if there is no such vhost; [`AdminError::Invalid`] if the name can be none of a file, or
    /// of a trace that is there, if the pattern is too long, if there are too many, if nothing is kept on the disk, or the disk fails;
    /// [`AdminError::Refused`] if the pattern makes no sense.
    pub async fn start_trace(
        &self,
        vhost: &str,
        name: &str,
        what: NewTrace,
    ) -> Result<(), AdminError> {
        let vhost = self.node.vhost(vhost).ok_or_else(|| no_such("vhost", vhost))?;
        let file = FileName::of_trace(name).ok_or_else(|| no_file_name("trace", 251))?;
        if what.pattern.len() > NAME_BYTES_MAX {
            let reason = format!("a pattern has no more than {NAME_BYTES_MAX} octets");
            return Err(AdminError::Invalid { reason });
        }
        let files = self.trace_folder().ok_or_else(|| AdminError::Invalid {
            reason: "the broker keeps everything in memory, and a trace is a file".to_owned(),
        })?;
        let is_there = || {
            let reason = format!("there is a trace '{name}' already: delete it first");
            AdminError::Invalid { reason }
        };
        if vhost.tracing.logs().iter().any(|log| log.name == name) {
            return Err(is_there());
        }
        let seat = TraceSeat::take(&self.node.shared.trace_count).ok_or_else(|| {
            let reason = format!("there are {TRACES_MAX} traces already, and no more at a time");
            AdminError::Invalid { reason }
        })?;
        let log = TraceLog::new(name, what, seat)?;
        let (begun, shared) = (Arc::clone(&log), Arc::clone(&self.node.shared));
        on_disk(move || begun.start(&files, file, &shared)).await?;
        if vhost.tracing.add_log(&log, || vhost.is_deleted()) {
            return Ok(());
        }
        log.close();
        Err(if vhost.is_deleted() { no_such("vhost", &vhost.name) } else { is_there() })
    }

    /// Ends a trace, once what it has taken is written. Its file stays.
    ///
    /// # Errors
    /// [`AdminError::NotFound`].
    pub async fn stop_trace(&self, vhost: &str, name: &str) -> Result<(), AdminError> {
        let vhost = self.node.vhost(vhost).ok_or_else(|| no_such("vhost", vhost))?;
        let log = vhost.tracing.close_log(name).ok_or_else(|| no_such("trace", name))?;
        log.ended().await;
        Ok(())
    }

    /// What traces have written, by name.
    ///
    /// # Errors
    /// [`AdminError::Invalid`] if the disk fails.
    pub async fn trace_files(&self) -> Result<Vec<TraceFileInfo>, AdminError> {
        match self.trace_folder() {
            Some(files) => on_disk(move || files.list()).await,
            None => Ok(Vec::new()),
        }
    }

    /// Opens what a trace has written, to be read; and how long it is, in bytes.
    ///
    /// # Errors
    /// [`AdminError::NotFound`]; [`AdminError::Invalid`] if no file has such a name, or the disk fails.
    pub async fn open_trace_file(&self, name: &str) -> Result<(File, u64), AdminError> {
        let (files, file) = self.trace_file(name)?;
        let opened = on_disk(move || files.read(&file)).await?;
        opened.ok_or_else(|| no_such("file", name))
    }

    /// Deletes what a trace has written. If it is still running, it begins the file anew.
    ///
    /// # Errors
    /// As of [`open_trace_file`](Self::open_trace_file).
    pub async fn delete_trace_file(&self, name: &str) -> Result<(), AdminError> {
        let (files, file) = self.trace_file(name)?;
        match on_disk(move || files.remove(&file)).await? {
            true => Ok(()),
            false => Err(no_such("file", name)),
        }
    }

    fn trace_file(&self, name: &str) -> Result<(TraceFiles, FileName), AdminError> {
        let file = FileName::new(name).ok_or_else(|| no_file_name("file", 255))?;
        let files = self.trace_folder().ok_or_else(|| no_such("file", name))?;
        Ok((files, file))
    }

    fn trace_folder(&self) -> Option<TraceFiles> {
        let data_dir = self.node.shared.data_dir.as_ref()?;
        Some(TraceFiles::in_folder(data_dir.traces()))
    }
}

impl TraceInfo {
    fn of(vhost: &VhostName, log: &TraceLog) -> Self {
        let (name, what) = (log.name.clone(), log.what.clone());
        Self { vhost: vhost.clone(), name, what, counts: log.counts() }
    }
}

fn no_file_name(what: &str, bytes_max: usize) -> AdminError {
    let reason = format!(
        "the name of a {what} has 1 to {bytes_max} octets, no slash, no backslash and no control characters, and does not \
         begin with a dot"
    );
    AdminError::Invalid { reason }
}

/// Does something with the disk where it holds nobody up.
async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, AdminError> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.unwrap_or_else(|_| Err(io::Error::other("a defect, which the log tells of")));
    done.map_err(|error| AdminError::Invalid { reason: format!("the disk fails: {error}") })
}
