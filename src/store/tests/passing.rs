//! A log that nobody opens again.

use std::collections::BTreeSet;
use std::io::ErrorKind;

use proptest::prelude::*;

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

/// What queues do with messages that they share, or nobody.
#[derive(Debug, Clone)]
enum Step {
    /// A queue puts one of the newest messages there, or the next one.
    Put {
        owner: u64,
        back: u64,
    },
    /// A queue has no use for some of the oldest that it has.
    Forget {
        owner: u64,
        count: usize,
    },
    Turn,
    Tidy,
    ReadAll,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (1..9_u64, 0..6_u64).prop_map(|(owner, back)| Step::Put { owner, back }),
        4 => (1..9_u64, 1..20_usize).prop_map(|(owner, count)| Step::Forget { owner, count }),
        4 => Just(Step::Turn),
        4 => Just(Step::Tidy),
        2 => Just(Step::ReadAll),
    ]
}

/// A message's payload, whoever brings it: some are short, few are longer than a segment.
fn payload_of(sequence: u64) -> Vec<u8> {
    let len = [30, 100, 700, 2000, 50, 400, 80, 9000][usize::try_from(sequence % 8).unwrap()];
    sequence.to_le_bytes().into_iter().cycle().take(len).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Owners come to a content and leave it in any order, while it moves from segment to segment.
    #[test]
    fn what_queues_share_is_there_for_each_until_it_is_done(steps in prop::collection::vec(step(), 1..300)) {
        let log = open_with(&SimDisk::new(), passing());
        let mut expected: BTreeMap<u64, BTreeSet<u64>> = BTreeMap::new();
        let mut newest = 0;
        for step in steps {
            match step {
                Step::Put { owner, back } => {
                    let sequence = (newest + 1_u64).saturating_sub(back).max(1);
                    newest = newest.max(sequence);
                    append(&log, sequence, &[owner], &payload_of(sequence));
                    expected.entry(sequence).or_default().insert(owner);
                }
                Step::Forget { owner, count } => {
                    let held = expected.iter().filter(|(_, owners)| owners.contains(&owner));
                    let oldest: Vec<u64> = held.map(|(sequence, _)| *sequence).take(count).collect();
                    log.append().forget(owner, &oldest);
                    for sequence in oldest {
                        let owners = expected.get_mut(&sequence).unwrap();
                        owners.remove(&owner);
                        if owners.is_empty() {
                            expected.remove(&sequence);
                        }
                    }
                }
                Step::Turn => assert_ne!(log.turn().unwrap(), Turn::Full),
                Step::Tidy => {
                    log.tidy();
                }
                Step::ReadAll => {
                    for sequence in expected.keys() {
                        prop_assert_eq!(read(&log, *sequence), Some(payload_of(*sequence)));
                    }
                }
            }
        }
        settle(&log);
        let found: BTreeMap<u64, BTreeSet<u64>> =
            live(&log).into_iter().map(|(sequence, (owners, payload))| {
                assert_eq!(payload, payload_of(sequence));
                (sequence, owners.into_iter().collect())
            }).collect();
        prop_assert_eq!(found, expected);
    }
}
