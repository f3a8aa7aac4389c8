//! How much is tried: a hundredth of it, unless `PILLARBOX_EFFORT` is `full`.

use std::env;

/// So many of `full`, or a hundredth.
pub(crate) fn of(full: u64) -> u64 {
    let is_full = env::var("PILLARBOX_EFFORT").is_ok_and(|effort| effort == "full");
    if is_full { full } else { (full / 100).max(1) }
}

/// The seeds of so many scripts, or the one that `PILLARBOX_SEED` names.
pub(crate) fn seeds(full: u64) -> Vec<u64> {
    match env::var("PILLARBOX_SEED") {
        Ok(seed) => vec![seed.parse().expect("PILLARBOX_SEED is a number")],
        Err(_) => (0..of(full)).collect(),
    }
}

/// What runs one seed of a test again.
pub(crate) fn again(test: &str, seed: u64) -> String {
    format!(
        "PILLARBOX_SEED={seed} cargo test --profile simulation --package pillarbox-simulation {test} -- --nocapture"
    )
}
