//! From what the log holds back to a node: vhosts, users, exchanges, queues, and the messages in them.

mod definitions;

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use broker::exchange::Destination;
use broker::message::Sequence;
use broker::queue::{Queue, QueueRecovery};
use broker::record::{BindingDefinition, Definition, DurableQueue, MessageRecord, Note};
use broker::{LogPosition, Refusal};
use mutants::Mutant;
use store::{ReadError, Recovery};
use tracing::error;

use self::definitions::Definitions;
use crate::differences;
use crate::exchange_cell::ExchangeCell;
use crate::journal::{DEFINITIONS, Journal, Logged, Owner};
use crate::node::Node;
use crate::queue_cell::{Effects, QueueCell};
use crate::start_error::StartError;
use crate::vhost::Vhost;
use crate::vhost::policies::Effective;

/// A node that is being filled.
struct Filling<'n> {
    node: &'n Arc<Node>,
    notes: HashMap<(Owner, u64), Note>,
    queues: HashMap<Owner, (DurableQueue, QueueRecovery)>,
    exchanges: HashMap<Owner, Arc<ExchangeCell>>,
    bindings: Vec<(Owner, BindingDefinition)>,
    /// Messages before this may have been delivered already.
    maybe_delivered: Sequence,
    /// Contents of queues and exchanges that are no more.
    orphans: Vec<(Owner, u64)>,
    messages: u64,
}

/// What was recovered, for the log line.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Recovered {
    pub(crate) queues: u64,
    pub(crate) messages: u64,
}

/// Fills a new node with what the log holds, or a new log with what the options say.
///
/// # Errors
/// [`StartError::Record`] if something cannot be understood, [`StartError::Definition`] if the disk refuses to read a
/// definition: without it, messages would belong to nobody, and be dropped for good.
pub(crate) fn recover(
    node: &Arc<Node>,
    journal: &Journal,
    recovery: &Recovery,
) -> Result<Recovered, StartError> {
    let mut failure = None;
    let mut definitions = Definitions::default();
    journal.for_each_live(true, |sequence, _, payload| {
        if let Err(ReadError::Disk(fault)) = &payload {
            failure.get_or_insert(StartError::Definition(Arc::clone(fault)));
        } else if let Some(payload) = readable(sequence, payload)
            && let Err(error) = definitions.add(sequence, payload)
        {
            failure.get_or_insert(error);
        }
    });
    let mut filling = Filling::new(node, recovery)?;
    if failure.is_none() {
        filling.begin(definitions, journal, recovery)?;
        journal.for_each_live(false, |sequence, owners, payload| {
            if let Some(payload) = readable(sequence, payload)
                && let Err(error) = filling.message(sequence, owners, payload)
            {
                failure.get_or_insert(error);
            }
        });
    }
    match failure {
        Some(failure) => Err(failure),
        None => Ok(filling.finish(journal)),
    }
}

/// What was found, unless it is damaged: then it is left out.
fn readable(sequence: u64, payload: Result<&[u8], ReadError>) -> Option<&[u8]> {
    payload
        .inspect_err(|error| {
            error!(sequence, %error, "something in the log cannot be read, and is left out");
        })
        .ok()
}

fn malformed(fault: impl std::fmt::Display) -> StartError {
    StartError::Record(fault.to_string())
}

impl<'n> Filling<'n> {
    fn new(node: &'n Arc<Node>, recovery: &Recovery) -> Result<Self, StartError> {
        let mut notes = HashMap::with_capacity(recovery.notes.len());
        for note in &recovery.notes {
            let read = Note::read(&note.note).map_err(malformed)?;
            notes.insert((note.owner, note.sequence), read);
        }
        Ok(Self {
            node,
            notes,
            queues: HashMap::new(),
            exchanges: HashMap::new(),
            bindings: Vec::new(),
            maybe_delivered: Sequence(0),
            orphans: Vec::new(),
            messages: 0,
        })
    }

    /// Makes what is defined; the queues wait for their messages.
    fn begin(
        &mut self,
        mut definitions: Definitions,
        journal: &Journal,
        recovery: &Recovery,
    ) -> Result<(), StartError> {
        let shared = &self.node.shared;
        let is_first = definitions.is_empty();
        if is_first {
            definitions.define_options(&shared.options, journal);
        } else if recovery.damage_count > 0 {
            definitions.mend(&shared.options, journal);
        }
        let mut replaced = Vec::new();
        for (id, vhost) in definitions.take_vhosts(&mut replaced) {
            let logged = Some(Logged { id, at: LogPosition(0) });
            let name = vhost.name.clone();
            self.node.vhosts.insert(name, Vhost::defined(vhost, logged, shared));
        }
        definitions.take_rights(&mut self.node.rights.write(), &mut replaced);
        definitions.take_policies(self.node, &mut replaced);
        definitions.take_parameters(&mut self.node.parameters.write(), &mut replaced);
        self.orphans.extend(replaced.into_iter().map(|id| (DEFINITIONS, id)));
        if !is_first {
            differences::name(self.node);
        }
        self.maybe_delivered = maybe_delivered(&definitions, journal, recovery);
        for (id, vhost, spec) in definitions.exchanges {
            let Some(vhost) = self.node.vhosts.get(&vhost).map(|found| Arc::clone(&found)) else {
                self.orphans.push((DEFINITIONS, id));
                continue;
            };
            let name = spec.name.clone();
            let mut cell = ExchangeCell::new(spec, &vhost).map_err(malformed)?;
            cell.logged = Some(Logged { id, at: LogPosition(0) });
            let cell = Arc::new(cell);
            vhost.exchanges.insert(name, Arc::clone(&cell));
            self.exchanges.insert(id, cell);
        }
        // The queues come with theirs.
        self.node.vhosts.iter().for_each(|vhost| vhost.apply_policies());
        let now = shared.clock.now();
        // Of two with one name, which only damage can leave, the newer one is right: the other had been deleted before.
        definitions.queues.sort_unstable_by_key(|(id, _)| Reverse(*id));
        let mut names = HashSet::new();
        for (id, queue) in definitions.queues {
            let vhost = self.node.vhosts.get(&queue.vhost);
            let is_first = names.insert((queue.vhost.clone(), queue.name.clone()));
            let Some(vhost) = vhost.filter(|_| is_first) else {
                self.orphans.push((DEFINITIONS, id));
                continue;
            };
            let definition = queue.define().map_err(malformed)?;
            let policies = vhost.policies();
            let policy = policies.of_queue(&queue.name, definition.settings.kind);
            let settings = Effective::settings_of(policy.as_deref(), &definition);
            let times_to_live = policies.times_to_live(&definition, policy.as_deref());
            let pool = shared.pool.clone();
            let recovered = Queue::recover(queue.name.clone(), settings, pool, now)
                .with_times_to_live(times_to_live);
            self.queues.insert(id, (queue, recovered));
        }
        self.bindings = definitions.bindings;
        Ok(())
    }

    fn message(
        &mut self,
        sequence: u64,
        owners: &[Owner],
        payload: &[u8],
    ) -> Result<(), StartError> {
        let record = MessageRecord::read(payload).map_err(malformed)?;
        let place = Sequence(sequence);
        if record.arrived_at <= self.node.started_at {
            self.node.shared.arrivals.restore(place, record.arrived_at);
        }
        for owner in owners {
            if let Some((_, queue)) = self.queues.get_mut(owner) {
                queue.add(place, &record, self.notes.remove(&(*owner, sequence)));
                self.messages += 1;
            } else if let (Some(exchange), Some(due)) = (self.exchanges.get(owner), record.due) {
                exchange.restore(due, record.to_message(), place);
                self.messages += 1;
            } else {
                self.orphans.push((*owner, sequence));
            }
        }
        Ok(())
    }

    /// Gives every queue its messages, and binds what was bound.
    fn finish(mut self, journal: &Journal) -> Recovered {
        let maybe_delivered = self.maybe_delivered;
        let recovered = Recovered { queues: self.queues.len() as u64, messages: self.messages };
        for (id, (queue, recovery)) in self.queues.drain() {
            let Some(vhost) = self.node.vhosts.get(&queue.vhost).map(|found| Arc::clone(&found))
            else {
                continue;
            };
            let Ok(definition) = queue.define() else { continue };
            let logged = Logged { id, at: LogPosition(0) };
            let policy = vhost.policies().of_queue(&queue.name, definition.settings.kind);
            let machine = recovery.finish(maybe_delivered);
            let cell = QueueCell::new(machine, definition, None, &vhost, Some(logged), policy);
            vhost.queues.insert(queue.name, Arc::new(cell));
        }
        for (id, binding) in std::mem::take(&mut self.bindings) {
            if !self.bind(id, &binding) {
                self.orphans.push((DEFINITIONS, id));
            }
        }
        for (owner, sequence) in self.orphans {
            let mut entry = journal.append();
            entry.release(owner, &[sequence]);
        }
        recovered
    }

    /// Binds as it was; whether both ends are there.
    fn bind(&self, id: Owner, binding: &BindingDefinition) -> bool {
        let BindingDefinition { vhost, source, destination, key, arguments } = binding;
        let Some(vhost) = self.node.vhosts.get(vhost).map(|found| Arc::clone(&found)) else {
            return false;
        };
        let logged = Logged { id, at: LogPosition(0) };
        match vhost.restore_binding(source, destination, (key, arguments), logged) {
            Ok(is_bound) => is_bound,
            Err(refusal) => {
                report_binding(source, destination, &refusal);
                false
            }
        }
    }
}

fn report_binding(source: &str, destination: &Destination, refusal: &Refusal) {
    error!(source, %destination, %refusal, "a binding cannot be restored, and is dropped");
}

/// Messages before this may have been delivered without that being known: the broker was not stopped in order, or the log
/// is damaged.
fn maybe_delivered(definitions: &Definitions, journal: &Journal, recovery: &Recovery) -> Sequence {
    let before = definitions.interrupted;
    // What is damaged may have said that some were acked.
    let is_whole = recovery.was_closed && recovery.damage_count == 0;
    let is_clean = is_whole || mutants::is_planted(Mutant::RedeliveredFlagLost);
    if is_clean || recovery.contents == 0 {
        return before.map_or(Sequence(0), |(_, before)| before);
    }
    let next = Sequence(recovery.next_sequence);
    journal.define(&Definition::Interrupted { before: next });
    if let Some((id, _)) = before {
        journal.undefine(&[id]);
    }
    next
}

/// Does what has become due while nobody ran, and arms the timers of what is due later.
pub(crate) fn catch_up(node: &Node) {
    let now = node.shared.clock.now();
    for vhost in &node.vhosts {
        let mut queues: Vec<Arc<QueueCell>> = vhost.queues.iter().map(|q| Arc::clone(&q)).collect();
        // Whose letters go first is to be the same each time.
        queues.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        for queue in queues {
            let mut effects = Effects::default();
            queue.visit(&vhost, now, &mut effects, |machine, sink| machine.handle_time(now, sink));
            vhost.carry_out(now, &mut effects);
        }
    }
}
