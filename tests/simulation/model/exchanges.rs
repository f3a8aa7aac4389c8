//! The exchanges of the model: who is bound to what, and what is held back.

use super::{Message, Model, Published, Target};
use crate::catalog::{ALL, KEYED, LATER};

/// A queue that gets the messages with a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Binding {
    pub(crate) exchange: u8,
    pub(crate) queue: u8,
    pub(crate) key: u8,
}

/// A message that waits for its time.
#[derive(Debug, Clone)]
pub(crate) struct HeldBack {
    pub(crate) due: u64,
    pub(crate) key: u8,
    pub(crate) message: Message,
}

/// An exchange, durable like all of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Exchange {
    pub(crate) bindings: Vec<Binding>,
    pub(crate) held_back: Vec<HeldBack>,
}

impl Model {
    pub(crate) fn has_exchange(&self, exchange: u8) -> bool {
        self.exchanges.contains_key(&exchange)
    }

    /// Declares an exchange; whether it is new.
    pub(crate) fn declare_exchange(&mut self, exchange: u8) -> bool {
        let is_new = !self.has_exchange(exchange);
        self.exchanges.entry(exchange).or_default();
        is_new
    }

    /// Deletes an exchange with its bindings and what it holds back; whether there was one.
    pub(crate) fn delete_exchange(&mut self, exchange: u8) -> bool {
        self.exchanges.remove(&exchange).is_some()
    }

    /// Binds; whether it is new.
    pub(crate) fn bind(&mut self, binding: Binding) -> bool {
        let Some(exchange) = self.exchanges.get_mut(&binding.exchange) else { return false };
        let is_new = !exchange.bindings.contains(&binding);
        if is_new {
            exchange.bindings.push(binding);
        }
        is_new
    }

    /// Takes a binding back; whether there was one.
    pub(crate) fn unbind(&mut self, binding: Binding) -> bool {
        let Some(exchange) = self.exchanges.get_mut(&binding.exchange) else { return false };
        let before = exchange.bindings.len();
        exchange.bindings.retain(|other| *other != binding);
        exchange.bindings.len() < before
    }

    /// Every binding.
    pub(crate) fn bindings(&self) -> impl Iterator<Item = Binding> {
        self.exchanges.values().flat_map(|exchange| exchange.bindings.iter().copied())
    }

    /// The queues that a message goes to, each once.
    pub(super) fn queues_of(&self, target: Target) -> Vec<u8> {
        let (exchange, key) = match target {
            Target::Queue(queue) => {
                return self.has_queue(queue).then_some(queue).into_iter().collect();
            }
            Target::All => (ALL, None),
            Target::Keyed(key) => (KEYED, Some(key)),
            Target::Later(key) => (LATER, Some(key)),
        };
        let bindings = self.exchanges.get(&exchange).into_iter().flat_map(|it| &it.bindings);
        let fits = bindings.filter(|binding| key.is_none_or(|key| binding.key == key));
        let mut queues: Vec<u8> = fits.map(|binding| binding.queue).collect();
        queues.sort_unstable();
        queues.dedup();
        queues
    }

    pub(super) fn hold_back(&mut self, message: Message, key: u8, due: u64) -> Published {
        let is_logged = message.persistent;
        if let Some(exchange) = self.exchanges.get_mut(&LATER) {
            exchange.held_back.push(HeldBack { due, key, message });
        }
        Published { is_rejected: false, is_logged }
    }

    pub(super) fn held_back(&self) -> &[HeldBack] {
        self.exchanges.get(&LATER).map_or(&[], |exchange| &exchange.held_back)
    }

    /// The message whose time came first of those whose time has come.
    pub(super) fn take_due(&mut self) -> Option<HeldBack> {
        let now = self.now;
        let held_back = &mut self.exchanges.get_mut(&LATER)?.held_back;
        let due = held_back.iter().enumerate().filter(|(_, held)| held.due <= now);
        let (at, _) = due.min_by_key(|(_, held)| held.due)?;
        Some(held_back.remove(at))
    }
}
