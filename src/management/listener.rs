//! Listening sockets for HTTP: how many connections there may be, and how slow.
//!
//! When all places are taken, the connection that has waited longest without a request under way makes room for the
//! next, and before it those that have never asked for anything: many that say nothing, or next to nothing, keep nobody
//! out. A request is under way until its answer is sent.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::response::Response;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use server::accepting::{REST, is_about_one_connection};
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

/// The connections there are.
#[derive(Debug, Default)]
struct Connections {
    places: Mutex<BTreeMap<u64, Arc<Place>>>,
    /// How many answers have been sent; that is the time by which places wait.
    answered: AtomicU64,
}

/// One of them.
#[derive(Debug, Default)]
struct Place {
    /// How many requests are being answered on it.
    busy: AtomicUsize,
    /// The number of the answer after which it has been waiting; 0 if it has never asked.
    waits_since: AtomicU64,
    close: CancellationToken,
}

/// A request that is being answered, until this is dropped.
#[derive(Debug)]
struct Busy {
    connections: Arc<Connections>,
    place: Arc<Place>,
}

impl Connections {
    /// A place for one more. `None` if all are busy.
    fn enter(&self, id: u64) -> Option<Arc<Place>> {
        let mut places = self.places.lock();
        if places.len() >= CONNECTIONS_MAX {
            let idle = places.iter().filter(|(_, place)| place.busy.load(Ordering::Relaxed) == 0);
            let longest = idle.min_by_key(|(_, place)| place.waits_since.load(Ordering::Relaxed));
            let id = *longest?.0;
            if let Some(place) = places.remove(&id) {
                place.close.cancel();
            }
        }
        let place = Arc::<Place>::default();
        places.insert(id, Arc::clone(&place));
        Some(place)
    }

    fn leave(&self, id: u64) {
        self.places.lock().remove(&id);
    }
}

impl Busy {
    fn on(place: &Arc<Place>, connections: &Arc<Connections>) -> Self {
        place.busy.fetch_add(1, Ordering::Relaxed);
        Self { connections: Arc::clone(connections), place: Arc::clone(place) }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let number = self.connections.answered.fetch_add(1, Ordering::Relaxed) + 1;
        self.place.waits_since.store(number, Ordering::Relaxed);
        self.place.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A listening socket, and what is answered there.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: TcpListener,
    router: Router,
    connections: Arc<Connections>,
}

impl Listener {
    pub(crate) fn new(socket: TcpListener, router: Router) -> Self {
        Self { socket, router, connections: Arc::default() }
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

    async fn serve(&self, stream: TcpStream, address: SocketAddr, place: &Arc<Place>) {
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
        place: &Arc<Place>,
    ) -> Result<Response, Infallible> {
        let busy = Busy::on(place, &self.connections);
        request.extensions_mut().insert(peer);
        without_slash_at_the_end(&mut request);
        let response = self.router.clone().oneshot(request).await?;
        Ok(response.map(|body| {
            Body::new(body.map_frame(move |frame| {
                let _until_it_is_sent = &busy;
                frame
            }))
        }))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_never_asked_makes_room_and_then_who_waits_longest() {
        let connections = Arc::<Connections>::default();
        let places: Vec<_> =
            (0..CONNECTIONS_MAX as u64).map(|id| connections.enter(id).unwrap()).collect();
        let is_closed = |at: usize| places[at].close.is_cancelled();
        // All but the last have asked; the first is being answered still, and the second asked again last.
        let asked = places.len() - 1;
        let being_answered = Busy::on(&places[0], &connections);
        places[1..asked].iter().for_each(|place| drop(Busy::on(place, &connections)));
        drop(Busy::on(&places[1], &connections));
        let newest = connections.enter(1000).unwrap();
        assert!(is_closed(asked) && (0..asked).all(|at| !is_closed(at)));
        drop(Busy::on(&newest, &connections));
        connections.enter(1001).unwrap();
        assert!(is_closed(2) && !is_closed(0) && !is_closed(1) && !newest.close.is_cancelled());
        let all: Vec<_> = connections.places.lock().values().cloned().collect();
        let busy: Vec<_> = all.iter().map(|place| Busy::on(place, &connections)).collect();
        assert!(connections.enter(1002).is_none());
        drop((being_answered, busy));
        assert!(connections.enter(1002).is_some());
    }

    #[tokio::test]
    async fn a_request_is_under_way_until_its_answer_is_sent() {
        let router = Router::new().route("/", axum::routing::get(async || "an answer"));
        let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let listener = Listener::new(socket, router);
        let place = listener.connections.enter(1).unwrap();
        let peer = Arc::new(Peer { address, last_login: LastLogin::default() });
        let request = Request::builder().uri("/").body(Body::empty()).unwrap();
        let response = listener.answer(request, peer, &place).await.unwrap();
        let is_busy = || place.busy.load(Ordering::Relaxed) == 1;
        assert!(is_busy());
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "an answer");
        assert!(!is_busy());
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
