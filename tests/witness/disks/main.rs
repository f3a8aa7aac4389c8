//! The built broker on real file systems that lose power, are full, or stand still.
//!
//! These tests mount file systems, which takes root, and need programs that they name when they are missing. So
//! `cargo test` leaves them out; `cargo test --release --test disks` runs them, and so does `cargo xtask test`.

#![expect(clippy::print_stdout, reason = "what a test counted is for its log")]

mod full;
mod ground;
mod power;
mod recorder;
mod stall;
