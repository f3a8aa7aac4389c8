//! Bindings as an operator sees them, with those of the default exchange that nobody made.

use std::sync::Arc;

use amqp::FieldTable;
use broker::exchange::{Binding, Destination};
use broker::{ExchangeName, VhostName};

use super::Admin;
use crate::exchange_cell::ExchangeCell;
use crate::vhost::Vhost;

/// A binding.
#[derive(Clone, Debug, PartialEq)]
pub struct BindingInfo {
    /// Its vhost.
    pub vhost: VhostName,
    /// The exchange that messages come from; the default exchange has the empty name.
    pub source: ExchangeName,
    /// The queue or exchange that they go to.
    pub destination: Destination,
    /// The binding key, which need not be UTF-8.
    pub routing_key: Box<[u8]>,
    /// Its arguments, ordered by key.
    pub arguments: FieldTable,
}

impl Admin {
    /// The bindings of a vhost, or all, ordered by vhost, source, destination and key. To be called where it may block.
    pub fn bindings(&self, vhost: Option<&str>) -> Vec<BindingInfo> {
        let mut infos = Vec::new();
        for vhost in self.vhosts_named(vhost) {
            infos.extend(self.default_bindings(&vhost));
            let mut cells: Vec<_> = vhost.exchanges.iter().map(|cell| Arc::clone(&cell)).collect();
            cells.sort_unstable_by(|one, other| one.spec.name.cmp(&other.spec.name));
            cells.iter().for_each(|cell| infos.extend(of_exchange(&vhost, cell)));
        }
        infos
    }

    /// The bindings of which an exchange is the source; `None` if there is no such exchange.
    pub fn bindings_from(&self, vhost: &str, exchange: &str) -> Option<Vec<BindingInfo>> {
        let vhost = self.node.vhost(vhost)?;
        if exchange.is_empty() {
            return Some(self.default_bindings(&vhost));
        }
        Some(of_exchange(&vhost, &*vhost.exchange(exchange)?))
    }

    /// The bindings that lead to a queue or exchange; `None` if there is none of this name.
    pub fn bindings_to(&self, vhost: &str, destination: &Destination) -> Option<Vec<BindingInfo>> {
        let vhost = self.node.vhost(vhost)?;
        let mut infos = Vec::new();
        let sources = match destination {
            Destination::Queue(name) => {
                let queue = vhost.queue(name)?;
                infos.push(default_binding(&vhost, destination.clone()));
                queue.bound_to.lock().clone()
            }
            Destination::Exchange(name) if name.is_empty() => return Some(infos),
            Destination::Exchange(name) => {
                let exchange = vhost.exchange(name)?;
                exchange.bound_to.lock().clone()
            }
        };
        for source in sources {
            let Some(cell) = vhost.exchange(&source) else { continue };
            let exchange = cell.exchange.read();
            let bindings = exchange.bindings_to(destination);
            infos.extend(bindings.map(|binding| describe(&vhost, &cell, binding)));
        }
        Some(infos)
    }

    fn default_bindings(&self, vhost: &Vhost) -> Vec<BindingInfo> {
        let cells = self.queue_cells(&vhost.name);
        let queues = cells.iter().map(|cell| Destination::Queue(cell.name.clone()));
        queues.map(|queue| default_binding(vhost, queue)).collect()
    }
}

fn of_exchange(vhost: &Vhost, cell: &ExchangeCell) -> Vec<BindingInfo> {
    // Their clones are counters, so that the exchange is not locked for long.
    let bindings: Vec<_> = cell.exchange.read().bindings().cloned().collect();
    bindings.iter().map(|binding| describe(vhost, cell, binding)).collect()
}

fn describe(vhost: &Vhost, cell: &ExchangeCell, binding: &Binding) -> BindingInfo {
    BindingInfo {
        vhost: vhost.name.clone(),
        source: cell.spec.name.clone(),
        destination: binding.destination.clone(),
        routing_key: binding.key.clone(),
        arguments: binding.arguments(),
    }
}

/// Every queue is bound to the default exchange by its name.
fn default_binding(vhost: &Vhost, destination: Destination) -> BindingInfo {
    BindingInfo {
        vhost: vhost.name.clone(),
        source: "".into(),
        routing_key: destination.name().as_bytes().into(),
        destination,
        arguments: FieldTable::new(),
    }
}
