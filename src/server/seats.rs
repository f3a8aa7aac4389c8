//! How many connections and channels users and vhosts have, for their limits.

use std::hash::Hash;
use std::sync::Arc;

use broker::limits::{
    Limits, check_user_channels, check_user_connections, check_vhost_connections,
};
use broker::{Refusal, UserName, VhostName};
use dashmap::DashMap;

type Counts<N> = DashMap<N, u64, ahash::RandomState>;

/// The counts of a node.
#[derive(Debug, Default)]
pub(crate) struct Seats {
    by_vhost: Counts<VhostName>,
    by_user: Counts<UserName>,
    channels: Counts<UserName>,
}

/// What a connection takes up, with its channels; given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    seats: Arc<Seats>,
    vhost: VhostName,
    user: UserName,
    channels: u64,
}

/// Takes one more, if `check` does not refuse it where there are so many.
fn take<N: Hash + Eq + Clone>(
    counts: &Counts<N>,
    name: &N,
    check: impl FnOnce(u64) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let mut count = counts.entry(name.clone()).or_default();
    let checked = check(*count);
    if checked.is_ok() {
        *count += 1;
    }
    drop(count);
    if checked.is_err() {
        give_back(counts, name, 0);
    }
    checked
}

/// Gives some back; nothing is kept of who has none.
fn give_back<N: Hash + Eq>(counts: &Counts<N>, name: &N, returned: u64) {
    counts.remove_if_mut(name, |_, count| {
        *count = count.saturating_sub(returned);
        *count == 0
    });
}

impl Seats {
    /// Takes a seat for a connection.
    ///
    /// # Errors
    /// If the vhost or the user has too many, in this order.
    pub(crate) fn take(
        self: &Arc<Self>,
        (vhost, of_vhost): (&VhostName, &Limits),
        (user, of_user): (&UserName, &Limits),
    ) -> Result<Seat, Refusal> {
        let check = |count| check_vhost_connections(of_vhost, count, vhost, user);
        take(&self.by_vhost, vhost, check)?;
        let check = |count| check_user_connections(of_user, count, user);
        take(&self.by_user, user, check).inspect_err(|_| give_back(&self.by_vhost, vhost, 1))?;
        let (vhost, user) = (vhost.clone(), user.clone());
        Ok(Seat { seats: Arc::clone(self), vhost, user, channels: 0 })
    }
}

impl Seat {
    /// Counts one more channel in.
    ///
    /// # Errors
    /// If the user has too many.
    pub(crate) fn add_channel(&mut self, of_user: &Limits) -> Result<(), Refusal> {
        let Self { seats, user, channels, .. } = self;
        take(&seats.channels, user, |count| check_user_channels(of_user, count, user))?;
        *channels += 1;
        Ok(())
    }

    /// Counts a channel out.
    pub(crate) fn remove_channel(&mut self) {
        self.channels -= 1;
        give_back(&self.seats.channels, &self.user, 1);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        give_back(&self.seats.by_vhost, &self.vhost, 1);
        give_back(&self.seats.by_user, &self.user, 1);
        give_back(&self.seats.channels, &self.user, self.channels);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(connections: i64, channels: i64) -> Limits {
        let (max_connections, max_channels) = (Some(connections), Some(channels));
        Limits { max_connections, max_channels, max_queues: None }
    }

    fn is_empty(seats: &Seats) -> bool {
        seats.by_vhost.is_empty() && seats.by_user.is_empty() && seats.channels.is_empty()
    }

    #[test]
    fn a_seat_is_free_again_once_it_was_left() {
        let seats = Arc::<Seats>::default();
        let (vhost, ann, bob) = ("v".into(), "ann".into(), "bob".into());
        let take = |user, of_vhost, of_user| {
            seats.take((&vhost, &limits(of_vhost, 1)), (user, &limits(of_user, 1)))
        };
        let first = take(&ann, 2, 1).unwrap();
        let of_user = take(&ann, 2, 1).unwrap_err().to_string();
        assert!(of_user.contains("user connection limit (1) is reached"), "{of_user}");
        let second = take(&bob, 2, 1).unwrap();
        let of_vhost = take(&bob, 2, 9).unwrap_err().to_string();
        assert!(of_vhost.contains("'bob': connection limit (2) is reached"), "{of_vhost}");
        assert!(take(&ann, -1, -1).is_ok());
        drop(first);
        assert!(take(&ann, 2, 1).is_ok());
        drop(second);
        assert!(is_empty(&seats), "{seats:?}");
    }

    #[test]
    fn channels_go_with_their_connection() {
        let seats = Arc::<Seats>::default();
        let none = Limits::default();
        let seat = || seats.take((&"v".into(), &none), (&"ann".into(), &none)).unwrap();
        let (mut one, mut other) = (seat(), seat());
        let two = limits(-1, 2);
        one.add_channel(&two).unwrap();
        other.add_channel(&two).unwrap();
        let refusal = one.add_channel(&two).unwrap_err().to_string();
        assert!(refusal.contains("maximum allowed user limit of (2)"), "{refusal}");
        one.remove_channel();
        one.add_channel(&two).unwrap();
        drop(other);
        one.add_channel(&two).unwrap();
        drop(one);
        assert!(is_empty(&seats), "{seats:?}");
    }
}
