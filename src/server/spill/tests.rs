use std::thread;
use std::time::{Duration, Instant};

use super::*;
use crate::stage::Stage;

static BODY: [u8; 1 << 20] = [7; 1 << 20];

fn put(stage: &Stage, sequence: u64) -> Put {
    let arrival = crate::stage::arrival(broker::message::Sequence(sequence), &BODY, false);
    stage.shared().spill().unwrap().put(&stage.queue, &arrival)
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let give_up = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < give_up, "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn while_it_is_shut_nothing_is_taken_and_nothing_written() {
    let stage = Stage::new();
    let spill = stage.shared().spill().unwrap();
    assert_eq!(put(&stage, 1), Put::Done);
    wait_until("it is written", || spill.log.stats().live_contents == 1);
    let written = spill.log.stats().written_bytes;
    {
        let _appender = spill.log.append();
        spill.set_shut(true);
    }
    assert_eq!(put(&stage, 2), Put::Refused);
    spill.set_shut(false);
    assert_eq!(put(&stage, 3), Put::Done);
    wait_until("it goes on", || spill.log.stats().written_bytes > written);
}

/// Its folder is gone: the disk takes nothing more.
#[test]
fn what_waits_for_the_disk_is_bounded_and_can_be_read() {
    let stage = Stage::new();
    let spill = stage.shared().spill().unwrap();
    std::fs::remove_dir(stage.spill_folder()).unwrap();
    let mut put_so_far = Vec::new();
    for sequence in 1..=40 {
        match put(&stage, sequence) {
            Put::Refused => break,
            outcome @ (Put::Done | Put::DoneTooFast) => put_so_far.push(outcome),
        }
    }
    let count = put_so_far.len();
    assert!((16..=24).contains(&count), "{count}");
    assert_eq!((put_so_far[0], put_so_far[count - 1]), (Put::Done, Put::DoneTooFast));
    let all: Vec<u64> = (1..=count as u64).collect();
    let mut read = 0;
    spill.read(&all, |_, payload| read += usize::from(payload.unwrap().ends_with(&BODY)));
    assert_eq!(read, count);
    spill.tell_refusal();
    assert!(spill.is_told.load(Ordering::Relaxed));
    std::fs::create_dir(stage.spill_folder()).unwrap();
    wait_until("it goes on", || spill.log.refusal().is_none());
    assert_eq!(put(&stage, 41), Put::Done);
    spill.tell_refusal();
    assert!(!spill.is_told.load(Ordering::Relaxed));
    spill.forget(&stage.queue, &all);
    assert_eq!(stage.queue.spilled.count.load(Ordering::Relaxed), 1);
    wait_until("only one is left", || spill.log.stats().live_contents <= 1);
}
