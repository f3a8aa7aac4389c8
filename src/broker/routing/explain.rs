//! Which way a message would go, and by which bindings it would not: the route is found as for any message, and watched.

use std::{collections::BTreeSet, sync::Arc};

use ahash::AHashMap;

use super::{ExchangeDirectory, Route, Watch};
use crate::{
    ExchangeName, QueueName,
    exchange::{Binding, Destination, Exchange, ExchangeSpec, Mismatch, RoutesBy, RoutingInput},
};

/// How a message would be routed.
#[derive(Debug)]
pub struct Explanation {
    /// What that depends on.
    pub routes_by: RoutesBy,
    /// The queues that it would reach, each once, and how the first way there ends. Those that the default exchange names
    /// need not exist; `None`: that way was not among what was looked at.
    pub queues: Vec<(QueueName, Option<Hop>)>,
    /// The exchanges that were asked, in this order.
    pub steps: Vec<Step>,
}

/// An exchange that was asked.
#[derive(Debug)]
pub struct Step {
    /// Its name.
    pub exchange: ExchangeName,
    /// What it was declared with; `None`: it is the default exchange, or does not exist.
    pub spec: Option<ExchangeSpec>,
    /// How the message came there; `None`: it was published to it, or that way was not among what was looked at.
    pub came_by: Option<Hop>,
    /// Where it goes because this exchange sends it nowhere.
    pub alternate: Option<ExchangeName>,
    /// The bindings that were looked at, those that take the message first.
    pub looked_at: Vec<LookedAt>,
    /// How many there are besides.
    pub others: usize,
}

/// The last part of a way.
#[derive(Debug, Clone)]
pub struct Hop {
    /// Which of the steps it begins at.
    pub step: usize,
    /// The binding that it follows; `None`: the default exchange knows a queue by its name, or it is to the alternate.
    pub binding: Option<Arc<Binding>>,
}

/// A binding that was looked at.
#[derive(Debug)]
pub struct LookedAt {
    /// The binding.
    pub binding: Arc<Binding>,
    /// Why it does not take the message; `None` if it does.
    pub mismatch: Option<Mismatch>,
}

/// Finds out how a message would be routed that is published to `first`, and looks at `bindings_max` bindings on the way.
pub fn explain(
    directory: &(impl ExchangeDirectory + ?Sized),
    first: &ExchangeName,
    input: &RoutingInput<'_>,
    bindings_max: usize,
) -> Explanation {
    let mut route = Route::default();
    let mut watcher = Watcher { asked: Vec::new(), left: bindings_max };
    let routes_by = route.follow(directory, first, input, &mut watcher);
    // The bindings are compared here, where no exchange is locked.
    let mut ways = Ways::default();
    let steps =
        (0..).zip(watcher.asked).map(|(number, asked)| asked.judge(number, input, &mut ways));
    let steps: Vec<Step> = steps.collect();
    let is_default = |step: &Step| step.exchange.is_default();
    let named = steps.iter().position(is_default).map(|step| Hop { step, binding: None });
    let queues = route.queues.into_iter().map(|queue| {
        let hop = ways.0.remove(&Destination::Queue(queue.clone())).or_else(|| named.clone());
        (queue, hop)
    });
    Explanation { routes_by, queues: queues.collect(), steps }
}

/// Notes what the route comes past.
struct Watcher {
    asked: Vec<Asked>,
    /// How many bindings may be noted yet.
    left: usize,
}

/// An exchange as it was when it was asked.
#[derive(Default)]
struct Asked {
    name: ExchangeName,
    spec: Option<ExchangeSpec>,
    destinations: BTreeSet<Destination>,
    alternate: Option<ExchangeName>,
    bindings: Vec<Arc<Binding>>,
    others: usize,
}

impl Watch for Watcher {
    fn asked_default(&mut self) {
        self.missed(&ExchangeName::from(""));
    }

    fn asked(&mut self, exchange: &Exchange, destinations: &[Destination]) {
        let destinations: BTreeSet<Destination> = destinations.iter().cloned().collect();
        let taken = destinations.iter().flat_map(|destination| exchange.bindings_to(destination));
        let is_other = |it: &&Arc<Binding>| !destinations.contains(&it.destination);
        let others = exchange.bindings().filter(is_other);
        let bindings: Vec<_> = taken.chain(others).take(self.left).cloned().collect();
        self.left -= bindings.len();
        self.asked.push(Asked {
            name: exchange.spec().name.clone(),
            spec: Some(exchange.spec().clone()),
            alternate: exchange.alternate().cloned().filter(|_| destinations.is_empty()),
            others: exchange.binding_count() - bindings.len(),
            destinations,
            bindings,
        });
    }

    fn missed(&mut self, name: &ExchangeName) {
        self.asked.push(Asked { name: name.clone(), ..Asked::default() });
    }
}

/// How each destination was first reached.
#[derive(Default)]
struct Ways(AHashMap<Destination, Hop>);

impl Ways {
    fn note(&mut self, to: Destination, step: usize, binding: Option<&Arc<Binding>>) {
        self.0.entry(to).or_insert_with(|| Hop { step, binding: binding.cloned() });
    }
}

impl Asked {
    fn judge(self, number: usize, input: &RoutingInput<'_>, ways: &mut Ways) -> Step {
        let judged = self.spec.iter().flat_map(|spec| {
            self.bindings.iter().map(|binding| {
                let is_chosen = self.destinations.contains(&binding.destination);
                let mismatch = Mismatch::of(spec, binding, input, is_chosen);
                LookedAt { binding: Arc::clone(binding), mismatch }
            })
        });
        let mut looked_at: Vec<LookedAt> = judged.collect();
        looked_at.sort_by_key(|looked| looked.mismatch.is_some());
        for LookedAt { binding, .. } in looked_at.iter().filter(|looked| looked.mismatch.is_none())
        {
            ways.note(binding.destination.clone(), number, Some(binding));
        }
        if let Some(alternate) = &self.alternate {
            ways.note(Destination::Exchange(alternate.clone()), number, None);
        }
        // The first has not come by any way, even if one leads back to it.
        let came_by = ways.0.get(&Destination::Exchange(self.name.clone())).cloned();
        let came_by = came_by.filter(|hop| number > 0 && hop.step < number);
        let Self { name: exchange, spec, alternate, others, .. } = self;
        Step { exchange, spec, came_by, alternate, looked_at, others }
    }
}

#[cfg(test)]
mod tests;
