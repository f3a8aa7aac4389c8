//! Where a client's messages go.

use std::sync::Arc;

use broker::routing::RouteCache;

use crate::exchange_cell::ExchangeCell;
use crate::journal::Owners;
use crate::queue_cell::QueueCell;

/// Where the messages of an exchange and routing key go.
#[derive(Debug)]
pub(super) struct Route {
    /// The exchange; `None` is the default exchange.
    pub(super) exchange: Option<Arc<ExchangeCell>>,
    /// The queues; `None` if each message has to be looked at.
    pub(super) queues: Option<Box<[Arc<QueueCell>]>>,
    /// Which of the queues log what.
    pub(super) owners: Owners,
}

/// What a client found out for its last messages.
#[derive(Debug, Default)]
pub(super) struct Routes {
    pub(super) cache: RouteCache<Route>,
    /// An exchange that this client may publish to and that exists, and for which epoch of the vhost that was found.
    pub(super) permitted: Option<(u64, Box<str>)>,
}
