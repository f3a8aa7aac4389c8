use super::*;

const PLAN: CrashPlan = CrashPlan { seed: 1, random: 16, tears: true };

fn write(disk: &SimDisk, name: &str, offset: u64, bytes: &[u8]) {
    disk.open(name).unwrap().write_at(bytes, offset).unwrap();
}

fn sync(disk: &SimDisk, name: &str) {
    disk.open(name).unwrap().sync().unwrap();
}

/// A disk with one file of these bytes, all of it safe.
fn disk_with(name: &str, bytes: &[u8]) -> SimDisk {
    let mut image = Image::default();
    image.insert(name, bytes.to_vec());
    SimDisk::from_image(&image)
}

/// Every state that a power cut may leave at the end of what the disk recorded.
fn states(disk: &SimDisk) -> Vec<Image> {
    let trace = disk.trace();
    let mut replay = trace.replay();
    while replay.step().is_some() {}
    let mut states = Vec::new();
    let count = replay.crash(&PLAN, |image, _| {
        states.push(image.clone());
        true
    });
    assert_eq!(count, states.len() as u64);
    states
}

fn has(states: &[Image], name: &str, bytes: &[u8]) -> bool {
    states.iter().any(|state| state.get(name) == Some(bytes))
}

#[test]
fn calls_see_what_was_written_and_a_power_cut_only_what_was_synced() {
    let disk = SimDisk::new();
    disk.create("a").unwrap();
    write(&disk, "a", 0, b"hello");
    assert_eq!(disk.image().get("a"), Some(&b"hello"[..]));
    assert_eq!(disk.image_after_power_cut().names().count(), 0);
    disk.sync_dir().unwrap();
    assert_eq!(disk.image_after_power_cut().get("a"), Some(&b""[..]));
    sync(&disk, "a");
    assert_eq!(disk.image_after_power_cut().get("a"), Some(&b"hello"[..]));
    write(&disk, "a", 3, b"p!");
    let mut seen = [0; 9];
    assert_eq!(disk.open("a").unwrap().read_at(&mut seen, 0).unwrap(), 5);
    assert_eq!(&seen[..5], b"help!");
    assert_eq!(disk.image_after_power_cut().get("a"), Some(&b"hello"[..]));
}

#[test]
fn a_write_may_be_torn_at_every_sector_and_sectors_may_come_out_of_order() {
    let disk = disk_with("a", &[b'o'; 2048]);
    disk.record();
    write(&disk, "a", 100, &[b'n'; 1900]);
    let states = states(&disk);
    let new = |sectors: [bool; 4]| {
        let mut bytes = vec![b'o'; 2048];
        for at in (100..2000).filter(|at| sectors[at / 512]) {
            bytes[at] = b'n';
        }
        bytes
    };
    for kept in [
        [false, false, false, false],
        [true, false, false, false],
        [true, true, false, false],
        [true, true, true, false],
        [true, true, true, true],
        [false, true, true, true],
        [false, false, false, true],
        [true, false, true, true],
        [true, true, false, true],
        [false, true, false, false],
    ] {
        assert!(has(&states, "a", &new(kept)), "{kept:?}");
    }
    let mut zeros = new([true, true, true, true]);
    zeros[512..1024].fill(0);
    assert!(has(&states, "a", &zeros), "one sector of zeros");
    for state in &states {
        let bytes = state.get("a").unwrap();
        assert_eq!(bytes.len(), 2048);
        let rest = bytes[..100].iter().chain(&bytes[2000..]);
        assert!(rest.clone().all(|byte| *byte == b'o'), "the neighbours in a sector are safe");
    }
}

#[test]
fn a_file_that_grows_may_have_its_length_without_its_bytes() {
    let disk = disk_with("a", b"safe");
    disk.open("a").unwrap();
    let mut image = disk.image();
    image.insert("former", vec![b'f'; 1024]);
    let disk = SimDisk::from_image(&image);
    disk.record();
    write(&disk, "a", 512, &[b'n'; 512]);
    let states = states(&disk);
    let grown = |with: u8| [&b"safe"[..], &[0; 508], &[with; 512]].concat();
    assert!(has(&states, "a", b"safe"));
    assert!(has(&states, "a", &grown(b'n')));
    assert!(has(&states, "a", &grown(0)), "zeros");
    assert!(has(&states, "a", &grown(b'f')), "what another file had there");
}

#[test]
fn each_of_several_writes_may_be_the_lost_one_or_the_only_one() {
    let disk = disk_with("a", &[b'.'; 1536]);
    disk.record();
    for sector in 0..3 {
        write(&disk, "a", sector * 512, &[b'n'; 512]);
    }
    let states = states(&disk);
    for pattern in ["...", "n..", ".n.", "..n", "nn.", ".nn", "n.n", "nnn"] {
        let bytes: Vec<u8> = pattern.bytes().flat_map(|byte| [byte; 512]).collect();
        assert!(has(&states, "a", &bytes), "{pattern}");
    }
}

#[test]
fn an_older_version_of_a_sector_may_be_the_one_that_arrived() {
    let disk = disk_with("a", b"0");
    disk.record();
    write(&disk, "a", 0, b"1");
    write(&disk, "a", 0, b"2");
    let states = states(&disk);
    for version in [b"0", b"1", b"2"] {
        assert!(has(&states, "a", version), "{version:?}");
    }
}

#[test]
fn names_may_be_lost_each_for_itself_but_a_rename_is_whole() {
    let disk = disk_with("old", b"o");
    disk.record();
    disk.create("new").unwrap();
    write(&disk, "new", 0, b"n");
    sync(&disk, "new");
    disk.rename("new", "old").unwrap();
    disk.remove("old").unwrap();
    disk.create("last").unwrap();
    let states = states(&disk);
    let names = |state: &Image| state.names().map(str::to_owned).collect::<Vec<_>>();
    let seen: Vec<Vec<String>> = states.iter().map(names).collect();
    for expected in [&["old"][..], &["last"], &["new", "old"], &[], &["last", "old"]] {
        assert!(seen.iter().any(|names| names == expected), "{expected:?} in {seen:?}");
    }
    assert!(has(&states, "old", b"o"));
    assert!(has(&states, "old", b"n"), "renamed, and not yet removed");
}

#[test]
fn after_a_sync_only_one_state_is_left() {
    let disk = disk_with("a", b"");
    disk.record();
    write(&disk, "a", 0, &[1; 3000]);
    sync(&disk, "a");
    let states = states(&disk);
    assert_eq!(states.len(), 1);
    assert_eq!(states[0].get("a"), Some(&[1; 3000][..]));
}

#[test]
fn no_state_is_visited_twice_between_two_syncs() {
    let disk = disk_with("a", &[0; 4096]);
    disk.record();
    for number in 1..9 {
        write(&disk, "a", u64::from(number) * 300, &[number; 700]);
        disk.create(&number.to_string()).unwrap();
    }
    let trace = disk.trace();
    let mut replay = trace.replay();
    let mut states = Vec::new();
    let plan = CrashPlan { random: 0, ..PLAN };
    while replay.step().is_some() {
        replay.crash(&plan, |image, crash| {
            states.push((image.clone(), crash.to_string()));
            true
        });
    }
    assert!(states.len() > 300, "{}", states.len());
    let count = states.len();
    states.sort_by(|one, other| one.0.files.cmp(&other.0.files));
    states.dedup_by(|one, other| one.0 == other.0);
    // Zeros where a sector is only half the write's are the old bytes, which looks like another state before it is made.
    assert!(states.len() * 10 > count * 7, "{} of {count}", states.len());
}

#[test]
fn the_same_calls_leave_the_same_states() {
    let run = || {
        let disk = disk_with("a", &[7; 1000]);
        disk.record();
        for number in 0..5u8 {
            write(&disk, "a", u64::from(number) * 700, &[number; 1500]);
        }
        states(&disk)
    };
    assert_eq!(run(), run());
}

#[test]
fn a_replay_knows_its_mark() {
    let disk = SimDisk::new();
    disk.record();
    disk.create("a").unwrap();
    disk.mark(5);
    disk.create("b").unwrap();
    let trace = disk.trace();
    let mut replay = trace.replay();
    let mut marks = Vec::new();
    while replay.step().is_some() {
        marks.push((replay.done(), replay.mark()));
    }
    assert_eq!(marks, [(1, 0), (2, 5), (3, 5)]);
}

#[test]
fn the_nth_call_fails_once_or_from_then_on() {
    let disk = disk_with("a", b"");
    disk.fail(Call::Open, 2, Failure::Once(ErrorKind::PermissionDenied));
    disk.fail(Call::Remove, 1, Failure::FromNowOn(ErrorKind::Other));
    disk.open("a").unwrap();
    assert_eq!(disk.open("a").unwrap_err().kind(), ErrorKind::PermissionDenied);
    disk.open("a").unwrap();
    disk.remove("a").unwrap_err();
    disk.remove("a").unwrap_err();
    disk.heal();
    disk.remove("a").unwrap();
    assert_eq!((disk.calls(Call::Open), disk.calls(Call::Remove)), (3, 3));
    assert_eq!(disk.open("a").unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn a_write_that_fails_halfway_has_written_half() {
    let disk = disk_with("a", b"");
    disk.fail(Call::Write, 1, Failure::Halfway(ErrorKind::Other));
    disk.open("a").unwrap().write_at(b"123456", 0).unwrap_err();
    assert_eq!(disk.image().get("a"), Some(&b"123"[..]));
}

#[test]
fn what_a_failed_sync_lost_stays_readable_until_the_power_goes() {
    let disk = disk_with("a", &[0; 1024]);
    write(&disk, "a", 0, b"lost");
    disk.fail(Call::Sync, 1, Failure::Halfway(ErrorKind::Other));
    let file = disk.open("a").unwrap();
    file.sync().unwrap_err();
    file.write_at(b"kept", 512).unwrap();
    file.sync().unwrap();
    assert_eq!(&disk.image().get("a").unwrap()[..4], b"lost");
    let left = disk.image_after_power_cut();
    assert_eq!(&left.get("a").unwrap()[..4], [0; 4]);
    assert_eq!(&left.get("a").unwrap()[512..516], b"kept");
}

#[test]
fn a_full_disk_writes_what_fits_and_has_room_again_after_a_remove() {
    let disk = disk_with("a", &[0; 1024]);
    disk.create("b").unwrap();
    disk.set_capacity(Some(2048));
    let file = disk.open("b").unwrap();
    assert_eq!(file.write_at(&[1; 3000], 0).unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(file.len().unwrap(), 1024);
    file.write_at(&[2; 1024], 0).unwrap();
    assert_eq!(disk.create("c").map(drop).unwrap_err().kind(), ErrorKind::StorageFull);
    let open = disk.open("a").unwrap();
    disk.remove("a").unwrap();
    assert_eq!(disk.used(), 2048, "somebody still reads it");
    drop(open);
    assert_eq!(disk.used(), 1024);
    file.write_at(&[1; 1000], 1024).unwrap();
}

#[test]
fn the_disk_fills_at_the_nth_allocation() {
    let disk = disk_with("a", &[0; 1024]);
    let file = disk.open("a").unwrap();
    disk.fill_at(2);
    file.write_at(&[1; 512], 1024).unwrap();
    file.write_at(&[1; 512], 1024).unwrap();
    assert_eq!(file.write_at(&[1; 512], 1536).unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(disk.allocations(), 2);
    disk.set_capacity(None);
    file.write_at(&[1; 512], 1536).unwrap();
}

#[test]
fn a_test_can_act_while_a_call_is_on_its_way() {
    let disk = disk_with("a", b"");
    let other = disk.clone();
    disk.meanwhile(move |call| {
        if call == Call::Write {
            other.create("b").unwrap();
        }
    });
    write(&disk, "a", 0, b"x");
    assert!(disk.image().get("b").is_some());
    disk.undisturbed();
    write(&disk, "a", 0, b"y");
}
