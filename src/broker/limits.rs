//! How many connections, channels and queues a user or vhost may have.
//!
//! Each is asked for when one more is opened or declared; what is there already stays when a limit is lowered.

use crate::{QueueName, Refusal, UserName, VhostName};

/// What can be limited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LimitName {
    /// The open connections of a user, or in a vhost.
    MaxConnections,
    /// The queues of a vhost.
    MaxQueues,
    /// The open channels of a user.
    MaxChannels,
}

impl LimitName {
    /// As RabbitMQ's definitions spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MaxConnections => "max-connections",
            Self::MaxQueues => "max-queues",
            Self::MaxChannels => "max-channels",
        }
    }

    /// The limit of this name.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::MaxConnections, Self::MaxQueues, Self::MaxChannels]
            .into_iter()
            .find(|limit| limit.as_str() == name)
    }
}

/// The limits of one user or vhost; what is `None` or negative is unlimited, and 0 allows nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Open connections.
    pub max_connections: Option<i64>,
    /// Queues; of a vhost only.
    pub max_queues: Option<i64>,
    /// Open channels; of a user only.
    pub max_channels: Option<i64>,
}

impl Limits {
    /// The value of one of them, to be read or changed.
    pub fn value_mut(&mut self, name: LimitName) -> &mut Option<i64> {
        match name {
            LimitName::MaxConnections => &mut self.max_connections,
            LimitName::MaxQueues => &mut self.max_queues,
            LimitName::MaxChannels => &mut self.max_channels,
        }
    }

    /// What is limited, and to what.
    pub fn iter(&self) -> impl Iterator<Item = (LimitName, i64)> {
        let Self { max_connections, max_queues, max_channels } = *self;
        let all = [
            (LimitName::MaxConnections, max_connections),
            (LimitName::MaxQueues, max_queues),
            (LimitName::MaxChannels, max_channels),
        ];
        all.into_iter().filter_map(|(name, limit)| Some((name, limit?)))
    }

    /// Whether nothing is limited.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The limit that one more would exceed where there are `count` already, if it does.
fn reached(limit: Option<i64>, count: u64) -> Option<u64> {
    let limit = u64::try_from(limit?).ok()?;
    (count >= limit).then_some(limit)
}

/// Checks whether a vhost that has `count` connections takes another.
///
/// # Errors
/// [`Refusal::NotAllowed`].
pub fn check_vhost_connections(
    limits: &Limits,
    count: u64,
    vhost: &VhostName,
    user: &UserName,
) -> Result<(), Refusal> {
    let Some(limit) = reached(limits.max_connections, count) else { return Ok(()) };
    let explanation = format!(
        "access to vhost '{vhost}' refused for user '{user}': connection limit ({limit}) is reached"
    );
    Err(Refusal::NotAllowed { explanation })
}

/// Checks whether a user who has `count` connections may open another.
///
/// # Errors
/// [`Refusal::NotAllowed`].
pub fn check_user_connections(limits: &Limits, count: u64, user: &UserName) -> Result<(), Refusal> {
    let Some(limit) = reached(limits.max_connections, count) else { return Ok(()) };
    let explanation =
        format!("connection refused for user '{user}': user connection limit ({limit}) is reached");
    Err(Refusal::NotAllowed { explanation })
}

/// Checks whether a user who has `count` channels may open another.
///
/// # Errors
/// [`Refusal::NotAllowed`].
pub fn check_user_channels(limits: &Limits, count: u64, user: &UserName) -> Result<(), Refusal> {
    let Some(limit) = reached(limits.max_channels, count) else { return Ok(()) };
    let explanation = format!(
        "number of channels opened for user '{user}' has reached the maximum allowed user limit of ({limit})"
    );
    Err(Refusal::NotAllowed { explanation })
}

/// Checks whether a vhost that has `count` queues takes another.
///
/// # Errors
/// [`Refusal::PreconditionFailed`].
pub fn check_queues(
    limits: &Limits,
    count: u64,
    vhost: &VhostName,
    queue: &QueueName,
) -> Result<(), Refusal> {
    let Some(limit) = reached(limits.max_queues, count) else { return Ok(()) };
    let explanation = format!(
        "cannot declare queue '{queue}': queue limit in vhost '{vhost}' ({limit}) is reached"
    );
    Err(Refusal::PreconditionFailed { explanation })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_reached_by_the_one_after_the_last() {
        for (limit, count, is_reached) in [
            (None, u64::MAX, false),
            (Some(-1), u64::MAX, false),
            (Some(0), 0, true),
            (Some(2), 1, false),
            (Some(2), 2, true),
            (Some(2), 3, true),
        ] {
            assert_eq!(reached(limit, count).is_some(), is_reached, "{limit:?} {count}");
        }
    }

    #[test]
    fn each_has_its_name_and_its_place() {
        for name in [LimitName::MaxConnections, LimitName::MaxQueues, LimitName::MaxChannels] {
            assert_eq!(LimitName::parse(name.as_str()), Some(name));
            let mut limits = Limits::default();
            assert!(limits.is_empty());
            *limits.value_mut(name) = Some(3);
            assert!(!limits.is_empty());
        }
        assert_eq!(LimitName::parse("max-nonsense"), None);
    }

    #[test]
    fn the_texts_are_rabbitmqs() {
        let limits =
            Limits { max_connections: Some(1), max_queues: Some(1), max_channels: Some(1) };
        let (vhost, user) = ("v1".into(), "bob".into());
        let text = |checked: Result<(), Refusal>| checked.unwrap_err().to_string();
        assert_eq!(
            text(check_vhost_connections(&limits, 1, &vhost, &user)),
            "NOT_ALLOWED - access to vhost 'v1' refused for user 'bob': connection limit (1) is reached"
        );
        assert_eq!(
            text(check_user_connections(&limits, 1, &user)),
            "NOT_ALLOWED - connection refused for user 'bob': user connection limit (1) is reached"
        );
        assert_eq!(
            text(check_user_channels(&limits, 1, &user)),
            "NOT_ALLOWED - number of channels opened for user 'bob' has reached the maximum allowed user limit of (1)"
        );
        assert_eq!(
            text(check_queues(&limits, 1, &vhost, &"q2".into())),
            "PRECONDITION_FAILED - cannot declare queue 'q2': queue limit in vhost 'v1' (1) is reached"
        );
    }
}
