//! Whatever an open connection sends: no panic, and no difference whether it comes whole or in pieces.
//!
//! The check is that of the fuzz target in `tests/fuzz`; its corpus is replayed here.

#[path = "../../../tests/fuzz/checks/content_assembly.rs"]
mod content_assembly;
#[path = "../../../tests/fuzz/checks/nowhere.rs"]
mod nowhere;

use std::{fs, path::Path};

#[test]
fn the_corpus_of_content_assembly() {
    let corpus =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus/content_assembly");
    let inputs: Vec<_> = fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(!inputs.is_empty());
    for input in inputs {
        content_assembly::check(&fs::read(input).unwrap());
    }
}
