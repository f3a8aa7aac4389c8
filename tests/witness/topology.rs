//! The queues and exchanges of a load: one of every kind that treats its messages in a way of its own.

use std::fmt;

use pillarbox_client::{Channel, Error, ExchangeOptions, FieldTable, QueueOptions, ShortString};

/// The exchange that holds messages back.
const LATER: &str = "later";
/// The exchange that copies to all of its queues.
const ALL: &str = "all";

/// How long the queue `fading` keeps a message.
pub const FADING_MS: u32 = 150;
/// The longest that a message is held back.
pub const DELAY_MS_MAX: u64 = 200;
/// How long it takes at most until every message has come to the queue where it stays.
pub const SETTLING_MS: u64 = 500;

/// A queue by its place in [`QUEUES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct QueueIndex(pub u8);

/// The value of an argument.
#[derive(Clone, Copy, Debug)]
pub enum Argument {
    /// A number.
    Number(i64),
    /// A text.
    Text(&'static str),
}

/// What the judge and the clients have to know of a queue.
#[derive(Clone, Copy, Debug)]
pub struct QueueKind {
    /// Its name.
    pub name: &'static str,
    /// What it is declared with.
    pub arguments: &'static [(&'static str, Argument)],
    /// The queue whose dead letters it gets, if it is fed with nothing else.
    pub dead_letters_of: Option<QueueIndex>,
    /// Messages come first in, first out, wherever redelivered ones go.
    pub is_fifo: bool,
    /// Redelivered messages go back to their own places.
    pub keeps_places: bool,
    /// Even transient messages are kept.
    pub is_quorum: bool,
}

use Argument::{Number, Text};

const fn classic(name: &'static str) -> QueueKind {
    QueueKind {
        name,
        arguments: &[],
        dead_letters_of: None,
        is_fifo: true,
        keeps_places: true,
        is_quorum: false,
    }
}

const fn quorum(name: &'static str) -> QueueKind {
    QueueKind {
        // A delivery is counted with each start of the broker; the load has many.
        arguments: &[("x-queue-type", Text("quorum")), ("x-delivery-limit", Number(-1))],
        keeps_places: false,
        is_quorum: true,
        ..classic(name)
    }
}

const fn dead_letters_of(queue: u8, kind: QueueKind) -> QueueKind {
    // The letters of some messages overtake those of others.
    QueueKind {
        dead_letters_of: Some(QueueIndex(queue)),
        is_fifo: false,
        keeps_places: false,
        ..kind
    }
}

/// Every queue.
pub const QUEUES: &[QueueKind] = &[
    classic("plain"),
    QueueKind {
        arguments: &[("x-max-priority", Number(5))],
        is_fifo: false,
        keeps_places: false,
        ..classic("ranked")
    },
    quorum("agreed"),
    classic("copied"),
    quorum("copied-agreed"),
    QueueKind {
        arguments: &[
            ("x-dead-letter-exchange", Text("")),
            ("x-dead-letter-routing-key", Text("refused")),
        ],
        ..classic("refusing")
    },
    dead_letters_of(5, classic("refused")),
    QueueKind {
        arguments: &[
            ("x-message-ttl", Number(FADING_MS as i64)),
            ("x-dead-letter-exchange", Text("")),
            ("x-dead-letter-routing-key", Text("faded")),
        ],
        ..classic("fading")
    },
    dead_letters_of(7, quorum("faded")),
    QueueKind {
        arguments: &[
            ("x-queue-type", Text("quorum")),
            ("x-delivery-limit", Number(-1)),
            ("x-overflow", Text("reject-publish")),
            ("x-dead-letter-strategy", Text("at-least-once")),
            ("x-dead-letter-exchange", Text("")),
            ("x-dead-letter-routing-key", Text("cared-for")),
        ],
        ..quorum("careful")
    },
    dead_letters_of(9, classic("cared-for")),
    QueueKind {
        arguments: &[("x-max-length", Number(40)), ("x-overflow", Text("reject-publish"))],
        ..classic("bounded")
    },
    QueueKind {
        arguments: &[
            ("x-max-length", Number(60)),
            ("x-dead-letter-exchange", Text("")),
            ("x-dead-letter-routing-key", Text("shed")),
        ],
        ..classic("shedding")
    },
    dead_letters_of(12, classic("shed")),
    QueueKind { is_fifo: false, keeps_places: false, ..classic("held-back") },
];

/// A way for messages: where they are published, and which queues get them.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// The exchange.
    pub exchange: &'static str,
    /// The routing key.
    pub routing_key: &'static str,
    /// Where they go.
    pub queues: &'static [QueueIndex],
    /// How many of a hundred messages go here.
    pub share: u64,
}

/// A route by its place in [`ROUTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouteIndex(pub u8);

const fn direct(queue: &'static [QueueIndex], share: u64) -> Route {
    let name = QUEUES[queue[0].0 as usize].name;
    Route { exchange: "", routing_key: name, queues: queue, share }
}

/// The route to `plain`.
pub const PLAIN: RouteIndex = RouteIndex(0);

/// Every route; the shares add up to 100.
pub const ROUTES: &[Route] = &[
    direct(&[QueueIndex(0)], 20),
    direct(&[QueueIndex(1)], 10),
    direct(&[QueueIndex(2)], 15),
    Route { exchange: ALL, routing_key: "", queues: &[QueueIndex(3), QueueIndex(4)], share: 15 },
    direct(&[QueueIndex(5)], 10),
    direct(&[QueueIndex(7)], 8),
    direct(&[QueueIndex(9)], 8),
    direct(&[QueueIndex(11)], 5),
    direct(&[QueueIndex(12)], 4),
    Route { exchange: LATER, routing_key: "held-back", queues: &[QueueIndex(14)], share: 5 },
];

impl QueueKind {
    /// Whether it refuses messages when it is full.
    #[must_use]
    pub fn refuses(&self) -> bool {
        self.arguments.iter().any(|(name, _)| *name == "x-max-length")
            && self.arguments.iter().any(|(name, _)| *name == "x-overflow")
    }
}

impl QueueIndex {
    /// Every queue.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..u8::MAX).map(Self).take(QUEUES.len())
    }

    /// What is known of it.
    #[must_use]
    pub fn kind(self) -> &'static QueueKind {
        &QUEUES[usize::from(self.0)]
    }

    /// Where the messages of this queue were published to: itself, or the queue whose dead letters it gets.
    #[must_use]
    pub fn origin(self) -> Self {
        self.kind().dead_letters_of.unwrap_or(self)
    }

    /// Whether what it drops goes on to another queue.
    #[must_use]
    pub fn has_dead_letters(self) -> bool {
        QUEUES.iter().any(|queue| queue.dead_letters_of == Some(self))
    }
}

impl fmt::Display for QueueIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind().name)
    }
}

impl RouteIndex {
    /// What is known of it; `None` if there is no such route.
    #[must_use]
    pub fn route(self) -> Option<&'static Route> {
        ROUTES.get(usize::from(self.0))
    }

    /// Whether messages of this route come to `queue`, be it as dead letters.
    #[must_use]
    pub fn leads_to(self, queue: QueueIndex) -> bool {
        self.route().is_some_and(|route| route.queues.contains(&queue.origin()))
    }

    /// Whether its messages are held back for a while.
    #[must_use]
    pub fn is_delayed(self) -> bool {
        self.route().is_some_and(|route| route.exchange == LATER)
    }
}

/// Declares all of it; to do so again changes nothing.
///
/// # Errors
/// What the broker says.
pub async fn declare(channel: &Channel) -> Result<(), Error> {
    for kind in QUEUES {
        let arguments = table(kind.arguments);
        let options = QueueOptions { durable: true, arguments, ..QueueOptions::default() };
        channel.queue_declare(kind.name, options).await?;
    }
    let durable = ExchangeOptions { durable: true, ..ExchangeOptions::default() };
    channel.exchange_declare(ALL, "fanout", durable.clone()).await?;
    let arguments = table(&[("x-delayed-type", Text("direct"))]);
    let delayed = ExchangeOptions { arguments, ..durable };
    channel.exchange_declare(LATER, "x-delayed-message", delayed).await?;
    for route in ROUTES.iter().filter(|route| !route.exchange.is_empty()) {
        for queue in route.queues {
            let none = FieldTable::new();
            let name = queue.kind().name;
            channel.queue_bind(name, route.exchange, route.routing_key, &none).await?;
        }
    }
    Ok(())
}

/// Asks whether all of it is there.
///
/// # Errors
/// What the broker says of the first thing that is missing.
pub async fn find(channel: &Channel) -> Result<(), Error> {
    for kind in QUEUES {
        let passive = QueueOptions { passive: true, ..QueueOptions::default() };
        channel.queue_declare(kind.name, passive).await?;
    }
    for (exchange, exchange_type) in [(ALL, "fanout"), (LATER, "x-delayed-message")] {
        let passive = ExchangeOptions { passive: true, ..ExchangeOptions::default() };
        channel.exchange_declare(exchange, exchange_type, passive).await?;
    }
    Ok(())
}

fn table(arguments: &[(&'static str, Argument)]) -> FieldTable {
    let mut table = FieldTable::new();
    for (name, argument) in arguments {
        match argument {
            Number(number) => table.insert(ShortString::from_static(name), *number),
            Text(text) => table.insert(ShortString::from_static(name), *text),
        };
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dead_letters_lead_from_and_to_the_queues_they_are_meant_for() {
        assert_eq!(ROUTES.iter().map(|route| route.share).sum::<u64>(), 100);
        for queue in QueueIndex::all() {
            let target =
                queue.kind().arguments.iter().find_map(|(name, argument)| match argument {
                    Text(text) if *name == "x-dead-letter-routing-key" => Some(*text),
                    Text(_) | Number(_) => None,
                });
            let found = QUEUES.iter().find(|other| other.dead_letters_of == Some(queue));
            assert_eq!(found.map(|other| other.name), target, "{}", queue.kind().name);
            assert_eq!(queue.has_dead_letters(), target.is_some());
        }
    }
}
