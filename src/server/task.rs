//! The task of one connection: reads, asks the session, writes; all in one, one read a turn.
//!
//! ```text
//! a turn   events ─▶ write what is there, refill starved consumers, until nothing is left or the socket is full
//!          ─▶ timers ─▶ one read of at most 64 KiB ─▶ session ─▶ write ─▶ to the back of the run queue
//! ```
//!
//! One read a turn keeps a light connection beside heavy ones at a millisecond's latency.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use broker::{LogPosition, Timestamp};
use connection::{Event, Next, Session};
use tokio::io::ReadBuf;
use tokio::time::Sleep;
use tracing::{debug, info, warn};

use crate::client::Client;
use crate::connection_facts::Served;
use crate::node::Node;
use crate::outbox::{ClientEvent, ClientOutbox, Starved};
use crate::outgoing::Outgoing;
use crate::stream::Stream;

/// How much is read at once.
const READ_BYTES: usize = 64 * 1024;

/// The least of the session's leftovers for which a larger buffer is made: a frame that is no body, cut in two.
const TAIL_BYTES: usize = 160 * 1024;

/// How long a client that is being closed has to take what was written before.
const LAST_WRITE_MS: u64 = 3000;

/// How often an outbox is refilled in one turn.
const REFILLS_MAX: usize = 4;

/// How long a publisher waits between two reads, if its queue is crowded or the disk is slower than it.
const SLOWED_MS: u64 = 10;

/// How often an idle connection's buffers are looked at.
const IDLE_CHECK_MS: u64 = 60_000;

thread_local! {
    /// Every task of a thread reads into the same buffer; what it cannot use yet it keeps itself.
    static READ_BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES + TAIL_BYTES]);
}

/// A connection, served until it ends.
pub(crate) struct ConnectionTask {
    stream: Stream,
    node: Arc<Node>,
    session: Session<Client>,
    outbox: Arc<ClientOutbox>,
    /// What was read and not used: less than a frame, unless the session waits.
    tail: Vec<u8>,
    writing: Outgoing,
    starved: Vec<Starved>,
    reading: Reading,
    /// How far the log is to be flushed before this task is woken for it.
    flush_awaited: Option<LogPosition>,
    /// When the connection ends at the latest, once it is ending.
    end_at: Option<Timestamp>,
    /// The next look at what consumers have kept for too long, and at idle buffers.
    look_at: Timestamp,
    has_written: bool,
    sleep: Pin<Box<Sleep>>,
    /// What `sleep` is set to.
    armed: Timestamp,
    has_ended: bool,
}

/// Whether the client is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// As it comes.
    On,
    /// The session is asked again with the same bytes at this time.
    Retry(Timestamp),
    /// Once the client has read what was sent to it.
    Drain,
    /// Not before this time: it publishes to a crowded queue.
    Slowed(Timestamp),
    /// Once the log is flushed so far; then the session is asked again with the same bytes.
    Flush(LogPosition),
    /// Not before the log has room again: it publishes faster than the disk writes.
    Parked,
    /// Not while the alarm lasts.
    Blocked,
    /// No more.
    Off,
}

/// The connection is over.
struct Ended(Option<io::Error>);

/// Serves the client until the connection is over. A future of its own, because an `async fn` would hold it twice.
impl Future for ConnectionTask {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let task = self.get_mut();
        let Ended(error) = ready!(task.poll_turn(cx));
        task.stream.say_goodbye(cx);
        task.end(error);
        Poll::Ready(())
    }
}

impl Drop for ConnectionTask {
    /// Leaves nothing behind even if the task ends by a bug: others wait for its exclusive queues and its deliveries.
    fn drop(&mut self) {
        if !self.has_ended {
            let bug = io::Error::other("the connection's task ended unexpectedly");
            self.end(Some(bug));
        }
    }
}

impl ConnectionTask {
    pub(crate) fn new(stream: Stream, node: Arc<Node>, session: Session<Client>) -> Self {
        let outbox = Arc::clone(&session.broker().entry.outbox);
        let now = node.shared.clock.now();
        let armed = now.plus_ms(IDLE_CHECK_MS);
        let sleep = Box::pin(tokio::time::sleep_until(node.shared.clock.instant(armed)));
        Self {
            stream,
            session,
            outbox,
            tail: Vec::new(),
            writing: Outgoing::default(),
            starved: Vec::new(),
            reading: Reading::On,
            flush_awaited: None,
            end_at: None,
            look_at: armed,
            has_written: false,
            sleep,
            armed,
            has_ended: false,
            node,
        }
    }

    /// Leaves nothing of the connection behind.
    fn end(&mut self, error: Option<io::Error>) {
        self.has_ended = true;
        let now = self.now();
        let _: Next = self.session.handle_event(now, Event::Disconnected);
        self.outbox.lock().close();
        let client = self.session.broker_mut();
        client.finish();
        let (peer, connection) = (client.entry.peer, client.id);
        let reason = match (&client.close_reason, &error) {
            (Some(reason), _) => reason.to_string(),
            (None, Some(error)) => error.to_string(),
            (None, None) => "closed by the client".to_owned(),
        };
        if client.user().is_empty() || client.vhost_name().is_empty() {
            debug!(%peer, %connection, reason, "connection ended before it was open");
        } else {
            let (user, vhost) = (client.user(), client.vhost_name());
            info!(%peer, %connection, user, vhost, reason, "connection closed");
        }
        self.node.connections.remove(&connection);
    }

    /// The time of this turn, also for what the session asks the broker.
    fn now(&mut self) -> Timestamp {
        let now = self.node.shared.clock.now();
        self.session.broker_mut().now = now;
        now
    }

    fn poll_turn(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        let now = self.now();
        if let Err(ended) = self.follow_log(cx, now) {
            return Poll::Ready(ended);
        }
        if let Err(ended) = self.write_and_refill(cx, now) {
            return Poll::Ready(ended);
        }
        match self.handle_time(now) {
            Ok(false) => {}
            Ok(true) => {
                if let Err(ended) = self.write_and_refill(cx, now) {
                    return Poll::Ready(ended);
                }
                // A client that waits for this to be written is read on in its next turn.
                cx.waker().wake_by_ref();
            }
            Err(ended) => return Poll::Ready(ended),
        }
        match self.poll_input(cx, now) {
            Poll::Ready(Ok(())) => {
                if let Err(ended) =
                    self.follow_log(cx, now).and_then(|()| self.write_and_refill(cx, now))
                {
                    return Poll::Ready(ended);
                }
                // The next read comes after everybody else's turn.
                cx.waker().wake_by_ref();
            }
            Poll::Ready(Err(ended)) => return Poll::Ready(ended),
            Poll::Pending => {}
        }
        self.poll_sleep(cx, now);
        self.show();
        Poll::Pending
    }

    /// Shows others how the client is read.
    fn show(&self) {
        let served = match self.reading {
            _ if self.end_at.is_some() => Served::Ending,
            Reading::On | Reading::Retry(_) | Reading::Drain | Reading::Flush(_) => Served::Running,
            Reading::Slowed(_) | Reading::Parked => Served::Slowed,
            Reading::Blocked => Served::Blocked,
            Reading::Off => Served::Ending,
        };
        self.session.broker().entry.facts.show(served);
    }

    /// Tells the session what the log has flushed since, and has this task woken for what is still awaited.
    fn follow_log(&mut self, cx: &Context<'_>, now: Timestamp) -> Result<(), Ended> {
        let shared = Arc::clone(&self.node.shared);
        let Some(journal) = shared.journal() else { return Ok(()) };
        while let Some(awaited) = self.awaits() {
            if self.flush_awaited == Some(awaited) && journal.flushed() < awaited {
                break;
            }
            if journal.wake_when_flushed(awaited, cx.waker()) {
                self.flush_awaited = Some(awaited);
                break;
            }
            let flushed = journal.flushed();
            let next = self.session.handle_flushed(now, flushed);
            self.follow(now, next)?;
            if matches!(self.reading, Reading::Flush(position) if position <= flushed) {
                self.read_tail(now)?;
            }
        }
        if self.reading == Reading::Parked && !journal.wake_when_room(cx.waker()) {
            self.reading = Reading::On;
            self.session.handle_reading_resumed(now);
            cx.waker().wake_by_ref();
        }
        Ok(())
    }

    /// How far the log is to be flushed before this task has something to do for it.
    fn awaits(&self) -> Option<LogPosition> {
        let reading = match self.reading {
            Reading::Flush(position) => Some(position),
            Reading::On
            | Reading::Retry(_)
            | Reading::Drain
            | Reading::Slowed(_)
            | Reading::Parked
            | Reading::Blocked
            | Reading::Off => None,
        };
        self.session.awaits().into_iter().chain(reading).min()
    }

    /// Asks the session again with what was left, as a client that was held back for it may be read on.
    fn read_tail(&mut self, now: Timestamp) -> Result<(), Ended> {
        self.reading = Reading::On;
        self.session.handle_reading_resumed(now);
        let tail = std::mem::take(&mut self.tail);
        self.handle_input(now, &tail)
    }

    /// Whether an ending connection has had its time, and what was to be written to it is written.
    fn is_over(&self, now: Timestamp) -> bool {
        let Some(end_at) = self.end_at.filter(|&end_at| end_at <= now) else { return false };
        let is_written = self.writing.is_empty()
            && self.outbox.lock().outgoing.is_empty()
            && self.stream.is_flushed();
        is_written || end_at.plus_ms(LAST_WRITE_MS) <= now
    }

    /// Writes until nothing is left, the socket takes no more or it is somebody else's turn; starved consumers are
    /// served in between.
    fn write_and_refill(&mut self, cx: &mut Context<'_>, now: Timestamp) -> Result<(), Ended> {
        for _ in 0..REFILLS_MAX {
            self.outbox.begin_turn(cx.waker());
            self.handle_events(now)?;
            match self.poll_write(cx, now) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Err(Ended(Some(error))),
                Poll::Pending => return Ok(()),
            }
            self.outbox.take_starved(&mut self.starved);
            if self.starved.is_empty() {
                return Ok(());
            }
            let client = self.session.broker_mut();
            self.starved.drain(..).for_each(|starved| client.resume(starved));
            client.finish();
        }
        cx.waker().wake_by_ref();
        Ok(())
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, now: Timestamp) -> Poll<io::Result<()>> {
        loop {
            if self.writing.is_empty() {
                let mut outbox = self.outbox.lock();
                if outbox.outgoing.is_empty() {
                    drop(outbox);
                    return self.stream.poll_flush(cx);
                }
                outbox.take_outgoing(&mut self.writing);
            }
            let mut slices = Outgoing::no_slices();
            let count = self.writing.slices(&mut slices);
            let written = ready!(self.stream.poll_write_vectored(cx, &slices[..count]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.writing.advance(written);
            self.session.broker().entry.facts.traffic.sent(written);
            self.has_written = true;
            self.session.handle_written(now);
        }
    }

    fn handle_events(&mut self, now: Timestamp) -> Result<(), Ended> {
        let events = self.outbox.lock().take_events();
        if events.is_empty() {
            return Ok(());
        }
        for event in events {
            match event {
                ClientEvent::Abandoned => {
                    let reason = "the client did not take its close";
                    self.session.broker_mut().close_reason = Some(reason.into());
                    return Err(Ended(None));
                }
                ClientEvent::Probe => {
                    let heartbeat = &amqp::HEARTBEAT_FRAME;
                    self.outbox.lock().outgoing.bytes_mut().extend_from_slice(heartbeat);
                }
                ClientEvent::AlarmChanged => self.unblock(now),
                ClientEvent::LoginChecked => {
                    if matches!(self.reading, Reading::Retry(_)) {
                        self.read_tail(now)?;
                    }
                }
                ClientEvent::RightsChanged
                | ClientEvent::ConsumerCancelled { .. }
                | ClientEvent::Replied { .. }
                | ClientEvent::Shutdown { .. } => {
                    if let Some(next) = event.tell(&mut self.session, now) {
                        self.follow(now, next)?;
                    }
                }
            }
        }
        self.session.broker_mut().finish();
        Ok(())
    }

    /// Does what the time asks for; whether there may be something to write for it.
    fn handle_time(&mut self, now: Timestamp) -> Result<bool, Ended> {
        let is_due = self.session.next_deadline().is_some_and(|deadline| deadline <= now);
        if is_due {
            let was_open = self.session.is_open();
            let next = self.session.handle_time(now);
            if was_open && !self.session.is_open() {
                let reason = "missed heartbeats: nothing came from the client for too long";
                self.session.broker_mut().close_reason = Some(reason.into());
            }
            self.follow(now, next)?;
        }
        let is_to_look = self.look_at <= now;
        if is_to_look {
            self.look_around(now)?;
        }
        let reads_on = self.read_on(now)?;
        if self.is_over(now) { Err(Ended(None)) } else { Ok(is_due || is_to_look || reads_on) }
    }

    /// Goes on with a client that was held back, if the time for it has come; whether it has.
    fn read_on(&mut self, now: Timestamp) -> Result<bool, Ended> {
        let has_to_wait = match self.reading {
            Reading::Slowed(until) | Reading::Retry(until) => now < until,
            Reading::Drain => self.outbox.lock().is_congested(),
            Reading::On | Reading::Flush(_) | Reading::Parked | Reading::Blocked | Reading::Off => {
                true
            }
        };
        if has_to_wait {
            return Ok(false);
        }
        match std::mem::replace(&mut self.reading, Reading::On) {
            Reading::Retry(_) | Reading::Drain => self.read_tail(now)?,
            Reading::Slowed(_)
            | Reading::On
            | Reading::Flush(_)
            | Reading::Parked
            | Reading::Blocked
            | Reading::Off => {}
        }
        Ok(true)
    }

    /// Deals with consumers that have kept a delivery for too long, and frees the buffers of an idle connection.
    fn look_around(&mut self, now: Timestamp) -> Result<(), Ended> {
        let (overdue, again) = self.session.broker().overdue();
        let close_channel = self.node.shared.options.consumer_timeout_closes_channel;
        for late in overdue {
            let event = Event::ConsumerTimedOut {
                channel: late.channel,
                consumer_tag: &late.consumer_tag,
                timeout_ms: late.timeout_ms,
                close_channel,
            };
            warn!(
                connection = %self.session.broker().id, channel = late.channel.0,
                consumer_tag = %late.consumer_tag, timeout_ms = late.timeout_ms,
                "a consumer has kept a delivery for too long"
            );
            let next = self.session.handle_event(now, event);
            self.session.broker_mut().finish();
            self.follow(now, next)?;
        }
        if !std::mem::take(&mut self.has_written) {
            self.writing.free_when_empty();
            self.outbox.lock().free_when_idle();
        }
        self.look_at = now.plus_ms(again.unwrap_or(IDLE_CHECK_MS));
        Ok(())
    }

    /// Does what the session wants next.
    fn follow(&mut self, now: Timestamp, next: Next) -> Result<(), Ended> {
        match next {
            Next::Read => {}
            Next::Retry { ms } => {
                self.reading = Reading::Retry(now.plus_ms(ms));
                self.session.handle_reading_paused();
            }
            Next::Drain => self.reading = Reading::Drain,
            Next::Flush { position } => {
                self.reading = Reading::Flush(position);
                self.session.handle_reading_paused();
            }
            Next::Linger { ms } => {
                if matches!(
                    self.reading,
                    Reading::Blocked | Reading::Slowed(_) | Reading::Parked | Reading::Flush(_)
                ) {
                    self.reading = Reading::On;
                }
                self.end_at.get_or_insert(now.plus_ms(ms));
            }
            Next::Close { delay_ms } => {
                self.reading = Reading::Off;
                let end_at = now.plus_ms(delay_ms);
                self.end_at = Some(self.end_at.map_or(end_at, |known| known.min(end_at)));
            }
        }
        Ok(())
    }

    /// Reads once, if the client is to be read, and lets the session handle it.
    fn poll_input(&mut self, cx: &mut Context<'_>, now: Timestamp) -> Poll<Result<(), Ended>> {
        // What a client leaves unread is bounded: it is written on before the client is read on.
        if self.reading != Reading::On || self.outbox.lock().is_congested() {
            return Poll::Pending;
        }
        READ_BUFFER.with_borrow_mut(|buffer| {
            let tail = self.tail.len();
            if buffer.len() < tail + READ_BYTES {
                buffer.resize(tail + READ_BYTES, 0);
            }
            let mut read = ReadBuf::new(&mut buffer[tail..tail + READ_BYTES]);
            match ready!(self.stream.poll_read(cx, &mut read)) {
                Ok(()) => {}
                Err(error) => return Poll::Ready(Err(Ended(Some(error)))),
            }
            let count = read.filled().len();
            if count == 0 {
                if self.session.is_open() {
                    let reason = "the client ended the connection without a close";
                    self.session.broker_mut().close_reason = Some(reason.into());
                }
                return Poll::Ready(Err(Ended(None)));
            }
            let entry = &self.session.broker().entry;
            entry.heard(now);
            entry.facts.traffic.received(count);
            buffer[..tail].copy_from_slice(&self.tail);
            self.tail.clear();
            Poll::Ready(self.handle_input(now, &buffer[..tail + count]))
        })
    }

    fn handle_input(&mut self, now: Timestamp, input: &[u8]) -> Result<(), Ended> {
        let progress = self.session.handle_input(now, input);
        let rest = &input[progress.consumed..];
        if rest.is_empty() {
            if self.tail.capacity() > 0 {
                self.tail = Vec::new();
            }
        } else {
            self.tail.clear();
            self.tail.extend_from_slice(rest);
        }
        let client = self.session.broker_mut();
        client.finish();
        if let Some(ms) = client.look_within_ms.take() {
            self.look_at = self.look_at.min(now.plus_ms(ms));
        }
        self.follow(now, progress.next)?;
        self.hold_back(now);
        Ok(())
    }

    /// Slows or blocks a client that publishes more than there is room for.
    fn hold_back(&mut self, now: Timestamp) {
        let client = self.session.broker_mut();
        let is_slowed = std::mem::take(&mut client.is_slowed);
        let has_logged = std::mem::take(&mut client.has_logged);
        if !std::mem::take(&mut client.has_published) || self.reading != Reading::On {
            return;
        }
        if self.node.shared.alarms.is_any() {
            self.reading = Reading::Blocked;
            self.session.handle_reading_paused();
            let reason = self.node.shared.alarms.reason();
            let _: Next = self.session.handle_event(now, Event::Blocked { reason });
        } else if has_logged && !self.node.shared.has_log_room() {
            self.reading = Reading::Parked;
            self.session.handle_reading_paused();
        } else if is_slowed {
            self.reading = Reading::Slowed(now.plus_ms(SLOWED_MS));
        }
    }

    fn unblock(&mut self, now: Timestamp) {
        if self.reading == Reading::Blocked && !self.node.shared.alarms.is_any() {
            self.reading = Reading::On;
            self.session.handle_reading_resumed(now);
            let _: Next = self.session.handle_event(now, Event::Unblocked);
        }
    }

    /// Sleeps until the next deadline; waking too early is harmless, so the timer is not moved back.
    fn poll_sleep(&mut self, cx: &mut Context<'_>, now: Timestamp) {
        let reading = match self.reading {
            Reading::Retry(at) | Reading::Slowed(at) => Some(at),
            Reading::On
            | Reading::Drain
            | Reading::Flush(_)
            | Reading::Parked
            | Reading::Blocked
            | Reading::Off => None,
        };
        let end_at = self
            .end_at
            .map(|end_at| if end_at <= now { end_at.plus_ms(LAST_WRITE_MS) } else { end_at });
        let deadlines = [Some(self.look_at), self.session.next_deadline(), reading, end_at];
        let deadline = deadlines.into_iter().flatten().min().unwrap_or(self.look_at);
        if deadline < self.armed || self.armed <= now {
            self.armed = deadline;
            self.sleep.as_mut().reset(self.node.shared.clock.instant(deadline));
        }
        if self.sleep.as_mut().poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
    }
}
