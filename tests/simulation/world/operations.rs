//! Each operation of a script, carried out by a client and by the model.

use super::{Stop, World};
use crate::catalog::{CAREFUL, EXCHANGES, QUEUES};
use crate::message::Spec;
use crate::model::{Binding, Consumer, How, Target};
use crate::script::{ADMIN, Burst, COMMITTER, CONSUMER, Op};
use crate::wire;

impl World {
    /// Does one thing.
    ///
    /// # Errors
    /// [`Stop`]; there is nothing to go on with then.
    pub(crate) fn perform(mut self, op: Op) -> Result<Self, (Stop, Vec<String>)> {
        self.story.push(format!("{op:?}"));
        let Some(restart) = op.restart() else {
            return match self.act(op) {
                Ok(()) => Ok(self),
                Err(stop) => Err((stop, self.story)),
            };
        };
        let story = self.story.clone();
        self.restart(restart).map_err(|stop| (stop, story))
    }

    /// Does something without a restart.
    pub(crate) fn act(&mut self, op: Op) -> Result<(), Stop> {
        match op {
            Op::Declare(queue) => {
                let is_new = self.model.declare(queue);
                self.define(&wire::declare_queue(queue), QUEUES[usize::from(queue)].name, is_new)
            }
            Op::Delete(queue) => self.delete(queue),
            Op::Purge(queue) if self.model.has_queue(queue) => {
                let (count, is_logged) = self.model.purge(queue);
                let batch = self.batch_if(is_logged);
                self.ask(ADMIN, &wire::purge_queue(queue), batch, Some(count))
            }
            Op::DeclareExchange(exchange) => {
                let is_new = self.model.declare_exchange(exchange);
                let (name, _) = EXCHANGES[usize::from(exchange)];
                self.define(&wire::declare_exchange(exchange), name, is_new)
            }
            Op::DeleteExchange(exchange) => {
                let is_gone = self.model.delete_exchange(exchange);
                let batch = self.batch_if(is_gone);
                self.ask(ADMIN, &wire::delete_exchange(exchange), batch, None)
            }
            Op::Bind(binding) if self.can_bind(binding) => {
                let is_new = self.model.bind(binding);
                let (exchange, queue, key) = wire::names(binding);
                self.define(&wire::bind(binding), &format!("{exchange}-{key}-{queue}"), is_new)
            }
            Op::Unbind(binding) if self.can_bind(binding) => {
                let is_gone = self.model.unbind(binding);
                let is_logged = is_gone && QUEUES[usize::from(binding.queue)].is_durable;
                let batch = self.batch_if(is_logged);
                self.ask(ADMIN, &wire::unbind(binding), batch, None)
            }
            Op::Publish(burst) => self.publish(burst),
            Op::Get { queue, no_ack, in_transaction } => self.get(queue, no_ack, in_transaction),
            Op::Consume { queue, prefetch } => self.consume(queue, prefetch),
            Op::Cancel(queue) => match self.model.cancel(queue) {
                Some(consumer) => self.talk(consumer.client, &wire::cancel(queue)),
                None => Ok(()),
            },
            Op::Settle { client, pick, multiple, how } => self.settle(client, pick, multiple, how),
            Op::Commit => {
                let is_logged = self.model.commit(COMMITTER);
                let batch = self.batch_if(is_logged);
                self.ask(COMMITTER, &wire::commit(), batch, None)
            }
            Op::RollBack => {
                self.model.roll_back(COMMITTER);
                self.ask(COMMITTER, &wire::roll_back(), 0, None)
            }
            Op::Advance(ms) => {
                self.model.advance(ms);
                self.node.advance(ms);
                self.see()
            }
            Op::Turn => self.turn().map(drop),
            Op::Tidy => {
                self.node.tidy_log();
                Ok(())
            }
            Op::Rest => self.rest(),
            Op::Purge(_) | Op::Bind(_) | Op::Unbind(_) | Op::End(_) => Ok(()),
        }
    }

    /// Asks for something whose answer promises the survival of a batch.
    fn ask(
        &mut self,
        client: usize,
        bytes: &[u8],
        batch: u64,
        count: Option<usize>,
    ) -> Result<(), Stop> {
        self.clients[client].replies.push_back((batch, count));
        self.talk(client, bytes)
    }

    fn define(&mut self, bytes: &[u8], what: &str, is_new: bool) -> Result<(), Stop> {
        let batch = self.definition(what.to_owned(), is_new);
        let is_passing = what.ends_with(QUEUES[usize::from(crate::catalog::PASSING)].name);
        self.ask(ADMIN, bytes, if is_passing { 0 } else { batch }, None)
    }

    fn delete(&mut self, queue: u8) -> Result<(), Stop> {
        let (count, is_gone) = self.model.delete(queue);
        let is_logged = is_gone && QUEUES[usize::from(queue)].is_durable;
        let batch = self.batch_if(is_logged);
        self.ask(ADMIN, &wire::delete_queue(queue), batch, Some(count))
    }

    /// What an answer promises now.
    fn batch_if(&self, is_logged: bool) -> u64 {
        if is_logged { self.node.filling_batch() } else { 0 }
    }

    fn can_bind(&self, binding: Binding) -> bool {
        self.model.has_queue(binding.queue) && self.model.has_exchange(binding.exchange)
    }

    fn publish(&mut self, burst: Burst) -> Result<(), Stop> {
        let exchange = match burst.target {
            Target::Queue(_) => None,
            Target::All => Some(crate::catalog::ALL),
            Target::Keyed(_) => Some(crate::catalog::KEYED),
            Target::Later(_) => Some(crate::catalog::LATER),
        };
        if exchange.is_some_and(|exchange| !self.model.has_exchange(exchange)) {
            return Ok(());
        }
        let batch = self.node.filling_batch();
        let mut bytes = Vec::new();
        for number in 0..burst.count {
            let id = u32::try_from(self.life.specs.len()).expect("scripts are short");
            let spec = Spec {
                id,
                bytes: burst.bytes,
                persistent: u64::from(id.wrapping_mul(37) % 100) < burst.persistent,
                priority: burst.priority,
                expiration_ms: burst.expiration_ms,
                delay_ms: burst.delay_ms.map(|ms| self.model.free_delay(ms + number)),
            };
            self.life.specs.push(spec);
            wire::publish(&spec, burst.target, &mut bytes);
            if burst.client == COMMITTER {
                self.model.channels[COMMITTER].to_publish.push((spec, burst.target));
                continue;
            }
            let published = self.model.publish(&spec, burst.target);
            let client = &mut self.clients[burst.client];
            client.published += 1;
            client.unconfirmed.insert(client.published, (published, batch));
        }
        self.talk(burst.client, &bytes)
    }

    fn get(&mut self, queue: u8, no_ack: bool, in_transaction: bool) -> Result<(), Stop> {
        if !self.model.has_queue(queue) {
            return Ok(());
        }
        let client = Self::fetcher(in_transaction);
        if !self.clients[client].replies.is_empty() {
            // The answer to a get would overtake those that wait for the log.
            self.turn()?;
        }
        if !self.clients[client].replies.is_empty() {
            // The disk is full.
            return Ok(());
        }
        self.model.get(client, queue, no_ack);
        self.clients[client].fetching = Some(queue);
        self.talk(client, &wire::get(queue, no_ack))
    }

    fn consume(&mut self, queue: u8, prefetch: u16) -> Result<(), Stop> {
        if !self.model.has_queue(queue) || self.model.has_consumer(queue) {
            return Ok(());
        }
        // Every fourth gives nothing back.
        let no_ack = prefetch == 3;
        let consumer = Consumer { client: CONSUMER, prefetch: usize::from(prefetch), no_ack };
        self.model.consume(queue, consumer);
        self.talk(CONSUMER, &wire::consume(queue, prefetch, no_ack))
    }

    fn settle(&mut self, client: usize, pick: u64, multiple: bool, how: How) -> Result<(), Stop> {
        let held = &self.model.channels[client].held;
        if held.is_empty() {
            return Ok(());
        }
        let at = usize::try_from(pick % held.len() as u64).expect("it is below a length");
        let Some(tag) = held[at].tag else { return Err(Stop::wrong("it has no tag")) };
        let multiple = multiple && !self.model.is_scattered(client, tag);
        // Letters that are kept until they arrived leave as their contents are there: only one at a time is in order.
        let are_many = multiple || client == COMMITTER;
        let is_kept = how == How::Reject && self.model.holds_of(client, tag, CAREFUL);
        let how = if are_many && is_kept { How::Ack } else { how };
        if client == COMMITTER {
            self.model.settle_later(client, tag, multiple, how);
        } else {
            self.model.settle(client, tag, multiple, how);
        }
        let bytes = match how {
            How::Ack => wire::ack(tag, multiple),
            How::Reject => wire::nack(tag, multiple, false),
            How::Requeue { counted: false } => wire::nack(tag, multiple, true),
            How::Requeue { counted: true } => wire::reject(tag, true),
        };
        self.talk(client, &bytes)
    }
}
