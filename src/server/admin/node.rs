//! The process: what it uses of the machine, and what it is low on.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use rustix::process::{Resource, getrlimit};

use store::SpreadCounts;

use super::Admin;
use crate::journal::Journal;
use crate::memory;

/// The process.
#[derive(Clone, Debug)]
pub struct NodeInfo {
    /// `pillarbox@` and the name of the machine.
    pub name: String,
    /// Its number with the operating system.
    pub pid: u32,
    /// For how long it runs, in milliseconds.
    pub uptime_ms: u64,
    /// How many processors it may use.
    pub processors: usize,
    /// Open file descriptors, and how many there may be.
    pub files: (u64, u64),
    /// Connections, also those that are not open yet; each takes one of them.
    pub sockets: u64,
    /// The memory.
    pub memory: MemoryInfo,
    /// The disk, if anything is kept there.
    pub disk: Option<DiskInfo>,
    /// The log, if there is one.
    pub log: Option<LogInfo>,
}

/// What is used of the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryInfo {
    /// What the process has resident, in bytes.
    pub used: u64,
    /// What queues hold of that, in bytes.
    pub queued: u64,
    /// Above this publishers are blocked, in bytes.
    pub limit: u64,
    /// They are.
    pub is_alarmed: bool,
}

/// What is left of the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskInfo {
    /// The data folder.
    pub folder: PathBuf,
    /// What is free there, in bytes.
    pub free: u64,
    /// Below this publishers are blocked, in bytes.
    pub limit: u64,
    /// They are.
    pub is_alarmed: bool,
}

/// How large the log is, and what it has done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogInfo {
    /// What its files take, in bytes.
    pub bytes: u64,
    /// What is still needed of that, in bytes.
    pub live_bytes: u64,
    /// How many files it has.
    pub segments: u64,
    /// How many batches were written.
    pub batches: u64,
    /// How many bytes were written in them.
    pub written_bytes: u64,
    /// How many times the disk was asked to flush one.
    pub flushes: u64,
    /// How long each flush took, in microseconds.
    pub flush_times: SpreadCounts,
    /// How many messages and definitions were appended for each batch.
    pub batch_messages: SpreadCounts,
    /// How many bytes were written in each batch.
    pub batch_bytes: SpreadCounts,
}

impl Admin {
    /// The name of the machine, which may be empty.
    pub fn host_name(&self) -> &'static str {
        host_name()
    }

    /// The process.
    pub fn node(&self) -> NodeInfo {
        let shared = &self.node.shared;
        let alarms = &shared.alarms;
        let (used, queued) = shared.memory.used();
        let disk = shared.data_dir.as_ref().map(|data_dir| DiskInfo {
            folder: data_dir.path().to_owned(),
            free: alarms.disk_free(),
            limit: alarms.disk_free_min(),
            is_alarmed: alarms.is_disk_low(),
        });
        NodeInfo {
            name: node_name().to_owned(),
            pid: std::process::id(),
            uptime_ms: self.now().ms_since(self.node.started_at),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
            files: (memory::open_files(), getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)),
            sockets: self.node.connections.len() as u64,
            memory: MemoryInfo {
                used,
                queued,
                limit: shared.memory.limit(),
                is_alarmed: alarms.is_memory_low(),
            },
            disk,
            log: shared.journal().map(log_info),
        }
    }
}

/// `pillarbox@` and the name of the machine: RabbitMQ's form, which tools split at the `@`.
pub(crate) fn node_name() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    NAME.get_or_init(|| {
        let host = host_name().split('.').next().filter(|host| !host.is_empty());
        format!("pillarbox@{}", host.unwrap_or("localhost"))
    })
}

fn host_name() -> &'static str {
    static NAME: OnceLock<String> = OnceLock::new();
    let read = || fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    NAME.get_or_init(|| read().trim().to_owned())
}

fn log_info(journal: &Journal) -> LogInfo {
    let stats = journal.stats();
    LogInfo {
        bytes: stats.bytes + stats.spare_bytes,
        live_bytes: stats.live_bytes,
        segments: stats.segments,
        batches: stats.batches,
        written_bytes: stats.written_bytes,
        flushes: stats.flushes,
        flush_times: journal.flush_times(),
        batch_messages: stats.batch_contents,
        batch_bytes: stats.batch_bytes,
    }
}
