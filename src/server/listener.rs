//! Listening sockets: every accepted connection gets its task.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::time::Duration;

use connection::{Session, Settings};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use crate::client::Client;
use crate::files::Files;
use crate::node::{ConnectionEntry, Node};
use crate::outbox::{ClientOutbox, OutboxBuffer};
use crate::task::ConnectionTask;

/// How long accepting rests when the process has no more file descriptors, or no memory.
const REST: Duration = Duration::from_millis(200);

/// The frame size before one was negotiated.
const FRAME_MAX_AT_FIRST: u32 = 4096;

/// A listening socket.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: TcpListener,
    node: Arc<Node>,
    settings: Arc<Settings>,
    files: Files,
}

impl Listener {
    /// # Errors
    /// If the address cannot be listened on.
    pub(crate) async fn bind(
        address: SocketAddr,
        node: &Arc<Node>,
        settings: &Arc<Settings>,
    ) -> io::Result<Self> {
        let socket = TcpListener::bind(address).await?;
        let files = Files::beside(socket.as_fd());
        Ok(Self { socket, node: Arc::clone(node), settings: Arc::clone(settings), files })
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Accepts connections until `stop`. What goes wrong with one of them, or for want of resources, ends nothing.
    pub(crate) async fn run(self, tasks: TaskTracker, stop: CancellationToken) {
        let mut is_resting = false;
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = self.socket.accept() => accepted,
            };
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
                    self.serve(stream, peer, &tasks);
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

    fn serve(&self, stream: TcpStream, peer: SocketAddr, tasks: &TaskTracker) {
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%peer, %error, "cannot turn off Nagle's algorithm");
        }
        let now = self.node.shared.clock.now();
        let outbox = Arc::new(ClientOutbox::new(OutboxBuffer::new(FRAME_MAX_AT_FIRST)));
        let entry = ConnectionEntry::new(peer, outbox, now);
        if let Ok(local) = stream.local_addr() {
            entry.facts.local.get_or_init(|| local);
        }
        let entry = Arc::new(entry);
        let id = self.node.next_connection_id();
        self.node.connections.insert(id, Arc::clone(&entry));
        let client = Client::new(&self.node, id, entry);
        let session = Session::new(client, Arc::clone(&self.settings), now);
        tasks.spawn(ConnectionTask::new(stream, Arc::clone(&self.node), session));
    }
}

/// Whether an error of `accept` concerns only the connection that would have been accepted.
fn is_about_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}
