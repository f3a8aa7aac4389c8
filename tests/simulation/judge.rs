//! The judge of what a broker makes of a disk: does it hold what it promised, and nothing that never was?

use std::collections::{BTreeMap, HashMap};

use server::simulation::{Node, Settings};
use store::sim::{Image, SimDisk};

use crate::catalog::QUEUES;
use crate::message;
use crate::model::{Consumer, Model, Seen};
use crate::wire::{self, Event, Mode};
use crate::world::{Life, Moment, Promise, World};

/// Longer than any message is held back or lives.
const LATER_MS: u64 = 1000;

/// What each queue delivers: at once, and later.
pub(crate) type Contents = BTreeMap<u8, Vec<Seen>>;

/// Compares what a broker makes of a disk with what was promised, and with what could have been.
#[derive(Debug)]
pub(crate) struct Judge<'a> {
    settings: &'a Settings,
    pub(crate) life: &'a Life,
    /// By batch, time, and whether the log was closed: so that it is found out once.
    expected: HashMap<(u64, u64, bool), Expected>,
}

/// What a broker should have.
#[derive(Debug)]
pub(crate) struct Expected {
    pub(crate) definitions: Vec<String>,
    pub(crate) contents: Contents,
}

impl<'a> Judge<'a> {
    /// The judge of one life.
    pub(crate) fn new(settings: &'a Settings, life: &'a Life) -> Self {
        Self { settings, life, expected: HashMap::new() }
    }

    /// Opens what is left on a disk whose trace has this mark; the moment in the broker's life that it was left at.
    ///
    /// # Errors
    /// What the broker did wrong.
    pub(crate) fn judge(&mut self, image: &Image, mark: usize) -> Result<Moment, String> {
        let now = self.life.promises[mark].now;
        let disk = SimDisk::from_image(image);
        let found = Found::look(&disk, self.settings, self.life, now)?;
        self.compare(&found, mark)
    }

    /// The moment in the broker's life at which it would have had what was found.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn compare(&mut self, found: &Found, mark: usize) -> Result<Moment, String> {
        let Promise { batch: promised, now } = self.life.promises[mark];
        if let Some(damage) = &found.damage {
            return Err(format!("damage where there was none: {damage}"));
        }
        let last = self.life.moments.range(..=promised).next_back();
        let candidates = last.into_iter().chain(self.life.moments.range(promised + 1..));
        let mut reasons = Vec::new();
        for (batch, moment) in candidates {
            let was_closed = found.was_closed;
            if was_closed && !moment.was_closed {
                continue;
            }
            let expected = self.expected.entry((*batch, now, was_closed));
            let expected = expected.or_insert_with(|| Expected::of(&moment.model, was_closed, now));
            match found.compare(expected) {
                Ok(()) => return Ok(moment.clone()),
                Err(reason) => reasons.push(format!("batch {batch}: {reason}")),
            }
        }
        Err(format!("promised up to {promised}: it is none of\n{}", reasons.join("\n")))
    }
}

impl Expected {
    /// What it should have that starts after this moment.
    pub(crate) fn of(before: &Model, was_closed: bool, now: u64) -> Self {
        let mut model = before.clone();
        model.restart(was_closed, now);
        let definitions = World::definitions_of(&model);
        Self { definitions, contents: drain(model) }
    }
}

/// What a broker has that was started on a disk.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) was_closed: bool,
    pub(crate) damage: Option<String>,
    pub(crate) definitions: Vec<String>,
    pub(crate) contents: Contents,
}

impl Found {
    /// Starts a broker, and takes everything out of it.
    pub(crate) fn look(
        disk: &SimDisk,
        settings: &Settings,
        life: &Life,
        now: u64,
    ) -> Result<Self, String> {
        let mut node = Node::open(disk, settings, now).map_err(|error| format!("{error:?}"))?;
        let recovery = node.recovery();
        let was_closed = recovery.was_closed && !recovery.is_new;
        let damage = recovery.damage.first().map(ToString::to_string);
        if damage.is_some() {
            // A permission that is damaged is not given back by itself.
            node.permit_everything();
        }
        let definitions = node.durable_definitions();
        let client = node.connect();
        let mut bytes = wire::greeting(Mode::Plain);
        for (queue, kind) in (0..).zip(&QUEUES) {
            if definitions.iter().any(|line| line.strip_prefix("queue ") == Some(kind.name)) {
                bytes.extend(wire::consume(queue, 0, true));
            }
        }
        node.send(client, &bytes);
        node.run();
        node.advance(LATER_MS);
        let output = node.take_output(client);
        let contents = read(&output, life)?;
        Ok(Self { was_closed, damage, definitions, contents })
    }

    /// Whether it is just what it should be.
    ///
    /// # Errors
    /// What differs.
    pub(crate) fn compare(&self, expected: &Expected) -> Result<(), String> {
        let Expected { definitions, contents } = expected;
        if *definitions != self.definitions {
            return Err(format!("defined are {:?}, not {definitions:?}", self.definitions));
        }
        if *contents == self.contents {
            return Ok(());
        }
        let differs = |queue: &u8| contents.get(queue) != self.contents.get(queue);
        let first = (0..).take(QUEUES.len()).find(differs).unwrap_or(0);
        let (name, is, should) =
            (QUEUES[usize::from(first)].name, self.contents.get(&first), contents.get(&first));
        Err(format!("{name} has {is:?}, not {should:?}"))
    }
}

/// What a model delivers to one who takes it all.
fn drain(mut model: Model) -> Contents {
    for queue in (0..).take(QUEUES.len()) {
        model.consume(queue, Consumer { client: 0, prefetch: 0, no_ack: true });
    }
    model.advance(LATER_MS);
    let mut contents = Contents::new();
    for given in model.given {
        contents.entry(given.queue).or_default().push(given.seen);
    }
    contents
}

fn read(output: &[u8], life: &Life) -> Result<Contents, String> {
    let mut contents = Contents::new();
    for event in wire::read(output)? {
        match event {
            Event::Delivery { consumer, redelivered, properties, body, .. } => {
                let queue = consumer.as_deref().and_then(crate::catalog::queue_named);
                let queue = queue.ok_or("a delivery from nowhere")?;
                let seen = message::read(&life.specs, redelivered, &properties, &body)?;
                contents.entry(queue).or_default().push(seen);
            }
            Event::Closed(text) => return Err(format!("closed: {text}")),
            Event::Done(_) | Event::Confirmed { .. } | Event::Nothing => {}
        }
    }
    Ok(contents)
}
