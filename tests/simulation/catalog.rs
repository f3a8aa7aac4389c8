//! The queues and exchanges of every script: one of each kind that treats its messages in a way of its own.

use amqp::{FieldTable, ShortString};

/// What a queue is declared with, as far as it matters to its messages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    /// Otherwise it is classic.
    pub(crate) is_quorum: bool,
    pub(crate) is_durable: bool,
    pub(crate) priority_max: Option<u8>,
    pub(crate) ttl_ms: Option<u64>,
    pub(crate) length_max: Option<usize>,
    pub(crate) overflow: Overflow,
    pub(crate) delivery_limit: Option<u32>,
    /// Where its dead letters go: a queue of their own, so that they come in the order in which they died.
    pub(crate) letters_to: Option<u8>,
    pub(crate) at_least_once: bool,
}

/// What a full queue does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overflow {
    DropHead,
    Reject,
    RejectAndBury,
}

const CLASSIC: Kind = Kind {
    name: "",
    is_quorum: false,
    is_durable: true,
    priority_max: None,
    ttl_ms: None,
    length_max: None,
    overflow: Overflow::DropHead,
    delivery_limit: None,
    letters_to: None,
    at_least_once: false,
};

const QUORUM: Kind = Kind { is_quorum: true, delivery_limit: Some(20), ..CLASSIC };

/// Places in [`QUEUES`] that scripts name.
pub(crate) const PLAIN: u8 = 0;
pub(crate) const RANKED: u8 = 1;
pub(crate) const FADING: u8 = 2;
pub(crate) const AGREED: u8 = 7;
pub(crate) const CAREFUL: u8 = 9;
pub(crate) const PASSING: u8 = 13;

/// Every queue.
pub(crate) const QUEUES: [Kind; 14] = [
    Kind { name: "plain", ..CLASSIC },
    Kind { name: "ranked", priority_max: Some(3), ..CLASSIC },
    Kind { name: "fading", ttl_ms: Some(80), letters_to: Some(3), ..CLASSIC },
    Kind { name: "faded", ..CLASSIC },
    Kind { name: "short", length_max: Some(5), letters_to: Some(5), ..CLASSIC },
    Kind { name: "shed", ..QUORUM },
    Kind { name: "strict", length_max: Some(4), overflow: Overflow::Reject, ..CLASSIC },
    Kind { name: "agreed", delivery_limit: Some(2), letters_to: Some(8), ..QUORUM },
    Kind { name: "dropped", ..CLASSIC },
    Kind {
        name: "careful",
        overflow: Overflow::Reject,
        letters_to: Some(10),
        at_least_once: true,
        ..QUORUM
    },
    Kind { name: "cared-for", ..CLASSIC },
    Kind {
        name: "choosy",
        length_max: Some(3),
        overflow: Overflow::RejectAndBury,
        letters_to: Some(12),
        ..CLASSIC
    },
    Kind { name: "refused", ..QUORUM },
    Kind { name: "passing", is_durable: false, ..CLASSIC },
];

/// The queues that exchanges may lead to: what happens in one of them concerns no other.
pub(crate) const BINDABLE: [u8; 6] = [PLAIN, RANKED, FADING, AGREED, CAREFUL, PASSING];

/// The queues that a transaction may publish to: they refuse nothing.
pub(crate) const OPEN: [u8; 4] = [PLAIN, RANKED, AGREED, FADING];

/// Places in [`EXCHANGES`].
pub(crate) const ALL: u8 = 0;
pub(crate) const KEYED: u8 = 1;
pub(crate) const LATER: u8 = 2;

/// Name and type of every exchange.
pub(crate) const EXCHANGES: [(&str, &str); 3] =
    [("all", "fanout"), ("keyed", "direct"), ("later", "x-delayed-message")];

/// The binding keys.
pub(crate) const KEYS: [&str; 2] = ["a", "b"];

impl Kind {
    /// Whether a message of it outlives the process.
    pub(crate) fn logs(&self, persistent: bool) -> bool {
        self.is_durable && (persistent || self.is_quorum)
    }

    /// The arguments of its declaration.
    pub(crate) fn arguments(&self) -> FieldTable {
        let mut table = FieldTable::new();
        let mut number = |name: &'static str, value: Option<u64>| {
            if let Some(value) = value {
                let value = i64::try_from(value).expect("these are small");
                table.insert(ShortString::from_static(name), value);
            }
        };
        number("x-max-priority", self.priority_max.map(u64::from));
        number("x-message-ttl", self.ttl_ms);
        number("x-max-length", self.length_max.map(|max| max as u64));
        number("x-delivery-limit", self.delivery_limit.map(u64::from));
        let mut text = |name: &'static str, value: Option<&'static str>| {
            if let Some(value) = value {
                table.insert(ShortString::from_static(name), value);
            }
        };
        text("x-queue-type", self.is_quorum.then_some("quorum"));
        text(
            "x-overflow",
            match self.overflow {
                Overflow::DropHead => None,
                Overflow::Reject => Some("reject-publish"),
                Overflow::RejectAndBury => Some("reject-publish-dlx"),
            },
        );
        text("x-dead-letter-exchange", self.letters_to.map(|_| ""));
        let target = self.letters_to.map(|target| QUEUES[usize::from(target)].name);
        text("x-dead-letter-routing-key", target);
        text("x-dead-letter-strategy", self.at_least_once.then_some("at-least-once"));
        table
    }
}

/// A queue by its name.
pub(crate) fn queue_named(name: &[u8]) -> Option<u8> {
    (0..).zip(&QUEUES).find_map(|(place, kind)| (kind.name.as_bytes() == name).then_some(place))
}
