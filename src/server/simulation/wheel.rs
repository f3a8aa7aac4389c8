//! The timer of a simulated node: what is due is called when its time has been set.

use std::collections::{BTreeMap, HashMap};

use broker::Timestamp;

use crate::node::Shared;
use crate::timer::{self, Due};

/// What is due when; what was armed first goes first.
#[derive(Debug, Default)]
pub(super) struct Wheel {
    due: BTreeMap<(Timestamp, u64), Due>,
    places: HashMap<usize, (Timestamp, u64)>,
    armed: u64,
}

impl Wheel {
    /// Calls all that is due; whether anything was.
    pub(super) fn fire(&mut self, shared: &Shared) -> bool {
        self.take_over(shared);
        let now = shared.clock.now();
        let mut has_fired = false;
        while let Some(first) = self.due.first_entry()
            && first.key().0 <= now
        {
            let due = first.remove();
            self.places.remove(&due.address());
            timer::fire(&shared.clock, &due);
            has_fired = true;
        }
        has_fired
    }

    fn take_over(&mut self, shared: &Shared) {
        for (at, due) in shared.timers.take() {
            let address = due.address();
            if let Some(place) = self.places.remove(&address) {
                self.due.remove(&place);
            }
            if let Some(at) = at {
                self.armed += 1;
                self.places.insert(address, (at, self.armed));
                self.due.insert((at, self.armed), due);
            }
        }
    }
}
