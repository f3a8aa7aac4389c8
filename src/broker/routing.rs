//! From an exchange to queues: over bindings between exchanges, and alternates.
//!
//! RabbitMQ: `rabbit_exchange:route`.

use crate::{
    ExchangeName, QueueName,
    exchange::{Destination, Exchange, RoutesBy, RoutingInput},
};
mod cache;
mod explain;

use ahash::AHashSet;

pub use self::{
    cache::RouteCache,
    explain::{Explanation, Hop, LookedAt, Step, explain},
};

/// Where exchanges are found by name.
pub trait ExchangeDirectory {
    /// Shows the exchange of that name to `f`; returns whether there is one.
    fn visit(&self, name: &str, f: &mut dyn FnMut(&Exchange)) -> bool;
}

/// Who is told what [`Route::find`] comes past.
trait Watch {
    /// The default exchange was asked.
    fn asked_default(&mut self) {}

    /// An exchange was asked, and sends the message there.
    fn asked(&mut self, _exchange: &Exchange, _destinations: &[Destination]) {}

    /// An exchange was to be asked that does not exist.
    fn missed(&mut self, _name: &ExchangeName) {}
}

/// Nobody.
struct Unwatched;

impl Watch for Unwatched {}

/// Where one message goes, and how that was found. Kept by the caller and used again, so that routing allocates
/// only while it grows.
#[derive(Debug, Default)]
pub struct Route {
    queues: Vec<QueueName>,
    /// The exchanges that were asked, or are to be, in this order.
    visited: Vec<ExchangeName>,
    /// The same, once there is more than the first.
    seen: AHashSet<ExchangeName>,
    destinations: Vec<Destination>,
}

impl Route {
    /// Finds the queues that a message published to `first` goes to.
    ///
    /// Each queue shows once, however many ways lead to it. An exchange is asked once, so that cycles end. Where an exchange itself sends the message nowhere, its alternate is asked; an exchange
    /// that does not exist is passed over. The default exchange sends to the queues that the keys name, whether
    /// they exist or not.
    ///
    /// Returns what the result depends on, besides exchanges and bindings. With [`RoutesBy::Key`] it holds for every
    /// message with this routing key and no others, until an exchange or binding changes.
    pub fn find(
        &mut self,
        directory: &(impl ExchangeDirectory + ?Sized),
        first: &ExchangeName,
        input: &RoutingInput<'_>,
    ) -> RoutesBy {
        self.follow(directory, first, input, &mut Unwatched)
    }

    /// As [`find`](Self::find), while somebody watches.
    fn follow(
        &mut self,
        directory: &(impl ExchangeDirectory + ?Sized),
        first: &ExchangeName,
        input: &RoutingInput<'_>,
        watch: &mut impl Watch,
    ) -> RoutesBy {
        self.queues.clear();
        self.visited.clear();
        self.seen.clear();
        let mut routes_by =
            if input.extra_keys.is_empty() { RoutesBy::Key } else { RoutesBy::Properties };
        self.visited.push(first.clone());
        let mut asked = 0;
        while let Some(name) = self.visited.get(asked).cloned() {
            asked += 1;
            if name.is_default() {
                self.add_named_queues(input);
                watch.asked_default();
                continue;
            }
            let (mut alternate, destinations) = (None, &mut self.destinations);
            let is_there = directory.visit(&name, &mut |exchange| {
                exchange.route(input, destinations);
                routes_by = routes_by.max(exchange.routes_by());
                alternate = exchange.alternate().cloned();
                watch.asked(exchange, destinations);
            });
            if !is_there {
                watch.missed(&name);
            }
            if let Some(alternate) = alternate.filter(|_| self.destinations.is_empty()) {
                self.visit_later(alternate);
            }
            self.sort_destinations();
        }
        keep_each_once(&mut self.queues);
        routes_by
    }

    /// The queues, each once. Their order depends on the bindings alone. Some may not exist any more.
    pub fn queues(&self) -> &[QueueName] {
        &self.queues
    }

    fn sort_destinations(&mut self) {
        let mut destinations = std::mem::take(&mut self.destinations);
        for destination in destinations.drain(..) {
            match destination {
                Destination::Queue(name) => self.queues.push(name),
                Destination::Exchange(name) => self.visit_later(name),
            }
        }
        self.destinations = destinations;
    }

    fn visit_later(&mut self, name: ExchangeName) {
        if self.seen.is_empty() {
            self.seen.extend(self.visited.first().cloned());
        }
        if self.seen.insert(name.clone()) {
            self.visited.push(name);
        }
    }

    fn add_named_queues(&mut self, input: &RoutingInput<'_>) {
        let names = input.keys().filter_map(|key| std::str::from_utf8(key).ok());
        self.queues.extend(names.map(QueueName::from));
    }
}

/// How many names are sorted faster than hashed.
const SORTED_MAX: usize = 64;

/// Removes repeated names.
fn keep_each_once(names: &mut Vec<QueueName>) {
    // What one exchange finds often is in order already, and then it cannot be told twice but side by side.
    if names.len() <= SORTED_MAX || names.is_sorted() {
        names.sort_unstable();
        names.dedup();
    } else {
        let mut seen = AHashSet::with_capacity(names.len());
        names.retain(|name| seen.insert(name.clone()));
    }
}

#[cfg(test)]
mod tests;
