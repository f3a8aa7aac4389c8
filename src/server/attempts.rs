//! How many logins were tried, by protocol, and by who tried from where.
//!
//! Addresses and names are whatever somebody sends: only so many are kept apart. Further names from one address are counted
//! together, and beyond [`SOURCES_MAX`] further addresses as well, so that the counts of all sources are always those of
//! their protocol.

use std::net::IpAddr;

use ahash::AHashMap;
use parking_lot::Mutex;

/// How many names are kept apart.
const SOURCES_MAX: usize = 10_000;

/// How many of them may be of one address.
const NAMES_MAX: usize = 100;

/// What is kept of a name: nobody's is longer.
const NAME_BYTES_MAX: usize = 255;

/// What is spoken by who logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LoginProtocol {
    /// AMQP 0-9-1.
    Amqp,
    /// HTTP, where a password is looked at once for each connection that brings it again and again.
    Http,
}

/// How many logins there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LoginCounts {
    /// Those that were let in.
    pub accepted: u64,
    /// Those that were not.
    pub refused: u64,
}

/// Who tried to log in, and from where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LoginSource {
    /// The address; `None`: all those beyond how many are kept apart.
    pub address: Option<IpAddr>,
    /// The name that was given, or its first 255 octets; empty: all those from there beyond how many are kept apart.
    pub user: Box<str>,
    /// What was spoken.
    pub protocol: LoginProtocol,
}

/// The attempts by protocol.
type ByProtocol = [LoginCounts; LoginProtocol::ALL.len()];

/// All attempts.
#[derive(Debug, Default)]
pub(crate) struct Attempts(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    /// Since the process began.
    ever: ByProtocol,
    /// Since they were forgotten last.
    recent: ByProtocol,
    /// The same.
    sources: AHashMap<LoginSource, LoginCounts>,
    /// How many names of an address are among them.
    names: AHashMap<IpAddr, usize>,
}

impl LoginProtocol {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Amqp, Self::Http];

    /// As RabbitMQ calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Amqp => "amqp091",
            Self::Http => "http",
        }
    }
}

impl LoginCounts {
    /// Those that were let in, and those that were not.
    pub fn total(self) -> u64 {
        self.accepted + self.refused
    }

    fn add(&mut self, is_accepted: bool) {
        *(if is_accepted { &mut self.accepted } else { &mut self.refused }) += 1;
    }
}

impl Attempts {
    /// Somebody from there tried to log in with this name.
    pub(crate) fn count(
        &self,
        protocol: LoginProtocol,
        peer: IpAddr,
        user: &str,
        is_accepted: bool,
    ) {
        let mut counts = self.0.lock();
        counts.ever[protocol as usize].add(is_accepted);
        counts.recent[protocol as usize].add(is_accepted);
        let source = counts.source(protocol, peer.to_canonical(), user);
        counts.sources.entry(source).or_default().add(is_accepted);
    }

    /// How many there were since the process began.
    pub(crate) fn ever(&self) -> ByProtocol {
        self.0.lock().ever
    }

    /// How many there were since they were forgotten.
    pub(crate) fn recent(&self) -> ByProtocol {
        self.0.lock().recent
    }

    /// The same, by who tried from where.
    pub(crate) fn sources(&self) -> Vec<(LoginSource, LoginCounts)> {
        let counts = self.0.lock();
        counts.sources.iter().map(|(source, &count)| (source.clone(), count)).collect()
    }

    /// Forgets all but how many there were since the process began.
    pub(crate) fn forget(&self) {
        let mut counts = self.0.lock();
        *counts = Counts { ever: counts.ever, ..Counts::default() };
    }
}

impl Counts {
    /// As what an attempt is counted: by its name if that is known or there is room for it.
    fn source(&mut self, protocol: LoginProtocol, address: IpAddr, user: &str) -> LoginSource {
        let mut ends = (0..=user.len().min(NAME_BYTES_MAX)).rev();
        let end = ends.find(|&end| user.is_char_boundary(end)).unwrap_or_default();
        let user = user[..end].into();
        let named = LoginSource { address: Some(address), user, protocol };
        if self.sources.contains_key(&named) {
            return named;
        }
        let has_room = self.sources.len() < SOURCES_MAX;
        let names = self.names.get(&address).copied().unwrap_or_default();
        if has_room && names < NAMES_MAX {
            self.names.insert(address, names + 1);
            return named;
        }
        let of_address = LoginSource { user: "".into(), ..named };
        if has_room || self.sources.contains_key(&of_address) {
            return of_address;
        }
        LoginSource { address: None, ..of_address }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn counts(accepted: u64, refused: u64) -> LoginCounts {
        LoginCounts { accepted, refused }
    }

    fn of(attempts: &Attempts, address: Option<IpAddr>, user: &str) -> Option<LoginCounts> {
        let source = LoginSource { address, user: user.into(), protocol: LoginProtocol::Amqp };
        attempts.0.lock().sources.get(&source).copied()
    }

    /// That the sources of a protocol add up to it.
    fn check_sums(attempts: &Attempts) {
        let mut sums = ByProtocol::default();
        for (source, count) in attempts.sources() {
            let sum = &mut sums[source.protocol as usize];
            sum.accepted += count.accepted;
            sum.refused += count.refused;
        }
        assert_eq!(sums, attempts.recent());
    }

    #[test]
    fn each_is_counted_where_it_belongs_and_forgotten() {
        let attempts = Attempts::default();
        let mapped = "::ffff:127.0.0.1".parse().unwrap();
        attempts.count(LoginProtocol::Amqp, HERE, "ann", true);
        attempts.count(LoginProtocol::Amqp, mapped, "ann", false);
        attempts.count(LoginProtocol::Http, HERE, "ann", false);
        attempts.count(LoginProtocol::Amqp, HERE, "bob", false);
        assert_eq!(of(&attempts, Some(HERE), "ann"), Some(counts(1, 1)));
        assert_eq!(attempts.recent(), [counts(1, 2), counts(0, 1)]);
        assert_eq!(attempts.sources().len(), 3);
        check_sums(&attempts);
        attempts.forget();
        assert_eq!((attempts.recent(), attempts.sources()), (ByProtocol::default(), Vec::new()));
        assert_eq!(attempts.ever(), [counts(1, 2), counts(0, 1)]);
        attempts.count(LoginProtocol::Amqp, HERE, "ann", true);
        assert_eq!(of(&attempts, Some(HERE), "ann"), Some(counts(1, 0)));
        assert_eq!(attempts.ever()[0], counts(2, 2));
    }

    #[test]
    fn the_names_of_one_address_leave_room_for_others() {
        let attempts = Attempts::default();
        for number in 0..NAMES_MAX + 50 {
            attempts.count(LoginProtocol::Amqp, HERE, &format!("guess{number}"), false);
        }
        attempts.count(LoginProtocol::Amqp, HERE, "guess0", true);
        assert_eq!(of(&attempts, Some(HERE), "guess0"), Some(counts(1, 1)));
        assert_eq!(of(&attempts, Some(HERE), ""), Some(counts(0, 50)));
        attempts.count(LoginProtocol::Amqp, "10.0.0.1".parse().unwrap(), "ann", true);
        assert_eq!(attempts.sources().len(), NAMES_MAX + 2);
        check_sums(&attempts);
    }

    #[test]
    fn no_more_sources_are_kept_than_may() {
        let attempts = Attempts::default();
        let peer = |number: usize| {
            IpAddr::V4((0x0A00_0000 + u32::try_from(number / NAMES_MAX).unwrap()).into())
        };
        for number in 0..SOURCES_MAX + 1000 {
            let user = format!("guess{}", number % NAMES_MAX);
            attempts.count(LoginProtocol::Amqp, peer(number), &user, false);
        }
        assert_eq!(attempts.sources().len(), SOURCES_MAX + 1);
        assert_eq!(of(&attempts, None, ""), Some(counts(0, 1000)));
        assert_eq!(of(&attempts, Some(peer(0)), "guess0"), Some(counts(0, 1)));
        check_sums(&attempts);
        attempts.forget();
        attempts.count(LoginProtocol::Amqp, HERE, "ann", true);
        assert_eq!(of(&attempts, Some(HERE), "ann"), Some(counts(1, 0)));
    }

    #[test]
    fn of_a_long_name_the_beginning_is_kept() {
        let attempts = Attempts::default();
        attempts.count(LoginProtocol::Amqp, HERE, &"ä".repeat(60_000), false);
        let (source, _) = attempts.sources().remove(0);
        assert_eq!(*source.user, *"ä".repeat(127));
    }
}
