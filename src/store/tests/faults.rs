//! A disk that fails, or is full.

use std::io::ErrorKind;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::model::{Bench, Step, Stopped, judge, steps};
use super::*;
use crate::Sync;
use crate::sim::{Call, Failure};

/// So many steps, the same for the same seed.
pub(super) fn script(seed: u8, count: usize) -> Vec<Step> {
    script_of(seed.into(), count)
}

pub(super) fn script_of(seed: u32, count: usize) -> Vec<Step> {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed.to_le_bytes().repeat(8));
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let mut script = Vec::new();
    while script.len() < count {
        script.extend(steps(count).new_tree(&mut runner).unwrap().current());
    }
    script.truncate(count);
    script
}

pub(super) fn play(bench: &mut Bench, script: &[Step]) -> Result<(), Stopped> {
    script.iter().try_for_each(|step| bench.step_on_power(step.clone()))
}

fn fail_once(seed: u8, call: Call, nth: u64, failure: Failure) {
    let disk = SimDisk::new();
    disk.fail(call, nth, failure);
    let Ok(mut bench) = Bench::new(&disk, Sync::Flush) else { return };
    let is_stopped = play(&mut bench, &script(seed, 60)).is_err();
    let flushed = bench.log.flushed();
    if is_stopped && bench.log.failure().is_some() {
        assert!(bench.log.turn().is_err(), "it goes on");
        assert_eq!(bench.log.flushed(), flushed);
    }
    let judge = |disk: &SimDisk| {
        let judged = judge(disk, Sync::Flush, &bench.history, flushed.0);
        judged.unwrap_or_else(|what| panic!("seed {seed}, {failure:?} of {call:?} {nth}: {what}"))
    };
    judge(&SimDisk::from_image(&disk.image()));
    judge(&SimDisk::from_image(&disk.image_after_power_cut()));
    // The next process sees what the operating system shows, and must not serve what never reached the disk.
    disk.heal();
    let served = judge(&disk);
    assert_eq!(judge(&SimDisk::from_image(&disk.image_after_power_cut())), served);
}

#[test]
fn any_call_may_fail_and_nothing_is_lost_that_was_announced() {
    for seed in 0..4 {
        let disk = SimDisk::new();
        play(&mut Bench::new(&disk, Sync::Flush).unwrap(), &script(seed, 60)).unwrap();
        for call in Call::ALL {
            for nth in 1..=disk.calls(call) {
                fail_once(seed, call, nth, Failure::Once(ErrorKind::Other));
                fail_once(seed, call, nth, Failure::Halfway(ErrorKind::Other));
            }
        }
    }
}

#[test]
fn a_full_disk_stops_nobody_for_longer_than_it_is_full() {
    let mut full = 0;
    for seed in 0..6 {
        let counting = SimDisk::new();
        play(&mut Bench::new(&counting, Sync::Flush).unwrap(), &script(seed, 80)).unwrap();
        for nth in 1..=counting.allocations() {
            let disk = SimDisk::new();
            disk.fill_at(nth);
            let mut bench = Bench::new(&disk, Sync::Flush).unwrap();
            // To open the log may fail, for lack of room.
            let steps = script(seed, 80).into_iter();
            let steps: Vec<Step> =
                steps.filter(|step| !matches!(step, Step::Kill | Step::Close)).collect();
            play(&mut bench, &steps).unwrap();
            full += bench.log.stats().full_disk;
            let flushed = bench.log.flushed().0;
            let cut = SimDisk::from_image(&disk.image_after_power_cut());
            judge(&cut, Sync::Flush, &bench.history, flushed).unwrap();
            disk.set_capacity(None);
            (0..3).for_each(|_| bench.turn().unwrap());
            settle(&bench.log);
            assert!(bench.log.flushed().0 + 1 >= bench.log.append().position().0);
            let cut = SimDisk::from_image(&disk.image_after_power_cut());
            let found = judge(&cut, Sync::Flush, &bench.history, bench.log.flushed().0).unwrap();
            assert_eq!(found, bench.now);
        }
    }
    assert!(full > 100, "full {full} times");
}

#[test]
fn what_is_released_while_the_disk_is_full_needs_no_room() {
    let disk = SimDisk::new();
    let (log, _) = open(&disk);
    append(&log, 1, &[0], b"definition");
    log.turn().unwrap();
    disk.set_capacity(Some(disk.used()));
    for sequence in 2..40 {
        append(&log, sequence, &[1, 0], &[9; 1000]);
    }
    assert_eq!(log.turn().unwrap(), Turn::Full);
    assert_eq!(read(&log, 5).unwrap(), [9; 1000]);
    log.append().release(1, &(2..40).collect::<Vec<_>>());
    log.append().release(0, &(3..40).collect::<Vec<_>>());
    while log.turn().unwrap() == Turn::Wrote {}
    assert_eq!(log.flushed().0 + 1, log.append().position().0);
    assert!(live(&open(&disk).0).into_keys().eq([1, 2]));
}

#[test]
fn an_error_says_what_was_done_to_which_file() {
    let disk = SimDisk::new();
    let (log, _) = open(&disk);
    append(&log, 1, &[0], b"definition");
    log.turn().unwrap();
    append(&log, 2, &[0], b"definition");
    disk.fail(Call::Sync, 1, Failure::Once(ErrorKind::Other));
    let fault = log.turn().unwrap_err();
    let text = fault.to_string();
    assert!(text.starts_with("cannot flush 0000000000000001.seg at offset 256: "), "{text}");
    assert!(std::sync::Arc::ptr_eq(&fault, &log.failure().unwrap()));
    assert!(log.has_room(), "nobody waits for a log that failed");
}
