//! How long messages wait, and which is the oldest.

use super::*;

fn samples(stage: &mut Stage) -> Vec<(Option<u64>, u64)> {
    let samples = stage.sink.samples.drain(..);
    samples.map(|(sequence, messages)| (sequence.map(|it| it.0), messages)).collect()
}

#[test]
fn one_message_in_a_while_stands_for_those_before_it() {
    let mut stage = Stage::new(classic());
    stage.publish_all(&["1", "2", "3", "4"]);
    stage.consume(prefetching(3));
    assert_eq!(samples(&mut stage), [(Some(1), 1)], "the others go at the same time");
    let slots = stage.slots();
    stage.pass(SAMPLE_EVERY_MS);
    stage.settle(&slots, Settlement::Ack);
    assert_eq!(samples(&mut stage), [(Some(4), 3)]);
    stage.pass(SAMPLE_EVERY_MS);
    stage.publish_all(&["5", "6"]);
    assert_eq!(samples(&mut stage), [(None, 1)], "it goes as it comes");
    assert_eq!((stage.queue.take_unsampled(), stage.queue.take_unsampled()), (1, 0));
    stage.pass(SAMPLE_EVERY_MS);
    assert_eq!(samples(&mut stage), []);
}

#[test]
fn what_is_fetched_is_sampled_and_what_goes_again_is_not() {
    let mut stage = Stage::new(classic());
    stage.publish_all(&["1", "2"]);
    let (got, _) = stage.get().unwrap();
    assert_eq!(samples(&mut stage), [(Some(1), 1)]);
    stage.settle(&[got.slot.unwrap()], Settlement::Requeue { counted: false });
    stage.pass(SAMPLE_EVERY_MS);
    assert!(stage.fetch(true).unwrap().0.redelivered);
    assert_eq!((samples(&mut stage), stage.queue.take_unsampled()), (Vec::new(), 0));
    stage.fetch(true).unwrap();
    assert_eq!(samples(&mut stage), [(Some(2), 1)]);
}

#[test]
fn the_oldest_ready_message_may_stand_at_any_level() {
    let mut stage = Stage::new(QueueSettings { max_priority: Some(5), ..classic() });
    assert_eq!(stage.queue.oldest_ready(), None);
    for (body, priority) in [("1", 1), ("2", 5), ("3", 0)] {
        stage.publish_with(body, |arrival| arrival.priority = Some(priority));
    }
    assert_eq!(stage.queue.oldest_ready(), Some(Sequence(1)));
    let (second, _) = stage.get().unwrap();
    let (first, _) = stage.get().unwrap();
    assert_eq!((second.body.as_str(), first.body.as_str()), ("2", "1"));
    assert_eq!(stage.queue.oldest_ready(), Some(Sequence(3)));
    stage.settle(&[first.slot.unwrap()], Settlement::Requeue { counted: false });
    assert_eq!(stage.queue.oldest_ready(), Some(Sequence(1)), "it is as old as before");
}
