//! `direct`: to whoever is bound with the routing key, to the byte.

use std::sync::Arc;

use ahash::AHashMap;

use super::{
    Binding, Destination, ExchangeType, RoutesBy, RoutingInput, destinations::Destinations,
};

#[derive(Debug, Default)]
pub(super) struct Direct {
    by_key: AHashMap<Box<[u8]>, Destinations>,
}

impl ExchangeType for Direct {
    fn add(&mut self, binding: &Arc<Binding>) {
        match self.by_key.get_mut(&binding.key) {
            Some(destinations) => destinations.add(&binding.destination),
            None => {
                let mut destinations = Destinations::default();
                destinations.add(&binding.destination);
                self.by_key.insert(binding.key.clone(), destinations);
            }
        }
    }

    fn remove(&mut self, binding: &Arc<Binding>) {
        let Some(destinations) = self.by_key.get_mut(&binding.key) else { return };
        destinations.remove(&binding.destination);
        if destinations.is_empty() {
            self.by_key.remove(&binding.key);
        }
    }

    fn route(&self, input: &RoutingInput<'_>, out: &mut Vec<Destination>) {
        for key in input.keys() {
            if let Some(destinations) = self.by_key.get(key) {
                destinations.append_to(out);
            }
        }
    }

    fn routes_by(&self) -> RoutesBy {
        RoutesBy::Key
    }
}
