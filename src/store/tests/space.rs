//! What must not go before something else has gone, each way in which it could.

use std::sync::Arc;

use super::*;
use crate::sim::Call;
use crate::{Disk as _, DiskFile as _};

/// Turns until nothing is left to be written; nothing is tidied up.
fn turn(log: &Log<SimDisk>) {
    while log.turn().unwrap() == Turn::Wrote {}
}

/// A log of segments that hold one content of 3,000 bytes each, and little else; owners 1 and 2 are known.
fn begin(disk: &SimDisk) -> Log<SimDisk> {
    let options = Options { segment_bytes_max: 8 << 10, ..options() };
    let log = Log::open(disk.clone(), options, &mut |_| {}).unwrap().0;
    append(&log, 1, &[0], b"a queue");
    append(&log, 2, &[0], b"another");
    log
}

/// Fills the segment that is written on, and begins another; with a content that lives.
fn fill(log: &Log<SimDisk>, sequence: u64) {
    append(log, sequence, &[1], &[b'.'; 3000]);
    turn(log);
}

/// Has what is left of a segment copied.
fn empty(log: &Log<SimDisk>) {
    while log.stats().segments_emptied == 0 {
        assert!(log.tidy());
    }
}

/// A content is released while its copy is being written: what says so must outlive the copy.
#[test]
fn a_release_outlives_a_copy_that_was_on_its_way() {
    let disk = SimDisk::new();
    let log = Arc::new(begin(&disk));
    fill(&log, 10);
    append(&log, 11, &[1, 2], b"kept by one of two");
    fill(&log, 12);
    append(&log, 13, &[2], b"in between");
    fill(&log, 14);
    log.append().release(1, &[12]);
    turn(&log);
    empty(&log);
    let (released, mut once) = (Arc::clone(&log), Some(()));
    disk.meanwhile(move |call| {
        if call == Call::Write && once.take().is_some() {
            released.append().release(1, &[11]);
        }
    });
    assert_eq!(log.turn().unwrap(), Turn::Wrote);
    disk.undisturbed();
    // The release comes into another segment than the copy, of which nothing else lives.
    fill(&log, 15);
    fill(&log, 16);
    log.append().release(1, &[15]);
    settle(&log);
    drop(log);
    assert_eq!(live(&open(&disk).0)[&11].0, [2]);
}

/// After a crash a content is there twice, where it was and where it was copied to: the copy must not go first.
#[test]
fn a_copy_stays_for_as_long_as_what_it_was_copied_from() {
    let disk = SimDisk::new();
    let log = begin(&disk);
    append(&log, 9, &[1], b"released in the second segment");
    fill(&log, 10);
    log.append().release(1, &[9]);
    append(&log, 11, &[1], b"copied");
    fill(&log, 12);
    log.append().release(1, &[12]);
    turn(&log);
    append(&log, 13, &[1], &[b'.'; 2000]);
    turn(&log);
    empty(&log);
    assert_eq!(log.turn().unwrap(), Turn::Wrote);
    drop(log);
    let log = open(&disk).0;
    assert_eq!((live(&log).len(), log.stats().segments), (5, 3));
    log.append().release(1, &[11, 13]);
    turn(&log);
    fill(&log, 14);
    fill(&log, 15);
    log.append().release(1, &[14]);
    turn(&log);
    fill(&log, 16);
    drop(log);
    let log = open(&disk).0;
    assert!(live(&log).into_keys().eq([1, 2, 10, 15, 16]));
    settle(&log);
    drop(log);
    assert!(live(&open(&disk).0).into_keys().eq([1, 2, 10, 15, 16]));
}

/// A segment is emptied in several steps, and the copies of the first die before the last.
#[test]
fn a_copy_stays_while_the_rest_is_still_to_be_copied() {
    let disk = SimDisk::new();
    let sizes = Options { segment_bytes_max: 4 << 20, ..Options::new(7) };
    let open = || Log::open(disk.clone(), sizes.clone(), &mut |_| {}).unwrap().0;
    let log = open();
    let large = |sequence| {
        append(&log, sequence, &[1], &[b'.'; 100 << 10]);
        turn(&log);
    };
    (10..51).for_each(|sequence| {
        large(sequence);
        if sequence == 15 {
            append(&log, 1, &[0], b"a queue, behind what is copied first");
        }
        if sequence > 15 {
            log.append().release(1, &[sequence]);
            turn(&log);
        }
    });
    assert_eq!((log.stats().segments, log.stats().live_contents), (2, 7), "{:?}", log.stats());
    while log.stats().filling_bytes < 100 << 10 {
        assert!(log.tidy());
    }
    turn(&log);
    assert_eq!(log.stats().segments_emptied, 0, "only some of them are copied");
    log.append().release(1, &[10, 11, 12]);
    turn(&log);
    (51..101).for_each(large);
    log.append().release(1, &(51..101).collect::<Vec<_>>());
    turn(&log);
    (101..140).for_each(large);
    log.append().release(1, &(101..140).collect::<Vec<_>>());
    turn(&log);
    drop(log);
    assert!(live(&open()).into_keys().eq([1, 13, 14, 15]));
}

/// A segment is dropped, and its file would be used again before it is flushed that it is.
#[test]
fn a_file_stays_until_it_is_flushed_that_nothing_needs_it() {
    let disk = SimDisk::new();
    let log = Arc::new(begin(&disk));
    (10..14).for_each(|sequence| fill(&log, sequence));
    settle(&log);
    let segments = log.stats().segments;
    let (tidying, seen) = (Arc::clone(&log), disk.clone());
    disk.meanwhile(move |call| {
        if call == Call::Write || call == Call::Sync {
            while tidying.tidy() {}
            for left in [seen.image(), seen.image_after_power_cut()] {
                assert_eq!(open(&SimDisk::from_image(&left)).1.damage, [], "at {call:?}");
            }
        }
    });
    log.append().release(1, &[11, 12]);
    turn(&log);
    disk.undisturbed();
    assert!(log.stats().segments < segments, "something was dropped");
    drop(log);
    assert!(live(&open(&disk).0).into_keys().eq([1, 2, 10, 13]));
}

/// What is released while its batch is being written is released in another batch, and perhaps in another segment.
#[test]
fn a_release_outlives_a_content_that_was_being_written() {
    let disk = SimDisk::new();
    let log = Arc::new(begin(&disk));
    turn(&log);
    append(&log, 11, &[1, 2], b"kept by one of two");
    append(&log, 10, &[1], &[b'.'; 3000]);
    let (released, mut once) = (Arc::clone(&log), Some(()));
    disk.meanwhile(move |call| {
        if call == Call::Write && once.take().is_some() {
            released.append().release(1, &[11]);
        }
    });
    assert_eq!(log.turn().unwrap(), Turn::Wrote);
    disk.undisturbed();
    append(&log, 12, &[1], &[b'.'; 3000]);
    turn(&log);
    fill(&log, 13);
    log.append().release(1, &[12]);
    settle(&log);
    drop(log);
    assert_eq!(live(&open(&disk).0)[&11].0, [2]);
}

/// What rots while the log is open is told of by the next start: a segment is not left behind with a release in it that
/// cannot be read.
#[test]
fn a_segment_that_has_rotted_since_the_start_stays_to_be_told_of() {
    let disk = SimDisk::new();
    let log = begin(&disk);
    append(&log, 11, &[1], b"released in the next segment");
    fill(&log, 10);
    log.append().release(1, &[11]);
    fill(&log, 12);
    fill(&log, 13);
    log.append().release(1, &[12]);
    turn(&log);
    let (name, image) = ("0000000000000002.seg", disk.image());
    let bytes = image.get(name).unwrap();
    let at = bytes.iter().rposition(|byte| *byte == b'.').unwrap() + 10;
    let file = disk.open(name).unwrap();
    file.write_at(&[bytes[at] ^ 0xFF], at as u64).unwrap();
    drop(file);
    settle(&log);
    drop(log);
    assert!(open(&disk).1.damage_count > 0, "a release is gone, and nobody tells");
}
