//! Which queues a client's last messages went to, so that the next ones need no routing.

use std::sync::Arc;

use ahash::AHashMap;

use crate::exchange_cell::ExchangeCell;
use crate::queue_cell::QueueCell;

/// Where the messages of an exchange and routing key go.
#[derive(Debug)]
pub(super) struct Route {
    /// The exchange; `None` is the default exchange.
    pub(super) exchange: Option<Arc<ExchangeCell>>,
    /// The queues; `None` if each message has to be looked at.
    pub(super) queues: Option<Box<[Arc<QueueCell>]>>,
}

/// Routes that hold for one epoch of the vhost.
#[derive(Debug, Default)]
pub(super) struct RouteCache {
    epoch: u64,
    /// The key of the last look-up, and what it found.
    last: Option<(Box<[u8]>, Arc<Route>)>,
    routes: AHashMap<Box<[u8]>, Arc<Route>>,
    /// The key that is being looked up.
    key: Vec<u8>,
    /// An exchange that this client may publish to, and that exists.
    pub(super) permitted: Option<Box<str>>,
}

/// A client that publishes under more keys than this starts over.
const ROUTES_MAX: usize = 256;

impl RouteCache {
    /// The route to follow, if it is known and still holds.
    #[inline]
    pub(super) fn find(
        &mut self,
        epoch: u64,
        exchange: &str,
        routing_key: &[u8],
    ) -> Option<Arc<Route>> {
        self.enter(epoch);
        self.key.clear();
        self.key.extend_from_slice(exchange.as_bytes());
        // No UTF-8 text holds this octet, so that no two pairs make the same key.
        self.key.push(0xFF);
        self.key.extend_from_slice(routing_key);
        if let Some((key, route)) = &self.last
            && **key == *self.key
        {
            return Some(Arc::clone(route));
        }
        let route = Arc::clone(self.routes.get(&*self.key)?);
        self.last = Some((self.key.as_slice().into(), Arc::clone(&route)));
        Some(route)
    }

    /// Remembers a route for the pair that was looked up last.
    pub(super) fn insert(&mut self, route: &Arc<Route>) {
        if self.routes.len() >= ROUTES_MAX {
            self.routes.clear();
        }
        let key: Box<[u8]> = self.key.as_slice().into();
        self.routes.insert(key.clone(), Arc::clone(route));
        self.last = Some((key, Arc::clone(route)));
    }

    /// Forgets everything that an earlier epoch knew.
    #[inline]
    pub(super) fn enter(&mut self, epoch: u64) {
        if self.epoch != epoch {
            self.epoch = epoch;
            self.forget();
        }
    }

    /// Forgets everything: a queue on a route was deleted.
    pub(super) fn forget(&mut self) {
        self.last = None;
        self.permitted = None;
        self.routes.clear();
    }
}
