//! One thing at a time.

use std::sync::Arc;

use super::*;
use crate::Position;

#[test]
fn what_is_flushed_is_there_when_the_log_is_opened_again() {
    let disk = SimDisk::new();
    let (log, recovery) = open(&disk);
    assert!(recovery.is_new && recovery.was_closed);
    append(&log, 1, &[0], b"definition");
    append(&log, 2, &[1], b"message");
    let position = {
        let mut appender = log.append();
        appender.note(1, 2, b"first");
        appender.note(1, 2, b"returned");
        appender.position()
    };
    assert!(log.flushed() < position);
    assert_eq!(log.turn().unwrap(), Turn::Wrote);
    assert_eq!(log.flushed(), position);
    append(&log, 3, &[1], b"lost");
    drop(log);

    let disk = SimDisk::from_image(&disk.image_after_power_cut());
    let (log, recovery) = open(&disk);
    assert_eq!((recovery.damage.len(), recovery.contents, recovery.next_sequence), (0, 2, 3));
    assert!(!recovery.was_closed && !recovery.is_new);
    let [note] = &recovery.notes[..] else { panic!("{:?}", recovery.notes) };
    assert_eq!((note.owner, note.sequence, &*note.note), (1, 2, &b"returned"[..]));
    let live = live(&log);
    assert_eq!(live[&1], (vec![0], b"definition".to_vec()));
    assert_eq!(live[&2], (vec![1], b"message".to_vec()));
    assert_eq!(read(&log, 2).unwrap(), b"message");
    log.append().release(1, &[2]);
    append(&log, 3, &[0], b"another");
    assert_eq!(read(&log, 3).unwrap(), b"another", "not on the disk yet");
    assert_eq!(read(&log, 2), None);
    log.turn().unwrap();
    log.close();
    while log.turn().unwrap() != Turn::Closed {}
    let (log, recovery) = open(&disk);
    assert!(recovery.was_closed && recovery.notes.is_empty());
    assert!(super::live(&log).into_keys().eq([1, 3]));
}

#[test]
fn nothing_is_announced_before_it_is_flushed() {
    let disk = SimDisk::new();
    let log = Arc::new(open(&disk).0);
    append(&log, 1, &[0], b"definition");
    log.turn().unwrap();
    for sequence in 2..5 {
        append(&log, sequence, &[0], &[b'.'; 3000]);
        let position = log.append().position();
        let announcing = Arc::clone(&log);
        disk.meanwhile(move |call| {
            assert!(announcing.flushed() < position, "at {call:?}, and it is flushed later");
        });
        assert_eq!(log.turn().unwrap(), Turn::Wrote);
        disk.undisturbed();
        assert_eq!(log.flushed(), position);
    }
}

#[test]
fn what_is_released_before_it_is_written_leaves_nothing() {
    let disk = SimDisk::new();
    let (log, _) = open(&disk);
    append(&log, 1, &[0], b"definition");
    settle(&log);
    let used = log.stats().used_bytes;
    for sequence in 2..100 {
        append(&log, sequence, &[1], b"message");
        log.append().note(1, sequence, b"note");
    }
    log.append().release(1, &(2..100).collect::<Vec<_>>());
    let position = log.append().position();
    assert_eq!(log.turn().unwrap(), Turn::Wrote);
    assert_eq!((log.flushed(), log.stats().used_bytes), (position, used));

    append(&log, 100, &[1, 0], b"first");
    append(&log, 101, &[1, 0], b"second");
    log.append().release(1, &[100, 101]);
    log.append().release(0, &[100]);
    assert_eq!(read(&log, 101).unwrap(), b"second");
    settle(&log);
    assert_eq!(read(&log, 101).unwrap(), b"second");
    assert!(
        !disk.image().names().any(|name| {
            disk.image().get(name).unwrap().windows(5).any(|bytes| bytes == b"first")
        })
    );
    drop(log);
    let (log, _) = open(&disk);
    assert_eq!(live(&log)[&101], (vec![0], b"second".to_vec()));
    assert_eq!(log.flushed(), Position(log.append().position().0 - 1));
}

#[test]
fn a_content_may_be_larger_than_a_segment() {
    let disk = SimDisk::new();
    let (log, _) = open(&disk);
    append(&log, 1, &[0], b"before");
    log.turn().unwrap();
    append(&log, 2, &[0], &[7; 3_000_000]);
    append(&log, 3, &[0], b"behind");
    log.turn().unwrap();
    append(&log, 4, &[0], b"after");
    settle(&log);
    drop(log);
    let (log, recovery) = open(&disk);
    assert_eq!(recovery.damage, []);
    let live = live(&log);
    assert!(live.keys().copied().eq(1..=4) && live[&2].1 == [7; 3_000_000]);
    log.append().release(0, &[2]);
    settle(&log);
    assert!(log.stats().bytes < 100_000, "{:?}", log.stats());
}

#[test]
fn a_million_releases_take_little_room_and_are_told_in_ranges() {
    let disk = SimDisk::new();
    let log = open_with(&disk, Options::new(7));
    append(&log, 1, &[0], b"a queue");
    let all: Vec<u64> = (2..200_000).collect();
    for part in all.chunks(10_000) {
        let mut appender = log.append();
        part.iter().for_each(|&sequence| appender.content(sequence, &[1], 4, |out| out.fill(1)));
        drop(appender);
        log.turn().unwrap();
    }
    let before = log.stats().written_bytes;
    let position = log.release_all(1, &all);
    settle(&log);
    assert!(log.flushed() >= position);
    assert!(log.stats().written_bytes - before < 1000, "{:?}", log.stats());
    assert_eq!(log.stats().live_contents, 1);
    drop(log);
    let (log, _) = Log::open(disk, Options::new(7), &mut |_| {}).unwrap();
    assert_eq!(log.stats().live_contents, 1);
}

/// A message in every eighth of a segment's worth is never acked, the others are at once.
#[test]
fn a_few_survivors_keep_little_room() {
    let disk = SimDisk::new();
    let sizes = Options { segment_bytes_min: 64 << 10, segment_bytes_max: 1 << 20, ..options() };
    let log = open_with(&disk, sizes.clone());
    append(&log, 1, &[0], b"a queue");
    let mut kept = Vec::new();
    for sequence in 2..4000 {
        append(&log, sequence, &[1], &[7; 1000]);
        if sequence % 2 == 0 {
            log.turn().unwrap();
        }
        match sequence % 128 {
            5 => kept.push(sequence),
            _ => log.append().release(1, &[sequence]),
        }
        log.tidy();
    }
    settle(&log);
    let stats = log.stats();
    let active = sizes.segment_bytes_max;
    assert!(stats.bytes <= active + (480 << 10), "{stats:?}");
    assert_eq!(stats.live_contents, kept.len() as u64 + 1);
    drop(log);
    let log = open_with(&disk, sizes);
    assert!(live(&log).into_keys().skip(1).eq(kept));
}

#[test]
fn who_appends_is_told_when_it_is_too_much() {
    let disk = SimDisk::new();
    let log = open_with(&disk, Options { buffer_bytes_max: 2000, ..options() });
    append(&log, 1, &[0], &[1; 1000]);
    assert!(log.has_room() && !log.wake_when_room(std::task::Waker::noop()));
    append(&log, 2, &[0], &[1; 1000]);
    assert!(!log.has_room() && log.wake_when_room(std::task::Waker::noop()));
    log.turn().unwrap();
    assert!(log.has_room());
}

#[test]
fn a_content_may_have_very_many_owners() {
    let disk = SimDisk::new();
    let (log, _) = open(&disk);
    let owners: Vec<u64> = (1..=70_000).collect();
    for owner in &owners {
        append(&log, *owner, &[0], b"definition");
    }
    append(&log, 70_001, &owners, b"for all");
    log.append().release(3, &[70_001]);
    settle(&log);
    let (log, recovery) = open(&disk);
    assert!(recovery.damage.is_empty(), "{:?}", recovery.damage);
    let (found, payload) = live(&log).remove(&70_001).unwrap();
    assert_eq!((found.len(), &payload[..]), (69_999, &b"for all"[..]));
    assert!(found.into_iter().eq(owners.into_iter().filter(|owner| *owner != 3)));
}
