//! `fanout`: to everybody who is bound.

use std::sync::Arc;

use super::{
    Binding, Destination, ExchangeType, RoutesBy, RoutingInput, destinations::Destinations,
};

#[derive(Debug, Default)]
pub(super) struct Fanout {
    all: Destinations,
}

impl ExchangeType for Fanout {
    fn add(&mut self, binding: &Arc<Binding>) {
        self.all.add(&binding.destination);
    }

    fn remove(&mut self, binding: &Arc<Binding>) {
        self.all.remove(&binding.destination);
    }

    fn route(&self, _: &RoutingInput<'_>, out: &mut Vec<Destination>) {
        self.all.append_to(out);
    }

    fn routes_by(&self) -> RoutesBy {
        RoutesBy::Key
    }
}
