//! Fuzzes what `checks/content_assembly.rs` says.
#![no_main]

#[path = "../checks/content_assembly.rs"]
mod content_assembly;
#[path = "../checks/nowhere.rs"]
mod nowhere;

libfuzzer_sys::fuzz_target!(|input: &[u8]| content_assembly::check(input));
