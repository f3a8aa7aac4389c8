//! Answers and failures as HTTP, with the headers that every response has.

use axum::body::{Body as HttpBody, Bytes};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use futures_util::stream;

use crate::answer::{Answer, Body, JSON};
use crate::failure::Failure;

/// What a browser is told to load for an answer that is no page: nothing.
const API_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// An answer.
pub(crate) fn yes(answer: Answer) -> Response {
    let mut response = match answer.body {
        Body::None => Response::new(HttpBody::empty()),
        Body::Json(bytes) => with_type(JSON, HttpBody::from(bytes)),
        Body::Text(content_type, text) => with_type(content_type, HttpBody::from(text)),
        Body::Pieces(content_type, pieces) => {
            let pieces = pieces.map(|piece| Ok::<_, std::convert::Infallible>(Bytes::from(piece)));
            with_type(content_type, HttpBody::from_stream(stream::iter(pieces)))
        }
    };
    *response.status_mut() = answer.status;
    if let Some(location) = answer.location {
        insert(response.headers_mut(), header::LOCATION, &location);
    }
    finished(response)
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
