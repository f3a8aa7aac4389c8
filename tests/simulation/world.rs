//! A node on its disk, four clients, and the model that says what they should see.

mod operations;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::sync::Arc;

use server::simulation::{Node, Settings};
use store::Turn;
use store::sim::SimDisk;

use crate::catalog::{
    AGREED, ALL, CAREFUL, EXCHANGES, FADING, KEYED, KEYS, LATER, PASSING, PLAIN, QUEUES, RANKED,
};
use crate::message::{self, Spec};
use crate::model::{Binding, Given, Model, Published};
use crate::script::{ADMIN, CLIENTS, COMMITTER, FETCHER, Op};
use crate::wire::{self, Event, Mode};

/// When the first node starts, in milliseconds.
pub(crate) const START_MS: u64 = 1_000_000;

/// Why a script does not go on.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The disk failed, as it was told to: the broker ends.
    Disk(String),
    /// The broker is wrong.
    Wrong(String),
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Disk(what) | Self::Wrong(what)) = self;
        f.write_str(what)
    }
}

impl Stop {
    pub(crate) fn wrong(what: impl fmt::Display) -> Self {
        Self::Wrong(what.to_string())
    }
}

/// What the log held at the end of a batch.
#[derive(Debug, Clone)]
pub(crate) struct Moment {
    pub(crate) model: Arc<Model>,
    /// The broker had ended in order.
    pub(crate) was_closed: bool,
}

/// What clients had been promised at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Promise {
    /// The last batch that must survive.
    pub(crate) batch: u64,
    pub(crate) now: u64,
}

/// All that a judge has to know of the life of a broker.
#[derive(Debug, Clone, Default)]
pub(crate) struct Life {
    pub(crate) specs: Vec<Spec>,
    /// By the number of the batch.
    pub(crate) moments: BTreeMap<u64, Moment>,
    /// By the mark that the disk was given.
    pub(crate) promises: Vec<Promise>,
}

/// A client's side of its connection.
#[derive(Debug, Default)]
pub(super) struct Client {
    pub(super) published: u64,
    /// By tag, with the batch that a confirm promises.
    pub(super) unconfirmed: BTreeMap<u64, (Published, u64)>,
    /// What answers promise, and the count that they should tell.
    pub(super) replies: VecDeque<(u64, Option<usize>)>,
    /// The queue it is fetching from.
    pub(super) fetching: Option<u8>,
}

/// A broker and its clients.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) disk: SimDisk,
    pub(crate) settings: Arc<Settings>,
    pub(crate) node: Node,
    pub(crate) model: Model,
    pub(crate) life: Life,
    pub(super) clients: Vec<Client>,
    pub(super) promised: u64,
    /// The batch that a definition is in, by what defines it.
    pub(super) defined: HashMap<String, u64>,
    /// What was done, for who reads of a failure.
    pub(crate) story: Vec<String>,
}

impl World {
    /// A first start on an empty disk, with every queue and exchange declared, and some bindings.
    pub(crate) fn new(disk: &SimDisk, settings: &Arc<Settings>) -> Result<Self, Stop> {
        let empty = Moment { model: Arc::new(Model::new(START_MS, CLIENTS)), was_closed: true };
        Self::resume(disk, settings, empty, Vec::new(), START_MS)
    }

    /// A start on what a disk holds.
    pub(crate) fn resume(
        disk: &SimDisk,
        settings: &Arc<Settings>,
        before: Moment,
        specs: Vec<Spec>,
        now: u64,
    ) -> Result<Self, Stop> {
        let node =
            Node::open(disk, settings, now).map_err(|error| Stop::Disk(format!("{error:?}")))?;
        let mut model = (*before.model).clone();
        model.restart(node.recovery().was_closed, now);
        let promised = node.filling_batch() - 1;
        let moments = BTreeMap::from([(promised, before)]);
        let promises = vec![Promise { batch: promised, now }];
        let mut world = Self {
            disk: disk.clone(),
            settings: Arc::clone(settings),
            node,
            model,
            life: Life { specs, moments, promises },
            clients: Vec::new(),
            promised,
            defined: HashMap::new(),
            story: Vec::new(),
        };
        world.greet()?;
        Ok(world)
    }

    /// Declares every queue and exchange, and binds some.
    pub(crate) fn furnish(mut self) -> Result<Self, Stop> {
        for exchange in (0..).take(EXCHANGES.len()) {
            self.act(Op::DeclareExchange(exchange))?;
        }
        for queue in (0..).take(QUEUES.len()) {
            self.act(Op::Declare(queue))?;
        }
        let bindings = [
            (ALL, PLAIN, 0),
            (ALL, AGREED, 0),
            (ALL, PASSING, 0),
            (KEYED, RANKED, 0),
            (KEYED, FADING, 1),
            (LATER, PLAIN, 0),
            (LATER, CAREFUL, 1),
        ];
        for (exchange, queue, key) in bindings {
            self.act(Op::Bind(Binding { exchange, queue, key }))?;
        }
        self.turn()?;
        Ok(self)
    }

    fn greet(&mut self) -> Result<(), Stop> {
        if let Some(damage) = self.node.recovery().damage.first() {
            return Err(Stop::wrong(format!("damage: {damage}")));
        }
        self.clients.clear();
        for client in 0..CLIENTS {
            let mode = match client {
                ADMIN => Mode::Plain,
                COMMITTER => Mode::Transactions,
                _ => Mode::Confirms,
            };
            let number = self.node.connect();
            assert_eq!(number, client, "clients are numbered from the start of a node");
            self.node.send(client, &wire::greeting(mode));
            self.clients.push(Client::default());
        }
        self.node.run();
        for client in 0..CLIENTS {
            drop(self.node.take_output(client));
        }
        self.mark();
        Ok(())
    }

    /// The disk's trace says from here on what clients have been promised.
    fn mark(&mut self) {
        let promise = Promise { batch: self.promised, now: self.node.now_ms() };
        if self.life.promises.last() != Some(&promise) {
            self.life.promises.push(promise);
        }
        self.disk.mark(self.life.promises.len() as u64 - 1);
    }

    /// Lets a client send something, and everybody see what comes of it.
    pub(crate) fn talk(&mut self, client: usize, bytes: &[u8]) -> Result<(), Stop> {
        self.node.send(client, bytes);
        self.node.run();
        self.see()
    }

    /// Compares what clients were sent with what they should have been.
    pub(crate) fn see(&mut self) -> Result<(), Stop> {
        for client in 0..CLIENTS {
            let output = self.node.take_output(client);
            for event in wire::read(&output).map_err(Stop::wrong)? {
                self.see_event(client, event)?;
            }
        }
        if let Some(given) = self.model.given.first() {
            return Err(Stop::wrong(format!("not delivered: {given:?}")));
        }
        self.mark();
        Ok(())
    }

    fn see_event(&mut self, client: usize, event: Event) -> Result<(), Stop> {
        match event {
            Event::Done(count) => {
                let Some((batch, expected)) = self.clients[client].replies.pop_front() else {
                    return Err(Stop::wrong("an answer to nothing"));
                };
                if let Some(expected) = expected
                    && count.map(|count| count as usize) != Some(expected)
                {
                    return Err(Stop::wrong(format!("{count:?} messages, not {expected}")));
                }
                self.promised = self.promised.max(batch);
            }
            Event::Confirmed { tag, multiple, is_ack } => {
                self.see_confirm(client, tag, multiple, is_ack)?
            }
            Event::Delivery { consumer, tag, redelivered, properties, body } => {
                let fetching = || self.clients[client].fetching;
                let queue = match &consumer {
                    Some(name) => crate::catalog::queue_named(name),
                    None => fetching(),
                };
                let queue = queue.ok_or_else(|| Stop::wrong("a delivery from nowhere"))?;
                let seen = message::read(&self.life.specs, redelivered, &properties, &body)
                    .map_err(Stop::wrong)?;
                self.see_delivery(client, queue, tag, &seen)?;
            }
            Event::Nothing => {}
            Event::Closed(text) => return Err(Stop::wrong(format!("closed: {text}"))),
        }
        Ok(())
    }

    fn see_confirm(
        &mut self,
        client: usize,
        tag: u64,
        multiple: bool,
        is_ack: bool,
    ) -> Result<(), Stop> {
        let unconfirmed = &mut self.clients[client].unconfirmed;
        let meant: Vec<u64> = if multiple {
            unconfirmed.range(..=tag).map(|(tag, _)| *tag).collect()
        } else {
            vec![tag]
        };
        for tag in meant {
            let Some((published, batch)) = unconfirmed.remove(&tag) else {
                return Err(Stop::wrong(format!("a confirm of nothing: {tag}")));
            };
            if published.is_rejected == is_ack {
                return Err(Stop::wrong(format!(
                    "message {tag} was rejected or not: {published:?}"
                )));
            }
            if is_ack && published.is_logged {
                self.promised = self.promised.max(batch);
            }
        }
        Ok(())
    }

    fn see_delivery(
        &mut self,
        client: usize,
        queue: u8,
        tag: u64,
        seen: &crate::model::Seen,
    ) -> Result<(), Stop> {
        let mut given = self.model.given.iter();
        let next = given.position(|given| (given.client, given.queue) == (client, queue));
        let Some(Given { seen: expected, place, is_held, .. }) =
            next.map(|next| self.model.given.remove(next))
        else {
            let name = QUEUES[usize::from(queue)].name;
            return Err(Stop::wrong(format!("{name} delivered what it does not have: {seen:?}")));
        };
        if expected != *seen {
            return Err(Stop::wrong(format!("{seen:?} came, not {expected:?}")));
        }
        if is_held {
            self.model.channels[client].tagged(queue, place, tag);
        }
        Ok(())
    }

    /// Writes what was appended to the log.
    pub(crate) fn turn(&mut self) -> Result<Turn, Stop> {
        self.remember(false);
        let turn = self.node.turn_log().map_err(|fault| Stop::Disk(fault.to_string()));
        self.see()?;
        turn
    }

    /// What the log will hold once the batch is written that is filling.
    fn remember(&mut self, was_closed: bool) {
        let moment = Moment { model: Arc::new(self.model.clone()), was_closed };
        self.life.moments.insert(self.node.filling_batch(), moment);
    }

    /// Whether a client has been asking for something and was not answered.
    pub(crate) fn is_waiting(&self) -> bool {
        let is_waiting =
            |client: &Client| !client.replies.is_empty() || !client.unconfirmed.is_empty();
        self.clients.iter().any(is_waiting)
    }

    /// Writes and tidies up until there is nothing left to do.
    pub(crate) fn rest(&mut self) -> Result<(), Stop> {
        while self.turn()? == Turn::Wrote || self.node.tidy_log() {}
        Ok(())
    }

    /// Ends in order: what the log should hold then, for who opens it.
    pub(crate) fn close(mut self) -> Result<(SimDisk, Life), Stop> {
        self.model.close();
        self.remember(true);
        let Self { node, disk, life, .. } = self;
        node.close().map_err(|fault| Stop::Disk(fault.to_string()))?;
        Ok((disk, life))
    }

    /// Ends, in order or not, and starts again.
    pub(crate) fn restart(self, how: Restart) -> Result<Self, Stop> {
        let (now, settings, mut story) =
            (self.node.now_ms(), self.settings.clone(), self.story.clone());
        let (disk, life) = match how {
            Restart::Close => self.close()?,
            Restart::Kill => (SimDisk::from_image(&self.disk.image()), self.life),
            Restart::PowerCut => {
                (SimDisk::from_image(&self.disk.image_after_power_cut()), self.life)
            }
        };
        let (_, last) = life.moments.last_key_value().expect("there is one from the start");
        let mut world = Self::resume(&disk, &settings, last.clone(), life.specs, now)?;
        if world.node.recovery().was_closed != (how == Restart::Close)
            && !world.node.recovery().is_new
        {
            return Err(Stop::wrong("the log knows not how it ended"));
        }
        story.push(format!("restarted: {how:?}"));
        world.story = story;
        Ok(world)
    }

    /// The promise of something that was just defined, or had been.
    pub(super) fn definition(&mut self, what: String, is_new: bool) -> u64 {
        let batch = self.node.filling_batch();
        match self.defined.get(&what) {
            Some(known) if !is_new => *known,
            _ if !is_new => 0,
            _ => {
                self.defined.insert(what, batch);
                batch
            }
        }
    }

    /// What is defined, as the node tells it.
    pub(crate) fn definitions_of(model: &Model) -> Vec<String> {
        let mut lines = Vec::new();
        let durable = |queue: u8| QUEUES[usize::from(queue)].is_durable;
        for (queue, kind) in (0..).zip(&QUEUES) {
            if model.has_queue(queue) && durable(queue) {
                lines.push(format!("queue {}", kind.name));
            }
        }
        for (exchange, (name, _)) in (0..).zip(&crate::catalog::EXCHANGES) {
            if model.has_exchange(exchange) {
                lines.push(format!("exchange {name}"));
            }
        }
        for binding in model.bindings().filter(|binding| durable(binding.queue)) {
            let (exchange, queue, _) = wire::names(binding);
            lines.push(format!("binding {exchange} -{}-> {queue}", KEYS[usize::from(binding.key)]));
        }
        lines.sort_unstable();
        lines
    }

    /// Who fetches, given whether in a transaction.
    pub(super) fn fetcher(in_transaction: bool) -> usize {
        if in_transaction { COMMITTER } else { FETCHER }
    }
}

/// How a broker ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Restart {
    Kill,
    PowerCut,
    Close,
}
