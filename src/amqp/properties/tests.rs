//! Properties: golden bytes, what a walk costs no look at, and the faults.

use super::*;
use crate::{FieldTable, RawTable, ShortString};

#[test]
fn golden() {
    let properties = Properties {
        content_type: Some(ShortString::from_static("a/b")),
        headers: Some(FieldTable::new()),
        delivery_mode: Some(2),
        timestamp: Some(1),
        cluster_id: Some(ShortString::from_static("c")),
        ..Properties::default()
    };
    let bytes = b"\xB0\x44\x03a/b\0\0\0\0\x02\0\0\0\0\0\0\0\x01\x01c";
    assert_eq!(properties.to_bytes(), bytes);
    assert_eq!(Properties::decode(RawProperties::from_bytes(bytes)), Ok(properties));
    assert_eq!(Properties::default().to_bytes(), RawProperties::EMPTY.as_bytes());
}

#[test]
fn header() {
    let payload = b"\0\x3C\0\0\0\0\0\0\0\0\x01\0\x10\0\x02";
    let header = ContentHeader::decode(payload).unwrap();
    assert_eq!((header.class_id, header.weight, header.body_size), (60, 0, 256));
    assert!(header.properties.peek().unwrap().is_persistent());
    assert_eq!(ContentHeader::decode(&payload[..11]), Err(PropertyError::HeaderTruncated));
}

#[test]
fn a_property_is_read_behind_those_before_it() {
    // Content type, headers, delivery mode, priority, expiration.
    let raw = RawProperties::from_bytes(b"\xB9\0\x01a\0\0\0\x03\x01kV\x01\x09\x02\x31\x30");
    assert_eq!(raw.content_type(), Ok(Some(&b"a"[..])));
    assert_eq!(raw.headers().map(|table| table.map(RawTable::as_bytes)), Ok(Some(&b"\x01kV"[..])));
    assert_eq!(raw.delivery_mode(), Ok(Some(1)));
    assert_eq!(raw.priority(), Ok(Some(9)));
    assert_eq!(raw.expiration(), Ok(Some(&b"10"[..])));
    assert_eq!(raw.user_id(), Ok(None));
    assert_eq!(raw.validate(), Ok(()));
}

#[test]
fn the_lowest_bits_mean_nothing() {
    let peek = RawProperties::from_bytes(b"\x10\x03\x02").peek().unwrap();
    assert_eq!(peek.delivery_mode, Some(2));
}

#[test]
fn faults() {
    let error = |bytes| RawProperties::from_bytes(bytes).validate().unwrap_err();
    assert_eq!(error(b""), PropertyError::Truncated);
    assert_eq!(error(b"\x10"), PropertyError::Truncated);
    assert_eq!(error(b"\x10\0"), PropertyError::Truncated);
    assert_eq!(error(b"\x80\0\x05abc"), PropertyError::Truncated);
    assert_eq!(error(b"\0\0x"), PropertyError::TrailingBytes);
    // A second flag word, as the specification has it, is not understood.
    assert_eq!(error(b"\0\x01\0\0"), PropertyError::TrailingBytes);
    let unknown = PropertyError::Table(TableError::UnknownTag(b'U'));
    assert_eq!(error(b"\x20\0\0\0\0\x03\x01kU"), unknown);
}
