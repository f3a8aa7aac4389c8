use super::*;
use crate::message::{Origin, Sequence};

fn arrival(body: &[u8]) -> Arrival<'_> {
    Arrival {
        sequence: Sequence(1),
        exchange: "",
        routing_key: b"",
        properties: &[0, 0],
        body: Body::Inline(body),
        blind_keys: b"",
        persistent: false,
        priority: None,
        expiration_ms: None,
        origin: Origin::Client,
        logged: false,
    }
}

fn capacities(content: &Content) -> Vec<usize> {
    let capacities = content.segments.iter().map(|segment| segment.bytes.len());
    capacities.filter(|capacity| *capacity > 0).collect()
}

#[test]
fn segments_grow_and_none_is_taken_before_it_is_needed() {
    let mut content = Content::new(SegmentPool::new(0));
    assert_eq!(content.memory_bytes(), 0);
    let body = [b'x'; 1000];
    let stored: Vec<_> = (0..1200).map(|_| content.store(&arrival(&body), 0, None)).collect();
    let sizes = [4, 8, 16, 32, 64, 128, 256, 256, 256, 256].map(|kib| kib * 1024);
    assert_eq!(capacities(&content), sizes);
    for (entry, bytes) in stored {
        content.release(entry, bytes);
    }
    assert_eq!((content.memory_bytes(), content.len()), (0, 0));
}

#[test]
fn one_message_at_a_time_stays_in_the_first_segment() {
    let mut content = Content::new(SegmentPool::new(0));
    for _ in 0..1000 {
        let (entry, bytes) = content.store(&arrival(b"hello"), 0, None);
        assert_eq!((entry.segment(), entry.offset()), (0, 0));
        content.release(entry, bytes);
    }
    assert_eq!(capacities(&content), [4096]);
}

#[test]
fn a_survivor_moves_out_of_a_sparse_segment_and_reads_the_same() {
    let mut content = Content::new(SegmentPool::new(0));
    let body = [b'x'; 400];
    let mut stored: Vec<_> = (0..100).map(|_| content.store(&arrival(&body), 0, None)).collect();
    let (mut survivor, _) = content.store(&arrival(b"survivor"), 3, Some(Timestamp(5)));
    stored.extend((0..300).map(|_| content.store(&arrival(&body), 0, None)));
    for (entry, bytes) in stored {
        if entry.segment() <= survivor.segment() {
            content.release(entry, bytes);
        }
    }
    let sparse = content.sparse_bytes;
    assert!(sparse > 0);
    let before = (survivor.segment(), content.memory_bytes());
    content.relocate(&mut survivor);
    assert_ne!(survivor.segment(), before.0);
    assert_eq!(content.memory_bytes(), before.1 - sparse);
    assert_eq!(content.sparse_bytes, 0);
    let record = content.read(survivor);
    assert_eq!(record.body(), StoredBody::Inline(b"survivor"));
    assert_eq!((record.level, record.deadline()), (3, Some(Timestamp(5))));
    assert!(content.has_deadlines());
    let before = survivor;
    content.relocate(&mut survivor);
    assert_eq!(survivor, before);
}

#[test]
fn a_body_too_large_to_copy_is_referred_to() {
    let mut content = Content::new(SegmentPool::new(0));
    let body = vec![b'x'; SHARED_BODY_BYTES_MIN];
    let (entry, bytes) = content.store(&arrival(&body), 0, None);
    assert!(bytes < 32);
    assert_eq!(content.memory_bytes(), 4096 + body.len());
    let record = content.read(entry);
    assert_eq!(content.body(&record).as_bytes(), body);
    content.release(entry, bytes);
    assert_eq!(content.memory_bytes(), 4096);
}
