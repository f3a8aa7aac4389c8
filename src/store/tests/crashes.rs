//! The power goes at any moment, and comes back.

use proptest::prelude::*;

use super::faults::script_of;
use super::model::{Bench, History, Step, judge, steps};
use super::*;
use crate::Sync;
use crate::sim::{CrashPlan, Image, Op, Random, Trace};

/// Cuts the power at every moment of a script, in every way.
fn cut_everywhere(script: &[Step], sync: Sync) -> Result<u64, String> {
    let disk = SimDisk::new();
    disk.record();
    let history = play(&mut Bench::new(&disk, sync)?, script)?;
    let trace = disk.trace();
    cut(&trace, sync, &history, |_| Ok(()))
}

/// What there was, at each moment of a script.
fn play(bench: &mut Bench, script: &[Step]) -> Result<History, String> {
    let mut history = bench.history.clone();
    for step in script {
        bench.step_on_power(step.clone())?;
        history.extend(bench.history.iter().map(|(number, model)| (*number, model.clone())));
    }
    Ok(history)
}

/// Cuts the power at every moment of a trace; `next` does something else with what is left.
fn cut(
    trace: &Trace,
    sync: Sync,
    history: &History,
    mut next: impl FnMut(&Image) -> Result<(), String>,
) -> Result<u64, String> {
    let (mut replay, mut wrong, mut states) = (trace.replay(), None, 0);
    let plan = CrashPlan { seed: 1, random: 4, tears: true };
    while let Some(op) = replay.step() {
        if matches!(op, Op::Mark(_)) {
            continue;
        }
        // What the operating system has may get lost with the power, but only from the end.
        let flushed = if sync == Sync::Flush { replay.mark() } else { 0 };
        states += replay.crash(&plan, |image, crash| {
            let judged = judge(&SimDisk::from_image(image), sync, history, flushed);
            let judged = judged.and_then(|_| next(image));
            wrong = judged.err().map(|what| format!("{crash}: {what}"));
            wrong.is_none()
        });
        if let Some(wrong) = wrong {
            return Err(wrong);
        }
    }
    Ok(states)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_flushed_survives_a_power_cut_at_any_moment(script in steps(100)) {
        prop_assert_eq!(cut_everywhere(&script, Sync::Flush).err(), None);
    }

    #[test]
    fn without_flushes_a_power_cut_takes_from_the_end_only(script in steps(60)) {
        prop_assert_eq!(cut_everywhere(&script, Sync::Os).err(), None);
    }
}

/// The power goes, comes back, and goes again: while the log recovers, and when it has written a little.
fn cut_twice(seed: u32, steps: usize, one_in: u64) -> Result<u64, String> {
    let disk = SimDisk::new();
    disk.record();
    let history = play(&mut Bench::new(&disk, Sync::Flush)?, &script_of(seed, steps))?;
    let (mut random, mut states) = (Random::new(seed.into()), 0);
    cut(&disk.trace(), Sync::Flush, &history, |image| {
        if random.below(one_in) > 0 {
            return Ok(());
        }
        let disk = SimDisk::from_image(image);
        disk.record();
        let mut bench = Bench::again(&disk, Sync::Flush)?;
        let script = script_of(u32::try_from(random.below(1000)).unwrap(), 12);
        let history = play(&mut bench, &script)?;
        states += cut(&disk.trace(), Sync::Flush, &history, |_| Ok(()))?;
        Ok(())
    })?;
    Ok(states)
}

#[test]
fn a_power_cut_during_recovery_loses_nothing_either() {
    let states: u64 = (0..6).map(|seed| cut_twice(seed, 60, 40).unwrap()).sum();
    assert!(states > 1000, "{states} states");
}

/// As many scripts as `SCRIPTS` says; few, if it says nothing.
#[test]
fn many_scripts() {
    let count: u32 = std::env::var("SCRIPTS").map_or(2, |count| count.parse().unwrap());
    let mut states = 0;
    for seed in 0..count {
        for sync in [Sync::Flush, Sync::Os] {
            let cut = cut_everywhere(&script_of(seed, 150), sync);
            states += cut.unwrap_or_else(|wrong| panic!("seed {seed}, {sync:?}: {wrong}"));
        }
    }
    println!("{states} states");
    let twice: u64 = (0..count).map(|seed| cut_twice(seed, 100, 100).unwrap()).sum();
    println!("{twice} states after two power cuts");
}
