//! Who makes and deletes queues and bindings, and knows which of them must be there.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use pillarbox_client::{
    Channel, Confirmation, Connection, Error, ExchangeOptions, FieldTable, Publish, QueueOptions,
};
use tokio::time;

use super::Shared;
use crate::{history::History, random::Random};

/// The exchange that all of these queues are bound to.
const EXCHANGE: &str = "makers";
/// So many queues there are at most.
const QUEUES_MAX: usize = 24;
/// The reply code for what is not there.
const NOT_FOUND: u16 = 404;
/// A pause between two changes.
const PAUSE: Duration = Duration::from_millis(2);

/// Whether something is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    There,
    Gone,
    /// A change was asked for, and nobody has answered.
    Unknown,
}

/// A queue and its binding.
#[derive(Clone, Copy, Debug)]
struct Definition {
    queue: Presence,
    binding: Presence,
}

/// What has been declared, bound, unbound and deleted, and whether the broker has said so.
#[derive(Debug, Default)]
pub struct Definitions {
    all: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    definitions: BTreeMap<u32, Definition>,
    /// Each change, with what the history's clock said before it was asked for, or after it was answered.
    changes: Vec<(u64, u32, Definition)>,
    next: u32,
    /// How many changes the broker has answered.
    answered: u64,
}

impl Definitions {
    fn state(&self) -> MutexGuard<'_, State> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many changes the broker has answered so far.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.state().answered
    }

    /// Looks for each of them, and returns what is wrong.
    ///
    /// # Errors
    /// If the broker cannot be asked.
    pub async fn check(&self, uri: &str) -> Result<Vec<String>, Error> {
        let connection = Connection::connect(uri).await?;
        let known: Vec<(u32, Definition)> =
            self.state().definitions.iter().map(|(number, known)| (*number, *known)).collect();
        let mut wrong = Vec::new();
        for (number, known) in known {
            let queue = find_queue(&connection, number).await?;
            let binding = find_binding(&connection, number).await?;
            for (what, known, found) in
                [("queue", known.queue, queue), ("binding", known.binding, binding)]
            {
                if known != Presence::Unknown && known != found {
                    wrong.push(format!("the {what} made-{number} should be {known:?}"));
                }
            }
            self.state().definitions.insert(number, Definition { queue, binding });
        }
        self.state().definitions.retain(|_, known| known.queue != Presence::Gone);
        connection.close().await?;
        Ok(wrong)
    }

    /// What was known when the history's clock stood at `position`.
    #[must_use]
    pub fn until(&self, position: u64) -> Self {
        let mut past = State::default();
        for (at, number, known) in &self.state().changes {
            if *at <= position {
                past.definitions.insert(*number, *known);
            }
        }
        Self { all: Mutex::new(past) }
    }
}

/// Where changes are noted.
struct Notes<'a> {
    definitions: &'a Definitions,
    history: &'a History,
}

impl Notes<'_> {
    /// Notes a change that is about to be asked for.
    fn asked(&self, number: u32, change: impl FnOnce(&mut Definition)) {
        self.note(number, change);
    }

    /// Notes a change that has been answered.
    fn answered(&self, number: u32, change: impl FnOnce(&mut Definition)) {
        self.note(number, change);
        self.definitions.state().answered += 1;
    }

    fn note(&self, number: u32, change: impl FnOnce(&mut Definition)) {
        let now = self.history.now();
        let mut state = self.definitions.state();
        let gone = Definition { queue: Presence::Gone, binding: Presence::Gone };
        let known = state.definitions.entry(number).or_insert(gone);
        change(known);
        let known = *known;
        state.changes.push((now, number, known));
    }
}

/// Makes and deletes until it is stopped or the broker is gone.
pub(super) async fn define(shared: Arc<Shared>, definitions: Arc<Definitions>, random: Random) {
    // Whatever goes wrong, the broker is gone: what is known has been noted.
    let _: Result<(), Error> = work(&shared, &definitions, random).await;
}

async fn work(shared: &Shared, definitions: &Definitions, mut random: Random) -> Result<(), Error> {
    let connection = Connection::connect(&shared.uri).await?;
    let channel = connection.open_channel().await?;
    let durable = ExchangeOptions { durable: true, ..ExchangeOptions::default() };
    channel.exchange_declare(EXCHANGE, "direct", durable).await?;
    let notes = &Notes { definitions, history: &shared.history };
    while !shared.is_stopped() {
        let chosen = {
            let state = definitions.state();
            let there: Vec<(u32, Definition)> = state
                .definitions
                .iter()
                .filter(|(_, known)| known.queue == Presence::There)
                .map(|(number, known)| (*number, *known))
                .collect();
            let is_full = there.len() >= QUEUES_MAX;
            let makes_another = there.is_empty() || !is_full && random.chance(40);
            (!makes_another).then(|| random.pick(&there))
        };
        match chosen {
            None => make(&channel, notes).await?,
            Some((number, known)) => match known.binding {
                Presence::There if random.chance(50) => unbind(&channel, notes, number).await?,
                Presence::Gone if random.chance(50) => bind(&channel, notes, number).await?,
                Presence::There | Presence::Gone | Presence::Unknown => {
                    delete(&channel, notes, number).await?;
                }
            },
        }
        time::sleep(PAUSE).await;
    }
    connection.close().await
}

fn name(number: u32) -> String {
    format!("made-{number}")
}

async fn make(channel: &Channel, notes: &Notes<'_>) -> Result<(), Error> {
    let number = {
        let mut state = notes.definitions.state();
        state.next += 1;
        state.next
    };
    notes.asked(number, |known| known.queue = Presence::Unknown);
    let durable = QueueOptions { durable: true, ..QueueOptions::default() };
    channel.queue_declare(&name(number), durable).await?;
    notes.answered(number, |known| known.queue = Presence::There);
    bind(channel, notes, number).await
}

async fn bind(channel: &Channel, notes: &Notes<'_>, number: u32) -> Result<(), Error> {
    notes.asked(number, |known| known.binding = Presence::Unknown);
    channel.queue_bind(&name(number), EXCHANGE, &name(number), &FieldTable::new()).await?;
    notes.answered(number, |known| known.binding = Presence::There);
    Ok(())
}

async fn unbind(channel: &Channel, notes: &Notes<'_>, number: u32) -> Result<(), Error> {
    notes.asked(number, |known| known.binding = Presence::Unknown);
    channel.queue_unbind(&name(number), EXCHANGE, &name(number), &FieldTable::new()).await?;
    notes.answered(number, |known| known.binding = Presence::Gone);
    Ok(())
}

async fn delete(channel: &Channel, notes: &Notes<'_>, number: u32) -> Result<(), Error> {
    let unknown = Definition { queue: Presence::Unknown, binding: Presence::Unknown };
    notes.asked(number, |known| *known = unknown);
    channel.queue_delete(&name(number), false, false).await?;
    let gone = Definition { queue: Presence::Gone, binding: Presence::Gone };
    notes.answered(number, |known| *known = gone);
    Ok(())
}

async fn find_queue(connection: &Connection, number: u32) -> Result<Presence, Error> {
    let channel = connection.open_channel().await?;
    let passive = QueueOptions { passive: true, ..QueueOptions::default() };
    match channel.queue_declare(&name(number), passive).await {
        Ok(_) => Ok(Presence::There),
        Err(error) if error.reply_code() == Some(NOT_FOUND) => Ok(Presence::Gone),
        Err(error) => Err(error),
    }
}

async fn find_binding(connection: &Connection, number: u32) -> Result<Presence, Error> {
    let channel = connection.open_channel().await?;
    let durable = ExchangeOptions { durable: true, ..ExchangeOptions::default() };
    channel.exchange_declare(EXCHANGE, "direct", durable).await?;
    channel.confirm_select().await?;
    let routing_key = name(number);
    let publish = Publish {
        exchange: EXCHANGE,
        routing_key: &routing_key,
        mandatory: true,
        ..Publish::default()
    };
    match channel.publish(&publish).await?.await? {
        Confirmation::Ack | Confirmation::Nack => Ok(Presence::There),
        Confirmation::Returned(_) => Ok(Presence::Gone),
    }
}
