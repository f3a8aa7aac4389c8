//! `kill -9` at random moments, and a restart on the same data.

use std::time::{Duration, Instant};

use witness::{Verdict, folder::number, lives::Lives};

/// The longest that a broker lives once its load has begun.
const LIFE_MS_MAX: u64 = 500;
/// After so many kills everything is drained and judged.
const ROUND: u64 = 10;
/// How often the broker is killed if nobody asks for another number. The other tests are in more of a hurry.
const CYCLES: u64 = 10;

#[test]
fn what_was_confirmed_outlives_kills() {
    let first = number("PILLARBOX_SEED").unwrap_or(1);
    let cycles = number("PILLARBOX_CYCLES").unwrap_or(CYCLES);
    let started = Instant::now();
    let (mut all, mut slowest_start) = (Verdict::default(), Duration::ZERO);
    let (mut seed, mut left) = (first, cycles);
    while left > 0 {
        let kills = ROUND.min(left);
        let mut lives = Lives::new("torture", seed);
        for _ in 0..kills {
            let life = Duration::from_millis(lives.random.below(LIFE_MS_MAX));
            let mut process = lives.start();
            lives.live_until_killed(&mut process, life);
        }
        let verdict = lives.close();
        assert!(
            verdict.is_good(),
            "{verdict}\nagain with PILLARBOX_SEED={seed} PILLARBOX_CYCLES={kills} \
             cargo test --package pillarbox-witness --test torture kill"
        );
        all.add(&verdict);
        slowest_start = slowest_start.max(lives.slowest_start);
        (seed, left) = (seed + 1, left - kills);
    }
    println!(
        "counts: {cycles} kills in {} s, slowest start {} ms, {all}; next seed {seed}",
        started.elapsed().as_secs(),
        slowest_start.as_millis(),
    );
}
