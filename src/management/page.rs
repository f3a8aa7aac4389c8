//! The web page, which speaks the same API as everybody else.
//!
//! Its files are part of the program if they were there when it was built.

use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;

use crate::response;

/// Every file, by its path below `/`.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/page.rs"));

/// What a browser may load: what comes from here. Nothing inline, nothing from elsewhere, in no frame.
const PAGE_POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'none'; \
                           frame-ancestors 'none'; object-src 'none'";

/// Files whose names change with their contents may be kept.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// The file at a path, if it is one of the page.
pub(crate) fn find(method: &Method, path: &str) -> Option<Response> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return None;
    }
    let name = path.strip_prefix('/')?;
    let name = if name.is_empty() { "index.html" } else { name };
    match FILES.iter().find(|(known, _)| *known == name) {
        Some((name, contents)) => Some(file(name, contents)),
        None if name == "index.html" && FILES.is_empty() => Some(left_out()),
        None => None,
    }
}

fn file(name: &str, contents: &'static [u8]) -> Response {
    let mut response = response::finished(Response::new(contents.into()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(name)));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(PAGE_POLICY));
    if name.starts_with("assets/") {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(FOR_EVER));
    }
    response
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("woff2") => "font/woff2",
        Some("png") => "image/png",
        _ => "application/octet-stream",
    }
}

fn left_out() -> Response {
    let text = "The web page was left out of this build: it takes Node and `cargo xtask page`.\n\
                The HTTP API is at /api/.\n";
    let mut response = response::finished(Response::new(text.into()));
    *response.status_mut() = StatusCode::NOT_FOUND;
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_there_or_says_why_not() {
        let index = find(&Method::GET, "/").unwrap();
        let expected = if FILES.is_empty() { StatusCode::NOT_FOUND } else { StatusCode::OK };
        assert_eq!(index.status(), expected);
        assert!(find(&Method::GET, "/nothing").is_none());
        assert!(find(&Method::GET, "/../lib.rs").is_none());
        assert!(find(&Method::POST, "/").is_none());
    }

    #[test]
    fn a_file_says_what_it_is_and_loads_from_here_only() {
        let response = file("assets/index-1.js", b"");
        let header = |name| response.headers().get(name).unwrap().to_str().unwrap();
        assert_eq!(header("content-type"), "text/javascript; charset=utf-8");
        assert!(header("content-security-policy").starts_with("default-src 'self';"));
        assert!(!header("content-security-policy").contains("unsafe"));
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert!(header("cache-control").contains("immutable"));
        assert_eq!(file("index.html", b"").headers()["cache-control"], "no-store");
        assert_eq!(content_type("x"), "application/octet-stream");
    }
}
