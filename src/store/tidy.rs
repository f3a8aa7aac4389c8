//! Space comes back.

use std::sync::Arc;

use crate::Disk;
use crate::log::Log;

/// What is being tidied up.
#[derive(Debug)]
pub(crate) struct Tidying<F> {
    file: Option<Arc<F>>,
}

impl<F> Default for Tidying<F> {
    fn default() -> Self {
        Self { file: None }
    }
}

impl<D: Disk> Log<D> {
    /// Does one thing.
    pub fn tidy(&self) -> bool {
        self.clear_away_one()
    }
}
