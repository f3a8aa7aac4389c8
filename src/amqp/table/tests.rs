//! Field tables: golden bytes, the faults, and what the owned form does.

use super::*;

const fn key(text: &'static str) -> ShortString {
    ShortString::from_static(text)
}

/// A value and its bytes, tag first, agree in both directions.
#[track_caller]
fn check(bytes: &[u8], value: FieldValue, type_name: &str) {
    let contents = [b"\x01k", bytes].concat();
    let table = FieldTable::decode(&contents).unwrap();
    assert_eq!(table.get("k"), Some(&value));
    assert_eq!(table.to_bytes(), contents);
    assert_eq!(value.erlang_type_name(), type_name);
}

#[test]
fn every_type() {
    check(b"t\x01", true.into(), "bool");
    check(b"b\xFF", FieldValue::I8(-1), "byte");
    check(b"B\xFF", FieldValue::U8(255), "unsignedbyte");
    check(b"s\xFF\xFE", FieldValue::I16(-2), "short");
    check(b"u\xFF\xFE", FieldValue::U16(65_534), "unsignedshort");
    check(b"I\xFF\xFF\xFF\xFE", FieldValue::I32(-2), "signedint");
    check(b"i\xFF\xFF\xFF\xFE", FieldValue::U32(4_294_967_294), "unsignedint");
    check(b"l\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFE", FieldValue::I64(-2), "long");
    check(b"f\x3F\xC0\x00\x00", FieldValue::F32(1.5), "float");
    check(b"d\x3F\xF8\x00\x00\x00\x00\x00\x00", FieldValue::F64(1.5), "double");
    let decimal = FieldValue::Decimal { scale: 2, value: 4_294_967_295 };
    check(b"D\x02\xFF\xFF\xFF\xFF", decimal, "decimal");
    check(b"S\x00\x00\x00\x02\xFFx", FieldValue::LongString(b"\xFFx".to_vec()), "longstr");
    check(b"x\x00\x00\x00\x01\x00", FieldValue::ByteArray(vec![0]), "binary");
    check(b"T\x00\x00\x00\x00\x00\x00\x00\x2A", FieldValue::Timestamp(42), "timestamp");
    check(b"V", FieldValue::Void, "void");
    let array = FieldValue::Array(vec![FieldValue::Void, FieldValue::I8(7)]);
    check(b"A\x00\x00\x00\x03Vb\x07", array, "array");
    let table = [(key("a"), FieldValue::Array(vec![]))].into_iter().collect();
    check(b"F\x00\x00\x00\x07\x01aA\x00\x00\x00\x00", FieldValue::Table(table), "table");
}

#[test]
fn the_long_form_is_written_back_short() {
    let table = FieldTable::decode(b"\x01kL\x00\x00\x00\x00\x00\x00\x00\x01\x01tt\x07").unwrap();
    assert_eq!(table.to_bytes(), b"\x01kl\x00\x00\x00\x00\x00\x00\x00\x01\x01tt\x01");
}

#[test]
fn faults() {
    let error = |bytes: &[u8]| FieldTable::decode(bytes).unwrap_err();
    assert_eq!(error(b"\x01kU\x00\x00"), TableError::UnknownTag(b'U'));
    assert_eq!(error(b"\x05k"), TableError::Truncated);
    assert_eq!(error(b"\x01k"), TableError::Truncated);
    assert_eq!(error(b"\x01kI\x00\x00\x00"), TableError::Truncated);
    assert_eq!(error(b"\x01kS\x00\x00\x00\x02x"), TableError::Truncated);
    // The number fits the outer table, but not the array that it begins in.
    assert_eq!(error(b"\x01kA\x00\x00\x00\x02I\x00\x00\x00\x00"), TableError::Truncated);
    // A key begins in the inner table and ends in the outer one.
    assert_eq!(error(b"\x01kF\x00\x00\x00\x01\x01at\x01"), TableError::Truncated);
}

#[test]
fn the_first_of_a_key_counts() {
    let contents = b"\x01bI\x00\x00\x00\x01\x01at\x01\x01bI\x00\x00\x00\x02";
    let raw = RawTable::from_bytes(contents).unwrap();
    assert_eq!(raw.get("b").and_then(FieldValueRef::as_integer), Some(1));
    let mut table = raw.to_owned();
    assert_eq!((table.len(), table.get("b")), (3, Some(&FieldValue::I32(1))));

    assert_eq!(table.insert(key("b"), 5), Some(FieldValue::I32(1)));
    table.sort_and_dedup();
    let fields: Vec<_> = table.iter().map(|(key, value)| (key.to_string(), value)).collect();
    let expected = [("a".into(), &FieldValue::Bool(true)), ("b".into(), &FieldValue::I32(5))];
    assert_eq!(fields, expected);
}

#[test]
fn removing_takes_every_field_of_the_key() {
    let mut table = FieldTable::decode(b"\x01at\x01\x01bV\x01at\x00").unwrap();
    assert_eq!(table.remove("a"), Some(FieldValue::Bool(true)));
    assert_eq!((table.len(), table.contains_key("a")), (1, false));
    assert_eq!(table.remove("a"), None);
}

#[test]
fn equal_as_on_the_wire() {
    assert_ne!(FieldValue::I32(1), FieldValue::I64(1));
    assert_eq!(FieldValue::F64(f64::NAN), FieldValue::F64(f64::NAN));
    assert_ne!(FieldValue::F64(0.0), FieldValue::F64(-0.0));
    assert_ne!(FieldValue::Void, FieldValue::Array(vec![]));
    assert_eq!(FieldValue::U16(7).as_integer(), Some(7));
    assert_eq!(FieldValue::Timestamp(7).as_integer(), None);
    assert_eq!(FieldValue::from("x").as_long_string(), Some(&b"x"[..]));
}
