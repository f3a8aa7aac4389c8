//! Fuzzes what `checks/tables.rs` says.
#![no_main]

#[path = "../checks/tables.rs"]
mod tables;

libfuzzer_sys::fuzz_target!(|input: &[u8]| tables::check(input));
