//! The memory account: what queues hold, the limits it is held against, and the alarm.

use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What the node may use, and what its queues use.
#[derive(Debug)]
pub(crate) struct Memory {
    limit: AtomicU64,
    queued: AtomicU64,
    is_alarmed: AtomicBool,
}

/// Below this share of the limit an alarm ends, so that it does not flap.
const RESUME_PERCENT: u64 = 90;

/// What a process holds besides its queues, and what an allocator keeps beyond what is in use.
const OVERHEAD_BYTES: u64 = 64 << 20;

impl Memory {
    pub(crate) fn new(limit: u64) -> Self {
        Self {
            limit: AtomicU64::new(limit),
            queued: AtomicU64::new(0),
            is_alarmed: AtomicBool::new(false),
        }
    }

    pub(crate) fn limit(&self) -> u64 {
        self.limit.load(Ordering::Relaxed)
    }

    /// From now on it is so many bytes.
    pub(crate) fn set_limit(&self, bytes: u64) {
        self.limit.store(bytes, Ordering::Relaxed);
    }

    /// A queue that held `before` bytes holds `after` now.
    #[inline]
    pub(crate) fn account(&self, before: u64, after: u64) {
        self.queued.fetch_add(after.wrapping_sub(before), Ordering::Relaxed);
    }

    /// Whether one queue alone holds more than a quarter of what the node may use.
    #[inline]
    pub(crate) fn is_too_much_for_a_queue(&self, bytes: u64) -> bool {
        bytes > self.limit() / 4
    }

    /// What the process has resident, and what of that queues hold, in bytes.
    pub(crate) fn used(&self) -> (u64, u64) {
        let queued = self.queued.load(Ordering::Relaxed);
        (resident_bytes().unwrap_or(queued), queued)
    }

    /// Compares what is used with the limit; the new state of the alarm if it changed, and the bytes in use.
    ///
    /// The resident set says what is used. But an allocator gives memory back late or never, so it counts for no more than
    /// what the queues could explain: a drained node is never stuck in its alarm.
    pub(crate) fn check(&self) -> Option<(bool, u64)> {
        let explained = self.queued.load(Ordering::Relaxed).saturating_mul(2) + OVERHEAD_BYTES;
        let used = resident_bytes().unwrap_or(explained).min(explained);
        let was = self.is_alarmed.load(Ordering::Relaxed);
        let limit = self.limit();
        let is = if was { used > limit / 100 * RESUME_PERCENT } else { used > limit };
        self.is_alarmed.store(is, Ordering::Relaxed);
        (is != was).then_some((is, used))
    }
}

/// What this process has resident.
fn resident_bytes() -> Option<u64> {
    const PAGE_BYTES: u64 = 4096;
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(pages * PAGE_BYTES)
}

/// How many file descriptors this process has open.
pub(crate) fn open_files() -> u64 {
    // One of them is the folder's own.
    fs::read_dir("/proc/self/fd").map_or(0, |files| (files.count() as u64).saturating_sub(1))
}

/// The memory that this process may use: the machine's, or less if its control group says so.
pub(crate) fn available_bytes() -> u64 {
    const FALLBACK: u64 = 1 << 30;
    [machine_bytes(), cgroup_v2_bytes(), cgroup_v1_bytes()]
        .into_iter()
        .flatten()
        .min()
        .unwrap_or(FALLBACK)
}

fn machine_bytes() -> Option<u64> {
    let meminfo = fs::read_to_string("/proc/meminfo").ok()?;
    let line = meminfo.lines().find(|line| line.starts_with("MemTotal:"))?;
    let kib: u64 = line.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

/// The least limit on the way from this process's control group up to the root.
fn cgroup_v2_bytes() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    std::path::Path::new(own)
        .ancestors()
        .filter_map(|group| {
            let group = group.strip_prefix("/").unwrap_or(group);
            let file = std::path::Path::new("/sys/fs/cgroup").join(group).join("memory.max");
            fs::read_to_string(file).ok()?.trim().parse().ok()
        })
        .min()
}

fn cgroup_v1_bytes() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = groups.lines().find_map(|line| {
        let (controllers, group) = line.split_once(':')?.1.split_once(':')?;
        controllers.split(',').any(|name| name == "memory").then_some(group)
    })?;
    let root = std::path::Path::new("/sys/fs/cgroup/memory");
    [root.join(own.trim_start_matches('/')), root.to_path_buf()]
        .iter()
        .filter_map(|group| fs::read_to_string(group.join("memory.limit_in_bytes")).ok())
        .filter_map(|limit| limit.trim().parse().ok())
        .min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_alarm_comes_and_goes_with_what_queues_hold() {
        let memory = Memory::new(1);
        assert!(matches!(memory.check(), Some((true, used)) if used > 1));
        assert!(memory.is_alarmed.load(Ordering::Relaxed));
        assert_eq!(memory.check(), None);
        let roomy = Memory::new(u64::MAX / 200);
        roomy.account(0, 1 << 40);
        assert_eq!(roomy.check(), None);
    }

    #[test]
    fn memory_that_the_queues_gave_back_does_not_keep_the_alarm() {
        let memory = Memory::new(OVERHEAD_BYTES + 10);
        memory.account(0, 1 << 40);
        memory.is_alarmed.store(true, Ordering::Relaxed);
        memory.account(1 << 40, 0);
        let used = OVERHEAD_BYTES.min(resident_bytes().unwrap());
        if used < memory.limit() / 100 * RESUME_PERCENT {
            assert!(matches!(memory.check(), Some((false, _))));
        }
    }

    #[test]
    fn this_machine_has_memory() {
        assert!(available_bytes() > 64 << 20);
    }
}
