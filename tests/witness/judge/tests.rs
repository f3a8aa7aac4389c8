//! Histories with one fault each: the judge has to find it, and nothing where there is none.

use super::*;
use crate::topology::{QUEUES, ROUTES, RouteIndex};

fn queue(name: &str) -> QueueIndex {
    QueueIndex::all().find(|queue| QUEUES[usize::from(queue.0)].name == name).unwrap()
}

/// A persistent message for the route that leads to this queue.
fn message(to: &str, number: u32) -> MessageId {
    let leads = |route: &RouteIndex| route.leads_to(queue(to));
    let route = (0..u8::try_from(ROUTES.len()).unwrap()).map(RouteIndex).find(leads).unwrap();
    MessageId { session: 1, number, route, is_persistent: true }
}

const PUBLISHER: ChannelId = ChannelId(1);
const CONSUMER: ChannelId = ChannelId(2);

fn published(message: MessageId) -> Event {
    Event::Published { message, channel: PUBLISHER, in_transaction: false }
}

fn in_transaction(message: MessageId) -> Event {
    Event::Published { message, channel: PUBLISHER, in_transaction: true }
}

fn first(message: MessageId, from: &str) -> Event {
    let redelivered = false;
    Event::Delivered { message, queue: queue(from), channel: CONSUMER, redelivered }
}

fn again(message: MessageId, from: &str) -> Event {
    let redelivered = true;
    Event::Delivered { message, queue: queue(from), channel: CONSUMER, redelivered }
}

fn settled(message: MessageId, from: &str, how: How) -> Event {
    let (queue, channel) = (queue(from), CONSUMER);
    Event::Settled { message, queue, channel, how, in_transaction: false }
}

fn settled_in_transaction(message: MessageId, from: &str, how: How) -> Event {
    let (queue, channel) = (queue(from), CONSUMER);
    Event::Settled { message, queue, channel, how, in_transaction: true }
}

fn drained(message: MessageId, from: &str) -> Event {
    Event::Drained { message, queue: queue(from), redelivered: true }
}

fn fresh(message: MessageId, from: &str) -> Event {
    Event::Drained { message, queue: queue(from), redelivered: false }
}

#[track_caller]
fn check(events: &[Event], faults: &[Fault]) {
    assert_eq!(judge(events).faults, faults);
}

#[test]
fn a_confirmed_message_is_there_or_was_settled() {
    let one = message("plain", 1);
    let confirmed = [published(one), Event::Confirmed(one)];
    let then = |more: &[Event]| [&confirmed, more].concat();
    check(&then(&[]), &[Fault::Lost(one, queue("plain"))]);
    check(&then(&[Event::Ended]), &[Fault::Lost(one, queue("plain"))]);
    check(&then(&[fresh(one, "plain")]), &[]);
    check(&then(&[first(one, "plain")]), &[Fault::Lost(one, queue("plain"))]);
    check(&then(&[first(one, "plain"), settled(one, "plain", How::Ack)]), &[]);
    check(&then(&[first(one, "plain"), settled(one, "plain", How::Reject)]), &[]);
    let back = [first(one, "plain"), settled(one, "plain", How::Requeue)];
    check(&then(&back), &[Fault::Lost(one, queue("plain"))]);
}

#[test]
fn what_was_not_confirmed_may_be_there_or_not() {
    let one = message("plain", 1);
    check(&[published(one)], &[]);
    check(&[published(one), Event::Ended, drained(one, "plain")], &[]);
    check(&[published(one), Event::Refused(one)], &[]);
    check(&[published(one), Event::Refused(one), fresh(one, "plain")], &[]);
}

#[test]
fn each_queue_of_a_fanout_has_its_own_copy() {
    let one = message("copied", 1);
    let confirmed = [published(one), Event::Confirmed(one), fresh(one, "copied")];
    check(&confirmed, &[Fault::Lost(one, queue("copied-agreed"))]);
    check(&[&confirmed[..], &[fresh(one, "copied-agreed")]].concat(), &[]);
}

#[test]
fn a_transient_message_may_be_lost_where_nobody_promised_anything_else() {
    let transient = |to| MessageId { is_persistent: false, ..message(to, 1) };
    for (to, faults) in [("plain", 0), ("agreed", 1), ("careful", 0), ("copied", 1)] {
        let one = transient(to);
        let verdict = judge(&[published(one), Event::Confirmed(one), Event::Ended]);
        assert_eq!(verdict.faults.len(), faults, "{to}");
    }
}

#[test]
fn a_dead_letter_stands_for_its_message() {
    let one = message("refusing", 1);
    let start = [published(one), Event::Confirmed(one), first(one, "refusing")];
    let rejected = [&start[..], &[settled(one, "refusing", How::Reject)]].concat();
    let then = |more: &[Event]| [&rejected, more].concat();
    check(&rejected, &[Fault::Lost(one, queue("refusing"))]);
    check(&then(&[fresh(one, "refused")]), &[]);
    check(&then(&[first(one, "refused"), settled(one, "refused", How::Reject)]), &[]);
    // The crash took the reject back, or what followed from it only.
    check(&then(&[Event::Ended, drained(one, "refusing")]), &[]);
    check(&then(&[Event::Ended, drained(one, "refusing"), drained(one, "refused")]), &[]);
    let both = [fresh(one, "refused"), drained(one, "refusing")];
    check(&then(&both), &[Fault::Doubled(one, queue("refusing"))]);
    // The letter is written later: a fence says nothing of it.
    let sure = [Event::FenceSent(CONSUMER), Event::FencePassed(CONSUMER), Event::Ended];
    check(&then(&[&sure[..], &[drained(one, "refused")]].concat()), &[]);
    check(&then(&[&sure[..], &[drained(one, "refusing")]].concat()), &[]);
    let rejected_for_good = [first(one, "refused"), settled(one, "refused", How::Reject)];
    let back = then(&[&rejected_for_good[..], &sure, &[drained(one, "refused")]].concat());
    check(&back, &[]);
    assert_eq!(judge(&back).counts.back_again, 1);
}

#[test]
fn what_was_settled_for_sure_does_not_come_back() {
    let (one, two) = (message("plain", 1), message("plain", 2));
    let start = [published(one), Event::Confirmed(one), first(one, "plain")];
    let acked = [&start[..], &[settled(one, "plain", How::Ack)]].concat();
    let then = |more: &[Event]| [&acked, more].concat();
    let back = [Event::Ended, again(one, "plain")];
    check(&then(&back), &[]);
    assert_eq!(judge(&then(&back)).counts.back_again, 1);
    let zombie = [Fault::Zombie(one, queue("plain"))];
    let fence = [Event::FenceSent(CONSUMER), Event::FencePassed(CONSUMER)];
    check(&then(&[&fence[..], &back].concat()), &zombie);
    check(&then(&[&fence[..1], &back].concat()), &[]);
    // What was settled after the fence was sent is not what it is about.
    let late = [
        published(two),
        first(two, "plain"),
        Event::FenceSent(CONSUMER),
        settled(two, "plain", How::Ack),
        Event::FencePassed(CONSUMER),
        Event::Ended,
        again(two, "plain"),
    ];
    check(&late, &[]);
    // A fence of another channel says nothing.
    let other = [Event::FenceSent(PUBLISHER), Event::FencePassed(PUBLISHER)];
    check(&then(&[&other[..], &back].concat()), &[]);
}

#[test]
fn an_ack_in_a_transaction_counts_once_it_is_committed() {
    let one = message("plain", 1);
    let start = [
        published(one),
        Event::Confirmed(one),
        first(one, "plain"),
        settled_in_transaction(one, "plain", How::Ack),
    ];
    let then = |more: &[Event]| [&start, more].concat();
    check(&then(&[Event::Ended]), &[Fault::Lost(one, queue("plain"))]);
    check(&then(&[Event::Committing(CONSUMER), Event::Ended]), &[]);
    check(&then(&[Event::Committing(CONSUMER), Event::Ended, drained(one, "plain")]), &[]);
    let committed = [Event::Committing(CONSUMER), Event::Committed(CONSUMER), Event::Ended];
    check(&then(&committed), &[]);
    let back = then(&[&committed[..], &[drained(one, "plain")]].concat());
    check(&back, &[Fault::Zombie(one, queue("plain"))]);
}

#[test]
fn a_publish_in_a_transaction_counts_once_it_is_committed() {
    let (one, two) = (message("plain", 1), message("plain", 2));
    let start = [in_transaction(one)];
    let then = |more: &[Event]| [&start, more].concat();
    check(&then(&[Event::Ended]), &[]);
    let early = then(&[Event::Ended, drained(one, "plain")]);
    check(&early, &[Fault::Unpublished(one, queue("plain"))]);
    check(&then(&[Event::Committing(PUBLISHER), Event::Ended]), &[]);
    check(&then(&[Event::Committing(PUBLISHER), drained(one, "plain")]), &[]);
    let committed = [Event::Committing(PUBLISHER), Event::Committed(PUBLISHER)];
    check(&then(&committed), &[Fault::Lost(one, queue("plain"))]);
    // The next transaction is not committed with this one.
    let next = [&committed[..], &[in_transaction(two), drained(one, "plain")]].concat();
    check(&then(&next), &[]);
    let both = then(&[&next[..], &[drained(two, "plain")]].concat());
    check(&both, &[Fault::Unpublished(two, queue("plain"))]);
}

#[test]
fn nothing_comes_that_nobody_published() {
    let (one, plain) = (message("plain", 1), queue("plain"));
    check(&[first(one, "plain")], &[Fault::Unpublished(one, plain)]);
    check(&[Event::Ended, drained(one, "plain")], &[Fault::Unpublished(one, plain)]);
    let what = "all of it".to_owned();
    let changed = Event::Changed { queue: plain, what: what.clone() };
    check(&[changed], &[Fault::Changed(plain, what)]);
    check(&[published(one), Event::Unroutable(one)], &[Fault::Unroutable(one)]);
}

#[test]
fn who_comes_again_says_so() {
    let one = message("plain", 1);
    let start = [published(one), Event::Confirmed(one), first(one, "plain"), Event::Ended];
    let then = |more: &[Event]| [&start, more].concat();
    check(&then(&[drained(one, "plain")]), &[]);
    check(&then(&[again(one, "plain"), drained(one, "plain")]), &[]);
    check(&then(&[fresh(one, "plain")]), &[Fault::Unflagged(one, queue("plain"))]);
    let seen = then(&[first(one, "plain"), drained(one, "plain")]);
    check(&seen, &[Fault::Unflagged(one, queue("plain"))]);
    let twice = then(&[drained(one, "plain"), drained(one, "plain")]);
    check(&twice, &[Fault::Doubled(one, queue("plain"))]);
}

#[test]
fn who_moves_may_set_out_again_after_a_crash() {
    let one = message("held-back", 1);
    let start = [published(one), Event::Confirmed(one), first(one, "held-back")];
    let then = |more: &[Event]| [&start, more].concat();
    check(&then(&[fresh(one, "held-back")]), &[Fault::Unflagged(one, queue("held-back"))]);
    let moved = then(&[Event::Ended, fresh(one, "held-back")]);
    check(&moved, &[]);
    assert_eq!(judge(&moved).counts.moved_again, 1);
    let one = message("refusing", 1);
    let rejected = [first(one, "refusing"), settled(one, "refusing", How::Reject)];
    let letter = [&[published(one)], &rejected[..], &[first(one, "refused")]].concat();
    let then = |more: &[Event]| [&letter, more].concat();
    check(&then(&[Event::Ended, fresh(one, "refused")]), &[]);
    check(&then(&[fresh(one, "refused")]), &[Fault::Unflagged(one, queue("refused"))]);
}

#[test]
fn what_was_published_earlier_comes_earlier() {
    let [one, two] = [1, 2].map(|number| message("plain", number));
    let start = [published(one), published(two)];
    let then = |more: &[Event]| [&start, more].concat();
    let disordered = [Fault::Disordered(one, two, queue("plain"))];
    check(&then(&[first(one, "plain"), first(two, "plain")]), &[]);
    check(&then(&[first(two, "plain"), first(one, "plain")]), &disordered);
    check(&then(&[first(two, "plain"), again(one, "plain")]), &[]);
    check(&then(&[drained(one, "plain"), drained(two, "plain")]), &[]);
    check(&then(&[drained(two, "plain"), drained(one, "plain")]), &disordered);
    // Priorities and other publishers go first if they like.
    let [one, two] = [1, 2].map(|number| message("ranked", number));
    check(&[published(one), published(two), fresh(two, "ranked"), fresh(one, "ranked")], &[]);
    let other = MessageId { session: 2, ..message("plain", 9) };
    check(&[published(one), published(other), drained(other, "plain")], &[]);
}
