//! One simulated client: its session, driven as `ConnectionTask` drives it, without a socket.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Waker;

use ::connection::{Event, Next, Session, Settings};
use broker::{LogPosition, Timestamp};

use crate::client::Client;
use crate::node::{ConnectionEntry, Node};
use crate::outbox::{ClientOutbox, OutboxBuffer};
use crate::outgoing::Outgoing;

/// A connection without a socket.
#[derive(Debug)]
pub(super) struct Connection {
    node: Arc<Node>,
    session: Session<Client>,
    outbox: Arc<ClientOutbox>,
    /// What was sent and not yet used.
    input: Vec<u8>,
    output: Vec<u8>,
    reading: Reading,
}

/// Whether the client is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// As soon as it sends more.
    Idle,
    /// It has sent something.
    On,
    /// The session is asked again with the same bytes once it has been somebody else's turn.
    Again,
    /// Once the log is flushed so far.
    Flush(LogPosition),
    /// No more.
    Off,
}

impl Connection {
    pub(super) fn new(node: &Arc<Node>, settings: &Arc<Settings>, peer: SocketAddr) -> Self {
        let now = node.shared.clock.now();
        let outbox = Arc::new(ClientOutbox::new(OutboxBuffer::new(settings.frame_max)));
        let entry = Arc::new(ConnectionEntry::new(peer, Arc::clone(&outbox), now));
        let id = node.next_connection_id();
        node.connections.insert(id, Arc::clone(&entry));
        let client = Client::new(node, id, entry);
        let session = Session::new(client, Arc::clone(settings), now);
        let (input, output) = (Vec::new(), Vec::new());
        Self { node: Arc::clone(node), session, outbox, input, output, reading: Reading::Idle }
    }

    pub(super) fn send(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        if self.reading == Reading::Idle {
            self.reading = Reading::On;
        }
    }

    pub(super) fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.output)
    }

    /// What a task does when it is woken; whether there was anything.
    pub(super) fn turn(&mut self) -> bool {
        let now = self.node.shared.clock.now();
        self.session.broker_mut().now = now;
        let mut has_done = self.follow_log(now);
        has_done |= self.write(now);
        if matches!(self.reading, Reading::On | Reading::Again) {
            // Asked again without anything new it has done nothing.
            let is_new = self.reading == Reading::On;
            let used = self.read(now);
            has_done |= is_new || used;
        }
        has_done | self.follow_log(now) | self.write(now)
    }

    /// The client is gone: what it had is given back.
    pub(super) fn end(&mut self) {
        self.reading = Reading::Off;
        self.session.broker_mut().now = self.node.shared.clock.now();
        let _: Next = self.session.handle_event(self.node.shared.clock.now(), Event::Disconnected);
        self.outbox.lock().close();
        let client = self.session.broker_mut();
        client.finish();
        self.node.connections.remove(&client.id);
    }

    /// Tells the session what the log has flushed since.
    fn follow_log(&mut self, now: Timestamp) -> bool {
        let Some(flushed) = self.node.shared.journal().map(|journal| journal.flushed()) else {
            return false;
        };
        let mut has_done = false;
        while self.session.awaits().is_some_and(|awaited| awaited <= flushed) {
            let next = self.session.handle_flushed(now, flushed);
            self.follow(next);
            has_done = true;
        }
        if matches!(self.reading, Reading::Flush(position) if position <= flushed) {
            self.reading = Reading::On;
            has_done = true;
        }
        has_done
    }

    /// Lets the session handle what was sent; whether it used any.
    fn read(&mut self, now: Timestamp) -> bool {
        self.reading = Reading::Idle;
        let input = std::mem::take(&mut self.input);
        let progress = self.session.handle_input(now, &input);
        self.session.broker_mut().finish();
        self.input.extend_from_slice(&input[progress.consumed..]);
        self.follow(progress.next);
        progress.consumed > 0
    }

    fn follow(&mut self, next: Next) {
        match next {
            Next::Read => {}
            Next::Retry { .. } | Next::Drain => self.reading = Reading::Again,
            Next::Flush { position } => self.reading = Reading::Flush(position),
            Next::Linger { .. } | Next::Close { .. } => self.reading = Reading::Off,
        }
    }

    /// Takes what there is for the client, and serves consumers that waited for room.
    fn write(&mut self, now: Timestamp) -> bool {
        let mut has_done = false;
        let mut starved = Vec::new();
        loop {
            self.outbox.begin_turn(Waker::noop());
            self.handle_events(now);
            let mut writing = Outgoing::default();
            self.outbox.lock().take_outgoing(&mut writing);
            has_done |= !writing.is_empty();
            while !writing.is_empty() {
                let mut slices = Outgoing::no_slices();
                let count = writing.slices(&mut slices);
                let before = self.output.len();
                slices[..count].iter().for_each(|slice| self.output.extend_from_slice(slice));
                let written = self.output.len() - before;
                writing.advance(written);
                self.session.handle_written(now);
            }
            self.outbox.take_starved(&mut starved);
            if starved.is_empty() {
                return has_done;
            }
            let client = self.session.broker_mut();
            starved.drain(..).for_each(|starved| client.resume(starved));
            client.finish();
            has_done = true;
        }
    }

    fn handle_events(&mut self, now: Timestamp) {
        let events = self.outbox.lock().take_events();
        for event in events {
            if let Some(next) = event.tell(&mut self.session, now) {
                self.follow(next);
            }
        }
        self.session.broker_mut().finish();
    }
}
