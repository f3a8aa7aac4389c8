//! A log that nobody opens again.

use std::io::ErrorKind;

use super::*;
use crate::Sync;
use crate::sim::{Call, Failure};

fn passing() -> Options {
    Options { sync: Sync::Never, ..options() }
}

#[test]
fn a_log_that_nobody_opens_again_takes_sequences_in_any_order_and_further_owners() {
    let disk = SimDisk::new();
    let log = open_with(&disk, passing());
    for sequence in [9, 3, 7, 5] {
        append(&log, sequence, &[1], &[sequence.to_le_bytes()[0]; 10]);
    }
    append(&log, 3, &[2, 1], &[3; 10]);
    log.append().release(1, &[3, 7]);
    append(&log, 7, &[4], &[7; 10]);
    log.turn().unwrap();
    append(&log, 9, &[2], &[9; 10]);
    log.append().release(1, &[9]);
    append(&log, 4, &[1], &[4; 10]);
    for round in 0..2 {
        for sequence in [3, 4, 5, 7, 9] {
            let payload = read(&log, sequence).unwrap_or_else(|| panic!("{round}: {sequence}"));
            assert_eq!(payload, [sequence.to_le_bytes()[0]; 10]);
        }
        settle(&log);
    }
    let owners: Vec<_> = live(&log).into_iter().map(|(s, (owners, _))| (s, owners)).collect();
    let expected = [(3, vec![2]), (4, vec![1]), (5, vec![1]), (7, vec![4]), (9, vec![2])];
    assert_eq!(owners, expected);
    assert_eq!(disk.calls(crate::sim::Call::Sync), 0);
}

#[test]
fn a_full_disk_is_waited_for_also_where_nothing_is_flushed() {
    let disk = SimDisk::new();
    let log = open_with(&disk, passing());
    append(&log, 1, &[1], &[1; 100]);
    log.turn().unwrap();
    disk.set_capacity(Some(disk.used()));
    append(&log, 2, &[1], &[2; 2000]);
    assert_eq!(log.turn().unwrap(), Turn::Full);
    append(&log, 3, &[1], &[3; 2000]);
    assert_eq!((log.turn().unwrap(), read(&log, 2).unwrap().len()), (Turn::Full, 2000));
    disk.set_capacity(None);
    assert_eq!(log.turn().unwrap(), Turn::Wrote);
    assert_eq!(live(&log).len(), 3);
}

/// Another queue of a fanout may come with a message that the first one has had by then.
#[test]
fn a_content_comes_again_while_a_batch_waits_in_which_it_was_released() {
    let disk = SimDisk::new();
    let log = open_with(&disk, passing());
    disk.set_capacity(Some(disk.used()));
    append(&log, 4, &[1], &[4; 100]);
    append(&log, 6, &[1], &[6; 100]);
    assert_eq!(log.turn().unwrap(), Turn::Full);
    log.append().forget(1, &[6]);
    append(&log, 6, &[2], &[7; 100]);
    assert_eq!(log.turn().unwrap(), Turn::Full);
    assert_eq!(read(&log, 6).unwrap(), [7; 100]);
    disk.set_capacity(None);
    settle(&log);
    assert_eq!((read(&log, 4).unwrap(), read(&log, 6).unwrap()), (vec![4; 100], vec![7; 100]));
    assert_eq!(live(&log).len(), 2);
}

/// Whatever the disk refuses, it ends nothing and loses nothing.
#[test]
fn what_the_disk_refuses_is_tried_again_and_can_be_read_meanwhile() {
    for call in [Call::Create, Call::SetLen, Call::Write, Call::Rename] {
        for failure in [Failure::Once, Failure::Halfway] {
            for nth in 1..8 {
                let disk = SimDisk::new();
                let log = open_with(&disk, passing());
                disk.fail(call, nth, failure(ErrorKind::Other));
                let mut refusals = 0;
                for sequence in 1..40 {
                    append(&log, sequence, &[1], &[7; 2000]);
                    while log.turn().unwrap() == Turn::Full {
                        refusals += 1;
                        assert!(log.is_disk_full() && log.refusal().is_some());
                        assert!((1..=sequence).all(|any| read(&log, any).unwrap() == [7; 2000]));
                    }
                    assert!(log.refusal().is_none() && log.failure().is_none());
                }
                assert!(refusals == 1 || nth > 3, "{call:?} {nth}");
                settle(&log);
                assert_eq!(live(&log).len(), 39, "{call:?} {nth}");
            }
        }
    }
}

#[test]
fn segments_go_without_a_word_and_no_file_is_kept_for_later() {
    let disk = SimDisk::new();
    let log = open_with(&disk, passing());
    for sequence in 1..100 {
        append(&log, sequence, &[1], &[7; 2000]);
        log.turn().unwrap();
    }
    let before = log.stats();
    assert!((3..20).contains(&before.segments), "they grow: {before:?}");
    // Also while there is no room for a batch.
    disk.set_capacity(Some(disk.used()));
    append(&log, 100, &[1], &[7; 40_000]);
    assert_eq!(log.turn().unwrap(), Turn::Full);
    log.append().forget(1, &(1..100).collect::<Vec<_>>());
    while log.turn().unwrap() == Turn::Full {
        assert!(log.tidy(), "the room comes back that the batch waits for");
    }
    settle(&log);
    let after = log.stats();
    assert_eq!((after.live_contents, after.segments, after.spares), (1, 1, 0), "{after:?}");
    assert_eq!(disk.image().names().count(), 1);
    assert!(after.written_bytes - before.written_bytes < 41_000, "{after:?}");
    assert_eq!(read(&log, 100).unwrap().len(), 40_000);
}

/// Each queue of a fanout puts the message there, and one copy is kept.
#[test]
fn a_content_is_written_once_however_many_owners_come_later() {
    let disk = SimDisk::new();
    let log = open_with(&disk, passing());
    for owner in 1..=20 {
        append(&log, 1, &[owner], &[1; 1000]);
        append(&log, 2, &[owner], &[2; 1000]);
        if owner % 7 == 0 {
            log.turn().unwrap();
        }
    }
    settle(&log);
    assert!(log.stats().written_bytes < 4000, "{:?}", log.stats());
    for owner in (1..=20).rev() {
        assert_eq!(read(&log, 1).unwrap(), [1; 1000], "{owner} has it");
        log.append().forget(owner, &[1]);
    }
    assert_eq!((read(&log, 1), read(&log, 2).unwrap()), (None, vec![2; 1000]));
}

/// The copy names all owners that came since, so it is longer.
#[test]
fn a_content_that_moves_is_read_whole_whoever_has_come_to_it_since() {
    let disk = SimDisk::new();
    let log = open_with(&disk, passing());
    append(&log, 1, &[1], &[1; 100]);
    log.turn().unwrap();
    (2..=20).for_each(|owner| append(&log, 1, &[owner], &[1; 100]));
    // The next segment begins, and the first is so small that it is emptied.
    append(&log, 2, &[1], &[2; 8000]);
    settle(&log);
    assert_eq!(log.stats().segments_emptied, 1, "{:?}", log.stats());
    assert_eq!(read(&log, 1).unwrap(), [1; 100]);
    assert_eq!(live(&log)[&1].0.len(), 20);
}
