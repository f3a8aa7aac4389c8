//! The power goes at any moment, and comes back.

use super::model::{Bench, Model, steps};
use super::*;
use crate::sim::{CrashPlan, Op};
use proptest::prelude::*;

/// What a log held once a batch was flushed, by the batch's number.
type History = BTreeMap<u64, Model>;

/// Opens what a power cut left twice; it is what was flushed by then, or more.
fn judge(disk: &SimDisk, history: &History, flushed: u64) -> Result<(), String> {
    let before = history.range(..=flushed).next_back().map(|(_, model)| model);
    let allowed = || before.into_iter().chain(history.range(flushed + 1..).map(|(_, m)| m));
    let (log, recovery) = open(disk);
    if let Some(damage) = recovery.damage.first() {
        return Err(format!("damage: {damage}"));
    }
    let found = Model::of_log(&log, recovery);
    if !allowed().any(|model| *model == found) && !(before.is_none() && found == Model::default()) {
        return Err(format!("flushed up to {flushed}: {found:?}\nbut not {before:?}"));
    }
    drop(log);
    let (log, recovery) = open(disk);
    let again = Model::of_log(&log, recovery);
    if again == found { Ok(()) } else { Err("it differs the second time".to_owned()) }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_flushed_survives_a_power_cut_at_any_moment(steps in steps(80)) {
        let mut bench = Bench::new();
        bench.disk.record();
        let mut history = History::new();
        for step in steps {
            if let Some(flushed) = bench.step_on_power(step) {
                bench.disk.mark(flushed);
                history.insert(flushed, bench.flushed.clone());
            }
        }
        let trace = bench.disk.trace();
        let (mut replay, mut wrong) = (trace.replay(), None);
        let plan = CrashPlan { seed: 1, random: 4, tears: true };
        while let Some(op) = replay.step() {
            if matches!(op, Op::Mark(_)) {
                continue;
            }
            let mark = replay.mark();
            replay.crash(&plan, |image, crash| {
                let judged = judge(&SimDisk::from_image(image), &history, mark);
                wrong = judged.err().map(|what| format!("{crash}: {what}"));
                wrong.is_none()
            });
            prop_assert_eq!(&wrong, &None);
        }
    }
}
