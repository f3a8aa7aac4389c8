//! The power goes at any moment, and comes back.

use proptest::prelude::*;

use super::model::{Bench, Step, judge, steps};
use super::*;
use crate::Sync;
use crate::sim::{CrashPlan, Op};

/// Cuts the power at every moment of a script, in every way.
fn cut_everywhere(script: Vec<Step>, sync: Sync) -> Result<u64, String> {
    let disk = SimDisk::new();
    disk.record();
    let mut bench = Bench::new(&disk, sync)?;
    let mut history = bench.history.clone();
    for step in script {
        bench.step_on_power(step)?;
        history.extend(bench.history.iter().map(|(number, model)| (*number, model.clone())));
    }
    let trace = disk.trace();
    let (mut replay, mut wrong, mut states) = (trace.replay(), None, 0);
    let plan = CrashPlan { seed: 1, random: 4, tears: true };
    while let Some(op) = replay.step() {
        if matches!(op, Op::Mark(_)) {
            continue;
        }
        // What the operating system has may get lost with the power, but only from the end.
        let flushed = if sync == Sync::Flush { replay.mark() } else { 0 };
        states += replay.crash(&plan, |image, crash| {
            let judged = judge(&SimDisk::from_image(image), sync, &history, flushed);
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
        prop_assert_eq!(cut_everywhere(script, Sync::Flush).err(), None);
    }

    #[test]
    fn without_flushes_a_power_cut_takes_from_the_end_only(script in steps(60)) {
        prop_assert_eq!(cut_everywhere(script, Sync::Os).err(), None);
    }
}
