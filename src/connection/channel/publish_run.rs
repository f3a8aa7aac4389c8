//! A run of messages on their way to the broker.

use ::broker::message::Body;

use crate::ChannelNumber;

/// Consecutive messages of one channel to the same exchange under the same routing key.
///
/// Everything is borrowed from the bytes as they were read, or from where a content was assembled.
#[derive(Clone, Copy, Debug)]
pub struct PublishRun<'a> {
    /// Where they were published.
    pub channel: ChannelNumber,
    /// The exchange; empty is the default exchange.
    pub exchange: &'a str,
    /// The routing key, up to 255 octets.
    pub routing_key: &'a [u8],
    /// Whether the client wants back what reaches no queue; see [`PublishOutcome`](crate::PublishOutcome).
    pub mandatory: bool,
    /// The further routing keys of the `CC` header, as shortstrs one after another: see
    /// [`short_strings`](::broker::message::short_strings). Only runs of a single message have any.
    pub carbon_keys: &'a [u8],
    /// The further routing keys of the `BCC` header, likewise.
    pub blind_keys: &'a [u8],
    pub(crate) messages: Messages<'a>,
}

/// One message of a run.
#[derive(Clone, Copy, Debug)]
pub struct RunMessage<'a> {
    /// The property flags and the list behind them, as on the wire, well-formed; without `BCC`.
    pub properties: &'a [u8],
    /// The body.
    pub body: Body<'a>,
    /// `delivery-mode` is 2.
    pub persistent: bool,
    /// `priority`, if there is one.
    pub priority: Option<u8>,
    /// `expiration`, if there is one.
    pub expiration_ms: Option<u64>,
}

/// Where the messages of a run lie.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Messages<'a> {
    /// In the bytes as they were read.
    Input { input: &'a [u8], items: &'a [Item] },
    /// In a place of its own.
    Single(RunMessage<'a>),
}

/// A message that lies complete in the input, by its offsets there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item {
    pub(crate) properties_at: u32,
    pub(crate) properties_len: u32,
    pub(crate) body_at: u32,
    pub(crate) body_len: u32,
    pub(crate) persistent: bool,
    pub(crate) priority: Option<u8>,
    pub(crate) expiration_ms: Option<u64>,
}

impl<'a> PublishRun<'a> {
    /// How many messages there are; one at least.
    #[inline]
    #[must_use]
    pub const fn len(&self) -> usize {
        match self.messages {
            Messages::Input { items, .. } => items.len(),
            Messages::Single(_) => 1,
        }
    }

    /// A run is never empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The message at this place of the run.
    ///
    /// # Panics
    /// If there are not so many.
    #[inline]
    #[must_use]
    pub fn message(&self, index: usize) -> RunMessage<'a> {
        match self.messages {
            Messages::Input { input, items } => items[index].message(input),
            Messages::Single(message) => {
                assert!(index == 0, "this run has one message");
                message
            }
        }
    }

    /// The messages, in order.
    #[inline]
    pub fn messages(&self) -> impl ExactSizeIterator<Item = RunMessage<'a>> + use<'a> {
        let run = *self;
        (0..run.len()).map(move |index| run.message(index))
    }
}

impl Item {
    #[inline]
    pub(crate) fn message<'a>(&self, input: &'a [u8]) -> RunMessage<'a> {
        let slice = |at: u32, len: u32| &input[at as usize..][..len as usize];
        RunMessage {
            properties: slice(self.properties_at, self.properties_len),
            body: Body::Inline(slice(self.body_at, self.body_len)),
            persistent: self.persistent,
            priority: self.priority,
            expiration_ms: self.expiration_ms,
        }
    }
}
