//! The HTTP API of a broker, asked from outside.

mod error;
mod path;

use std::fmt;
use std::time::Duration;

use serde_json::Value;
use ureq::http::{Method, Request};
use ureq::tls::TlsConfig;
use ureq::{Agent, Body};

pub(crate) use self::error::ApiError;
pub(crate) use self::path::{path, query};

/// The longest answer that is read, in bytes: a list of all queues of a large broker fits.
const ANSWER_BYTES_MAX: u64 = 1 << 30;

/// A broker's API, and somebody who may ask there.
pub(crate) struct Api {
    agent: Agent,
    base: String,
    authorization: Option<String>,
}

/// How it is asked for something.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'a> {
    method: &'a Method,
    path: &'a str,
    body: Option<&'a Value>,
    reason: Option<&'a str>,
}

/// Nothing of who asks is shown.
impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("base", &self.base).finish_non_exhaustive()
    }
}

impl Api {
    /// The API at an address, which has so long to answer each time.
    pub(crate) fn new(
        base: &str,
        authorization: Option<String>,
        patience: Duration,
        tls: TlsConfig,
    ) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_connect(Some(patience))
            .timeout_global(Some(patience))
            .tls_config(tls)
            .build();
        Self { agent: config.into(), base: base.trim_end_matches('/').to_owned(), authorization }
    }

    /// Where it is.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// The same API, and somebody else who asks.
    pub(crate) fn with_login(&self, authorization: String) -> Self {
        let (agent, base) = (self.agent.clone(), self.base.clone());
        Self { agent, base, authorization: Some(authorization) }
    }

    /// What is at a path.
    ///
    /// # Errors
    /// [`ApiError`], as for everything that is asked.
    pub(crate) fn get(&self, path: &str) -> Result<Value, ApiError> {
        let text = self.get_text(path)?;
        serde_json::from_str(&text).map_err(|_| ApiError::Strange { url: self.url(path) })
    }

    /// The same, as it came.
    pub(crate) fn get_text(&self, path: &str) -> Result<String, ApiError> {
        self.ask(Asked { method: &Method::GET, path, body: None, reason: None })
    }

    /// What is at a path, unless nothing is.
    pub(crate) fn find(&self, path: &str) -> Result<Option<Value>, ApiError> {
        match self.get(path) {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes or changes something.
    pub(crate) fn put(&self, path: &str, body: &Value) -> Result<(), ApiError> {
        self.ask(Asked { method: &Method::PUT, path, body: Some(body), reason: None }).map(drop)
    }

    /// Has something done; with what is answered, if anything is.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Value, ApiError> {
        let text =
            self.ask(Asked { method: &Method::POST, path, body: Some(body), reason: None })?;
        if text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_str(&text).map_err(|_| ApiError::Strange { url: self.url(path) })
    }

    /// Takes something away.
    pub(crate) fn delete(&self, path: &str) -> Result<(), ApiError> {
        self.ask(Asked { method: &Method::DELETE, path, body: None, reason: None }).map(drop)
    }

    /// Takes something away, and says why.
    pub(crate) fn delete_because(&self, path: &str, reason: &str) -> Result<(), ApiError> {
        let reason = Some(reason);
        self.ask(Asked { method: &Method::DELETE, path, body: None, reason }).map(drop)
    }

    fn url(&self, path: &str) -> String {
        format!("{}/api{path}", self.base)
    }

    fn ask(&self, asked: Asked<'_>) -> Result<String, ApiError> {
        let url = self.url(asked.path);
        let mut request = Request::builder().method(asked.method).uri(&url);
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        if let Some(reason) = asked.reason {
            request = request.header("x-reason", reason);
        }
        let strange = |_| ApiError::Address { url: self.base.clone() };
        let sent = match asked.body {
            None => self.agent.run(request.body(()).map_err(strange)?),
            Some(body) => {
                let request = request.header("content-type", "application/json");
                self.agent.run(request.body(body.to_string()).map_err(strange)?)
            }
        };
        let mut response = sent.map_err(|source| ApiError::of(&self.base, source))?;
        let text = read(response.body_mut()).map_err(|source| ApiError::of(&self.base, source))?;
        let status = response.status().as_u16();
        if response.status().is_success() {
            return Ok(text);
        }
        Err(ApiError::answered(status, &text, &url))
    }
}

fn read(body: &mut Body) -> Result<String, ureq::Error> {
    body.with_config().limit(ANSWER_BYTES_MAX).read_to_string()
}
