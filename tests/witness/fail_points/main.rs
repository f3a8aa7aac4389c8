//! The broker ends, or its disk fails, at a chosen call of the disk: see `src/disk/fail_point.rs`.
//!
//! This takes a broker with the feature `fail-points` beside the test:
//!
//! ```sh
//! cargo build --profile simulation --features fail-points
//! cargo test --profile simulation --package pillarbox-witness --test fail_points
//! ```

mod answers;
mod letters;

use std::time::{Duration, Instant};

use witness::{Verdict, folder::number, lives::Lives};

/// What names a fail point.
const VARIABLE: &str = "PILLARBOX_FAIL_POINT";
/// Which call of an operation it is.
const NTH: &[u64] = &[1, 2, 3, 8, 30];
/// How long a broker may live without coming to its fail point, which may be a call too far off.
const LIFE: Duration = Duration::from_millis(700);
/// How long there is load before.
const FIRST_LIFE: Duration = Duration::from_millis(200);
/// How long a broker may live on when its disk has failed.
const FAILED_LIFE: Duration = Duration::from_secs(2);
/// What the broker ends with when its disk has failed.
const DISK_FAILED: i32 = 3;

/// Ends before or after each operation, and in the middle of writes.
#[test]
fn what_was_confirmed_outlives_ends_at_every_call_of_the_disk() {
    let operations = ["create", "write", "sync", "rename", "remove", "sync-dir"];
    let mut points = vec!["torn-write".to_owned()];
    for operation in operations {
        points.push(format!("before-{operation}"));
        points.push(format!("after-{operation}"));
    }
    let (reached, all, seed) = check(&points, LIFE, |_, _| ());
    println!("counts: {reached} ends at fail points, {all}; next seed {seed}");
    assert!(reached > points.len() as u64, "only {reached}: has the broker fail points?");
}

/// A failed write or flush ends the broker with a code of its own and a last line that says why, and it confirms nothing
/// from there on; what it had confirmed is there after the next start.
#[test]
fn what_was_confirmed_outlives_a_disk_that_fails() {
    let points =
        ["write", "sync", "create", "rename", "sync-dir"].map(|name| format!("fail-{name}"));
    let (reached, all, seed) = check(&points, FAILED_LIFE, |point, log| {
        let last = log.lines().last().unwrap_or_default();
        assert!(last.starts_with("pillarbox: "), "{point}: the last line is {last:?}\n{log}");
    });
    println!("counts: {reached} failures of the disk, {all}; next seed {seed}");
    assert!(reached >= points.len() as u64, "only {reached}: has the broker fail points?");
}

/// Returns how often a broker ended by itself, what came out, and the next seed.
fn check(points: &[String], life: Duration, look: impl Fn(&str, &str)) -> (u64, Verdict, u64) {
    let mut seed = number("PILLARBOX_SEED").unwrap_or(1);
    let (mut reached, mut all) = (0, Verdict::default());
    for point in points {
        let mut lives = Lives::new("fail-point", seed);
        // A log that begins is another matter than one that goes on: the points come upon a log with something in it.
        let mut process = lives.start();
        lives.live_until_killed(&mut process, FIRST_LIFE);
        for nth in NTH {
            let (started, name) = (Instant::now(), format!("{point}:{nth}"));
            let (status, log) = match lives.try_start(VARIABLE, &name) {
                Ok(mut process) => {
                    (lives.live_until_it_ends(&mut process, life), process.log_text())
                }
                Err(ended) => (ended.status, ended.log),
            };
            let Some(status) = status else { continue };
            reached += 1;
            if point.starts_with("fail-") {
                assert_eq!(status.code(), Some(DISK_FAILED), "{name}: {status}\n{log}");
                look(&name, &log);
            }
            assert!(started.elapsed() < life * 2 + FAILED_LIFE, "{name}: it takes its time\n{log}");
        }
        let verdict = lives.close();
        let again = format!("PILLARBOX_SEED={seed} cargo test --test fail_points, at {point}");
        assert!(verdict.is_good(), "{verdict}\nagain with {again}");
        all.add(&verdict);
        seed += 1;
    }
    (reached, all, seed)
}
