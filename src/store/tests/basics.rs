//! One thing at a time.

use super::*;

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
    assert_eq!(log.flushed(), log.append().position());
}
