//! Whatever a peer sends: no panic, no more memory than it is worth, and what is read is written back alike.
//!
//! The checks are those of the fuzz targets in `tests/fuzz`; their corpora are replayed here, and proptest adds bytes
//! of its own.

#![expect(clippy::unwrap_used, reason = "a test that fails")]

#[path = "../../../tests/fuzz/checks/frames.rs"]
mod frames;
#[path = "../../../tests/fuzz/checks/tables.rs"]
mod tables;

use std::{fs, path::Path};

use allocation_counter::measure;
use amqp::{ELEMENTS_MAX, FieldTable, Method, RawProperties, RawTable, TableError, decode_frame};
use proptest::{collection::vec, prelude::*};

fn replay(target: &str, check: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus").join(target);
    let mut inputs = 0;
    for entry in fs::read_dir(&corpus).unwrap() {
        check(&fs::read(entry.unwrap().path()).unwrap());
        inputs += 1;
    }
    assert!(inputs > 0, "the corpus {} is empty", corpus.display());
}

#[test]
fn the_corpus_of_frames() {
    replay("frames", frames::check);
}

#[test]
fn the_corpus_of_tables() {
    replay("tables", tables::check);
}

/// A table of as many empty keys with nothing behind them as `elements`.
fn voids(elements: usize) -> Vec<u8> {
    b"\x00V".repeat(elements)
}

/// Tables within tables, `depth` of them below the outermost.
fn nested(depth: u32) -> Vec<u8> {
    (0..depth).fold(Vec::new(), |inner, _| {
        let len = u32::try_from(inner.len()).unwrap().to_be_bytes();
        [&b"\x01kF"[..], &len, &inner].concat()
    })
}

#[test]
fn nesting_and_elements_are_limited() {
    assert!(FieldTable::decode(&nested(31)).is_ok());
    assert_eq!(FieldTable::decode(&nested(32)), Err(TableError::TooDeep));
    assert_eq!(FieldTable::decode(&nested(10_000)), Err(TableError::TooDeep));
    assert_eq!(FieldTable::decode(&voids(ELEMENTS_MAX)).unwrap().len(), ELEMENTS_MAX);
    assert_eq!(FieldTable::decode(&voids(ELEMENTS_MAX + 1)), Err(TableError::TooManyElements));
}

#[test]
fn an_owned_table_takes_what_its_elements_take() {
    let element = size_of::<amqp::ShortString>() + size_of::<amqp::FieldValue>();
    let input = voids(ELEMENTS_MAX);
    let used = measure(|| drop(FieldTable::decode(&input))).bytes_max;
    assert!(used <= (ELEMENTS_MAX * element) as u64, "{used} octets");
    // An array that claims more than there is.
    let used = measure(|| drop(FieldTable::decode(b"\x01kA\xFF\xFF\xFF\xFFV"))).bytes_max;
    assert_eq!(used, 0);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_bytes(input in vec(any::<u8>(), 0..200)) {
        frames::check(&input);
        tables::check(&input);
    }

    /// Bytes that look like methods: a known class and method before anything.
    #[test]
    fn any_arguments(
        class in prop_oneof![Just(85_u8), (1..10_u8).prop_map(|class| class * 10)],
        method in 0..130_u8,
        arguments in vec(prop_oneof![0..4_u8, any::<u8>()], 0..60),
    ) {
        let payload = [&[0, class, 0, method], &arguments[..]].concat();
        frames::check_method(&payload);
    }

    /// Nothing is copied to decode what comes in: not even of the largest claims.
    #[test]
    fn decoding_allocates_nothing(input in vec(any::<u8>(), 0..200)) {
        let used = measure(|| {
            let _ = decode_frame(&input, u32::MAX);
            let _ = Method::decode(&input);
            let _ = RawProperties::from_bytes(&input).peek();
            let _ = RawTable::from_bytes(&input);
        });
        prop_assert_eq!(used.count_total, 0);
    }
}
