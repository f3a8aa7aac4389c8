//! Reads a history that ends with everything drained, and says whether the broker kept its promises.
//!
//! A message has a *copy* for each queue that its route leads to. A copy is in that queue, or as a dead letter in the
//! queue for those of that queue: two *places*. What was done in a place is not done, perhaps done or surely done:
//! surely, if the broker has committed it or confirmed something that was sent after it.

mod counts;
#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, hash_map::Entry},
    fmt,
};

pub use self::counts::Counts;
use crate::{
    history::{ChannelId, Event, How},
    message::MessageId,
    topology::QueueIndex,
};

/// How many faults a verdict shows.
const FAULTS_SHOWN: usize = 20;
/// Of how many faults the story is told.
const STORIES_SHOWN: usize = 3;

/// A promise that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It was confirmed, nobody settled it, and it is nowhere.
    Lost(MessageId, QueueIndex),
    /// It was confirmed or published to a queue that exists, and the broker knows no queue for it.
    Unroutable(MessageId),
    /// Bytes, properties or queue are not those it was published with.
    Changed(QueueIndex, String),
    /// It came although nobody published it, or only in a transaction that was never committed.
    Unpublished(MessageId, QueueIndex),
    /// It came again after it was settled for sure.
    Zombie(MessageId, QueueIndex),
    /// It came again as if for the first time.
    Unflagged(MessageId, QueueIndex),
    /// It was in the same queue twice, or in two where one is the other's heir.
    Doubled(MessageId, QueueIndex),
    /// It came after the second, which the same publisher published later.
    Disordered(MessageId, MessageId, QueueIndex),
}

/// What came out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// How much there was to judge.
    pub counts: Counts,
    /// What was wrong.
    pub faults: Vec<Fault>,
}

/// Judges a history after everything that was left has been drained.
#[must_use]
pub fn judge(events: &[Event]) -> Verdict {
    let mut judge = Judge::default();
    for event in events {
        judge.see(event);
    }
    judge.close()
}

/// What the history says of the messages of the first faults, for whoever looks for the cause.
#[must_use]
pub fn story(events: &[Event], verdict: &Verdict) -> String {
    let mut text = String::new();
    for message in verdict.faults.iter().filter_map(Fault::message).take(STORIES_SHOWN) {
        text.push_str(&format!("the story of {message}:\n"));
        let mut channels = Vec::new();
        for (at, event) in events.iter().enumerate() {
            let is_about = match event {
                Event::Published { message: other, channel, .. }
                | Event::Delivered { message: other, channel, .. }
                | Event::Settled { message: other, channel, .. } => {
                    let is_about = *other == message;
                    if is_about && !channels.contains(channel) {
                        channels.push(*channel);
                    }
                    is_about
                }
                Event::Confirmed(other) | Event::Refused(other) | Event::Unroutable(other) => {
                    *other == message
                }
                Event::Drained { message: other, .. } => *other == message,
                Event::Committing(channel)
                | Event::Committed(channel)
                | Event::FenceSent(channel)
                | Event::FencePassed(channel) => channels.contains(channel),
                Event::Ended => true,
                Event::Changed { .. } => false,
            };
            if is_about {
                text.push_str(&format!("  - {at} {event:?}\n"));
            }
        }
    }
    text
}

/// What happened to a message.
struct Known {
    /// Its transaction has not been committed, as far as anybody tried.
    waits_for_commit: bool,
    /// In which life of the broker it was published.
    life: u64,
    is_confirmed: bool,
    is_refused: bool,
    is_unroutable: bool,
}

/// Whether something is done.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Done {
    #[default]
    No,
    Perhaps,
    Surely,
}

/// A copy in one of its places.
#[derive(Default)]
struct Place {
    was_delivered: bool,
    settled: Done,
    drained: u32,
}

/// A message in a queue or among its dead letters.
#[derive(Default)]
struct Copy {
    origin: Place,
    letter: Place,
    /// Somebody may have put an end to it.
    may_be_consumed: bool,
}

/// A message, and the queue where something is done to it.
type At = (MessageId, QueueIndex);

/// Within a session, and a priority if the queue knows them, messages keep their order.
type Lane = (QueueIndex, u32, u8);

/// What a channel has done that may not have come to pass.
#[derive(Default)]
struct ChannelState {
    /// Settled or, in a transaction, to be settled.
    settled: Vec<(At, How)>,
    published: Vec<MessageId>,
    /// What the commit or the fence that is under way is about.
    settling: Vec<(At, How)>,
    publishing: Vec<MessageId>,
}

#[derive(Default)]
struct Judge {
    messages: HashMap<MessageId, Known>,
    copies: HashMap<At, Copy>,
    channels: HashMap<ChannelId, ChannelState>,
    /// The last message of a session that a channel got for the first time.
    last_delivered: HashMap<(ChannelId, Lane), MessageId>,
    /// The last message of a session that was drained.
    last_drained: HashMap<Lane, MessageId>,
    verdict: Verdict,
}

impl Judge {
    fn see(&mut self, event: &Event) {
        match *event {
            Event::Published { message, channel, in_transaction } => {
                self.published(message, channel, in_transaction);
            }
            Event::Confirmed(message) => self.known(message, |known| known.is_confirmed = true),
            Event::Refused(message) => self.known(message, |known| known.is_refused = true),
            Event::Unroutable(message) => {
                self.known(message, |known| known.is_unroutable = true);
                self.fault(Fault::Unroutable(message));
            }
            Event::Delivered { message, queue, channel, redelivered } => {
                self.verdict.counts.delivered += 1;
                self.verdict.counts.redelivered += u64::from(redelivered);
                self.came((message, queue), redelivered);
                if !redelivered && queue.kind().is_fifo {
                    let key = (channel, lane(message, queue));
                    let last = self.last_delivered.insert(key, message);
                    self.in_order(last, message, queue);
                }
            }
            Event::Changed { queue, ref what } => self.fault(Fault::Changed(queue, what.clone())),
            Event::Settled { message, queue, channel, how, in_transaction } => {
                self.verdict.counts.settled += 1;
                let at = (message, queue);
                self.channels.entry(channel).or_default().settled.push((at, how));
                if !in_transaction {
                    self.settle(at, how, Done::Perhaps);
                }
            }
            Event::Committing(channel) => self.begin(channel, true),
            Event::FenceSent(channel) => self.begin(channel, false),
            Event::Committed(channel) | Event::FencePassed(channel) => self.finish(channel),
            Event::Ended => {
                self.verdict.counts.ended += 1;
                self.channels.clear();
                self.last_delivered.clear();
            }
            Event::Drained { message, queue, redelivered } => {
                self.drained((message, queue), redelivered);
            }
        }
    }

    fn fault(&mut self, fault: Fault) {
        self.verdict.faults.push(fault);
    }

    fn known(&mut self, message: MessageId, change: impl FnOnce(&mut Known)) {
        let known = self.messages.get_mut(&message);
        change(known.expect("a client learns only of what it has published"));
    }

    fn published(&mut self, message: MessageId, channel: ChannelId, in_transaction: bool) {
        let known = Known {
            waits_for_commit: in_transaction,
            life: self.verdict.counts.ended,
            is_confirmed: false,
            is_refused: false,
            is_unroutable: false,
        };
        let twice = self.messages.insert(message, known);
        assert!(twice.is_none(), "{message} was published twice");
        if in_transaction {
            self.channels.entry(channel).or_default().published.push(message);
        }
    }

    /// A commit or a fence is sent: what was done before it is what it is about.
    fn begin(&mut self, channel: ChannelId, is_commit: bool) {
        let state = self.channels.entry(channel).or_default();
        let settled = std::mem::take(&mut state.settled);
        let published = std::mem::take(&mut state.published);
        state.settling.extend_from_slice(&settled);
        state.publishing.extend_from_slice(&published);
        if is_commit {
            for (at, how) in settled {
                self.settle(at, how, Done::Perhaps);
            }
            for message in published {
                self.known(message, |known| known.waits_for_commit = false);
            }
        }
    }

    /// The answer to it has come.
    fn finish(&mut self, channel: ChannelId) {
        let state = self.channels.entry(channel).or_default();
        let settled = std::mem::take(&mut state.settling);
        for message in std::mem::take(&mut state.publishing) {
            self.known(message, |known| known.is_confirmed = true);
        }
        for (at, how) in settled {
            self.settle(at, how, Done::Surely);
        }
    }

    fn settle(&mut self, (message, queue): At, how: How, done: Done) {
        if how == How::Requeue {
            return;
        }
        let copy = self.copies.entry((message, queue.origin())).or_default();
        let ends_here = how == How::Ack || !queue.has_dead_letters();
        copy.may_be_consumed |= ends_here;
        // A message that dies into a letter is gone when the letter has been written, which nobody waits for.
        let done = if ends_here { done } else { Done::Perhaps };
        let place = copy.place(queue);
        place.settled = place.settled.max(done);
    }

    /// A message came out of a queue, to a consumer or in the end.
    fn came(&mut self, (message, queue): At, redelivered: bool) {
        let known = self.messages.get(&message).filter(|known| !known.waits_for_commit);
        let Some(&Known { life, .. }) = known else {
            self.fault(Fault::Unpublished(message, queue));
            return;
        };
        let is_letter = queue != queue.origin();
        let place = self.copies.entry((message, queue.origin())).or_default().place(queue);
        let was_delivered = std::mem::replace(&mut place.was_delivered, true);
        let settled = place.settled;
        if settled == Done::Surely && !is_letter {
            self.fault(Fault::Zombie(message, queue));
        }
        // What goes from one place to another sets out again if the broker was killed before that was flushed: then it is
        // new where it comes to, for the second time. So do dead letters, and what was held back.
        let moved = is_letter || message.route.is_delayed();
        if was_delivered && !redelivered {
            if moved && life < self.verdict.counts.ended {
                self.verdict.counts.moved_again += 1;
            } else {
                self.fault(Fault::Unflagged(message, queue));
            }
        }
        if settled != Done::No {
            self.verdict.counts.back_again += 1;
        }
    }

    fn drained(&mut self, at: At, redelivered: bool) {
        let (message, queue) = at;
        self.verdict.counts.drained += 1;
        self.came(at, redelivered);
        let nothing_ended = self.verdict.counts.ended == 0;
        let copy = self.copies.entry((message, queue.origin())).or_default();
        copy.place(queue).drained += 1;
        let is_twice = copy.origin.drained > 1;
        // A crash between the writing of a letter and the end of its message leaves both.
        let is_both = copy.origin.drained + copy.letter.drained > 1;
        if is_twice || is_both && nothing_ended {
            self.fault(Fault::Doubled(message, queue));
        } else if is_both {
            self.verdict.counts.moved_again += 1;
        }
        if queue.kind().keeps_places {
            let last = self.last_drained.insert(lane(message, queue), message);
            self.in_order(last, message, queue);
        }
    }

    fn in_order(&mut self, last: Option<MessageId>, message: MessageId, queue: QueueIndex) {
        if let Some(last) = last
            && last.number > message.number
        {
            self.fault(Fault::Disordered(message, last, queue));
        }
    }

    /// Nothing comes any more: what is not there is lost.
    fn close(mut self) -> Verdict {
        let mut messages: Vec<(MessageId, Known)> = self.messages.drain().collect();
        messages.sort_by_key(|(message, _)| *message);
        for (message, known) in messages {
            let counts = &mut self.verdict.counts;
            counts.published += 1;
            counts.confirmed += u64::from(known.is_confirmed);
            counts.refused += u64::from(known.is_refused);
            if !known.is_confirmed || known.is_unroutable {
                continue;
            }
            for &queue in message.route.route().map_or(&[][..], |route| route.queues) {
                let is_there = match self.copies.entry((message, queue)) {
                    Entry::Vacant(_) => false,
                    Entry::Occupied(copy) => {
                        let copy = copy.get();
                        copy.may_be_consumed || copy.origin.drained + copy.letter.drained > 0
                    }
                };
                if !is_there && must_last(message, queue) {
                    self.verdict.faults.push(Fault::Lost(message, queue));
                }
            }
        }
        self.verdict
    }
}

fn lane(message: MessageId, queue: QueueIndex) -> Lane {
    let has_priorities = queue.kind().is_quorum;
    // Without one it has 4, the middle of RabbitMQ's levels.
    (queue, message.session, if has_priorities { message.priority().unwrap_or(4) } else { 0 })
}

/// Whether a message survives a restart in this queue, or among its dead letters.
fn must_last(message: MessageId, queue: QueueIndex) -> bool {
    message.is_persistent || queue.kind().is_quorum && !queue.has_dead_letters()
}

impl Copy {
    fn place(&mut self, queue: QueueIndex) -> &mut Place {
        if queue == queue.origin() { &mut self.origin } else { &mut self.letter }
    }
}

impl Verdict {
    /// Whether every promise was kept.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        self.faults.is_empty()
    }

    /// How many messages were lost.
    #[must_use]
    pub fn lost(&self) -> usize {
        self.faults
            .iter()
            .filter(|fault| matches!(fault, Fault::Lost(..) | Fault::Unroutable(_)))
            .count()
    }

    /// How many messages were changed.
    #[must_use]
    pub fn changed(&self) -> usize {
        self.faults.iter().filter(|fault| matches!(fault, Fault::Changed(..))).count()
    }

    /// How often something came that must not come.
    #[must_use]
    pub fn unexpected(&self) -> usize {
        self.faults.len() - self.lost() - self.changed()
    }

    /// Adds what came out another time.
    pub fn add(&mut self, other: &Self) {
        self.counts.add(&other.counts);
        self.faults.extend_from_slice(&other.faults);
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (lost, changed, unexpected) = (self.lost(), self.changed(), self.unexpected());
        write!(f, "{}, {lost} lost, {changed} changed, {unexpected} unexpected", self.counts)?;
        for fault in self.faults.iter().take(FAULTS_SHOWN) {
            write!(f, "\n  {fault}")?;
        }
        let more = self.faults.len().saturating_sub(FAULTS_SHOWN);
        if more > 0 {
            write!(f, "\n  and {more} more")?;
        }
        Ok(())
    }
}

impl Fault {
    const fn message(&self) -> Option<MessageId> {
        match self {
            Self::Changed(..) => None,
            Self::Lost(message, _)
            | Self::Unroutable(message)
            | Self::Unpublished(message, _)
            | Self::Zombie(message, _)
            | Self::Unflagged(message, _)
            | Self::Doubled(message, _)
            | Self::Disordered(message, ..) => Some(*message),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost(message, queue) => write!(f, "{message} is lost from {queue}"),
            Self::Unroutable(message) => write!(f, "{message} has no queue any more"),
            Self::Changed(queue, what) => write!(f, "changed in {queue}: {what}"),
            Self::Unpublished(message, queue) => {
                write!(f, "{message} is in {queue} and was never published")
            }
            Self::Zombie(message, queue) => write!(f, "{message} came back to {queue}"),
            Self::Unflagged(message, queue) => {
                write!(f, "{message} came from {queue} again without redelivered")
            }
            Self::Doubled(message, queue) => write!(f, "{message} is doubled in {queue}"),
            Self::Disordered(message, last, queue) => {
                write!(f, "{message} came from {queue} after {last}")
            }
        }
    }
}
