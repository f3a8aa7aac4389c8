//! Looking into a queue: page by page, by a header or a text in the body, without moving, marking or counting anything.
//!
//! The queue is locked for one portion at a time; what is not in memory is read with no lock held, by a thread that may
//! wait for the disk.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use amqp::{FieldValue, Properties, RawProperties};
use broker::message::{Message, Sequence};
use broker::permission::Authority;
use broker::queue::{Backing, Bookmark, ConsumerId, LookLimits, Seen, SeenContent, Spot};
use broker::record::MessageRecord;
use broker::{ConsumerTag, Timestamp};
use bytes::Bytes;
use store::ReadError;
use tokio::time::Instant;

use super::{Admin, AdminError, name_of};
use crate::node::Shared;
use crate::queue_cell::{ByBacking, ConsumerLink, QueueCell};

/// How many messages are shown at once.
const SHOWN_MAX: usize = 100;
/// How large they may be together, with what is shown of their bodies.
const SHOWN_BYTES_MAX: usize = 4 << 20;
/// How many messages are compared with a filter for one answer, and for how long.
const COMPARED_MAX: u64 = 10_000;
const COMPARING_MAX: Duration = Duration::from_secs(1);

/// What a queue is locked for.
const PORTION: LookLimits = LookLimits { passed_max: 100_000, seen_max: 256, bytes_max: 4 << 20 };

/// Which messages are asked for.
#[derive(Clone, Debug)]
pub struct ContentsQuery {
    /// Those that wait, or those that are delivered and not settled.
    pub state: MessageState,
    /// How many to pass over.
    pub offset: u64,
    /// How many to show, 100 at most.
    pub count: usize,
    /// Only those with this header; and with this value, as it shows as a text, if there is one.
    pub header: Option<(String, Option<String>)>,
    /// Only those with this somewhere in the body.
    pub body: Option<String>,
    /// How much of a body to show.
    pub body_bytes_max: usize,
}

/// Where in a queue a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageState {
    /// It waits.
    Ready,
    /// It is delivered and not settled.
    Unacked,
}

/// What a look into a queue has found.
#[derive(Clone, Debug)]
pub struct Contents {
    /// The messages, the next to go out first.
    pub messages: Vec<StoredMessage>,
    /// How many were compared with the filter, or would have been if there was one.
    pub compared: u64,
    /// From where to go on, if there may be more.
    pub next_offset: Option<u64>,
}

/// A message in a queue.
#[derive(Clone, Debug)]
pub struct StoredMessage {
    /// By which it is known for as long as it is in the queue.
    pub id: u64,
    /// How many were before it.
    pub position: u64,
    /// Where it is.
    pub state: MessageState,
    /// Who has it: the consumer's tag, and the name of its connection; `None`: nobody, or who has fetched it.
    pub consumer: Option<(ConsumerTag, String)>,
    /// Whether it was delivered before.
    pub redelivered: bool,
    /// How often a quorum queue has got it back; and how often because it failed.
    pub returns: Option<(u32, u32)>,
    /// The priority level that it waits in, where there are levels.
    pub level: Option<u8>,
    /// When it came into the queue, if that is written anywhere.
    pub arrived_at: Option<Timestamp>,
    /// When it expires.
    pub expires_at: Option<Timestamp>,
    /// Whether it is in the log, from which it survives a restart.
    pub is_logged: bool,
    /// What it carries; `None`: the disk does not give it back.
    pub content: Option<StoredContent>,
}

/// What a message in a queue carries.
#[derive(Clone, Debug)]
pub struct StoredContent {
    /// The exchange that it was published to; empty is the default exchange.
    pub exchange: String,
    /// Its routing key, which need not be UTF-8.
    pub routing_key: Bytes,
    /// Its properties.
    pub properties: Properties,
    /// The first of its body.
    pub body: Bytes,
    /// How large its body is.
    pub body_bytes: u64,
}

impl Admin {
    /// Looks into a queue.
    ///
    /// # Errors
    /// [`AdminError`].
    pub async fn contents(
        &self,
        authority: &Authority,
        queue: &str,
        query: &ContentsQuery,
    ) -> Result<Contents, AdminError> {
        let client = self.act_for(authority)?;
        let cell = client.readable_queue(queue)?;
        let start = match query.state {
            MessageState::Ready => Bookmark::Ready(None),
            MessageState::Unacked => Bookmark::Unacked(0),
        };
        let mut page =
            Page { query, count: query.count.min(SHOWN_MAX), bytes: 0, shown: Vec::new() };
        let mut reader = Reader::new(&self.node.shared, &cell, start);
        let (mut passed, mut compared) = (0, 0);
        let give_up = Instant::now() + COMPARING_MAX;
        let next_offset = loop {
            let seen_max = if page.has_filter() { PORTION.seen_max } else { page.count.max(1) };
            let limits = LookLimits { seen_max, ..PORTION };
            let offset = query.offset.saturating_sub(passed);
            let Some(portion) = reader.portion(offset, limits, |_| true).await else {
                break None;
            };
            let end = passed + portion.passed;
            let mut cut_at = None;
            for found in portion.found {
                let position = passed + found.seen.nth;
                if page.is_full() {
                    cut_at = Some(position);
                    break;
                }
                compared += 1;
                page.consider(&cell, position, found);
            }
            passed = end;
            match (cut_at, reader.is_at_end()) {
                (Some(at), _) => break Some(at),
                (None, true) => break None,
                (None, false) if page.is_full() => break Some(passed),
                (None, false) if compared >= COMPARED_MAX || Instant::now() >= give_up => {
                    break Some(passed);
                }
                (None, false) => tokio::task::yield_now().await,
            }
        };
        reader.date(&mut page.shown).await;
        Ok(Contents { messages: page.shown, compared, next_offset })
    }
}

/// What is to be shown, and is so far.
struct Page<'a> {
    query: &'a ContentsQuery,
    count: usize,
    bytes: usize,
    shown: Vec<StoredMessage>,
}

impl Page<'_> {
    fn has_filter(&self) -> bool {
        self.query.header.is_some() || self.query.body.is_some()
    }

    fn is_full(&self) -> bool {
        self.shown.len() >= self.count || self.bytes >= SHOWN_BYTES_MAX
    }

    /// Shows a message, if it is one of those that are asked for.
    fn consider(&mut self, cell: &QueueCell, position: u64, found: Found) {
        let Found { seen, message, arrived_at } = found;
        if message.is_none() && self.has_filter() {
            return;
        }
        let content = message.map(|message| {
            let properties = Properties::decode(RawProperties::from_bytes(&message.properties));
            (properties.unwrap_or_default(), message)
        });
        if content.as_ref().is_some_and(|(properties, it)| !self.is_wanted(properties, it)) {
            return;
        }
        let content = content.map(|(properties, message)| {
            let cut = message.body.len().min(self.query.body_bytes_max);
            self.bytes += message.properties.len() + cut;
            StoredContent {
                exchange: message.exchange.to_string(),
                routing_key: message.routing_key,
                properties,
                // A copy: the rest need not be kept until this is sent.
                body: Bytes::copy_from_slice(&message.body[..cut]),
                body_bytes: message.body.len() as u64,
            }
        });
        let holder = match seen.spot {
            Spot::Ready(_) => None,
            Spot::Unacked(consumer) => consumer,
        };
        self.shown.push(StoredMessage {
            id: seen.sequence.0,
            position,
            state: self.query.state,
            consumer: holder.and_then(|id| self::holder(cell, id)),
            redelivered: seen.redelivered,
            returns: seen.returns,
            level: seen.level,
            arrived_at,
            expires_at: seen.deadline,
            is_logged: seen.backing == Some(Backing::Log),
            content,
        });
    }

    fn is_wanted(&self, properties: &Properties, message: &Message) -> bool {
        let has_header = self.query.header.as_ref().is_none_or(|(name, wanted)| {
            let found = properties.headers.as_ref().and_then(|headers| headers.get(name));
            found.is_some_and(|found| wanted.as_ref().is_none_or(|wanted| is_text(found, wanted)))
        });
        has_header
            && self.query.body.as_ref().is_none_or(|text| contains(&message.body, text.as_bytes()))
    }
}

/// Whether a value shows as this text.
fn is_text(value: &FieldValue, text: &str) -> bool {
    match (value.as_long_string(), value.as_integer(), value) {
        (Some(bytes), _, _) => bytes == text.as_bytes(),
        (None, Some(number), _) => number.to_string() == text,
        (None, None, FieldValue::Bool(value)) => value.to_string() == text,
        (None, None, FieldValue::Timestamp(secs)) => secs.to_string() == text,
        (None, None, FieldValue::F64(value)) => value.to_string() == text,
        (None, None, FieldValue::F32(value)) => value.to_string() == text,
        (None, None, _) => false,
    }
}

/// Whether a text is somewhere in a body.
fn contains(body: &[u8], text: &[u8]) -> bool {
    memchr::memmem::find(body, text).is_some()
}

/// The tag of a consumer, and the name of its connection.
fn holder(cell: &QueueCell, id: ConsumerId) -> Option<(ConsumerTag, String)> {
    let found = |link: &ConsumerLink| (link.tag.clone(), Arc::clone(&link.entry));
    let (tag, entry) = cell.look(|look| look.link(id).map(found))??;
    Some((tag, name_of(&entry)))
}

/// Reads a queue from one end to the other, in portions.
pub(super) struct Reader {
    shared: Arc<Shared>,
    cell: Arc<QueueCell>,
    /// `None`: it is at the end.
    next: Option<Bookmark>,
}

/// A part of a queue.
pub(super) struct Portion {
    pub(super) found: Vec<Found>,
    /// How many messages there were, with those that were passed over.
    pub(super) passed: u64,
}

/// A message that was found in a queue. It may have left meanwhile.
pub(super) struct Found {
    pub(super) seen: Seen,
    /// `None`: the disk does not give it back.
    pub(super) message: Option<Message>,
    arrived_at: Option<Timestamp>,
}

impl Reader {
    pub(super) fn new(shared: &Arc<Shared>, cell: &Arc<QueueCell>, start: Bookmark) -> Self {
        Self { shared: Arc::clone(shared), cell: Arc::clone(cell), next: Some(start) }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.next.is_none()
    }

    /// The next messages; `None` if the queue is gone or has no more.
    pub(super) async fn portion(
        &mut self,
        offset: u64,
        limits: LookLimits,
        wanted: impl FnMut(Sequence) -> bool,
    ) -> Option<Portion> {
        let from = self.next?;
        let look = self.cell.look(|look| look.queue.look(from, offset, limits, wanted))?;
        self.next = look.next;
        let mut records = self.read_back(&look.seen).await;
        let found = look.seen.into_iter().filter_map(|mut seen| {
            let elsewhere = SeenContent::Elsewhere(0);
            let (message, arrived_at) = match std::mem::replace(&mut seen.content, elsewhere) {
                SeenContent::Here(message) => (Some(*message), None),
                SeenContent::Elsewhere(_) => match records.remove(&seen.sequence) {
                    Some(ReadBack::Record(message, at)) => (Some(message), at),
                    // It left the queue while it was looked for.
                    Some(ReadBack::Gone) => return None,
                    Some(ReadBack::Failed) | None => (None, None),
                },
            };
            Some(Found { seen, message, arrived_at })
        });
        Some(Portion { found: found.collect(), passed: look.passed })
    }

    /// Reads what is not in memory.
    async fn read_back(&self, seen: &[Seen]) -> BTreeMap<Sequence, ReadBack> {
        let mut wanted = ByBacking::default();
        for Seen { sequence, content, backing, .. } in seen {
            if let (SeenContent::Elsewhere(_), Some(backing)) = (content, backing) {
                wanted.push(*sequence, *backing);
            }
        }
        if wanted.is_empty() {
            return BTreeMap::new();
        }
        let shared = Arc::clone(&self.shared);
        // A thread that panicked has said so itself; its messages show as unreadable.
        tokio::task::spawn_blocking(move || read(&shared, &wanted)).await.unwrap_or_default()
    }

    /// Tells of messages when they arrived, if the log knows it: in memory nobody keeps it.
    async fn date(&self, messages: &mut [StoredMessage]) {
        let undated = messages.iter().filter(|it| it.is_logged && it.arrived_at.is_none());
        let undated: Vec<u64> = undated.map(|message| message.id).collect();
        if undated.is_empty() {
            return;
        }
        let shared = Arc::clone(&self.shared);
        let read = tokio::task::spawn_blocking(move || read_dates(&shared, &undated)).await;
        let dates = read.unwrap_or_default();
        for message in messages {
            message.arrived_at = message.arrived_at.or(dates.get(&message.id).copied());
        }
    }
}

/// What came of reading a message.
enum ReadBack {
    Record(Message, Option<Timestamp>),
    Gone,
    Failed,
}

impl ReadBack {
    fn of(payload: Result<&[u8], ReadError>) -> Self {
        match payload {
            Ok(payload) => MessageRecord::read(payload).map_or(Self::Failed, |record| {
                // What is spilled tells no time.
                let arrived_at = Some(record.arrived_at).filter(|at| at.0 > 0);
                Self::Record(record.to_message(), arrived_at)
            }),
            Err(ReadError::Gone(_)) => Self::Gone,
            Err(ReadError::Damaged { .. } | ReadError::Disk(_)) => Self::Failed,
        }
    }
}

fn read(shared: &Shared, wanted: &ByBacking) -> BTreeMap<Sequence, ReadBack> {
    let mut records = BTreeMap::new();
    let mut keep = |sequence, payload: Result<&[u8], ReadError>| {
        records.insert(Sequence(sequence), ReadBack::of(payload));
    };
    if let Some(journal) = shared.journal() {
        journal.read(&wanted.log, &mut keep);
    }
    if let Some(spill) = shared.spill() {
        spill.read(&wanted.spill, &mut keep);
    }
    records
}

fn read_dates(shared: &Shared, sequences: &[u64]) -> BTreeMap<u64, Timestamp> {
    let mut dates = BTreeMap::new();
    if let Some(journal) = shared.journal() {
        journal.read(sequences, |sequence, payload| {
            let record = payload.ok().and_then(|payload| MessageRecord::read(payload).ok());
            dates.extend(record.map(|record| (sequence, record.arrived_at)));
        });
    }
    dates
}
