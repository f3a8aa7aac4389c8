//! One queue of the model.

use std::cmp::Reverse;

use super::{How, Seen};
use crate::catalog::{Kind, Overflow, QUEUES};
use crate::message::Spec;

/// Why a message died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    Expired,
    Rejected,
    MaxLen,
    DeliveryLimit,
}

impl Reason {
    /// A reason as `x-death` spells it.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        match text {
            b"expired" => Some(Self::Expired),
            b"rejected" => Some(Self::Rejected),
            b"maxlen" => Some(Self::MaxLen),
            b"delivery_limit" => Some(Self::DeliveryLimit),
            _ => None,
        }
    }
}

/// A message in a queue.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    id: u32,
    /// Its place in the order of everything that was accepted.
    pub(crate) place: u64,
    pub(crate) persistent: bool,
    priority: Option<u8>,
    expiration_ms: Option<u64>,
    level: u8,
    deadline: Option<u64>,
    redelivered: bool,
    acquired: u32,
    failed: u32,
    /// When it last came back into a quorum queue, among all that did.
    came_back: Option<u64>,
    deaths: Vec<(u8, Reason)>,
}

/// A dead letter that is to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Letter {
    pub(crate) message: Message,
    pub(crate) reason: Reason,
}

/// Who consumes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Consumer {
    pub(crate) client: usize,
    /// 0 is any number.
    pub(crate) prefetch: usize,
    pub(crate) no_ack: bool,
}

/// A queue; one consumer at most.
#[derive(Debug, Clone)]
pub(crate) struct Queue {
    place: u8,
    /// Tells it from others that had its name.
    pub(crate) generation: u64,
    /// Back in a quorum queue, served first.
    returned: Vec<Message>,
    ready: Vec<Message>,
    /// With whether the consumer's prefetch counts it.
    unacked: Vec<(bool, Message)>,
    /// Dead letters that nobody took, and when they are sent again.
    pub(crate) kept: Vec<(u64, Letter)>,
    pub(crate) consumer: Option<Consumer>,
    /// What the last act gave to clients.
    pub(crate) delivered: Vec<(usize, bool, Message)>,
    /// What the last act left to be buried.
    pub(crate) letters: Vec<Letter>,
}

impl Message {
    pub(crate) fn new(spec: &Spec, place: u64) -> Self {
        Self {
            id: spec.id,
            place,
            persistent: spec.persistent,
            priority: spec.priority,
            expiration_ms: spec.expiration_ms,
            level: 0,
            deadline: None,
            redelivered: false,
            acquired: 0,
            failed: 0,
            came_back: None,
            deaths: Vec::new(),
        }
    }

    /// The same message as a dead letter.
    pub(crate) fn dead(mut self, from: u8, reason: Reason, place: u64) -> Self {
        self.deaths.insert(0, (from, reason));
        self.expiration_ms = None;
        (self.redelivered, self.acquired, self.failed) = (false, 0, 0);
        (self.came_back, self.place) = (None, place);
        self
    }

    /// The same message, accepted anew.
    pub(crate) fn at(self, place: u64) -> Self {
        Self { place, ..self }
    }

    pub(crate) fn seen(&self) -> Seen {
        let Self { id, redelivered, acquired, failed, .. } = *self;
        Seen { id, redelivered, acquired, failed, deaths: self.deaths.clone() }
    }

    fn is_expired(&self, now: u64) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
    }
}

impl Queue {
    pub(crate) fn new(place: u8, generation: u64) -> Self {
        Self {
            place,
            generation,
            returned: Vec::new(),
            ready: Vec::new(),
            unacked: Vec::new(),
            kept: Vec::new(),
            consumer: None,
            delivered: Vec::new(),
            letters: Vec::new(),
        }
    }

    fn kind(&self) -> &'static Kind {
        &QUEUES[usize::from(self.place)]
    }

    pub(crate) fn ready_count(&self) -> usize {
        self.returned.len() + self.ready.len()
    }

    /// Takes a message; whether it is accepted.
    pub(crate) fn publish(&mut self, mut message: Message, now: u64) -> bool {
        let kind = self.kind();
        message.level = match (kind.is_quorum, kind.priority_max) {
            (true, _) => message.priority.unwrap_or(4).min(31),
            (false, Some(max)) => message.priority.unwrap_or(0).min(max),
            (false, None) => 0,
        };
        let ttl = kind.ttl_ms.into_iter().chain(message.expiration_ms).min();
        message.deadline = ttl.map(|ttl| now + ttl);
        if kind.overflow != Overflow::DropHead && self.is_over(1) {
            if kind.overflow == Overflow::RejectAndBury {
                self.letters.push(Letter { message, reason: Reason::MaxLen });
            }
            return false;
        }
        if self.ready_count() == 0
            && let Some(consumer) = self.free_consumer()
        {
            self.give(consumer, message);
            return true;
        }
        self.insert(message);
        self.drop_overflow();
        self.dispatch(now);
        true
    }

    fn insert(&mut self, message: Message) {
        let key = |message: &Message| (Reverse(message.level), message.place);
        let at = self.ready.partition_point(|other| key(other) < key(&message));
        self.ready.insert(at, message);
    }

    fn is_over(&self, more: usize) -> bool {
        let count = self.ready_count() + self.kept.len() + more;
        self.kind().length_max.is_some_and(|max| count > max)
    }

    fn drop_overflow(&mut self) {
        while self.kind().overflow == Overflow::DropHead
            && self.is_over(0)
            && let Some(message) = self.pop()
        {
            self.letters.push(Letter { message, reason: Reason::MaxLen });
        }
    }

    fn pop(&mut self) -> Option<Message> {
        let line = if self.returned.is_empty() { &mut self.ready } else { &mut self.returned };
        (!line.is_empty()).then(|| line.remove(0))
    }

    /// Expired messages at the head of every line go.
    pub(crate) fn expire(&mut self, now: u64) {
        let bury = |message| Letter { message, reason: Reason::Expired };
        while self.returned.first().is_some_and(|message| message.is_expired(now)) {
            self.letters.push(bury(self.returned.remove(0)));
        }
        let mut at = 0;
        while at < self.ready.len() {
            let is_head = at == 0 || self.ready[at - 1].level != self.ready[at].level;
            if is_head && self.ready[at].is_expired(now) {
                self.letters.push(bury(self.ready.remove(at)));
            } else {
                at += 1;
            }
        }
    }

    fn free_consumer(&self) -> Option<Consumer> {
        let held = self.unacked.iter().filter(|(is_counted, _)| *is_counted).count();
        self.consumer.filter(|consumer| {
            consumer.no_ack || consumer.prefetch == 0 || held < consumer.prefetch
        })
    }

    fn give(&mut self, consumer: Consumer, message: Message) {
        self.delivered.push((consumer.client, !consumer.no_ack, message.clone()));
        if !consumer.no_ack {
            self.unacked.push((true, message));
        }
    }

    pub(crate) fn dispatch(&mut self, now: u64) {
        while let Some(consumer) = self.free_consumer() {
            self.expire(now);
            let Some(message) = self.pop() else { break };
            self.give(consumer, message);
        }
    }

    pub(crate) fn get(&mut self, now: u64, client: usize, no_ack: bool) {
        self.expire(now);
        let Some(message) = self.pop() else { return };
        self.delivered.push((client, !no_ack, message.clone()));
        if !no_ack {
            self.unacked.push((false, message));
        }
    }

    /// The consumer goes, and what it holds counts no more.
    pub(crate) fn take_consumer(&mut self) -> Option<Consumer> {
        self.unacked.iter_mut().for_each(|(is_counted, _)| *is_counted = false);
        self.consumer.take()
    }

    pub(crate) fn settle(&mut self, places: &[u64], how: How, now: u64, returns: u64) {
        for (place, order) in places.iter().zip(returns..) {
            let Some(at) = self.unacked.iter().position(|(_, it)| it.place == *place) else {
                continue;
            };
            let (_, message) = self.unacked.remove(at);
            match how {
                How::Ack => {}
                How::Reject => self.letters.push(Letter { message, reason: Reason::Rejected }),
                How::Requeue { counted } => self.requeue(message, counted, order),
            }
        }
        if let How::Requeue { .. } = how {
            self.drop_overflow();
            self.expire(now);
        }
        self.dispatch(now);
    }

    fn requeue(&mut self, mut message: Message, counted: bool, order: u64) {
        message.redelivered = true;
        if !self.kind().is_quorum {
            return self.insert(message);
        }
        message.acquired += 1;
        message.failed += u32::from(counted);
        if self.kind().delivery_limit.is_some_and(|limit| message.failed > limit) {
            return self.letters.push(Letter { message, reason: Reason::DeliveryLimit });
        }
        message.came_back = Some(order);
        self.returned.push(message);
    }

    /// Whether what waits, or what has one of these places and is with somebody, is in the log.
    pub(crate) fn has_logged(&self, places: Option<&[u64]>) -> bool {
        let is_logged = |message: &Message| self.kind().logs(message.persistent);
        match places {
            None => self.returned.iter().chain(&self.ready).any(is_logged),
            Some(places) => {
                let all = self.unacked.iter().map(|(_, message)| message);
                all.filter(|message| places.contains(&message.place)).any(is_logged)
            }
        }
    }

    pub(crate) fn purge(&mut self) -> usize {
        let count = self.ready_count();
        self.returned.clear();
        self.ready.clear();
        count
    }

    /// The kept letters whose time has come.
    pub(crate) fn take_due_letters(&mut self, now: u64) -> Vec<Letter> {
        let due = self.kept.extract_if(.., |(due, _)| *due <= now);
        due.map(|(_, letter)| letter).collect()
    }

    /// What is not logged is gone, and so are those who had something.
    pub(crate) fn restart(&mut self, was_closed: bool) {
        self.consumer = None;
        let kind = self.kind();
        let unacked = std::mem::take(&mut self.unacked).into_iter().map(|(_, message)| message);
        let lines = std::mem::take(&mut self.returned).into_iter();
        let all = lines.chain(std::mem::take(&mut self.ready)).chain(unacked);
        for mut message in all.filter(|message| kind.logs(message.persistent)) {
            message.redelivered |= !was_closed;
            if message.came_back.is_some() {
                self.returned.push(message);
            } else {
                self.insert(message);
            }
        }
        self.returned.sort_by_key(|message| message.came_back);
        // They are read back together, and go on in the order in which they once came.
        self.kept.sort_by_key(|(_, letter)| letter.message.place);
        self.kept.iter_mut().for_each(|(due, _)| *due = 0);
    }
}
