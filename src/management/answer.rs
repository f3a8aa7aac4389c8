//! What a request is answered with when all is well.

use std::fmt;
use std::fs::File;

use axum::http::StatusCode;
use serde::Serialize;
use server::admin::Put;

use crate::failure::Failure;

/// An answer that says yes.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Body,
    /// Where what was made can be found, from the path of the request.
    pub(crate) location: Option<String>,
    /// What a browser is to keep.
    pub(crate) cookie: Option<String>,
    /// Whether it must not be refused, however much is being sent to others: what it tells of can be asked for only once.
    pub(crate) is_owed: bool,
}

/// What an answer carries.
pub(crate) enum Body {
    /// Nothing.
    None,
    /// JSON, already written.
    Json(Vec<u8>),
    /// Something in pieces that are made when they are sent.
    Pieces(Pieces),
    /// Something else, with its type.
    Text(&'static str, String),
    /// What is in a file, as a text.
    File(FileText),
}

/// A file that is read while it is sent.
pub(crate) struct FileText {
    pub(crate) file: File,
    /// How much of it is sent: what comes behind that meanwhile is not.
    pub(crate) bytes: u64,
}

/// Something that is made while it is sent.
pub(crate) struct Pieces {
    pub(crate) content_type: &'static str,
    /// What it holds of memory until all of it is sent, in bytes.
    pub(crate) held_bytes: usize,
    pub(crate) pieces: Box<dyn Iterator<Item = Vec<u8>> + Send>,
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Json(_) => "Json",
            Self::Pieces(..) => "Pieces",
            Self::Text(..) => "Text",
            Self::File(_) => "File",
        })
    }
}

impl Body {
    /// All of it.
    #[cfg(test)]
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        match self {
            Self::None => Vec::new(),
            Self::Json(bytes) => bytes,
            Self::Pieces(Pieces { pieces, .. }) => pieces.flatten().collect(),
            Self::Text(_, text) => text.into_bytes(),
            Self::File(FileText { mut file, .. }) => {
                let mut bytes = Vec::new();
                std::io::Read::read_to_end(&mut file, &mut bytes).unwrap();
                bytes
            }
        }
    }
}

/// The type of JSON.
pub(crate) const JSON: &str = "application/json";

/// The type of what a form of a page sends.
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// A piece is sent when it has so many bytes.
pub(crate) const PIECE_BYTES: usize = 64 * 1024;

impl Answer {
    fn new(status: StatusCode, body: Body) -> Self {
        Self { status, body, location: None, cookie: None, is_owed: false }
    }

    /// 200 with JSON.
    pub(crate) fn json(value: &impl Serialize) -> Result<Self, Failure> {
        let body = serde_json::to_vec(value).expect("what is shown has texts as keys");
        Ok(Self::new(StatusCode::OK, Body::Json(body)))
    }

    /// 200 with an array of what is already JSON; `held_bytes` is what the elements hold until they are made.
    pub(crate) fn array(
        elements: impl Iterator<Item = Vec<u8>> + Send + 'static,
        held_bytes: usize,
    ) -> Self {
        let mut elements = elements;
        let mut start = b"[".as_slice();
        let mut is_done = false;
        let mut pieces = std::iter::from_fn(move || {
            if is_done {
                return None;
            }
            let mut piece = Vec::new();
            while piece.len() < PIECE_BYTES {
                piece.extend_from_slice(std::mem::replace(&mut start, b","));
                let Some(element) = elements.next() else {
                    is_done = true;
                    // The comma that was written for nothing, unless it was the opening bracket.
                    if piece.last() == Some(&b',') {
                        piece.pop();
                    }
                    piece.push(b']');
                    break;
                };
                piece.extend_from_slice(&element);
            }
            Some(piece)
        });
        let first = pieces.next().unwrap_or_default();
        if first.len() < PIECE_BYTES {
            return Self::new(StatusCode::OK, Body::Json(first));
        }
        Self::pieces(JSON, std::iter::once(first).chain(pieces), held_bytes)
    }

    /// 200 with something that is made while it is sent, and holds so much until then.
    pub(crate) fn pieces(
        content_type: &'static str,
        pieces: impl Iterator<Item = Vec<u8>> + Send + 'static,
        held_bytes: usize,
    ) -> Self {
        let pieces = Pieces { content_type, held_bytes, pieces: Box::new(pieces) };
        Self::new(StatusCode::OK, Body::Pieces(pieces))
    }

    /// 200 with a text.
    pub(crate) fn text(content_type: &'static str, text: String) -> Self {
        Self::new(StatusCode::OK, Body::Text(content_type, text))
    }

    /// 200 with so many bytes of a file, which are sent as a text.
    pub(crate) fn file(file: File, bytes: u64) -> Self {
        Self::new(StatusCode::OK, Body::File(FileText { file, bytes }))
    }

    /// 204.
    pub(crate) fn done() -> Result<Self, Failure> {
        Ok(Self::new(StatusCode::NO_CONTENT, Body::None))
    }

    /// 201.
    pub(crate) fn created() -> Result<Self, Failure> {
        Self::put(Put::Created)
    }

    /// 201 if it was not there before, 204 if it was.
    pub(crate) fn put(put: Put) -> Result<Self, Failure> {
        let status = match put {
            Put::Created => StatusCode::CREATED,
            Put::Updated => StatusCode::NO_CONTENT,
        };
        Ok(Self::new(status, Body::None))
    }

    /// 201 with the place where it is.
    pub(crate) fn created_at(location: String) -> Result<Self, Failure> {
        Ok(Self { location: Some(location), ..Self::new(StatusCode::CREATED, Body::None) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_array_is_sent_in_pieces() {
        for count in [0, 1, 2, 3000, 30_000] {
            let elements = (0..count).map(|number| format!("{number:06}").into_bytes());
            let pieces: Vec<Vec<u8>> = match Answer::array(elements, 0).body {
                Body::Pieces(Pieces { pieces, .. }) => pieces.collect(),
                short @ (Body::None | Body::Json(_) | Body::Text(..) | Body::File(_)) => {
                    vec![short.into_bytes()]
                }
            };
            assert_eq!(pieces.len() > 1, count > 10_000, "what is short is made at once");
            assert!(pieces.iter().all(|piece| piece.len() < PIECE_BYTES + 16));
            let text = String::from_utf8(pieces.concat()).unwrap();
            let all: Vec<String> = (0..count).map(|number| format!("{number:06}")).collect();
            assert_eq!(text, format!("[{}]", all.join(",")));
        }
    }
}
