//! How much is tried: a hundredth of it, unless `PILLARBOX_EFFORT` is `full`; from the seed on that `PILLARBOX_SEED` names,
//! or that seed alone.

#![expect(clippy::print_stdout, reason = "tests tell by it what they have counted")]

use std::env;

fn is_full() -> bool {
    env::var("PILLARBOX_EFFORT").is_ok_and(|effort| effort == "full")
}

/// So many of `full`, or a hundredth.
pub(crate) fn of(full: u64) -> u64 {
    if is_full() { full } else { (full / 100).max(1) }
}

/// The seeds of so many scripts.
pub(crate) fn seeds(full: u64) -> Vec<u64> {
    let named = env::var("PILLARBOX_SEED");
    let named = named.ok().map(|seed| seed.parse().expect("PILLARBOX_SEED is a number"));
    match named {
        Some(seed) if !is_full() => vec![seed],
        first => (first.unwrap_or(0)..).take(of(full).try_into().expect("seeds are few")).collect(),
    }
}

/// Says what was counted, and which seed has not been tried.
pub(crate) fn tell(counts: &[(u64, &str)], next: u64) {
    let counts: Vec<String> =
        counts.iter().map(|(count, what)| format!("{count} {what}")).collect();
    println!("counts: {}; next seed {next}", counts.join(", "));
}

/// The seed behind those that were tried.
pub(crate) fn next(tried: &[u64]) -> u64 {
    tried.last().map_or(0, |last| last + 1)
}

/// What runs one seed of a test again.
pub(crate) fn again(test: &str, seed: u64) -> String {
    format!(
        "PILLARBOX_SEED={seed} cargo test --profile simulation --package pillarbox-simulation {test} -- --nocapture"
    )
}
