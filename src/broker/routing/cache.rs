//! Routes that were found before, so that the next message under the same key needs no routing.

use std::sync::Arc;

use ahash::AHashMap;

/// What the last exchanges and routing keys led to, for as long as nothing is bound or unbound.
///
/// `R` is whatever the caller resolves a route to. An *epoch* is a number that the caller moves whenever a message with
/// the same key might go elsewhere than before.
#[derive(Debug)]
pub struct RouteCache<R> {
    epoch: u64,
    /// The key of the last look-up, and what it found.
    last: Option<(Box<[u8]>, Arc<R>)>,
    routes: AHashMap<Box<[u8]>, Arc<R>>,
    /// The key that is being looked up.
    key: Vec<u8>,
}

/// Who publishes under more keys than this starts over.
const ROUTES_MAX: usize = 256;

impl<R> Default for RouteCache<R> {
    fn default() -> Self {
        Self { epoch: 0, last: None, routes: AHashMap::new(), key: Vec::new() }
    }
}

impl<R> RouteCache<R> {
    /// The route, if it was found in this epoch.
    #[inline]
    pub fn find(&mut self, epoch: u64, exchange: &str, routing_key: &[u8]) -> Option<Arc<R>> {
        if self.epoch != epoch {
            self.epoch = epoch;
            self.forget();
        }
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

    /// Remembers the route of the pair that was looked up last.
    pub fn insert(&mut self, route: &Arc<R>) {
        if self.routes.len() >= ROUTES_MAX {
            self.routes.clear();
        }
        let key: Box<[u8]> = self.key.as_slice().into();
        self.routes.insert(key.clone(), Arc::clone(route));
        self.last = Some((key, Arc::clone(route)));
    }

    /// Forgets everything, within an epoch: something on a route is gone.
    pub fn forget(&mut self) {
        self.last = None;
        self.routes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks up, and on a miss remembers `found`.
    fn look_up(cache: &mut RouteCache<u32>, epoch: u64, pair: (&str, &[u8]), found: u32) -> u32 {
        if let Some(known) = cache.find(epoch, pair.0, pair.1) {
            return *known;
        }
        cache.insert(&Arc::new(found));
        found
    }

    #[test]
    fn a_route_holds_for_one_epoch() {
        let mut cache = RouteCache::default();
        assert_eq!(look_up(&mut cache, 1, ("x", b"k"), 10), 10);
        assert_eq!(look_up(&mut cache, 1, ("x", b"k"), 11), 10);
        assert_eq!(look_up(&mut cache, 2, ("x", b"k"), 12), 12);
        cache.forget();
        assert_eq!(look_up(&mut cache, 2, ("x", b"k"), 13), 13);
    }

    #[test]
    fn exchange_and_key_do_not_run_into_each_other() {
        let mut cache = RouteCache::default();
        for (found, pair) in
            [("ab", &b"c"[..]), ("a", b"bc"), ("", b"abc"), ("abc", b"")].into_iter().enumerate()
        {
            let found = u32::try_from(found).unwrap();
            assert_eq!(look_up(&mut cache, 1, pair, found), found);
        }
    }

    #[test]
    fn it_does_not_grow_without_bound() {
        let mut cache = RouteCache::default();
        for key in 0..10_000_u32 {
            look_up(&mut cache, 1, ("x", &key.to_be_bytes()), key);
        }
        assert!(cache.routes.len() <= ROUTES_MAX);
    }
}
