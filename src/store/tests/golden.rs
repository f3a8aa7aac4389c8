//! Files of format version 1, byte for byte: today's program writes them so, and every later one opens them.
//!
//! `cargo test -p pillarbox-store golden -- --ignored` writes them anew, which no released version may need.

use super::*;
use crate::sim::Image;
use crate::{BatchAt, Damage, Owners, Record, RecordAt, Visitor, scan, survey};

/// The files that the operations below leave.
const FILES: [(&str, &[u8]); 2] = [
    ("0000000000000001.seg", include_bytes!("golden/0000000000000001.seg")),
    ("0000000000000003.seg", include_bytes!("golden/0000000000000003.seg")),
];

/// Leaves every kind of record.
fn write() -> Image {
    let disk = SimDisk::new();
    let (log, _) = open(&disk);
    append(&log, 1, &[0], b"a queue");
    append(&log, 2, &[0], b"another queue");
    append(&log, 3, &[1], b"to the first");
    append(&log, 4, &[1, 2], b"to both");
    log.append().note(2, 4, b"returned once");
    log.turn().unwrap();
    append(&log, 5, &[1, 2], &[b'.'; 3000]);
    log.turn().unwrap();
    log.append().release(1, &[4, 5, 3]);
    append(&log, 6, &[2], &[b'-'; 2500]);
    append(&log, 7, &[2], &[b'+'; 100]);
    log.append().note(2, 7, b"returned twice");
    log.turn().unwrap();
    append(&log, 8, &[1], &[b'*'; 2000]);
    log.append().release(2, &[6]);
    log.turn().unwrap();
    append(&log, 9, &[1, 2], b"the last");
    while log.turn().unwrap() == Turn::Wrote || log.tidy() {}
    log.close();
    while log.turn().unwrap() != Turn::Closed {}
    disk.image()
}

#[test]
fn the_same_operations_leave_the_same_bytes() {
    let image = write();
    let names = image.names().filter(|name| name.ends_with(".seg"));
    assert!(names.eq(FILES.iter().map(|(name, _)| *name)));
    for (name, golden) in FILES {
        let bytes = image.get(name).unwrap();
        let difference = bytes.iter().zip(golden).position(|(one, other)| one != other);
        assert_eq!((difference, bytes.len()), (None, golden.len()), "{name}");
    }
}

fn golden() -> SimDisk {
    let mut image = Image::default();
    FILES.iter().for_each(|(name, bytes)| image.insert(name, bytes.to_vec()));
    SimDisk::from_image(&image)
}

#[test]
fn files_of_version_1_are_opened() {
    let (log, recovery) = open(&golden());
    assert!(recovery.was_closed && !recovery.is_new);
    assert_eq!((recovery.damage, recovery.cut, recovery.next_sequence), (vec![], None, 10));
    let notes: Vec<_> = recovery.notes.iter().map(|n| (n.owner, n.sequence, &*n.note)).collect();
    assert_eq!(notes, [(2, 4, &b"returned once"[..]), (2, 7, &b"returned twice"[..])]);
    let live = live(&log);
    assert!(live.keys().copied().eq([1, 2, 4, 5, 7, 8, 9]));
    assert_eq!(live[&4], (vec![2], b"to both".to_vec()));
    assert_eq!(live[&8], (vec![1], vec![b'*'; 2000]));
    assert_eq!(live[&9], (vec![1, 2], b"the last".to_vec()));
}

#[test]
fn a_survey_counts_what_an_open_log_holds() {
    let disk = golden();
    let mut lines = Lines::default();
    let found = survey(&disk, &mut lines).unwrap();
    assert_eq!(lines.0.join("\n"), include_str!("golden/scan.txt").trim_end());
    assert_eq!((found.contents, found.notes.len()), (7, 2));
    assert!(found.owned.into_iter().eq([(0, 2), (1, 2), (2, 4)]));
    assert_eq!(disk.image(), golden().image(), "it changes nothing");
}

/// What a scan tells, a line each.
#[derive(Default)]
struct Lines(Vec<String>);

impl Visitor for Lines {
    fn batch(&mut self, batch: &BatchAt<'_>) {
        let BatchAt { segment, offset, len, number, flushed, is_system, .. } = batch;
        let kind = if *is_system { "system" } else { "batch" };
        self.0.push(format!("{segment}@{offset}+{len} {kind} {number} flushed {flushed}"));
    }

    fn record(&mut self, at: &RecordAt<'_>, record: &Record<'_>) {
        let list = |owners: Owners<'_>| owners.iter().collect::<Vec<_>>();
        let text = match record {
            Record::Content { sequence, owners, payload, is_copy } => {
                let kind = if *is_copy { "copy" } else { "content" };
                format!("{kind} {sequence} of {:?}, {} bytes", list(*owners), payload.len())
            }
            Record::Release { owner, ranges, is_copy } => {
                let kind = if *is_copy { "released before" } else { "releases" };
                format!("{owner} {kind} {:?}", ranges.iter().collect::<Vec<_>>())
            }
            Record::Note { owner, sequence, is_copy, .. } => {
                format!("{owner} notes of {sequence}{}", if *is_copy { ", again" } else { "" })
            }
            Record::Dropped { segment } => format!("dropped {segment}"),
            Record::Stopped => "stopped".to_owned(),
        };
        self.0.push(format!("  @{}+{} {text}", at.offset, at.len));
    }

    fn unsound(&mut self, at: &RecordAt<'_>, record: &Record<'_>) {
        if let Record::Content { sequence, .. } = record {
            self.0.push(format!("  @{}+{} perhaps content {sequence}", at.offset, at.len));
        }
    }

    fn damage(&mut self, damage: Damage) {
        self.0.push(format!("damage: {damage}"));
    }

    fn cut(&mut self, cut: Damage) {
        self.0.push(format!("cut: {cut}"));
    }
}

#[test]
fn a_scan_tells_of_every_batch_and_record() {
    let disk = golden();
    let mut lines = Lines::default();
    let found = scan(&disk, &mut lines).unwrap();
    assert!(found.was_closed && found.node == Some(7) && found.segments == 2, "{found:?}");
    assert_eq!(lines.0.join("\n"), include_str!("golden/scan.txt").trim_end());
    assert_eq!(disk.image(), golden().image(), "it changes nothing");
}

#[test]
fn a_scan_tells_of_damage() {
    let mut image = golden().image();
    let bytes = image.get_mut("0000000000000003.seg").unwrap();
    let at = bytes.windows(8).position(|bytes| bytes == b"********").unwrap();
    bytes[at + 100] ^= 1;
    let mut lines = Lines::default();
    scan(&SimDisk::from_image(&image), &mut lines).unwrap();
    let damage: Vec<&String> = lines.0.iter().filter(|line| line.starts_with("damage")).collect();
    let [damage] = &damage[..] else { panic!("{damage:?}") };
    assert!(damage.ends_with(": a batch is not what was written"), "{damage}");
    assert!(
        lines.0.iter().any(|line| line.contains("2 releases [(6, 6)]")),
        "the rest of it counts"
    );
    let eight: Vec<&String> = lines.0.iter().filter(|line| line.contains("content 8")).collect();
    let [eight] = &eight[..] else { panic!("{eight:?}") };
    assert!(eight.ends_with("perhaps content 8"), "{eight}");
}

#[test]
fn logs_of_others_and_of_later_programs_are_refused() {
    let other = Options { node: 8, ..options() };
    let refused = Log::open(golden(), other.clone(), &mut |_| {}).unwrap_err().to_string();
    let expected = "0000000000000003.seg belongs to node 00000000000000000000000000000007, and this is node \
                    00000000000000000000000000000008";
    assert_eq!(refused, expected);
    let adopting = Options { adopts_node: true, ..other };
    assert_eq!(Log::open(golden(), adopting, &mut |_| {}).unwrap().1.node, 7);

    let mut image = golden().image();
    let bytes = image.get_mut("0000000000000003.seg").unwrap();
    bytes[8] = 2;
    let crc = crc32fast::hash(&bytes[..12]).to_le_bytes();
    bytes[12..16].copy_from_slice(&crc);
    let disk = SimDisk::from_image(&image);
    let refused = Log::open(disk.clone(), options(), &mut |_| {}).unwrap_err().to_string();
    let expected =
        "0000000000000003.seg has format version 2, and this program knows versions up to 1: ";
    assert!(refused.starts_with(expected), "{refused}");
    assert_eq!(disk.image(), image);
}
