//! `x-random`: to one destination at random; who is bound twice is twice as likely.

use std::sync::Arc;

use super::{Binding, Destination, ExchangeType, RoutesBy, RoutingInput, stable_hash};

#[derive(Debug, Default)]
pub(super) struct Random {
    /// One element a binding, in order.
    bound: Vec<Destination>,
}

impl Random {
    pub(super) fn pick(&self, number: u64) -> Option<&Destination> {
        let count = u64::try_from(self.bound.len()).ok()?;
        let place = usize::try_from(number.checked_rem(count)?).ok()?;
        self.bound.get(place)
    }
}

impl ExchangeType for Random {
    fn add(&mut self, binding: &Arc<Binding>) {
        let place = self.bound.partition_point(|bound| *bound < binding.destination);
        self.bound.insert(place, binding.destination.clone());
    }

    fn remove(&mut self, binding: &Arc<Binding>) {
        if let Ok(place) = self.bound.binary_search(&binding.destination) {
            self.bound.remove(place);
        }
    }

    fn route(&self, input: &RoutingInput<'_>, out: &mut Vec<Destination>) {
        out.extend(self.pick(stable_hash::mix(input.seed)).cloned());
    }

    fn routes_by(&self) -> RoutesBy {
        RoutesBy::Chance
    }
}
