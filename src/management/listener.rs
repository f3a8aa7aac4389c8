//! Listening sockets for HTTP: how many connections there may be, and how slow.
//!
//! When all places are taken, somebody makes room for the next: before all others those on whose connection nobody has
//! logged in, and of these one from the address that has the most of them. So many that say nothing, or guess passwords,
//! keep nobody out. If all have logged in, it is the one that has waited longest without a request under way; a request
//! is under way until its answer is sent.

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderValue, Request, header};
use axum::response::Response;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use parking_lot::Mutex;
use server::accepting::{REST, is_about_one_connection};
use server::tls::{HandshakeError, Tls};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};
use tower::ServiceExt as _;
use tracing::{debug, warn};

use crate::gate::Peer;
use crate::names::Names;
use crate::paced::Paced;
use crate::response;

/// How many connections there may be at a time.
const CONNECTIONS_MAX: usize = 512;

/// How long the head of a request may take to come, and how long a connection may say nothing before its next one.
const HEAD_PATIENCE: Duration = Duration::from_secs(10);

/// The largest head of a request, and what is read ahead.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// The most headers of a request.
const HEADERS_MAX: usize = 64;

/// How long an answer may take to be sent. With what it holds nobody is to sit there for ever, taking an octet now and
/// then.
const ANSWER_PATIENCE: Duration = Duration::from_secs(300);

/// What keeps a browser from asking without TLS for a year, once it has asked with it.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// The connections there are.
#[derive(Debug, Default)]
struct Connections {
    places: Mutex<BTreeMap<u64, Arc<Place>>>,
    /// How many answers have been sent; that is the time by which places wait.
    answered: AtomicU64,
}

/// One of them.
#[derive(Debug)]
struct Place {
    peer: Arc<Peer>,
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
    /// A place for one more. `None` if all are taken by who is being answered, after a login.
    fn enter(&self, id: u64, peer: Arc<Peer>) -> Option<Arc<Place>> {
        let mut places = self.places.lock();
        if places.len() >= CONNECTIONS_MAX {
            let id = makes_room(&places)?;
            if let Some(place) = places.remove(&id) {
                place.close.cancel();
            }
        }
        let (busy, waits_since, close) = Default::default();
        let place = Arc::new(Place { peer, busy, waits_since, close });
        places.insert(id, Arc::clone(&place));
        Some(place)
    }

    fn leave(&self, id: u64) {
        self.places.lock().remove(&id);
    }
}

/// Who is to go: of those who have not logged in, one from the address that has the most of them; if all have, the one
/// that has waited longest without a request.
fn makes_room(places: &BTreeMap<u64, Arc<Place>>) -> Option<u64> {
    let mut strangers = HashMap::<IpAddr, usize>::new();
    let is_stranger = |place: &Place| !place.peer.is_known();
    for place in places.values().filter(|place| is_stranger(place)) {
        *strangers.entry(place.peer.address.ip()).or_default() += 1;
    }
    let most = strangers.values().copied().max();
    let goes_first = |place: &Place| match most {
        Some(most) => is_stranger(place) && strangers[&place.peer.address.ip()] == most,
        None => !place.is_busy(),
    };
    let candidates = places.iter().filter(|(_, place)| goes_first(place));
    let order = |place: &Place| (place.is_busy(), place.waits_since.load(Ordering::Relaxed));
    candidates.min_by_key(|(_, place)| order(place)).map(|(&id, _)| id)
}

impl Place {
    fn is_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed) > 0
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
    /// By which names it may be called; `None`: by any.
    names: Option<Names>,
    /// How TLS is spoken, if it is spoken here.
    tls: Option<Arc<Tls>>,
    connections: Arc<Connections>,
}

impl Listener {
    pub(crate) fn new(socket: TcpListener, router: Router) -> Self {
        Self { socket, router, names: None, tls: None, connections: Arc::default() }
    }

    /// The same, for requests that call the server by one of these names.
    pub(crate) fn named(self, names: &Names) -> Self {
        Self { names: Some(names.clone()), ..self }
    }

    /// The same, for those who speak TLS.
    pub(crate) fn with_tls(self, tls: &Arc<Tls>) -> Self {
        Self { tls: Some(Arc::clone(tls)), ..self }
    }

    /// Serves until `stop`. By then begun answers are sent to their ends: `tasks` are over then.
    pub(crate) async fn run(self, stop: CancellationToken, tasks: TaskTracker) {
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
                    let peer = Arc::new(Peer::at(address, listener.tls.is_some()));
                    let Some(place) = listener.connections.enter(next_id, peer) else {
                        debug!(peer = %address, "no place is free for an HTTP connection");
                        continue;
                    };
                    let (listener, stop) = (Arc::clone(&listener), stop.clone());
                    tasks.spawn(async move {
                        tokio::select! {
                            () = place.close.cancelled() => {}
                            () = listener.accept(stream, &place, &stop) => {}
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

    async fn accept(&self, stream: TcpStream, place: &Arc<Place>, stop: &CancellationToken) {
        let address = place.peer.address;
        if let Err(error) = stream.set_nodelay(true) {
            debug!(peer = %address, %error, "cannot turn off Nagle's algorithm");
        }
        let Some(tls) = &self.tls else { return self.serve(stream, place, stop).await };
        let shaken = tokio::select! {
            shaken = tls.accept(stream) => shaken,
            () = stop.cancelled() => return,
        };
        match shaken {
            Ok((stream, _)) => self.serve(stream, place, stop).await,
            Err(HandshakeError::Gone) => debug!(peer = %address, "a client of HTTPS went away"),
            Err(error) => debug!(peer = %address, "refused an HTTPS connection: {error}"),
        }
    }

    async fn serve(
        &self,
        stream: impl AsyncRead + AsyncWrite + Unpin,
        place: &Arc<Place>,
        stop: &CancellationToken,
    ) {
        let address = place.peer.address;
        let service =
            service_fn(|request: Request<Incoming>| self.answer(request.map(Body::new), place));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_PATIENCE)
            .max_buf_size(HEAD_BYTES_MAX)
            .max_headers(HEADERS_MAX)
            .serve_connection(TokioIo::new(Paced::new(stream)), service);
        let mut connection = pin!(connection);
        let served = tokio::select! {
            served = connection.as_mut() => served,
            () = stop.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = served {
            debug!(peer = %address, %error, "an HTTP connection ended");
        }
    }

    async fn answer(
        &self,
        mut request: Request<Body>,
        place: &Arc<Place>,
    ) -> Result<Response, Infallible> {
        let busy = Busy::on(place, &self.connections);
        request.extensions_mut().insert(Arc::clone(&place.peer));
        without_slash_at_the_end(&mut request);
        let named = self.names.as_ref().map(|it| it.check(request.uri(), request.headers()));
        let response = match named.unwrap_or(Ok(())) {
            Ok(()) => self.router.clone().oneshot(request).await?,
            Err(failure) => response::no(failure),
        };
        let mut response = response;
        if self.tls.is_some() {
            response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
        }
        let late = place.close.clone();
        let deadline = tokio::spawn(async move {
            tokio::time::sleep(ANSWER_PATIENCE).await;
            late.cancel();
        });
        let until_it_is_sent = (busy, AbortOnDropHandle::new(deadline));
        Ok(response.map(|body| {
            Body::new(body.map_frame(move |frame| {
                let _until_it_is_sent = &until_it_is_sent;
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

    fn peer(address: &str) -> Arc<Peer> {
        Arc::new(Peer::at(address.parse().unwrap(), false))
    }

    /// A listener's places, all of them taken by whom `peer` gives.
    fn full(peer: impl Fn(usize) -> Arc<Peer>) -> (Arc<Connections>, Vec<Arc<Place>>) {
        let connections = Arc::<Connections>::default();
        let enter = |id: usize| connections.enter(id as u64, peer(id)).unwrap();
        let places = (0..CONNECTIONS_MAX).map(enter).collect();
        (connections, places)
    }

    fn known() -> Arc<Peer> {
        let peer = peer("10.0.0.1:1");
        peer.is_known.store(true, Ordering::Relaxed);
        peer
    }

    #[test]
    fn of_those_who_have_logged_in_who_waits_longest_makes_room() {
        let (connections, places) = full(|_| known());
        let is_closed = |at: usize| places[at].close.is_cancelled();
        // All but the last have asked; the first is being answered still, and the second asked again last.
        let asked = places.len() - 1;
        let being_answered = Busy::on(&places[0], &connections);
        places[1..asked].iter().for_each(|place| drop(Busy::on(place, &connections)));
        drop(Busy::on(&places[1], &connections));
        let newest = connections.enter(1000, known()).unwrap();
        assert!(is_closed(asked) && (0..asked).all(|at| !is_closed(at)));
        drop(Busy::on(&newest, &connections));
        connections.enter(1001, known()).unwrap();
        assert!(is_closed(2) && !is_closed(0) && !is_closed(1) && !newest.close.is_cancelled());
        let all: Vec<_> = connections.places.lock().values().cloned().collect();
        let busy: Vec<_> = all.iter().map(|place| Busy::on(place, &connections)).collect();
        assert!(connections.enter(1002, known()).is_none());
        drop((being_answered, busy));
        assert!(connections.enter(1002, known()).is_some());
    }

    #[test]
    fn who_has_not_logged_in_makes_room_first_however_busy() {
        // A flood of wrong passwords from one address, one stranger from elsewhere, and somebody who is in.
        let (connections, places) = full(|id| match id {
            0 => known(),
            1 => peer("10.0.0.2:1"),
            _ => peer("10.0.0.3:1"),
        });
        let mut busy: Vec<_> =
            places[1..].iter().map(|place| Busy::on(place, &connections)).collect();
        for id in 0..CONNECTIONS_MAX {
            let next = connections.enter((CONNECTIONS_MAX + id) as u64, peer("10.0.0.3:2"));
            busy.push(Busy::on(&next.unwrap(), &connections));
        }
        assert!(!places[0].close.is_cancelled() && !places[1].close.is_cancelled());
        assert!(places[2..].iter().all(|place| place.close.is_cancelled()));
        drop(busy);
    }

    #[tokio::test]
    async fn a_request_is_under_way_until_its_answer_is_sent() {
        let router = Router::new().route("/", axum::routing::get(async || "an answer"));
        let listener = listener(router).await;
        let place = listener.connections.enter(1, known()).unwrap();
        let request = Request::builder().uri("/").body(Body::empty()).unwrap();
        let response = listener.answer(request, &place).await.unwrap();
        assert!(place.is_busy());
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "an answer");
        assert!(!place.is_busy());
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_never_taken_whole_ends_its_connection() {
        let router = Router::new().route("/", axum::routing::get(async || "an answer"));
        let listener = listener(router).await;
        let place = listener.connections.enter(1, known()).unwrap();
        let ask = || Request::builder().uri("/").body(Body::empty()).unwrap();
        let taken = listener.answer(ask(), &place).await.unwrap();
        assert_eq!(taken.into_body().collect().await.unwrap().to_bytes(), "an answer");
        tokio::time::sleep(2 * ANSWER_PATIENCE).await;
        assert!(!place.close.is_cancelled(), "that one was taken");
        let response = listener.answer(ask(), &place).await.unwrap();
        tokio::time::sleep(ANSWER_PATIENCE - Duration::from_secs(1)).await;
        assert!(!place.close.is_cancelled());
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert!(place.close.is_cancelled());
        drop(response);
    }

    async fn listener(router: Router) -> Listener {
        Listener::new(TcpListener::bind("127.0.0.1:0").await.unwrap(), router)
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
