//! The built broker, killed under load again and again: what it confirmed must be there, unchanged, and nothing else.
//!
//! `PILLARBOX_SEED` names the first round, and `PILLARBOX_CYCLES` how many times the broker is killed, for a run that is
//! longer or another one; `cargo xtask torture` makes very long ones.

#![expect(clippy::print_stdout, reason = "what a test counted is for its log")]

mod kill;
mod peace;
