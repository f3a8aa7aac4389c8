//! The naive model: lists, looked through for everything.

use super::*;

#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) number: u64,
    pub(super) bytes: usize,
    pub(super) level: u8,
    pub(super) deadline: Option<u64>,
    pub(super) logged: bool,
    pub(super) returned: bool,
    pub(super) failed: u64,
    /// When it last came back, among all that did.
    pub(super) order: usize,
    /// In a queue that puts at its end what comes back: behind which message it stands.
    pub(super) after: u64,
}

#[derive(Debug)]
pub(super) struct Consumer {
    pub(super) id: ConsumerId,
    pub(super) priority: i64,
    pub(super) prefetch: usize,
    pub(super) no_ack: bool,
    pub(super) is_starved: bool,
    pub(super) is_here: bool,
}

/// What happened in one call: who got what (and whether again), and what died of what.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Events {
    pub(super) deliveries: Vec<(Option<ConsumerId>, u64, bool)>,
    pub(super) deaths: Vec<(u64, &'static str)>,
    pub(super) rejected: bool,
}

pub(super) struct Model {
    pub(super) settings: QueueSettings,
    pub(super) now: u64,
    /// Back in a quorum queue, served first.
    pub(super) returned: Vec<Message>,
    pub(super) ready: Vec<Message>,
    pub(super) unacked: Vec<(Option<ConsumerId>, Message)>,
    /// In the order of their turns; the ones that are blocked stand anywhere.
    pub(super) consumers: Vec<Consumer>,
    /// In the order they came.
    pub(super) active: Option<ConsumerId>,
    pub(super) came: Vec<ConsumerId>,
    pub(super) full: Vec<ConsumerId>,
    pub(super) events: Events,
    came_back: usize,
    newest: u64,
}

impl Model {
    pub(super) fn new(settings: QueueSettings) -> Self {
        Self {
            settings,
            now: START.0,
            returned: Vec::new(),
            ready: Vec::new(),
            unacked: Vec::new(),
            consumers: Vec::new(),
            active: None,
            came: Vec::new(),
            full: Vec::new(),
            events: Events::default(),
            came_back: 0,
            newest: 0,
        }
    }

    /// What is not logged is gone, and so is everybody who consumed.
    pub(super) fn restart(&mut self, maybe_delivered: u64) {
        self.consumers.clear();
        (self.active, self.came, self.full) = (None, Vec::new(), Vec::new());
        let unacked = std::mem::take(&mut self.unacked).into_iter().map(|(_, message)| message);
        let lines = std::mem::take(&mut self.returned).into_iter();
        let lines = lines.chain(std::mem::take(&mut self.ready)).chain(unacked);
        let mut all: Vec<_> = lines.filter(|message| message.logged).collect();
        self.newest =
            all.iter().map(|message| message.number.max(message.after)).max().unwrap_or(0);
        let goes_first =
            |message: &Message| message.order > 0 && self.settings.delivery_limit.is_some();
        self.returned = all.extract_if(.., |message| goes_first(message)).collect();
        self.returned.sort_by_key(|message| message.order);
        all.sort_by_key(|message| {
            let place = if self.is_quorum() && message.order > 0 {
                (message.after, message.order)
            } else {
                (message.number, 0)
            };
            (std::cmp::Reverse(message.level), place)
        });
        self.ready = all;
        for message in self.ready.iter_mut().filter(|it| it.number < maybe_delivered) {
            message.returned = true;
        }
    }

    /// Somebody had a message for a moment. It stands where it stood, or as the last of those that came back.
    pub(super) fn put_back(&mut self, number: u64) {
        let is_it = |message: &mut Message| message.number == number;
        let back: Vec<_> = self.returned.extract_if(.., is_it).collect();
        self.returned.extend(back);
        self.drop_overflow();
    }

    fn is_quorum(&self) -> bool {
        self.settings.kind == QueueKind::Quorum
    }

    pub(super) fn publish(
        &mut self,
        number: u64,
        bytes: usize,
        priority: Option<u8>,
        ttl: Option<u64>,
        logged: bool,
    ) {
        let level = match (self.is_quorum(), self.settings.max_priority) {
            (true, _) => priority.unwrap_or(4).min(31),
            (false, Some(max)) => priority.unwrap_or(0).min(max),
            (false, None) => 0,
        };
        let ttl = self.settings.message_ttl_ms.into_iter().chain(ttl).min();
        let deadline = ttl.map(|ttl| self.now + ttl);
        let (returned, failed, order, after) = (false, 0, 0, 0);
        let message =
            Message { number, bytes, level, deadline, logged, returned, failed, order, after };
        if self.settings.overflow != Overflow::DropHead && self.is_over(1, bytes) {
            self.events.rejected = true;
            if self.settings.overflow == Overflow::RejectPublishDlx {
                self.die(&message, "maxlen");
            }
            return;
        }
        if self.is_empty()
            && let Some(at) = self.next_consumer()
        {
            self.deliver(at, message);
            return;
        }
        self.newest = number;
        self.insert(message);
        self.drop_overflow();
    }

    /// Behind everything of its level or above, except that age decides in a classic queue.
    fn insert(&mut self, message: Message) {
        let by_age = !self.is_quorum();
        let at = self.ready.iter().position(|other| {
            other.level < message.level
                || by_age && other.level == message.level && other.number > message.number
        });
        self.ready.insert(at.unwrap_or(self.ready.len()), message);
    }

    fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.returned.is_empty()
    }

    fn is_over(&self, messages: usize, bytes: usize) -> bool {
        let all = || self.ready.iter().chain(&self.returned);
        let (count, sum) =
            (all().count() + messages, all().map(|message| message.bytes).sum::<usize>() + bytes);
        self.settings.max_length.is_some_and(|max| count as u64 > max)
            || self.settings.max_length_bytes.is_some_and(|max| sum as u64 > max)
    }

    pub(super) fn drop_overflow(&mut self) {
        while self.settings.overflow == Overflow::DropHead && !self.is_empty() && self.is_over(0, 0)
        {
            let message = self.pop();
            self.die(&message, "maxlen");
        }
    }

    fn pop(&mut self) -> Message {
        if self.returned.is_empty() { self.ready.remove(0) } else { self.returned.remove(0) }
    }

    fn die(&mut self, message: &Message, reason: &'static str) {
        if self.settings.dead_letter.is_some() {
            self.events.deaths.push((message.number, reason));
        }
    }

    fn is_expired(&self, message: &Message) -> bool {
        message.deadline.is_some_and(|deadline| deadline <= self.now)
    }

    /// Expired messages at the head of every level go.
    pub(super) fn expire(&mut self) {
        while self.returned.first().is_some_and(|message| self.is_expired(message)) {
            let message = self.returned.remove(0);
            self.die(&message, "expired");
        }
        let mut at = 0;
        while at < self.ready.len() {
            let is_head = at == 0 || self.ready[at - 1].level != self.ready[at].level;
            if is_head && self.is_expired(&self.ready[at]) {
                let message = self.ready.remove(at);
                self.die(&message, "expired");
            } else {
                at += 1;
            }
        }
    }

    /// Where the consumer stands whose turn it is.
    fn next_consumer(&mut self) -> Option<usize> {
        loop {
            let mut best: Option<usize> = None;
            for (at, consumer) in self.consumers.iter().enumerate() {
                let unacked = self.unacked_of(consumer.id);
                let has_credit =
                    consumer.no_ack || consumer.prefetch == 0 || unacked < consumer.prefetch;
                let is_served = !self.settings.single_active_consumer
                    || self.active == Some(consumer.id) && !self.is_set_back();
                if consumer.is_here
                    && !consumer.is_starved
                    && has_credit
                    && is_served
                    && best.is_none_or(|best| self.consumers[best].priority < consumer.priority)
                {
                    best = Some(at);
                }
            }
            let best = best?;
            if !self.full.contains(&self.consumers[best].id) {
                return Some(best);
            }
            self.consumers[best].is_starved = true;
        }
    }

    pub(super) fn unacked_of(&self, id: ConsumerId) -> usize {
        self.unacked.iter().filter(|(holder, _)| *holder == Some(id)).count()
    }

    fn priority_of(&self, id: ConsumerId) -> i64 {
        let here = self.consumers.iter().find(|consumer| consumer.is_here && consumer.id == id);
        here.map_or(i64::MIN, |consumer| consumer.priority)
    }

    fn best_candidate(&self) -> Option<ConsumerId> {
        let best = self.came.iter().map(|id| self.priority_of(*id)).max()?;
        self.came.iter().copied().find(|id| self.priority_of(*id) == best)
    }

    /// Whether the active one makes way for a higher one.
    fn is_set_back(&self) -> bool {
        let (Some(active), Some(best)) = (self.active, self.best_candidate()) else { return false };
        self.is_quorum() && self.priority_of(best) > self.priority_of(active)
    }

    fn choose_active(&mut self) {
        if !self.settings.single_active_consumer {
            return;
        }
        let makes_way = self.active.is_some_and(|active| {
            !self.came.contains(&active) || self.is_set_back() && self.unacked_of(active) == 0
        });
        if self.active.is_none() || makes_way {
            self.active = self.best_candidate();
        }
    }

    fn deliver(&mut self, at: usize, message: Message) {
        let consumer = self.consumers.remove(at);
        let event = (Some(consumer.id), message.number, message.returned);
        self.events.deliveries.push(event);
        if !consumer.no_ack {
            self.unacked.push((Some(consumer.id), message));
        }
        self.consumers.push(consumer);
    }

    /// A consumer that was blocked and is no more stands at the end, as does one whose turn it was.
    pub(super) fn stand_last(&mut self, id: ConsumerId) {
        if let Some(at) = self.consumers.iter().position(|c| c.is_here && c.id == id) {
            let consumer = self.consumers.remove(at);
            self.consumers.push(consumer);
        }
    }

    pub(super) fn is_out_of_credit(&self, id: ConsumerId) -> bool {
        self.consumers.iter().any(|consumer| {
            consumer.is_here
                && consumer.id == id
                && !consumer.no_ack
                && !consumer.is_starved
                && consumer.prefetch != 0
                && self.unacked_of(id) >= consumer.prefetch
        })
    }

    pub(super) fn dispatch(&mut self) {
        self.choose_active();
        self.expire();
        while !self.is_empty()
            && let Some(at) = self.next_consumer()
        {
            let message = self.pop();
            self.deliver(at, message);
            self.expire();
        }
    }

    pub(super) fn get(&mut self, no_ack: bool) {
        self.expire();
        if !self.is_empty() {
            let message = self.pop();
            self.events.deliveries.push((None, message.number, message.returned));
            if !no_ack {
                self.unacked.push((None, message));
            }
        }
    }

    pub(super) fn settle(&mut self, numbers: &[u64], settlement: Settlement) {
        for number in numbers {
            let at =
                self.unacked.iter().position(|(_, message)| message.number == *number).unwrap();
            let blocked = self.unacked[at].0.filter(|id| self.is_out_of_credit(*id));
            let (holder, mut message) = self.unacked.remove(at);
            if let Some(id) = blocked.filter(|id| !self.is_out_of_credit(*id)) {
                self.stand_last(id);
            }
            let _ = holder;
            match settlement {
                Settlement::Ack => {}
                Settlement::Reject => self.die(&message, "rejected"),
                Settlement::Requeue { counted } => {
                    message.returned = true;
                    message.failed += u64::from(counted);
                    self.came_back += 1;
                    self.newest = self.newest.max(message.number);
                    (message.order, message.after) = (self.came_back, self.newest);
                    match (self.is_quorum(), self.settings.delivery_limit) {
                        (true, Some(limit)) if message.failed > limit => {
                            self.die(&message, "delivery_limit");
                        }
                        (true, Some(_)) => self.returned.push(message),
                        (true, None) | (false, _) => self.insert(message),
                    }
                }
            }
        }
        if let Settlement::Requeue { .. } = settlement {
            self.drop_overflow();
        }
    }
}
