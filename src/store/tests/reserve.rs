//! A full disk, and somebody else who takes every byte that becomes free.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::*;
use crate::{Disk as _, DiskFile as _};

/// As usual, with a small buffer, for which a small reserve is kept.
fn open(disk: &SimDisk) -> (Log<SimDisk>, Recovery) {
    let options = Options { buffer_bytes_max: 64 << 10, ..options() };
    Log::open(disk.clone(), options, &mut |_| {}).unwrap()
}

/// A log with a reserve, as much in it as fits the disk, and something more that is to be written.
fn fill(disk: &SimDisk) -> (Log<SimDisk>, u64) {
    let log = open(disk).0;
    log.keep_reserve().unwrap();
    append(&log, 1, &[0], b"a queue");
    for sequence in 2..100 {
        append(&log, sequence, &[1], &[b'.'; 1000]);
        settle(&log);
    }
    disk.set_capacity(Some(disk.used()));
    for sequence in 100.. {
        append(&log, sequence, &[1], &[b'.'; 1000]);
        if log.turn().unwrap() == Turn::Full {
            assert!(log.is_disk_full());
            return (log, sequence);
        }
        while log.tidy() {}
    }
    unreachable!("the disk is full some day")
}

fn files(disk: &SimDisk) -> Vec<String> {
    disk.image().names().map(str::to_owned).collect()
}

#[test]
fn a_log_goes_on_in_its_reserve_whoever_takes_what_becomes_free() {
    let disk = SimDisk::new();
    let (log, last) = fill(&disk);
    assert_eq!(log.turn().unwrap(), Turn::Full, "before it is handed over");
    assert!(log.hand_reserve_over() && !log.hand_reserve_over() && !log.has_reserve());
    assert_eq!(log.turn().unwrap(), Turn::Wrote);
    assert!(!log.is_disk_full());
    for sequence in 2..=last {
        log.append().release(1, &[sequence]);
        assert_eq!(log.turn().unwrap(), Turn::Wrote, "{sequence}");
        while log.tidy() {
            disk.set_capacity(Some(disk.used()));
        }
        disk.set_capacity(Some(disk.used()));
    }
    log.keep_reserve().expect_err("there is no room for another one");
    assert!(!log.has_reserve());
    disk.set_capacity(None);
    log.keep_reserve().unwrap();
    drop(log);
    let (log, recovery) = open(&disk);
    assert!(log.has_reserve() && recovery.damage.is_empty());
    assert!(live(&log).into_keys().eq([1]));
}

/// A crash leaves no room in the segment that was written on.
#[test]
fn a_log_goes_on_in_its_reserve_after_crashes_too() {
    let disk = SimDisk::new();
    let (log, last) = fill(&disk);
    assert!(log.hand_reserve_over());
    assert_eq!(log.turn().unwrap(), Turn::Wrote);
    drop(log);
    for released in 2..5 {
        let log = open(&disk).0;
        disk.set_capacity(Some(disk.used()));
        assert!(!log.has_reserve(), "it is not whole any more");
        log.append().release(1, &[released]);
        assert_eq!(log.turn().unwrap(), Turn::Full);
        assert!(log.hand_reserve_over(), "{released}");
        assert_eq!(log.turn().unwrap(), Turn::Wrote);
    }
    let log = open(&disk).0;
    disk.set_capacity(Some(disk.used()));
    log.append().release(1, &[5]);
    assert_eq!(log.turn().unwrap(), Turn::Full);
    assert!(!log.hand_reserve_over(), "it is used up");
    disk.set_capacity(None);
    assert_eq!(log.turn().unwrap(), Turn::Wrote);
    drop(log);
    assert!(live(&open(&disk).0).into_keys().eq([1].into_iter().chain(6..=last)));
}

/// Somebody has copied the folder badly, or put something into it.
#[test]
fn what_is_too_small_for_a_reserve_or_one_too_many_is_none() {
    let disk = SimDisk::new();
    let log = open(&disk).0;
    log.keep_reserve().unwrap();
    let kept = files(&disk);
    drop(log);
    disk.open("reserve-1").unwrap().set_len(0).unwrap();
    disk.create("reserve-9").unwrap();
    disk.create("reserve-x").unwrap();
    let log = open(&disk).0;
    assert!(!log.has_reserve());
    log.keep_reserve().unwrap();
    assert!(log.has_reserve());
    disk.remove("reserve-x").unwrap();
    assert_eq!(files(&disk), kept);
}

#[test]
fn a_reserve_outlives_a_restart_and_comes_back_if_it_was_not_needed() {
    let disk = SimDisk::new();
    let log = open(&disk).0;
    assert!(!log.has_reserve() && !log.hand_reserve_over());
    log.keep_reserve().unwrap();
    let (used, kept) = (disk.used(), files(&disk));
    log.keep_reserve().unwrap();
    assert!(log.hand_reserve_over());
    log.keep_reserve().unwrap();
    assert!(log.has_reserve());
    assert!(log.hand_reserve_over());
    drop(log);
    let log = open(&disk).0;
    assert!(log.has_reserve());
    assert_eq!((disk.used(), files(&disk)), (used, kept));
}

/// Also where nothing of it is flushed yet.
#[test]
fn a_crash_while_the_reserve_becomes_a_segment_loses_nothing() {
    let disk = SimDisk::new();
    let (log, last) = fill(&disk);
    let log = Arc::new(log);
    let seen = disk.clone();
    let confirmed = last - 1;
    log.hand_reserve_over();
    let moments = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&moments);
    disk.meanwhile(move |call| {
        counted.fetch_add(1, Relaxed);
        for left in [seen.image(), seen.image_after_power_cut()] {
            let disk = SimDisk::from_image(&left);
            let (log, recovery) = open(&disk);
            assert_eq!(recovery.damage, [], "at {call:?}");
            let lived = live(&log).into_keys().filter(|sequence| *sequence <= confirmed);
            assert!(lived.eq(1..=confirmed), "at {call:?}");
        }
    });
    assert_eq!(log.turn().unwrap(), Turn::Wrote);
    disk.undisturbed();
    assert!(moments.load(Relaxed) > 5, "it takes a header, a name, a footer and a batch");
}
