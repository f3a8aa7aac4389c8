//! Messages that an operator chose: dropped, moved to another place, or sent back to where they died.
//!
//! A message that goes elsewhere is published there before it leaves: as a dead letter is that its queue holds until it
//! was accepted. A broker that ends in between has both, and never neither. Where it is refused it stays.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use amqp::RawProperties;
use broker::ExchangeName;
use broker::exchange::RoutingInput;
use broker::message::{Message, Origin, Sequence};
use broker::permission::Authority;
use broker::queue::{Bookmark, CameFrom, LookLimits, ReadySpot, Seen, Slot, Spot};
use bytes::Bytes;
use tokio::time::Instant;
use tracing::info;

use super::contents::{Found, Reader};
use super::topology::check_length;
use super::{Admin, AdminError};
use crate::client::Client;
use crate::queue_cell::QueueCell;

/// What is done between two waits for the log: so much of a queue is somebody's who moves it.
const PORTION: LookLimits = LookLimits { passed_max: 100_000, seen_max: 500, bytes_max: 4 << 20 };

/// How long one call goes on.
const GO_ON: Duration = Duration::from_secs(5);

/// Of how many messages that stay it is told why.
const TOLD_MAX: usize = 100;

/// How long a publisher waits whose queue holds too much.
const SLOWED: Duration = Duration::from_millis(10);

/// Which messages of a queue.
#[derive(Clone, Copy, Debug)]
pub enum Chosen<'a> {
    /// Those of these ids.
    Ids(&'a BTreeSet<u64>),
    /// All that wait.
    All,
}

/// Where messages go.
#[derive(Clone, Copy, Debug)]
pub enum MoveTo<'a> {
    /// They are published to this exchange with this routing key, and go by it alone.
    Exchange(&'a str, &'a str),
    /// Into this queue, as if they were published to the default exchange.
    Queue(&'a str),
    /// Into the queue where each died first, as it came there.
    Origin,
}

/// What became of messages.
#[derive(Clone, Debug, Default)]
pub struct Moved {
    /// How many are where they were to go, or gone.
    pub moved: u64,
    /// How many stay.
    pub left: u64,
    /// The first of those that stay, and why.
    pub reasons: Vec<(u64, String)>,
    /// Whether all that were chosen were looked at. If not, the same call goes on.
    pub is_done: bool,
}

impl Moved {
    fn leave(&mut self, id: u64, why: impl Into<String>) {
        self.left += 1;
        if self.reasons.len() < TOLD_MAX {
            self.reasons.push((id, why.into()));
        }
    }
}

impl Admin {
    /// Drops messages that wait in a queue, as if they had been acked.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn delete_messages(
        &self,
        authority: &Authority,
        queue: &str,
        ids: &BTreeSet<u64>,
    ) -> Result<Moved, AdminError> {
        let mut work = Work::begin(self, authority, queue, Chosen::Ids(ids))?;
        while let Some(portion) = work.next_portion(self).await {
            let (spots, now) = (portion.iter().filter_map(|found| spot(&found.seen)), self.now());
            let vhost = Arc::clone(work.client.entered());
            let dropped =
                work.cell.visit(&vhost, now, work.client.effects_mut(), |machine, sink| {
                    let chosen = spots
                        .filter(|(sequence, spot)| machine.drop_chosen(*sequence, *spot, sink));
                    let dropped: Vec<u64> = chosen.map(|(sequence, _)| sequence.0).collect();
                    machine.dispatch(now, sink);
                    dropped
                });
            dropped.into_iter().flatten().for_each(|id| work.note_moved(id));
            work.finish_portion(self).await?;
        }
        let moved = work.finish();
        info!(
            user = %authority.user, vhost = %authority.vhost, queue, messages = moved.moved,
            "messages were deleted"
        );
        Ok(moved)
    }

    /// Moves messages that wait in a queue to another place. What is refused there, or goes nowhere, stays.
    ///
    /// # Errors
    /// [`AdminError`]; [`Denied`](AdminError::Denied) while publishers are blocked.
    pub async fn move_messages(
        &self,
        authority: &Authority,
        queue: &str,
        chosen: Chosen<'_>,
        to: MoveTo<'_>,
    ) -> Result<Moved, AdminError> {
        let mut work = Work::begin(self, authority, queue, chosen)?;
        work.check_target(queue, to)?;
        self.check_alarms()?;
        while let Some(portion) = work.next_portion(self).await {
            work.client.now = self.now();
            work.move_portion(portion, to);
            work.finish_portion(self).await?;
            if self.node.shared.alarms.is_any() {
                break;
            }
        }
        let moved = work.finish();
        info!(
            user = %authority.user, vhost = %authority.vhost, queue, ?to, messages = moved.moved,
            left = moved.left, "messages were moved"
        );
        Ok(moved)
    }

    /// Nobody publishes while publishers are blocked.
    pub(super) fn check_alarms(&self) -> Result<(), AdminError> {
        let alarms = &self.node.shared.alarms;
        if !alarms.is_any() {
            return Ok(());
        }
        Err(AdminError::Denied { reason: format!("publishers are blocked: {}", alarms.reason()) })
    }
}

/// Where a message of the queue waits; `None` if it is delivered.
fn spot(seen: &Seen) -> Option<(Sequence, ReadySpot)> {
    match seen.spot {
        Spot::Ready(spot) => Some((seen.sequence, spot)),
        Spot::Unacked(_) => None,
    }
}

/// Messages of one queue that are being worked through.
struct Work {
    client: Client,
    cell: Arc<QueueCell>,
    reader: Reader,
    /// What came later is not meant, or who moves a queue into itself would never be done.
    before: Sequence,
    /// Those that were not found yet; `None`: all are meant.
    wanted: Option<BTreeSet<u64>>,
    give_up: Instant,
    /// Whether it may be published to a place.
    permitted: BTreeMap<Place, Result<(), String>>,
    moved: Moved,
}

/// An exchange, and the routing key that something goes there with.
type Place = (String, Bytes);

impl Work {
    fn begin(
        admin: &Admin,
        authority: &Authority,
        queue: &str,
        chosen: Chosen<'_>,
    ) -> Result<Self, AdminError> {
        let client = admin.act_for(authority)?;
        let cell = client.readable_queue(queue)?;
        let shared = &admin.node.shared;
        Ok(Self {
            reader: Reader::new(shared, &cell, Bookmark::Ready(None)),
            before: shared.take_sequences(1),
            wanted: match chosen {
                Chosen::Ids(ids) => Some(ids.clone()),
                Chosen::All => None,
            },
            give_up: Instant::now() + GO_ON,
            permitted: BTreeMap::new(),
            moved: Moved::default(),
            client,
            cell,
        })
    }

    /// What would be refused for every message is refused at once.
    fn check_target(&mut self, source: &str, to: MoveTo<'_>) -> Result<(), AdminError> {
        match to {
            MoveTo::Exchange(exchange, key) => {
                check_length("routing key", key)?;
                Ok(self.client.check_publish_to(exchange, key.as_bytes())?)
            }
            MoveTo::Queue(queue) => {
                self.client.check_publish_to("", queue.as_bytes())?;
                if queue == source {
                    let reason = "the messages are in this queue already".to_owned();
                    return Err(AdminError::Invalid { reason });
                }
                let vhost = self.client.entered();
                vhost.queue(queue).ok_or_else(|| vhost.no_such_queue(queue))?;
                Ok(())
            }
            MoveTo::Origin => Ok(self.client.check_publish_to("", b"")?),
        }
    }

    /// The next messages that are meant; `None` if there is no more, or no more time.
    async fn next_portion(&mut self, admin: &Admin) -> Option<Vec<Found>> {
        loop {
            let is_over = self.reader.is_at_end()
                || self.wanted.as_ref().is_some_and(|wanted| wanted.is_empty());
            self.moved.is_done = is_over;
            if is_over || Instant::now() >= self.give_up {
                return None;
            }
            let (before, wanted) = (self.before, &self.wanted);
            let is_meant = |sequence: Sequence| {
                sequence < before && wanted.as_ref().is_none_or(|ids| ids.contains(&sequence.0))
            };
            let portion = self.reader.portion(0, PORTION, is_meant).await;
            self.client.now = admin.now();
            let Some(portion) = portion else {
                self.moved.is_done = true;
                return None;
            };
            if !portion.found.is_empty() {
                return Some(portion.found);
            }
            tokio::task::yield_now().await;
        }
    }

    fn note_moved(&mut self, id: u64) {
        self.moved.moved += 1;
        self.found(id);
    }

    fn leave(&mut self, id: u64, why: impl Into<String>) {
        self.found(id);
        self.moved.leave(id, why);
    }

    fn found(&mut self, id: u64) {
        if let Some(wanted) = &mut self.wanted {
            wanted.remove(&id);
        }
    }

    /// Has the log flushed what was written: the next portion finds room there, and what is told is so.
    async fn finish_portion(&mut self, admin: &Admin) -> Result<(), AdminError> {
        self.client.finish();
        let after = self.client.effects_mut().logged_at.take();
        admin.flushed(after).await?;
        if std::mem::take(&mut self.client.is_slowed) {
            tokio::time::sleep(SLOWED).await;
        }
        Ok(())
    }

    /// Publishes messages elsewhere, and lets go of those that were accepted. Nothing waits in between, so nobody finds a
    /// message in neither place.
    fn move_portion(&mut self, portion: Vec<Found>, to: MoveTo<'_>) {
        let (now, vhost) = (self.client.now, Arc::clone(self.client.entered()));
        let mut ready = Vec::with_capacity(portion.len());
        for Found { seen, message, .. } in portion {
            let id = seen.sequence.0;
            let Some((sequence, spot)) = spot(&seen) else { continue };
            let letter = match message {
                Some(message) => self.address(message, to),
                None => Err("it cannot be read from the disk".to_owned()),
            };
            match letter {
                Ok(letter) => ready.push((sequence, spot, letter)),
                Err(why) => self.leave(id, why),
            }
        }
        let cell = Arc::clone(&self.cell);
        let taken = cell.visit(&vhost, now, self.client.effects_mut(), |machine, _| {
            ready.iter().map(|(sequence, spot, _)| machine.take(*sequence, *spot)).collect()
        });
        let taken: Vec<Option<Slot>> = taken.unwrap_or_default();
        let mut settled = Vec::with_capacity(ready.len());
        for ((sequence, _, letter), slot) in ready.into_iter().zip(taken) {
            let Some(slot) = slot else {
                self.leave(sequence.0, "it does not wait any more");
                continue;
            };
            let delivered = self.deliver(&letter);
            settled.push((slot, delivered.is_ok()));
            match delivered {
                Ok(()) => self.note_moved(sequence.0),
                Err(why) => self.leave(sequence.0, why),
            }
        }
        cell.visit(&vhost, now, self.client.effects_mut(), |machine, sink| {
            for (slot, is_accepted) in settled {
                match is_accepted {
                    true => machine.drop_taken(slot, sink),
                    false => machine.put_back(slot),
                }
            }
            machine.after_taken(now, sink);
        });
    }

    /// The message as it goes on. An error tells why it could not.
    fn address(&mut self, message: Message, to: MoveTo<'_>) -> Result<Letter, String> {
        let (exchange, routing_key, queue) = match to {
            MoveTo::Exchange(exchange, key) => {
                (exchange.into(), Bytes::copy_from_slice(key.as_bytes()), None)
            }
            MoveTo::Queue(queue) => {
                (ExchangeName::from(""), Bytes::copy_from_slice(queue.as_bytes()), None)
            }
            MoveTo::Origin => self.origin(&message)?,
        };
        // By this key alone; one that is back where it first was goes by all its keys if it dies again.
        let rekeyed = queue.is_none();
        let origin = match message.origin {
            Origin::DeadLetter { .. } => Origin::DeadLetter { rekeyed },
            Origin::Client => Origin::Client,
        };
        let blind_keys = Bytes::new();
        let message = Message { exchange, routing_key, blind_keys, origin, ..message };
        let letter = Letter { message, queue };
        self.check_room(&letter)?;
        Ok(letter)
    }

    /// Where a dead letter died first: the exchange and key that it had come by, and the queue.
    fn origin(
        &mut self,
        message: &Message,
    ) -> Result<(ExchangeName, Bytes, Option<Arc<QueueCell>>), String> {
        let CameFrom { queue, exchange, routing_key } =
            CameFrom::of(message).ok_or("it is no dead letter")?;
        if queue == self.cell.name {
            return Err("it died in this queue".to_owned());
        }
        self.check_permission("", queue.as_bytes())?;
        let cell = self.client.entered().queue(&queue);
        let cell = cell.ok_or_else(|| format!("there is no queue '{queue}' any more"))?;
        Ok((exchange, routing_key, Some(cell)))
    }

    fn check_permission(&mut self, exchange: &str, key: &[u8]) -> Result<(), String> {
        let place = (exchange.to_owned(), Bytes::copy_from_slice(key));
        if let Some(known) = self.permitted.get(&place) {
            return known.clone();
        }
        let checked = self.client.check_publish_to(exchange, key);
        let checked = checked.map_err(|refusal| refusal.to_string());
        self.permitted.insert(place, checked.clone());
        checked
    }

    /// Whether a message would be accepted, as far as that can be known before.
    fn check_room(&mut self, letter: &Letter) -> Result<(), String> {
        let (vhost, message) = (Arc::clone(self.client.entered()), &letter.message);
        let queues = match &letter.queue {
            Some(queue) => vec![Arc::clone(queue)],
            None => {
                // Where an exchange delays it, too, as far as that can be known now.
                let properties = RawProperties::from_bytes(&message.properties);
                let input = RoutingInput {
                    routing_key: &message.routing_key,
                    extra_keys: &[],
                    headers: properties.headers().ok().flatten(),
                    properties,
                    seed: vhost.shared.random.next(),
                };
                vhost.route(&message.exchange, &input).0
            }
        };
        if queues.is_empty() {
            return Err("nothing matches: it would reach no queue".to_owned());
        }
        let size = message.body.len() as u64;
        let is_full = |queue: &&Arc<QueueCell>| {
            queue.look(|look| look.queue.is_full_for(size)).unwrap_or_default()
        };
        // Who moves messages into a queue that holds too much is slowed like who publishes there.
        self.client.is_slowed |= queues.iter().any(|queue| queue.is_crowded());
        match queues.iter().find(is_full) {
            Some(queue) => Err(format!("queue '{}' is full", queue.name)),
            None => Ok(()),
        }
    }

    /// Publishes a message; an error tells why somebody did not accept it.
    fn deliver(&mut self, letter: &Letter) -> Result<(), String> {
        // Those before it may have filled the queue.
        self.check_room(letter)?;
        let (now, vhost) = (self.client.now, Arc::clone(self.client.entered()));
        let Letter { message, queue } = letter;
        let effects = self.client.effects_mut();
        let is_accepted = match queue {
            Some(queue) => {
                let queues = [Arc::clone(queue)];
                vhost.publish(now, &message.arrival(Sequence(0)), &queues, None, effects).0
            }
            None => vhost.publish_moved(now, message, effects),
        };
        // What it pushes out of its queue goes its way before the next one comes.
        self.client.finish();
        is_accepted.then_some(()).ok_or_else(|| "it was refused where it was to go".to_owned())
    }

    /// What is left of the ids that somebody named is not in the queue, or is with a consumer.
    fn finish(mut self) -> Moved {
        if !self.moved.is_done {
            return self.moved;
        }
        let wanted = std::mem::take(&mut self.wanted).unwrap_or_default();
        if wanted.is_empty() {
            return self.moved;
        }
        let limits = LookLimits { seen_max: 0, bytes_max: 0, ..PORTION };
        let mut unacked = BTreeSet::new();
        let mut from = Some(Bookmark::Unacked(0));
        while let Some(bookmark) = from.filter(|_| unacked.len() < wanted.len()) {
            let portion = self.cell.look(|look| {
                look.queue.look(bookmark, 0, limits, |sequence| {
                    if wanted.contains(&sequence.0) {
                        unacked.insert(sequence.0);
                    }
                    false
                })
            });
            from = portion.and_then(|portion| portion.next);
        }
        for id in wanted {
            let is_out = unacked.contains(&id);
            self.moved
                .leave(id, if is_out { "a consumer has it" } else { "it is not in this queue" });
        }
        self.moved
    }
}

/// A message on its way to another place.
struct Letter {
    message: Message,
    /// The queue that it goes into, whatever its exchange would say.
    queue: Option<Arc<QueueCell>>,
}
