//! Answers and failures as HTTP, with the headers that every response has.

use std::io::{self, Read};

use axum::body::{Body as HttpBody, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use futures_util::{TryStreamExt as _, stream};

use crate::answer::{Answer, Body, FileText, JSON, PIECE_BYTES, Pieces};
use crate::budget::{Budget, Held, UNCOUNTED_BYTES};
use crate::failure::Failure;

/// What a browser is told to load for an answer that is no page: nothing.
const API_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// An answer; a failure if too much is being sent to others already.
pub(crate) fn yes(answer: Answer, budget: &Budget) -> Response {
    let take = |bytes| match answer.is_owed {
        true => Some(budget.take_anyway(bytes)),
        false => budget.take(bytes),
    };
    let response = match answer.body {
        Body::None => Some(Response::new(HttpBody::empty())),
        Body::Json(bytes) => whole(JSON, bytes.into(), take),
        Body::Text(content_type, text) => whole(content_type, text.into(), take),
        Body::Pieces(Pieces { content_type, held_bytes, pieces }) => take(held_bytes)
            .map(|held| with_type(content_type, until_sent(pieces.map(Bytes::from), held))),
        Body::File(text) => take(PIECE_BYTES).map(|held| of_file(text, held)),
    };
    let Some(mut response) = response else { return no(Failure::too_much_is_sent()) };
    *response.status_mut() = answer.status;
    if let Some(location) = answer.location {
        insert(response.headers_mut(), header::LOCATION, &location);
    }
    if let Some(cookie) = answer.cookie {
        insert(response.headers_mut(), header::SET_COOKIE, &cookie);
    }
    finished(response)
}

/// A body that is there already; `None` if there is no room for it.
fn whole(
    content_type: &'static str,
    bytes: Bytes,
    take: impl FnOnce(usize) -> Option<Held>,
) -> Option<Response> {
    if bytes.len() < UNCOUNTED_BYTES {
        return Some(with_type(content_type, HttpBody::from(bytes)));
    }
    let length = bytes.len();
    let held = take(length)?;
    let mut response = with_type(content_type, until_sent(std::iter::once(bytes), held));
    response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    Some(response)
}

/// A body that holds something until all of it is sent.
fn until_sent(pieces: impl Iterator<Item = Bytes> + Send + 'static, held: Held) -> HttpBody {
    let pieces = pieces.map(move |piece| {
        let _until_the_last_piece_is_dropped = &held;
        Ok::<_, std::convert::Infallible>(piece)
    });
    HttpBody::from_stream(stream::iter(pieces))
}

/// A body that is read from the disk as fast as it is taken, where that holds nobody up.
fn of_file(FileText { file, bytes }: FileText, held: Held) -> Response {
    let pieces = stream::try_unfold((file, bytes), |(mut file, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let reading = tokio::task::spawn_blocking(move || {
            let mut piece = Vec::new();
            let wanted = left.min(PIECE_BYTES as u64);
            Read::by_ref(&mut file).take(wanted).read_to_end(&mut piece)?;
            Ok::<_, io::Error>((file, piece))
        });
        let (file, piece) = reading.await.map_err(io::Error::other)??;
        if piece.is_empty() {
            // Somebody has cut it off: who gets it is not to take it for whole.
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        let left = left - piece.len() as u64;
        Ok(Some((Bytes::from(piece), (file, left))))
    });
    let pieces = pieces.map_ok(move |piece| {
        let _until_the_last_piece_is_dropped = &held;
        piece
    });
    let mut response = with_type("text/plain", HttpBody::from_stream(pieces));
    response.headers_mut().insert(header::CONTENT_LENGTH, bytes.into());
    response
}

/// A failure.
pub(crate) fn no(failure: Failure) -> Response {
    let mut response = match &failure.body {
        Some(body) => with_type(JSON, HttpBody::from(body.to_string())),
        None => Response::new(HttpBody::empty()),
    };
    *response.status_mut() = failure.status;
    let headers = response.headers_mut();
    if failure.asks_for_login {
        insert(headers, header::WWW_AUTHENTICATE, "Basic realm=\"RabbitMQ Management\"");
    }
    if let Some(allow) = &failure.allow {
        insert(headers, header::ALLOW, allow);
    }
    finished(response)
}

/// What a path can be asked.
pub(crate) fn options(allow: String) -> Response {
    let mut response = Response::new(HttpBody::empty());
    insert(response.headers_mut(), header::ALLOW, &allow);
    finished(response)
}

/// Somewhere else on this server.
pub(crate) fn redirect(path: &str) -> Response {
    let mut response = Response::new(HttpBody::empty());
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    insert(response.headers_mut(), header::LOCATION, path);
    finished(response)
}

fn with_type(content_type: &'static str, body: HttpBody) -> Response {
    let mut response = Response::new(body);
    let content_type = HeaderValue::from_static(content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, content_type);
    response
}

/// A value that would break out of its header is left out.
fn insert(headers: &mut HeaderMap, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// The headers of everything that the API says.
pub(crate) fn finished(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, API_POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::VARY, "accept, accept-encoding, origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
