//! One client's connection, from the protocol header to its end.

use std::sync::Arc;

use ::broker::Timestamp;
use amqp::ReplyCode;

use crate::{Broker, ChannelNumber, Settings};

/// One client: bytes come in, calls to the [`Broker`] go out.
///
/// The caller reads, writes and keeps the time; it calls [`handle_input`](Self::handle_input) with what it has read,
/// [`handle_event`](Self::handle_event) for what the broker decided on its own, and
/// [`handle_time`](Self::handle_time) at [`next_deadline`](Self::next_deadline).
#[derive(Debug)]
pub struct Session<B> {
    broker: B,
    settings: Arc<Settings>,
}

/// What [`Session::handle_input`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Progress {
    /// How many octets of the input are done with. The rest comes again, at the front of the next input.
    pub consumed: usize,
    /// What to do next.
    pub next: Next,
}

/// What the caller does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Next {
    /// Read on.
    Read,
    /// Call again with what is left after [`RETRY_MS`](crate::RETRY_MS): a declare waits for a silent owner.
    Retry,
    /// Call again with what is left once the client has read what was sent: see [`Broker::is_congested`].
    Drain,
    /// Read on, but not for longer than this: a close was sent or answered, and the client is to end the connection.
    Linger {
        /// The longest time from now.
        ms: u64,
    },
    /// Write what there is to write, wait so long, and end the connection; read no more.
    Close {
        /// How long an offender is kept waiting.
        delay_ms: u64,
    },
}

/// What the broker decided on its own and the client has to learn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A consumer is gone with its queue.
    ConsumerCancelled {
        /// Its channel.
        channel: ChannelNumber,
        /// Its tag.
        consumer_tag: &'a str,
    },
    /// A delivery was unacked for longer than its consumer may take.
    ConsumerTimedOut {
        /// Its channel.
        channel: ChannelNumber,
        /// The tag of the consumer.
        consumer_tag: &'a str,
        /// How long it may take.
        timeout_ms: u64,
        /// Close the channel, as RabbitMQ does, rather than cancel the consumer.
        close_channel: bool,
    },
    /// The client publishes while the node is low on something; it is not read for now.
    Blocked {
        /// On what, such as `low on memory`.
        reason: &'a str,
    },
    /// The client is read again.
    Unblocked,
    /// The connection is to end: `CONNECTION_FORCED` when the node stops or an operator wants it.
    Shutdown {
        /// The reply code.
        code: ReplyCode,
        /// The explanation behind the code's name.
        explanation: &'a str,
    },
    /// The socket is at its end or broken.
    Disconnected,
}

impl<B: Broker> Session<B> {
    /// A session with a client that has sent nothing yet.
    pub fn new(broker: B, settings: Arc<Settings>, now: Timestamp) -> Self {
        let _ = now;
        Self { broker, settings }
    }

    /// The client's access to the broker.
    pub const fn broker(&self) -> &B {
        &self.broker
    }

    /// The client's access to the broker.
    pub const fn broker_mut(&mut self) -> &mut B {
        &mut self.broker
    }

    /// Handles what the client sent, from where the last call stopped.
    ///
    /// Confirms and returns of what was published go out before this returns.
    pub fn handle_input(&mut self, now: Timestamp, input: &[u8]) -> Progress {
        let _ = (now, &self.settings);
        Progress { consumed: input.len(), next: Next::Read }
    }

    /// Tells the client what the broker decided.
    pub fn handle_event(&mut self, now: Timestamp, event: Event<'_>) -> Next {
        let _ = (now, event);
        Next::Read
    }

    /// Does what is due: heartbeats, the end of a handshake that takes too long, the end of a silent client.
    pub fn handle_time(&mut self, now: Timestamp) -> Next {
        let _ = now;
        Next::Read
    }

    /// When [`handle_time`](Self::handle_time) is to be called next. Writing does not move it; it may be early.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        None
    }

    /// Something was written to the client: no heartbeat is due for now.
    pub fn handle_written(&mut self, now: Timestamp) {
        let _ = now;
    }

    /// The client is not read for a while, because it is slowed down: its silence is no sign of death until
    /// [`handle_reading_resumed`](Self::handle_reading_resumed).
    pub fn handle_reading_paused(&mut self) {}

    /// The client is read again.
    pub fn handle_reading_resumed(&mut self, now: Timestamp) {
        let _ = now;
    }
}
