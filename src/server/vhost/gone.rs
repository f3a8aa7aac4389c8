//! What goes with a queue or an exchange that is gone: its bindings, and the auto-delete exchanges that have no others.

use std::sync::Arc;

use broker::exchange::{Binding, Destination};
use broker::{ExchangeName, UserName};

use super::Vhost;
use crate::exchange_cell::ExchangeCell;
use crate::journal::Owner;

impl Vhost {
    /// Notes at a destination that `source` has no more bindings to it.
    pub(super) fn unlink(&self, destination: &Destination, source: &ExchangeName) {
        match destination {
            Destination::Queue(name) => {
                if let Some(queue) = self.queue(name) {
                    queue.bound_to.lock().remove(source);
                }
            }
            Destination::Exchange(name) => {
                if let Some(exchange) = self.exchange(name) {
                    exchange.bound_to.lock().remove(source);
                }
            }
        }
    }

    /// Takes back every binding to a destination that is gone.
    pub(super) fn forget_destination(
        &self,
        destination: &Destination,
        sources: impl IntoIterator<Item = ExchangeName>,
        gone: &mut Vec<Owner>,
    ) {
        let mut unused = Vec::new();
        for source in sources {
            let Some(from) = self.exchange(&source) else { continue };
            self.remove_destination(&from, destination, gone);
            if from.spec.auto_delete && from.exchange.read().is_unused() {
                unused.push(source);
            }
        }
        self.move_epoch();
        self.forget_exchanges(unused, None, gone);
    }

    /// Takes back the bindings of one exchange to a destination.
    fn remove_destination(
        &self,
        from: &ExchangeCell,
        destination: &Destination,
        gone: &mut Vec<Owner>,
    ) {
        for binding in from.remove_destination(destination, gone) {
            let place = (&self.name, &*from.spec.name);
            self.shared.tell_binding("binding.deleted", None, place, &binding);
        }
    }

    /// Deletes exchanges, and those that go with them; `changes` is held. `gone` gets the definitions that went.
    pub(super) fn forget_exchanges(
        &self,
        mut names: Vec<ExchangeName>,
        by: Option<&UserName>,
        gone: &mut Vec<Owner>,
    ) {
        // Those behind the first go by themselves.
        let mut by = by;
        while let Some(name) = names.pop() {
            let Some((_, cell)) = self.exchanges.remove(&name) else { continue };
            cell.close();
            gone.extend(cell.logged.map(|logged| logged.id));
            gone.extend(cell.logged_bindings.lock().values().map(|logged| logged.id));
            self.shared.tell_exchange_deleted(by, &self.name, &name);
            let bindings: Vec<Arc<Binding>> =
                cell.exchange.read().bindings().map(Arc::clone).collect();
            for binding in &bindings {
                self.unlink(&binding.destination, &name);
                self.shared.tell_binding("binding.deleted", by, (&self.name, &name), binding);
            }
            let sources = std::mem::take(&mut *cell.bound_to.lock());
            for source in sources {
                let Some(from) = self.exchange(&source) else { continue };
                self.remove_destination(&from, &Destination::Exchange(name.clone()), gone);
                if from.spec.auto_delete && from.exchange.read().is_unused() {
                    names.push(source);
                }
            }
            self.move_epoch();
            by = None;
        }
    }
}
