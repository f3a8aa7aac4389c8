//! Listening sockets for HTTP: how many connections there may be, and how slow.
//!
//! When all places are taken, the connection that has waited longest without a request under way makes room for the
//! next: many that say nothing, or next to nothing, keep nobody out.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;
use tracing::{debug, warn};

use crate::caller::LastLogin;
use crate::gate::Peer;
use crate::paced::Paced;

/// How many connections there may be at a time.
const CONNECTIONS_MAX: usize = 512;

/// How long the head of a request may take to come, and how long a connection may say nothing before its next one.
const HEAD_PATIENCE: Duration = Duration::from_secs(10);

/// The largest head of a request, and what is read ahead.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// The most headers of a request.
const HEADERS_MAX: usize = 64;

/// How long accepting rests when the process has no more file descriptors.
const REST: Duration = Duration::from_millis(200);

/// The connections there are, the oldest first.
#[derive(Debug, Default)]
struct Connections(Mutex<BTreeMap<u64, Arc<Place>>>);

/// One of them.
#[derive(Debug, Default)]
struct Place {
    /// How many requests are being answered on it.
    busy: AtomicUsize,
    close: CancellationToken,
}

impl Connections {
    /// A place for one more. `None` if all are busy.
    fn enter(&self, id: u64) -> Option<Arc<Place>> {
        let mut places = self.0.lock();
        if places.len() >= CONNECTIONS_MAX {
            let idle = places.iter().find(|(_, place)| place.busy.load(Ordering::Relaxed) == 0)?;
            let id = *idle.0;
            if let Some(place) = places.remove(&id) {
                place.close.cancel();
            }
        }
        let place = Arc::<Place>::default();
        places.insert(id, Arc::clone(&place));
        Some(place)
    }

    fn leave(&self, id: u64) {
        self.0.lock().remove(&id);
    }
}

/// A listening socket, and what is answered there.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: TcpListener,
    router: Router,
    connections: Connections,
}

impl Listener {
    pub(crate) fn new(socket: TcpListener, router: Router) -> Self {
        Self { socket, router, connections: Connections::default() }
    }

    /// Serves until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let listener = Arc::new(self);
        let mut next_id = 0;
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = listener.socket.accept() => accepted,
            };
            match accepted {
                Ok((stream, address)) => {
                    next_id += 1;
                    let Some(place) = listener.connections.enter(next_id) else {
                        debug!(peer = %address, "no place is free for an HTTP connection");
                        continue;
                    };
                    let (listener, stop) = (Arc::clone(&listener), stop.clone());
                    tokio::spawn(async move {
                        tokio::select! {
                            () = stop.cancelled() => {}
                            () = place.close.cancelled() => {}
                            () = listener.serve(stream, address, &place) => {}
                        }
                        listener.connections.leave(next_id);
                    });
                }
                Err(error) if is_about_one_connection(&error) => {}
                Err(error) => {
                    warn!(%error, "cannot accept HTTP connections; trying again until it works");
                    tokio::time::sleep(REST).await;
                }
            }
        }
    }

    async fn serve(&self, stream: TcpStream, address: SocketAddr, place: &Place) {
        let peer = Arc::new(Peer { address, last_login: LastLogin::default() });
        if let Err(error) = stream.set_nodelay(true) {
            debug!(peer = %address, %error, "cannot turn off Nagle's algorithm");
        }
        let service = service_fn(|request: Request<Incoming>| {
            self.answer(request.map(Body::new), Arc::clone(&peer), place)
        });
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_PATIENCE)
            .max_buf_size(HEAD_BYTES_MAX)
            .max_headers(HEADERS_MAX)
            .serve_connection(TokioIo::new(Paced::new(stream)), service)
            .await;
        if let Err(error) = served {
            debug!(peer = %address, %error, "an HTTP connection ended");
        }
    }

    async fn answer(
        &self,
        mut request: Request<Body>,
        peer: Arc<Peer>,
        place: &Place,
    ) -> Result<Response, Infallible> {
        place.busy.fetch_add(1, Ordering::Relaxed);
        request.extensions_mut().insert(peer);
        without_slash_at_the_end(&mut request);
        let response = self.router.clone().oneshot(request).await;
        place.busy.fetch_sub(1, Ordering::Relaxed);
        response
    }
}

/// `/api/queues/` is `/api/queues`, as RabbitMQ has it; `/api/queues//` is nothing.
fn without_slash_at_the_end(request: &mut Request<Body>) {
    let uri = request.uri();
    let Some(path) = uri.path().strip_suffix('/') else { return };
    if !path.starts_with("/api/") || path.ends_with('/') {
        return;
    }
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    if let Ok(uri) = format!("{path}{query}").parse() {
        *request.uri_mut() = uri;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_waits_longest_makes_room() {
        let connections = Connections::default();
        let places: Vec<_> =
            (0..CONNECTIONS_MAX as u64).map(|id| connections.enter(id).unwrap()).collect();
        places[0].busy.fetch_add(1, Ordering::Relaxed);
        let newest = connections.enter(1000).unwrap();
        let closed: Vec<bool> = places.iter().map(|place| place.close.is_cancelled()).collect();
        assert!(!closed[0] && closed[1] && !closed[2] && !newest.close.is_cancelled());
        for place in connections.0.lock().values() {
            place.busy.fetch_add(1, Ordering::Relaxed);
        }
        assert!(connections.enter(1001).is_none());
        connections.leave(0);
        assert!(connections.enter(1002).is_some());
    }

    #[test]
    fn one_slash_at_the_end_is_none() {
        for (given, meant) in [
            ("/api/queues/", "/api/queues"),
            ("/api/queues/?page=1", "/api/queues?page=1"),
            ("/api/queues//", "/api/queues//"),
            ("/api/queues/%2F/", "/api/queues/%2F"),
            ("/api/", "/api/"),
            ("/", "/"),
        ] {
            let mut request = Request::builder().uri(given).body(Body::empty()).unwrap();
            without_slash_at_the_end(&mut request);
            assert_eq!(request.uri().to_string(), meant);
        }
    }
}
