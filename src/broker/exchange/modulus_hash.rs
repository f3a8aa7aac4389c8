//! `x-modulus-hash`: to one destination, by a hash of the routing keys modulo the number of bindings.

use std::sync::Arc;

use super::{
    Binding, Destination, ExchangeType, RoutesBy, RoutingInput, random::Random,
    stable_hash::StableHash,
};

#[derive(Debug, Default)]
pub(super) struct ModulusHash {
    /// Kept in order, so that the same key goes the same way after a restart.
    bound: Random,
}

impl ExchangeType for ModulusHash {
    fn add(&mut self, binding: &Arc<Binding>) {
        self.bound.add(binding);
    }

    fn remove(&mut self, binding: &Arc<Binding>) {
        self.bound.remove(binding);
    }

    fn route(&self, input: &RoutingInput<'_>, out: &mut Vec<Destination>) {
        let mut hash = StableHash::new();
        for key in input.keys() {
            hash.write(key);
        }
        out.extend(self.bound.pick(hash.finish()).cloned());
    }

    fn routes_by(&self) -> RoutesBy {
        RoutesBy::Key
    }
}
