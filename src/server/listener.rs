//! Listening sockets: every accepted connection gets its task.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::sync::Arc;

use connection::{Session, Settings};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use crate::accepting::{REST, is_about_one_connection};
use crate::client::Client;
use crate::doors::{CLOSED, Doors};
use crate::files::Files;
use crate::node::{ConnectionEntry, ConnectionId, Node};
use crate::outbox::{ClientEvent, ClientOutbox, OutboxBuffer};
use crate::stream::Stream;
use crate::task::ConnectionTask;
use crate::tls::{HandshakeError, Tls, TlsPeer};

/// The frame size before one was negotiated.
const FRAME_MAX_AT_FIRST: u32 = 4096;

/// A listening socket.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    entrance: Entrance,
    /// How TLS is spoken, if it is spoken here.
    tls: Option<Arc<Tls>>,
    files: Files,
}

/// Where streams become connections.
#[derive(Clone, Debug)]
pub(crate) struct Entrance {
    pub(crate) node: Arc<Node>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
}

impl Listener {
    /// # Errors
    /// If the address cannot be listened on.
    pub(crate) async fn bind(address: SocketAddr, entrance: &Entrance) -> io::Result<Self> {
        let socket = TcpListener::bind(address).await?;
        let (address, files) = (socket.local_addr()?, Files::beside(socket.as_fd()));
        entrance.node.doors.enter();
        Ok(Self { socket, address, entrance: entrance.clone(), tls: None, files })
    }

    /// The same, for clients that speak TLS.
    pub(crate) fn with_tls(self, tls: &Arc<Tls>) -> Self {
        Self { tls: Some(Arc::clone(tls)), ..self }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts connections until the node stops, but while an operator has its doors closed. What goes wrong with one of
    /// them, or for want of resources, ends nothing.
    pub(crate) async fn run(mut self) {
        let (node, stop) = (Arc::clone(&self.entrance.node), self.entrance.stop.clone());
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = node.doors.until(false) => {}
                () = self.accept() => {}
            }
            let Self { address, entrance, tls, socket, .. } = self;
            drop(socket);
            node.doors.gave_address_up();
            let socket = tokio::select! {
                () = stop.cancelled() => return,
                socket = take_again(address, &node.doors) => socket,
            };
            let files = Files::beside(socket.as_fd());
            node.doors.took_address();
            self = Self { socket, address, entrance, tls, files };
        }
    }

    /// Accepts connections for ever.
    async fn accept(&self) {
        let stop = &self.entrance.stop;
        let mut is_resting = false;
        loop {
            let accepted = self.socket.accept().await;
            match accepted {
                Ok((stream, peer)) => {
                    if self.files.has_any(&stream) {
                        is_resting = false;
                    } else {
                        if !is_resting {
                            warn!(
                                "cannot accept connections: no file descriptors are left for them"
                            );
                        }
                        is_resting = true;
                        tokio::select! {
                            () = stop.cancelled() => return,
                            () = self.wait_for_files(&stream) => {}
                        }
                    }
                    self.serve(stream, peer);
                }
                Err(error) if is_about_one_connection(&error) => {
                    debug!(%error, "a connection ended before it was accepted");
                }
                Err(error) => {
                    if !is_resting {
                        warn!(%error, "cannot accept connections; trying again until it works");
                    }
                    is_resting = true;
                    tokio::time::sleep(REST).await;
                }
            }
        }
    }

    /// Waits until others have closed enough, with a connection that is not served before.
    async fn wait_for_files(&self, stream: &TcpStream) {
        while !self.files.has_any(stream) {
            tokio::time::sleep(REST).await;
        }
    }

    /// Serves a client in a task of its own. A handshake of TLS waits for the client, but nobody waits for it.
    fn serve(&self, socket: TcpStream, peer: SocketAddr) {
        if let Err(error) = socket.set_nodelay(true) {
            debug!(%peer, %error, "cannot turn off Nagle's algorithm");
        }
        let Some(tls) = &self.tls else {
            return self.entrance.admit(Stream::Plain(socket), peer, None);
        };
        let (entrance, tls) = (self.entrance.clone(), Arc::clone(tls));
        self.entrance.tasks.spawn(async move {
            let accepted = tokio::select! {
                () = entrance.stop.cancelled() => return,
                accepted = tls.accept(socket) => accepted,
            };
            match accepted {
                Ok((stream, known)) => {
                    entrance.admit(Stream::Tls(Box::new(stream)), peer, Some(known));
                }
                Err(HandshakeError::Gone) => debug!(%peer, "a client of TLS went away at once"),
                Err(error) => warn!(%peer, "refused a connection: {error}"),
            }
        });
    }
}

/// Waits until the doors are open, and listens where it was listened before, as soon as that can be.
async fn take_again(address: SocketAddr, doors: &Doors) -> TcpListener {
    let mut is_said = false;
    loop {
        doors.until(true).await;
        match TcpListener::bind(address).await {
            Ok(socket) => return socket,
            Err(error) => {
                doors.was_refused(address, &error);
                if !std::mem::replace(&mut is_said, true) {
                    warn!(%address, %error, "cannot listen again; trying until it works");
                }
                tokio::time::sleep(REST).await;
            }
        }
    }
}

impl Entrance {
    /// Makes a connection of a stream, and serves it.
    fn admit(&self, stream: Stream, peer: SocketAddr, tls: Option<TlsPeer>) {
        let now = self.node.shared.clock.now();
        let outbox = Arc::new(ClientOutbox::new(OutboxBuffer::new(FRAME_MAX_AT_FIRST)));
        let mut entry = ConnectionEntry::new(peer, outbox, now);
        if let Ok(local) = stream.local_address() {
            entry.facts.local.get_or_init(|| local);
        }
        let id = self.node.next_connection_id();
        if let Some(tls) = tls {
            tell(&tls, peer, id);
            entry = entry.with_tls(tls);
        }
        let entry = Arc::new(entry);
        self.node.connections.insert(id, Arc::clone(&entry));
        if !self.node.doors.are_open() {
            // It was accepted while the doors were being closed, and whoever closed them may not have seen it.
            let explanation = Arc::from(CLOSED);
            entry.tell(ClientEvent::Shutdown { explanation });
        }
        let client = Client::new(&self.node, id, entry);
        let session = Session::new(client, self.node.session_settings(&self.settings), now);
        self.tasks.spawn(ConnectionTask::new(stream, Arc::clone(&self.node), session));
    }
}

/// Says what was agreed on, and why a client with a certificate cannot log in by it.
fn tell(tls: &TlsPeer, peer: SocketAddr, connection: ConnectionId) {
    let subject = tls.certificate.as_ref().map(|certificate| certificate.subject.as_str());
    let (version, cipher_suite) = (tls.version, tls.cipher_suite);
    debug!(%peer, %connection, version, cipher_suite, subject, "TLS is agreed on");
    if subject.is_some() && tls.user.is_none() {
        warn!(%peer, %connection, subject, "the client's certificate names no user: EXTERNAL is not offered");
    }
}
