//! What is defined in a log, and so whose its messages are.

use std::collections::BTreeMap;

use broker::Destination;
use broker::record::Definition;
use store::Ranges;

/// The owner of every definition; definitions own messages by their sequences.
pub(super) const DEFINITIONS: u64 = 0;

/// What a definition defines, as far as it has to be remembered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Named {
    Queue { vhost: Box<str>, name: Box<str> },
    Exchange { vhost: Box<str>, name: Box<str> },
    Other(Kind),
}

/// The kinds of definitions that own nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Vhost,
    User,
    Permission,
    TopicPermission,
    Limits,
    Policy,
    Parameter,
    Binding,
    Interrupted,
}

/// The definitions by their sequences.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<u64, Named>);

impl Named {
    pub(super) fn of(definition: &Definition) -> Self {
        match definition {
            Definition::Queue(queue) => {
                Self::Queue { vhost: (*queue.vhost).into(), name: (*queue.name).into() }
            }
            Definition::Exchange { vhost, spec } => {
                Self::Exchange { vhost: (**vhost).into(), name: (*spec.name).into() }
            }
            Definition::Vhost(_) => Self::Other(Kind::Vhost),
            Definition::User(_) => Self::Other(Kind::User),
            Definition::Permission(_) => Self::Other(Kind::Permission),
            Definition::TopicPermission(_) => Self::Other(Kind::TopicPermission),
            Definition::VhostLimits(_) | Definition::UserLimits(_) => Self::Other(Kind::Limits),
            Definition::Policy(_) => Self::Other(Kind::Policy),
            Definition::GlobalParameter(_) | Definition::ClusterName(_) => {
                Self::Other(Kind::Parameter)
            }
            Definition::Binding(_) => Self::Other(Kind::Binding),
            Definition::Interrupted { .. } => Self::Other(Kind::Interrupted),
        }
    }
}

impl Names {
    pub(super) fn define(&mut self, sequence: u64, definition: &Definition) {
        self.0.insert(sequence, Named::of(definition));
    }

    /// These are defined no more.
    pub(super) fn undefine(&mut self, ranges: Ranges<'_>) {
        for (first, last) in ranges.iter() {
            let gone: Vec<u64> =
                self.0.range(first..=last).map(|(sequence, _)| *sequence).collect();
            gone.iter().for_each(|sequence| {
                self.0.remove(sequence);
            });
        }
    }

    pub(super) fn get(&self, owner: u64) -> Option<&Named> {
        self.0.get(&owner)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &Named)> {
        self.0.iter().map(|(sequence, named)| (*sequence, named))
    }

    pub(super) fn count(&self, kind: Kind) -> u64 {
        self.0.values().filter(|named| **named == Named::Other(kind)).count() as u64
    }

    /// Whom a person would call an owner.
    pub(super) fn describe(&self, owner: u64) -> String {
        match self.get(owner) {
            Some(Named::Queue { vhost, name }) => format!("queue {name:?} in vhost {vhost:?}"),
            Some(Named::Exchange { vhost, name }) => {
                format!("exchange {name:?} in vhost {vhost:?}")
            }
            Some(Named::Other(_)) | None if owner == DEFINITIONS => "the definitions".to_owned(),
            Some(Named::Other(_)) | None => format!("owner {owner}, who is not defined"),
        }
    }
}

/// Where a binding leads, in a word and a name.
pub(super) fn destination(destination: &Destination) -> (&'static str, &str) {
    match destination {
        Destination::Queue(name) => ("queue", name),
        Destination::Exchange(name) => ("exchange", name),
    }
}
