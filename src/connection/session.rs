//! One client's connection, from the protocol header to its end.

use std::{mem, sync::Arc};

use ::broker::{LogPosition, Timestamp};
use amqp::{
    FRAME_OVERHEAD, Frame, FrameError, FrameFault, FrameType, HEARTBEAT_FRAME, Method,
    ProtocolHeader, ReplyCode, connection,
};

use crate::{
    Broker, ChannelNumber, Settings,
    failure::Failure,
    handshake::{Advanced, Handshake},
    heartbeat::{Heartbeat, Verdict},
    open_connection::OpenConnection,
    turn::{Stopped, Turn},
};

/// One client: bytes come in, calls to the [`Broker`] go out.
///
/// The caller reads, writes and keeps the time; it calls [`handle_input`](Self::handle_input) with what it has read,
/// [`handle_event`](Self::handle_event) for what the broker decided on its own,
/// [`handle_flushed`](Self::handle_flushed) when the log is flushed as far as the session [`awaits`](Self::awaits), and
/// [`handle_time`](Self::handle_time) at [`next_deadline`](Self::next_deadline). Once one of them has returned
/// [`Next::Close`], nothing changes any more.
#[derive(Debug)]
pub struct Session<B> {
    broker: B,
    settings: Arc<Settings>,
    heartbeat: Heartbeat,
    phase: Phase,
    /// How many octets of the last input were not done with.
    left_len: usize,
}

/// ```text
/// Handshake ──open──▶ Open ──a close is sent or answered──▶ Closing ──close-ok, or enough──▶ Ended
///     └───────────a close is sent──────────────────────────────┘  └──bytes that are no frame──┘
/// ```
#[derive(Debug)]
enum Phase {
    Handshake {
        state: Handshake,
        deadline: Timestamp,
        /// How many octets it has taken so far.
        bytes: usize,
    },
    Open(Box<OpenConnection>),
    /// All is said; the client is to read it and to end the connection.
    Closing {
        deadline: Timestamp,
        frame_max: u32,
        /// How many octets are left of a frame that was begun before.
        skip_len: usize,
    },
    Ended {
        delay_ms: u64,
    },
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
    /// Call again with what is left after this time or sooner: a login waits for its password to be checked, a declare
    /// for the silent owner of a queue, or a get for a message that has to be read from disk. Until then the client is
    /// not read.
    Retry {
        /// How long from now.
        ms: u64,
    },
    /// Call again with what is left once the client has read what was sent: see [`Broker::is_congested`].
    Drain,
    /// Call [`Session::handle_flushed`] once the log is flushed so far, then [`Session::handle_input`] with what is left:
    /// what comes next must not overtake replies or confirms that are held. Until then the client is not read.
    Flush {
        /// How far.
        position: LogPosition,
    },
    /// Read on, but not for longer than this: the connection is closing, and the client is to end it.
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
    /// Direct replies have come for a channel.
    Replied {
        /// The channel.
        channel: ChannelNumber,
        /// The whole frames of their deliveries.
        frames: &'a [u8],
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

/// What the whole handshake may take.
const HANDSHAKE_BYTES_MAX: usize = 16 * 1024;
/// How long a login that is being checked waits before it is asked about again, unless the caller knows better.
const LOGIN_RETRY_MS: u64 = 1000;
/// How long an offender waits for the end of the connection, as in RabbitMQ.
const OFFENDER_DELAY_MS: u64 = 3000;
/// How long a client has to end a closed connection; less if its heartbeat is shorter.
const LINGER_MS_MAX: u64 = 30_000;

impl<B: Broker> Session<B> {
    /// A session with a client that has sent nothing yet.
    pub fn new(broker: B, settings: Arc<Settings>, now: Timestamp) -> Self {
        let deadline = now.plus_ms(settings.handshake_ms);
        let phase = Phase::Handshake { state: Handshake::AwaitHeader, deadline, bytes: 0 };
        Self { broker, settings, heartbeat: Heartbeat::new(0, now), phase, left_len: 0 }
    }

    /// The client's access to the broker.
    pub const fn broker(&self) -> &B {
        &self.broker
    }

    /// The client's access to the broker.
    pub const fn broker_mut(&mut self) -> &mut B {
        &mut self.broker
    }

    /// Whether the handshake is done and no close has been sent or answered.
    pub const fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open(_))
    }

    /// Handles what the client sent, from where the last call stopped.
    ///
    /// Returns and confirms of what was published go out before this returns.
    pub fn handle_input(&mut self, now: Timestamp, input: &[u8]) -> Progress {
        // What was left of the last input comes again, and is no new sign of life.
        if input.len() > self.left_len {
            self.heartbeat.on_read(now);
        }
        let mut consumed = 0;
        loop {
            let rest = &input[consumed..];
            let (len, next) = match &mut self.phase {
                Phase::Handshake { .. } => self.handle_handshake(now, rest),
                Phase::Open(_) => self.handle_turn(now, rest),
                Phase::Closing { .. } => self.handle_closing(now, rest),
                Phase::Ended { .. } => (rest.len(), Some(self.next(now))),
            };
            consumed += len;
            if let Some(next) = next {
                self.left_len = input.len() - consumed;
                return Progress { consumed, next };
            }
        }
    }

    /// Tells the client what the broker decided.
    pub fn handle_event(&mut self, now: Timestamp, event: Event<'_>) -> Next {
        let Self { broker, phase, heartbeat, .. } = self;
        match (event, phase) {
            (Event::Disconnected, _) => self.end(0),
            (Event::Shutdown { code, explanation }, Phase::Open(_)) => {
                self.fail(now, &Failure::new(code, explanation));
            }
            // Without a handshake there is nobody to tell.
            (Event::Shutdown { .. }, Phase::Handshake { .. }) => self.end(0),
            (Event::ConsumerCancelled { channel, consumer_tag }, Phase::Open(open)) => {
                open.consumer_cancelled(channel, consumer_tag, broker);
            }
            (Event::Replied { channel, frames }, Phase::Open(open)) => {
                open.replied(channel, frames, broker);
            }
            (
                Event::ConsumerTimedOut { channel, consumer_tag, timeout_ms, close_channel },
                Phase::Open(open),
            ) => {
                let timeout = (timeout_ms, close_channel);
                open.consumer_timed_out(channel, consumer_tag, timeout, broker);
            }
            (Event::Blocked { reason }, Phase::Open(open)) => {
                heartbeat.pause();
                if open.capabilities.blocked {
                    let blocked = connection::Blocked { reason };
                    let blocked = Method::ConnectionBlocked(blocked);
                    broker.send(ChannelNumber::CONNECTION, &blocked);
                }
            }
            (Event::Unblocked, Phase::Open(open)) => {
                heartbeat.resume(now);
                if open.capabilities.blocked {
                    let unblocked = Method::ConnectionUnblocked(connection::Unblocked);
                    broker.send(ChannelNumber::CONNECTION, &unblocked);
                }
            }
            (
                Event::ConsumerCancelled { .. }
                | Event::Replied { .. }
                | Event::ConsumerTimedOut { .. }
                | Event::Blocked { .. }
                | Event::Unblocked
                | Event::Shutdown { .. },
                _,
            ) => {}
        }
        self.next(now)
    }

    /// The lowest position of the log that anything of this connection waits for.
    ///
    /// Ask after each of the other calls, and call [`handle_flushed`](Self::handle_flushed) once the log is flushed so
    /// far. It may turn out that nothing was due: what waited may have ended with its channel.
    pub fn awaits(&self) -> Option<LogPosition> {
        match &self.phase {
            Phase::Open(open) => open.awaits(),
            Phase::Handshake { .. } | Phase::Closing { .. } | Phase::Ended { .. } => None,
        }
    }

    /// The log is flushed as far as `flushed`: sends the confirms and replies that waited for it.
    ///
    /// After [`Next::Flush`] it is the caller who goes on with [`handle_input`](Self::handle_input), once `flushed` has
    /// reached the position named there.
    pub fn handle_flushed(&mut self, now: Timestamp, flushed: LogPosition) -> Next {
        if let Phase::Open(open) = &mut self.phase {
            open.handle_flushed(flushed, &mut self.broker);
        }
        self.next(now)
    }

    /// Does what is due: heartbeats, the end of a handshake that takes too long, the end of a silent client.
    pub fn handle_time(&mut self, now: Timestamp) -> Next {
        match self.phase {
            Phase::Handshake { deadline, .. } | Phase::Closing { deadline, .. }
                if deadline <= now =>
            {
                self.end(0);
            }
            Phase::Handshake { .. }
            | Phase::Open(_)
            | Phase::Closing { .. }
            | Phase::Ended { .. } => {}
        }
        match (self.heartbeat.verdict(now), &self.phase) {
            // As in RabbitMQ without a close: nobody is there to read it.
            (Verdict::PeerDead, Phase::Open(_)) => self.end(0),
            (Verdict::SendHeartbeat, Phase::Open(_) | Phase::Closing { .. }) => {
                self.broker.send_raw(&HEARTBEAT_FRAME);
                self.heartbeat.on_written(now);
            }
            _ => {}
        }
        self.next(now)
    }

    /// When [`handle_time`](Self::handle_time) is to be called next. It may turn out that nothing was due: whatever is
    /// read or written moves it, but it need not be asked for again until then.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        match self.phase {
            Phase::Handshake { deadline, .. } => Some(deadline),
            Phase::Open(_) => self.heartbeat.next_deadline(),
            Phase::Closing { deadline, .. } => {
                self.heartbeat.next_deadline().into_iter().chain([deadline]).min()
            }
            Phase::Ended { .. } => None,
        }
    }

    /// Something was written to the client: no heartbeat is due for now.
    pub const fn handle_written(&mut self, now: Timestamp) {
        self.heartbeat.on_written(now);
    }

    /// The client is not read for a while, because it is slowed down: its silence is no sign of death until
    /// [`handle_reading_resumed`](Self::handle_reading_resumed).
    pub const fn handle_reading_paused(&mut self) {
        self.heartbeat.pause();
    }

    /// The client is read again.
    pub const fn handle_reading_resumed(&mut self, now: Timestamp) {
        self.heartbeat.resume(now);
    }

    /// One step of the handshake.
    fn handle_handshake(&mut self, now: Timestamp, input: &[u8]) -> (usize, Option<Next>) {
        let Phase::Handshake { state, bytes, .. } = &mut self.phase else { return (0, None) };
        if let Handshake::AwaitHeader = state {
            let Some(header) = ProtocolHeader::decode(input) else {
                return (0, Some(Next::Read));
            };
            if header != ProtocolHeader::Amqp091 {
                self.refuse_protocol(header);
                return (0, None);
            }
            *bytes += ProtocolHeader::LEN;
            *state = Handshake::start(&self.settings, &mut self.broker);
            return (ProtocolHeader::LEN, None);
        }
        let (frame, len) = match state.decode(input) {
            Ok(Some(frame)) => frame,
            Ok(None) => return (0, Some(Next::Read)),
            Err(failure) => {
                self.fail(now, &failure);
                return (0, None);
            }
        };
        if *bytes + len > HANDSHAKE_BYTES_MAX {
            self.end(0);
            return (0, None);
        }
        let advanced = state.handle(&frame, &self.settings, &mut self.broker);
        if matches!(advanced, Ok(Advanced::Wait)) {
            return (0, Some(Next::Retry { ms: LOGIN_RETRY_MS }));
        }
        *bytes += len;
        match advanced {
            Ok(Advanced::Still(next)) => *state = next,
            Ok(Advanced::Wait) => {}
            Ok(Advanced::Open(open)) => {
                self.heartbeat = Heartbeat::new(open.tuning.heartbeat_secs, now);
                self.phase = Phase::Open(open);
            }
            Ok(Advanced::Silent) => self.end(OFFENDER_DELAY_MS),
            Err(failure) => self.fail(now, &failure),
        }
        (len, None)
    }

    /// The client speaks something else.
    fn refuse_protocol(&mut self, header: ProtocolHeader) {
        const HTTP: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n\
            Content-Length: 47\r\nConnection: close\r\n\r\n\
            This is the AMQP port: it does not speak HTTP.\n";
        self.broker.foreign_protocol(header);
        if header == ProtocolHeader::Http {
            self.broker.send_raw(HTTP);
        } else {
            // What RabbitMQ answers to 0-9-1's close relatives; to others it offers AMQP 1.0, which we do not speak.
            self.broker.send_raw(&ProtocolHeader::BYTES);
        }
        self.end(0);
    }

    /// The frames of an open connection.
    fn handle_turn(&mut self, now: Timestamp, input: &[u8]) -> (usize, Option<Next>) {
        let Phase::Open(open) = &mut self.phase else { return (0, None) };
        let (consumed, stopped) = Turn::new(open, &mut self.broker, &self.settings, input).handle();
        let next = match stopped {
            Ok(Stopped::Input) => Next::Read,
            Ok(Stopped::Retry { ms }) => Next::Retry { ms },
            Ok(Stopped::Flush(position)) => Next::Flush { position },
            Ok(Stopped::Drain) => Next::Drain,
            Ok(Stopped::Closed) => {
                self.broker.closed();
                self.broker.send(ChannelNumber::CONNECTION, &CLOSE_OK);
                self.linger(now);
                return (consumed, None);
            }
            Err(failure) => {
                self.fail(now, &failure);
                return (consumed, None);
            }
        };
        (consumed, Some(next))
    }

    /// After a close everything is ignored but a close, which is answered, and a close-ok, which ends it.
    fn handle_closing(&mut self, now: Timestamp, input: &[u8]) -> (usize, Option<Next>) {
        let Phase::Closing { frame_max, skip_len, .. } = &mut self.phase else {
            return (0, None);
        };
        let (frame_max, mut at) = (*frame_max, input.len().min(*skip_len));
        *skip_len -= at;
        loop {
            let rest = &input[at..];
            match amqp::decode_frame(rest, frame_max) {
                Ok(Some((Frame { kind: FrameType::Method, channel: 0, payload }, len))) => {
                    at += len;
                    match Method::decode(payload) {
                        Ok(Method::ConnectionClose(_)) => {
                            self.broker.send(ChannelNumber::CONNECTION, &CLOSE_OK);
                        }
                        Ok(Method::ConnectionCloseOk(_)) => {
                            self.end(0);
                            return (at, None);
                        }
                        _ => {}
                    }
                }
                Ok(Some((_, len))) => at += len,
                Ok(None) => return (at, Some(self.next(now))),
                // Its end is in its place: the next frame follows.
                Err(FrameError { fault: FrameFault::Unknown, .. }) => {
                    at += unknown_frame_len(rest);
                }
                Err(_) => {
                    self.end(0);
                    return (at, None);
                }
            }
        }
    }

    /// Closes the connection for a reason.
    fn fail(&mut self, now: Timestamp, failure: &Failure) {
        let was_open = self.is_open();
        if was_open {
            self.broker.closed();
        }
        self.broker.closing(ChannelNumber::CONNECTION, failure.code, &failure.text);
        let (class_id, method_id) = failure.method;
        let close = connection::Close {
            reply_code: failure.code.code(),
            reply_text: &failure.text,
            class_id,
            method_id,
        };
        self.broker.send(ChannelNumber::CONNECTION, &Method::ConnectionClose(close));
        if failure.is_fatal {
            self.phase = Phase::Ended { delay_ms: OFFENDER_DELAY_MS };
        } else {
            self.linger(now);
        }
    }

    /// The client gets time to read what was said last: less if it never was let in.
    fn linger(&mut self, now: Timestamp) {
        let (linger_ms, frame_max, skip_len) = match &self.phase {
            Phase::Open(open) => {
                let linger_ms = match open.tuning.heartbeat_secs {
                    0 => LINGER_MS_MAX,
                    secs => LINGER_MS_MAX.min(u64::from(secs) * 1000),
                };
                let skip_len = open.body_part.map_or(0, |part| part.left as usize + 1);
                (linger_ms, open.tuning.frame_max, skip_len)
            }
            Phase::Handshake { state, .. } => (OFFENDER_DELAY_MS, state.frame_max(), 0),
            Phase::Closing { .. } | Phase::Ended { .. } => return,
        };
        self.phase = Phase::Closing { deadline: now.plus_ms(linger_ms), frame_max, skip_len };
    }

    /// Nothing more is read or sent.
    fn end(&mut self, delay_ms: u64) {
        match mem::replace(&mut self.phase, Phase::Ended { delay_ms }) {
            Phase::Open(_) => self.broker.closed(),
            ended @ Phase::Ended { .. } => self.phase = ended,
            Phase::Handshake { .. } | Phase::Closing { .. } => {}
        }
    }

    /// What the caller does while nothing else happens.
    fn next(&self, now: Timestamp) -> Next {
        match self.phase {
            Phase::Handshake { .. } | Phase::Open(_) => Next::Read,
            Phase::Closing { deadline, .. } => Next::Linger { ms: deadline.ms_since(now) },
            Phase::Ended { delay_ms } => Next::Close { delay_ms },
        }
    }
}

const CLOSE_OK: Method<'static> = Method::ConnectionCloseOk(connection::CloseOk);

/// How many octets a frame takes that is complete, but of no known type.
fn unknown_frame_len(frame: &[u8]) -> usize {
    match frame {
        &[_, _, _, s3, s2, s1, s0, ..] => {
            u32::from_be_bytes([s3, s2, s1, s0]) as usize + FRAME_OVERHEAD
        }
        _ => frame.len(),
    }
}

#[cfg(test)]
mod tests;
