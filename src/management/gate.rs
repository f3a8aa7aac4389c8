//! The way of every request: who asks, may they, what do they send; then the function of its path answers.
//!
//! ```text
//! verb known? 405 ─▶ name and password? 401 ─▶ right? 401 ─▶ from here? 403 ─▶ body small enough? 413, JSON? 415 ─▶ answer
//! ```
//!
//! Only a login comes without name and password in its header: its body is a form that has them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, Request as HttpRequest};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::response::Response;
use axum::routing::any;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use server::admin::Admin;
use tracing::info;

use crate::answer::Answer;
use crate::api::{self, Endpoint};
use crate::authorize::authorize;
use crate::caller::{Caller, LastLogin};
use crate::endpoint::{Right, Verb};
use crate::failure::{Failure, allowed};
use crate::query::Query;
use crate::request::Request;
use crate::response;
use crate::settings::Shown;

/// The largest body that is read.
const BODY_BYTES_MAX: usize = 1 << 20;

/// The largest body of definitions.
const DEFINITIONS_BYTES_MAX: usize = 16 << 20;

/// The largest body of who need not be known: a name and a password.
const STRANGERS_BYTES_MAX: usize = 4 << 10;

/// How long a body may take to come, and then the answer to be made.
const PATIENCE: Duration = Duration::from_secs(10);

/// The same for definitions, each of which waits for the disk.
const DEFINITIONS_PATIENCE: Duration = Duration::from_secs(300);

/// The other end of a connection, and who asked last on it.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    pub(crate) last_login: LastLogin,
    /// Whether it speaks TLS.
    is_tls: bool,
    /// Whether somebody has logged in on it.
    pub(crate) is_known: AtomicBool,
}

impl Peer {
    pub(crate) fn at(address: SocketAddr, is_tls: bool) -> Self {
        let (last_login, is_known) = Default::default();
        Self { address, last_login, is_tls, is_known }
    }

    pub(crate) fn is_known(&self) -> bool {
        self.is_known.load(Ordering::Relaxed)
    }
}

/// No request follows on this connection.
const CLOSE: HeaderValue = HeaderValue::from_static("close");

/// The names in a path, by what they are the names of.
type Path = Vec<(String, String)>;

/// Every path of the API.
pub(crate) fn routes(admin: &Admin, shown: &Shown) -> Router {
    let mut router = Router::new();
    for &endpoint in Endpoint::ALL {
        let (admin, shown) = (admin.clone(), shown.clone());
        let handler = any(
            async move |path: Result<RawPathParams, RawPathParamsRejection>,
                        request: HttpRequest| {
                let gate = Gate { admin: admin.clone(), shown: shown.clone(), endpoint };
                gate.pass(path.map(|path| parts_of(&path)), request).await
            },
        );
        router = router.route(&endpoint.full_path(), handler);
    }
    router
}

/// What stands before one path.
struct Gate {
    admin: Admin,
    shown: Shown,
    endpoint: Endpoint,
}

impl Gate {
    async fn pass(
        self,
        path: Result<Path, RawPathParamsRejection>,
        request: HttpRequest,
    ) -> Response {
        let (parts, body) = request.into_parts();
        // A body that nobody read is in the way of the next request: who sent it is told not to send one.
        let has_body = !body.is_end_stream();
        if parts.method == Method::OPTIONS {
            return match self.caller(&parts).await {
                Ok(_) => response::options(allowed(self.endpoint.rights())),
                Err(failure) => response::no(failure),
            };
        }
        match self.answer(path, parts, body).await {
            Ok(answer) => response::yes(answer, &self.shown.budget),
            Err(failure) => {
                let mut refused = response::no(failure);
                if has_body {
                    refused.headers_mut().insert(header::CONNECTION, CLOSE);
                }
                refused
            }
        }
    }

    async fn answer(
        &self,
        path: Result<Path, RawPathParamsRejection>,
        parts: Parts,
        body: Body,
    ) -> Result<Answer, Failure> {
        let rights = self.endpoint.rights();
        let not_allowed = || Failure::method_not_allowed(rights);
        let verb = Verb::of(&parts.method).ok_or_else(not_allowed)?;
        let right = rights.iter().find(|(known, _)| *known == verb).ok_or_else(not_allowed)?;
        let needs_nobody = right.1 == Right::Nobody;
        let caller = if needs_nobody { nobody(&parts) } else { self.caller(&parts).await? };
        let path = path.map_err(|_| Failure::bad_request("a name in the path is no UTF-8"))?;
        let vhost = path.iter().find(|(name, _)| name == "vhost").map(|(_, value)| value.as_str());
        authorize(&caller, *right, vhost, &self.admin)?;
        if verb != Verb::Get && !is_same_origin(&parts.headers, peer(&parts).is_tls) {
            return Err(Failure::foreign_origin());
        }
        let (bytes_max, patience) = if self.endpoint.is_of_definitions() {
            (DEFINITIONS_BYTES_MAX, DEFINITIONS_PATIENCE)
        } else if needs_nobody {
            (STRANGERS_BYTES_MAX, PATIENCE)
        } else {
            (BODY_BYTES_MAX, PATIENCE)
        };
        let reading = tokio::time::timeout(PATIENCE, read_body(body, bytes_max));
        let body = reading.await.map_err(|_| Failure::timeout())??;
        // A form has a type even if it is empty; RabbitMQ's tools send neither a type nor a body where there is nothing to say.
        let is_typed = parts.headers.contains_key(header::CONTENT_TYPE);
        let may_be_a_form = verb == Verb::Post && is_typed || !body.is_empty();
        let body_type = self.endpoint.body_type();
        if may_be_a_form && !has_type(&parts.headers, body_type) {
            return Err(Failure::wrong_type(body_type));
        }
        let admin = self.admin.acting_for(&caller.user.name);
        let request = Request {
            admin: if caller.has_token { admin.with_another_way_in() } else { admin },
            shown: self.shown.clone(),
            peer: peer(&parts).address,
            is_tls: peer(&parts).is_tls,
            caller,
            path,
            query: Query::of(parts.uri.query()),
            headers: parts.headers,
            body,
        };
        let endpoint = self.endpoint;
        let late = |_| Failure::timeout();
        if verb == Verb::Get || needs_nobody {
            let answering = api::answer(endpoint, verb, &request);
            return tokio::time::timeout(patience, answering).await.map_err(late)?;
        }
        // What has begun is carried through, whether the client waits for it or not: half of a change is none.
        let changing = tokio::spawn(async move {
            let answer = api::answer(endpoint, verb, &request).await;
            let failure = answer.as_ref().err().map(|failure| failure.status.as_u16());
            info!(
                user = request.caller.user.name.as_str(), peer = %request.peer,
                method = %parts.method, path = parts.uri.path(), failure,
                "a change was asked for over HTTP"
            );
            answer
        });
        match tokio::time::timeout(patience, changing).await.map_err(late)? {
            Ok(answer) => answer,
            Err(ended) if ended.is_panic() => std::panic::resume_unwind(ended.into_panic()),
            Err(_) => Err(Failure::timeout()),
        }
    }

    async fn caller(&self, parts: &Parts) -> Result<Caller, Failure> {
        let peer = peer(parts);
        let (headers, from) = (&parts.headers, peer.address.ip());
        let caller = match Caller::with_token(headers, self.shown.admin_token.as_deref(), from) {
            Some(caller) => caller,
            None => Caller::of(headers, &self.admin, from, &peer.last_login).await,
        };
        // Whoever gives a wrong password is a stranger, also if the one before was right.
        peer.is_known.store(caller.is_ok(), Ordering::Relaxed);
        caller
    }
}

/// Whoever asks without a login is a stranger, also if one came before it.
fn nobody(parts: &Parts) -> Caller {
    peer(parts).is_known.store(false, Ordering::Relaxed);
    Caller::nobody()
}

fn parts_of(path: &RawPathParams) -> Path {
    path.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn peer(parts: &Parts) -> &Peer {
    let peer = parts.extensions.get::<Arc<Peer>>();
    peer.expect("the listener says who is at the other end")
}

async fn read_body(body: Body, bytes_max: usize) -> Result<Bytes, Failure> {
    match Limited::new(body, bytes_max).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Failure::too_large(bytes_max)),
        Err(_) => Err(Failure::bad_request("the body ends too early")),
    }
}

/// A browser names the page that sends a change; other clients name none. Without TLS here there may be some in front of
/// the broker.
fn is_same_origin(headers: &HeaderMap, is_tls: bool) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else {
        // A browser that is told to hide the page may still say that it is another one.
        let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
        return !matches!(site, Some(b"cross-site" | b"same-site"));
    };
    let Some(host) = headers.get(header::HOST) else { return false };
    let origin = origin.as_bytes();
    let without_tls = origin.strip_prefix(b"http://").filter(|_| !is_tls);
    let site = without_tls.or_else(|| origin.strip_prefix(b"https://"));
    site.is_some_and(|site| site.eq_ignore_ascii_case(host.as_bytes()))
}

/// Whether the body is said to be of this type. A form of another site cannot send JSON by its name without asking first,
/// and is told no then.
fn has_type(headers: &HeaderMap, wanted: &str) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let content_type = content_type.and_then(|value| value.split(';').next()).unwrap_or_default();
    content_type.trim().eq_ignore_ascii_case(wanted)
}

/// What is not a path of the API.
pub(crate) fn not_found(path: &str, query: Option<&str>) -> Response {
    // Flower asks so if its `--broker-api` lacks the slash at the end.
    if path.starts_with("/queues/") {
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        return response::redirect(&format!("/api{path}{query}"));
    }
    response::no(Failure::not_found())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::JSON;

    fn headers(pairs: &[(header::HeaderName, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn changes_come_from_here() {
        for (origin, is_ours) in [
            ("http://localhost:15672", true),
            ("https://LOCALHOST:15672", true),
            ("http://localhost", false),
            ("http://localhost:15672.example.com", false),
            ("http://example.com", false),
            ("null", false),
            ("", false),
        ] {
            let given = headers(&[(header::HOST, "localhost:15672"), (header::ORIGIN, origin)]);
            assert_eq!(is_same_origin(&given, false), is_ours, "{origin}");
            let is_ours = is_ours && origin.starts_with("https:");
            assert_eq!(is_same_origin(&given, true), is_ours, "{origin}");
        }
        assert!(is_same_origin(&headers(&[(header::HOST, "localhost:15672")]), true));
        let fetched = header::HeaderName::from_static("sec-fetch-site");
        for (site, is_ours) in [("cross-site", false), ("same-site", false), ("same-origin", true)]
        {
            assert_eq!(is_same_origin(&headers(&[(fetched.clone(), site)]), false), is_ours);
        }
        assert!(!is_same_origin(&headers(&[(header::ORIGIN, "http://localhost")]), false));
    }

    #[test]
    fn json_is_named() {
        for (content_type, is_named) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("text/plain", false),
            ("text/plain; application/json", false),
            ("application/x-www-form-urlencoded", false),
            ("multipart/form-data; boundary=application/json", false),
        ] {
            let given = headers(&[(header::CONTENT_TYPE, content_type)]);
            assert_eq!(has_type(&given, JSON), is_named);
        }
        assert!(!has_type(&HeaderMap::new(), JSON));
    }
}
