//! The alarms: what the node is low on, for which publishers are blocked until it is not any more.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use disk::free_bytes;
use tracing::{info, warn};

use crate::data_dir::DataDir;
use crate::journal::Journal;
use crate::node::{Node, Shared};
use crate::outbox::ClientEvent;
use crate::vital::Vital;

/// How often the memory in use and the room on the disk are compared with their limits.
const CHECK_EVERY: Duration = Duration::from_millis(250);

/// How many looks it takes until something is tried again that the disk refused for another reason than want of room.
const PAUSE: u32 = 40;

/// After so many looks at a full disk the reserve counts as used up.
const SPENT_AFTER: u32 = 8;

/// What a node can be low on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Scarce {
    Memory = 1,
    Disk = 2,
}

/// Which alarms are raised.
#[derive(Debug, Default)]
pub(crate) struct Alarms {
    raised: AtomicU8,
    /// What the disk had free when it was last looked at, in bytes.
    disk_free: AtomicU64,
    /// With less than this free the disk's alarm is raised, in bytes.
    disk_free_min: AtomicU64,
}

impl Alarms {
    /// None is raised; that of the disk will be with less free than this, in bytes.
    pub(crate) fn new(disk_free_min: u64) -> Self {
        Self { disk_free_min: AtomicU64::new(disk_free_min), ..Self::default() }
    }

    /// Raises or ends an alarm; whether that changes anything.
    fn set(&self, scarce: Scarce, is_raised: bool) -> bool {
        let bit = scarce as u8;
        let before = if is_raised {
            self.raised.fetch_or(bit, Ordering::Relaxed)
        } else {
            self.raised.fetch_and(!bit, Ordering::Relaxed)
        };
        (before & bit != 0) != is_raised
    }

    /// Whether any is raised.
    #[inline]
    pub(crate) fn is_any(&self) -> bool {
        self.raised.load(Ordering::Relaxed) != 0
    }

    pub(crate) fn is_memory_low(&self) -> bool {
        self.raised.load(Ordering::Relaxed) & Scarce::Memory as u8 != 0
    }

    pub(crate) fn is_disk_low(&self) -> bool {
        self.raised.load(Ordering::Relaxed) & Scarce::Disk as u8 != 0
    }

    pub(crate) fn disk_free(&self) -> u64 {
        self.disk_free.load(Ordering::Relaxed)
    }

    pub(crate) fn disk_free_min(&self) -> u64 {
        self.disk_free_min.load(Ordering::Relaxed)
    }

    /// From now on it is so many bytes.
    pub(crate) fn set_disk_free_min(&self, bytes: u64) {
        self.disk_free_min.store(bytes, Ordering::Relaxed);
    }

    /// What publishers are told, word for word RabbitMQ's.
    pub(crate) fn reason(&self) -> &'static str {
        match self.raised.load(Ordering::Relaxed) {
            2 => "low on disk",
            3 => "low on memory & disk",
            _ => "low on memory",
        }
    }
}

/// Raises and ends the alarm of the memory for as long as the runtime lives.
pub(crate) async fn watch_memory(node: Arc<Node>) {
    let mut ticks = tokio::time::interval(CHECK_EVERY);
    loop {
        ticks.tick().await;
        if check_memory(&node) {
            node.broadcast(|| ClientEvent::AlarmChanged);
        }
    }
}

/// Raises and ends the alarm of the disk for as long as the node lives. In a thread of its own: to make the reserve again
/// takes long, and a disk that stands still must hold up no task.
///
/// # Errors
/// If the operating system gives no thread.
pub(crate) fn watch_disk(node: &Arc<Node>, vital: &Vital) -> io::Result<()> {
    let Some(data_dir) = &node.shared.data_dir else { return Ok(()) };
    let mut disk = DiskWatch::new(data_dir);
    let node = Arc::downgrade(node);
    let watch = move || {
        while let Some(node) = node.upgrade() {
            if disk.check(&node.shared) {
                node.broadcast(|| ClientEvent::AlarmChanged);
            }
            drop(node);
            thread::sleep(CHECK_EVERY);
        }
    };
    vital.thread("disk-watch", "watches the disk", watch).map(drop)
}

/// Whether the memory alarm has just ended.
fn check_memory(node: &Node) -> bool {
    let memory = &node.shared.memory;
    let Some((is_alarmed, used)) = memory.check() else { return false };
    node.shared.alarms.set(Scarce::Memory, is_alarmed);
    node.shared.tell_alarm("memory", is_alarmed);
    let limit = memory.limit();
    if is_alarmed {
        warn!(used, limit, "memory alarm: publishers are blocked until consumers have caught up");
    } else {
        info!(used, limit, "memory alarm is over: publishers go on");
    }
    !is_alarmed
}

/// Looks at the room on the disk.
struct DiskWatch {
    data_dir: Arc<DataDir>,
    /// The disk could not be asked the last time; said once.
    is_blind: bool,
    /// How many looks it takes until the reserve is made again that the disk refused.
    pause: u32,
    /// How often in a row the disk was full, and nothing of the reserve was left.
    spent: u32,
}

impl DiskWatch {
    fn new(data_dir: &Arc<DataDir>) -> Self {
        Self { data_dir: Arc::clone(data_dir), is_blind: false, pause: 0, spent: 0 }
    }

    /// Whether the disk alarm has just ended.
    fn check(&mut self, shared: &Shared) -> bool {
        let free = match self.free_bytes() {
            Ok(free) => free,
            Err(error) => {
                if !std::mem::replace(&mut self.is_blind, true) {
                    warn!(folder = %self.data_dir.path().display(), %error, "cannot see how much room the disk has");
                }
                return false;
            }
        };
        self.is_blind = false;
        shared.alarms.disk_free.store(free, Ordering::Relaxed);
        let free_min = shared.alarms.disk_free_min();
        let journal = shared.journal();
        let full = journal.filter(|journal| journal.is_disk_full());
        let has_room = free >= free_min && full.is_none();
        let is_low = !has_room || !journal.is_some_and(|it| self.keeps_reserve(it, free, free_min));
        let has_ended = set_disk_alarm(shared, is_low, free);
        // Not before publishers wait: it is not for what they send.
        let is_handed_over = full.is_some_and(Journal::hand_reserve_over);
        if is_handed_over {
            warn!("the disk is full: the log goes on with the room that was kept for this");
        }
        self.spent =
            if full.is_some() && !is_handed_over { self.spent.saturating_add(1) } else { 0 };
        // Not at once: what was handed over a moment ago may not be in use yet.
        if self.spent == SPENT_AFTER {
            warn!(
                "the disk is full, and the room that was kept for this is used up: acks and deletions wait until there is \
                 room on the disk"
            );
        }
        has_ended
    }

    /// Whether there is room for the time when the disk is full, perhaps made now, before anybody else gets it.
    fn keeps_reserve(&mut self, journal: &Journal, free: u64, free_min: u64) -> bool {
        if journal.has_reserve() {
            return true;
        }
        self.pause = self.pause.saturating_sub(1);
        if free < free_min.saturating_add(journal.reserve_bytes()) || self.pause > 0 {
            return false;
        }
        let Err(fault) = journal.keep_reserve() else { return true };
        if !fault.is_full_disk() {
            self.pause = PAUSE;
            warn!(%fault, "cannot keep room for the time when the disk is full; publishers wait until that is possible");
        }
        false
    }

    fn free_bytes(&self) -> io::Result<u64> {
        free_bytes(self.data_dir.path())
    }
}

/// Whether the disk alarm has just ended.
fn set_disk_alarm(shared: &Shared, is_low: bool, free: u64) -> bool {
    if let Some(spill) = shared.spill() {
        spill.set_shut(is_low);
        spill.tell_refusal();
    }
    if !shared.alarms.set(Scarce::Disk, is_low) {
        return false;
    }
    shared.tell_alarm("disk", is_low);
    let limit = shared.alarms.disk_free_min();
    if is_low {
        warn!(
            free,
            limit, "disk alarm: publishers are blocked until there is room on the disk again"
        );
    } else {
        info!(free, limit, "disk alarm is over: publishers go on");
    }
    !is_low
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::pager::Pager;

    fn wait_until(is_so: impl Fn() -> bool) {
        let give_up = std::time::Instant::now() + Duration::from_secs(10);
        while !is_so() {
            assert!(std::time::Instant::now() < give_up);
            thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn the_disk_is_watched_beside_the_runtime_for_as_long_as_the_node_lives() {
        let folder = std::env::temp_dir().join(format!("pillarbox-watch-{}", std::process::id()));
        let mut options = crate::stage::options(folder.clone());
        if let Some(store) = &mut options.store {
            store.disk_free_min = u64::MAX;
        }
        let data_dir = Arc::new(DataDir::open(&folder).unwrap());
        let surroundings = (None, Clock::start(), Pager::Threads);
        let node = Node::new(options, Some(data_dir), None, surroundings);
        watch_disk(&node, &Vital::new()).unwrap();
        wait_until(|| node.shared.alarms.reason() == "low on disk");
        let node = Arc::downgrade(&{ node });
        wait_until(|| node.strong_count() == 0);
        std::fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn alarms_come_and_go_one_by_one_and_have_rabbitmqs_words() {
        let alarms = Alarms::default();
        assert!(!alarms.is_any());
        assert!(alarms.set(Scarce::Disk, true) && !alarms.set(Scarce::Disk, true));
        assert_eq!(alarms.reason(), "low on disk");
        assert!(alarms.set(Scarce::Memory, true));
        assert_eq!(alarms.reason(), "low on memory & disk");
        assert!(alarms.set(Scarce::Disk, false));
        assert_eq!(alarms.reason(), "low on memory");
        assert!(alarms.is_any() && alarms.set(Scarce::Memory, false) && !alarms.is_any());
    }
}
