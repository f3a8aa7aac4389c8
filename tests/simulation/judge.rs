//! The judge of what a broker makes of a disk: does it hold what it promised, and nothing that never was?

use std::collections::BTreeMap;

use server::simulation::{Node, Settings};
use store::sim::{Image, SimDisk};

use crate::catalog::QUEUES;
use crate::message;
use crate::model::{Consumer, Model, Seen};
use crate::wire::{self, Event, Mode};
use crate::world::{Life, Moment, World};

/// Longer than any message is held back or lives.
const LATER_MS: u64 = 1000;

/// What each queue delivers: at once, and later.
type Contents = BTreeMap<u8, Vec<Seen>>;

/// Opens what is left on a disk, and compares it with what was promised, and with what could have been.
///
/// # Errors
/// What the broker did wrong.
pub(crate) fn judge(
    image: &Image,
    settings: &Settings,
    life: &Life,
    mark: usize,
) -> Result<Moment, String> {
    let promise = life.promises[mark];
    let disk = SimDisk::from_image(image);
    let found = Found::look(&disk, settings, life, promise.now)?;
    if let Some(damage) = &found.damage {
        return Err(format!("damage where there was none: {damage}"));
    }
    let last = life.moments.range(..=promise.batch).next_back();
    let candidates = last.into_iter().chain(life.moments.range(promise.batch + 1..));
    let mut reasons = Vec::new();
    for (batch, moment) in candidates {
        match found.compare(moment, promise.now) {
            Ok(()) => return Ok(moment.clone()),
            Err(reason) => reasons.push(format!("batch {batch}: {reason}")),
        }
    }
    Err(format!("promised up to {}: it is none of\n{}", promise.batch, reasons.join("\n")))
}

/// What a broker has that was started on a disk.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    was_closed: bool,
    pub(crate) damage: Option<String>,
    definitions: Vec<String>,
    contents: Contents,
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

    fn compare(&self, moment: &Moment, now: u64) -> Result<(), String> {
        if self.was_closed && !moment.was_closed {
            return Err("it was not closed then".to_owned());
        }
        let mut model = (*moment.model).clone();
        model.restart(self.was_closed, now);
        let definitions = World::definitions_of(&model);
        if definitions != self.definitions {
            return Err(format!("defined are {:?}, not {definitions:?}", self.definitions));
        }
        let contents = drain(model);
        if contents == self.contents {
            return Ok(());
        }
        let queues = (0..).take(QUEUES.len());
        let differs = |queue: &u8| contents.get(queue) != self.contents.get(queue);
        let first = queues.into_iter().find(differs).unwrap_or(0);
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
