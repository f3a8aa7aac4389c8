//! `x-local-random`: to one classic queue at random. On one node that is every queue that is bound.

use std::sync::Arc;

use super::{Binding, Destination, ExchangeType, RoutesBy, RoutingInput, random::Random};
use crate::{QueueKind, Refusal};

#[derive(Debug, Default)]
pub(super) struct LocalRandom {
    random: Random,
}

impl ExchangeType for LocalRandom {
    fn check_binding(&self, binding: &Binding) -> Result<(), Refusal> {
        if binding.key.is_empty() {
            return Ok(());
        }
        let key = String::from_utf8_lossy(&binding.key);
        Err(invalid(format!("Non empty binding '{key}' key not permitted")))
    }

    fn add(&mut self, binding: &Arc<Binding>) {
        self.random.add(binding);
    }

    fn remove(&mut self, binding: &Arc<Binding>) {
        self.random.remove(binding);
    }

    fn route(&self, input: &RoutingInput<'_>, out: &mut Vec<Destination>) {
        self.random.route(input, out);
    }

    fn routes_by(&self) -> RoutesBy {
        RoutesBy::Chance
    }
}

/// Only classic queues may be bound, no exchanges.
pub(super) fn check_queue_kind(queue_kind: Option<QueueKind>) -> Result<(), Refusal> {
    match queue_kind {
        Some(QueueKind::Classic) => Ok(()),
        Some(QueueKind::Quorum) => Err(invalid(
            "Queue type rabbit_quorum_queue not valid for this exchange type".to_owned(),
        )),
        None => Err(invalid("Destination not found".to_owned())),
    }
}

fn invalid(explanation: String) -> Refusal {
    Refusal::PreconditionFailed { explanation }
}
