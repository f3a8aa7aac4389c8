//! The same load with a broker that nobody disturbs, or that is stopped as an operator does.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use witness::{
    Event, History, Verdict,
    folder::{Folder, run},
    judge,
    load::{Definitions, Load, LoadOptions, drain},
};

/// How long there is load in each life.
const LIFE: Duration = Duration::from_millis(700);
/// How many definitions are to be answered in all; the last life goes on until they are, but no longer than this.
const DEFINITIONS: u64 = 10;
const PATIENCE: Duration = Duration::from_secs(60);
/// Small files and little memory, so that segments are recycled and messages read back within a second.
const SETTINGS: &str = "[store]\nsegment_bytes_max = '1MiB'\nqueue_resident_bytes_max = '16KiB'\n";

fn check(lives: u64) {
    let folder = Folder::new("peace");
    let launch = folder.launch(SETTINGS);
    let history = Arc::new(History::timeless());
    let definitions = Arc::<Definitions>::default();
    let mut verdict = Verdict::default();
    for life in 1..=lives {
        let mut process = launch.start().expect("the broker starts");
        run(async {
            let wrong = definitions.check(&process.uri()).await.expect("the broker answers");
            assert_eq!(wrong, Vec::<String>::new());
            let options = LoadOptions { seed: life, ..LoadOptions::default() };
            let load = Load::start(&process.uri(), &history, &definitions, &options).await;
            let load = load.expect("the broker takes a load");
            tokio::time::sleep(LIFE).await;
            let started = Instant::now();
            while life == lives
                && definitions.answered() <= DEFINITIONS
                && started.elapsed() < PATIENCE
            {
                tokio::time::sleep(LIFE).await;
            }
            load.stop().await;
            if life == lives {
                drain(&process.uri(), &history).await.expect("the broker can be emptied");
                verdict = judge(&history.take());
            }
        });
        let status = process.stop().expect("the broker stops in time");
        assert!(status.success(), "{}", process.log_text());
        history.record(Event::Ended);
    }
    println!("counts: {lives} lives: {verdict}");
    assert!(verdict.is_good(), "{verdict}");
    assert!(verdict.counts.confirmed > 100, "{verdict}");
    assert!(definitions.answered() > DEFINITIONS);
}

#[test]
fn a_broker_that_is_left_alone_keeps_every_promise() {
    check(1);
}

#[test]
fn a_broker_that_is_stopped_and_started_keeps_every_promise() {
    check(3);
}
