//! A client of the API: one call, one answer.

use std::net::SocketAddr;

use serde_json::Value;
use ureq::http::{Method, Request};

use crate::patience::until;

/// Somebody who asks.
pub(crate) struct Client {
    base: String,
    agent: ureq::Agent,
    login: Option<String>,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: ureq::http::HeaderMap,
    pub(crate) text: String,
}

impl Client {
    /// The user `guest`.
    pub(crate) fn guest(address: SocketAddr) -> Self {
        Self::user(address, "guest", "guest")
    }

    /// A user with a password.
    pub(crate) fn user(address: SocketAddr, name: &str, password: &str) -> Self {
        let login = format!("Basic {}", base64(format!("{name}:{password}").as_bytes()));
        Self { login: Some(login), ..Self::nobody(address) }
    }

    /// Somebody without a name.
    pub(crate) fn nobody(address: SocketAddr) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .allow_non_standard_methods(true)
            .build();
        Self { base: format!("http://{address}"), agent: config.into(), login: None }
    }

    pub(crate) fn get(&self, path: &str) -> Reply {
        self.send("GET", path, &[], "")
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> Reply {
        self.send("PUT", path, &[("content-type", "application/json")], &body.to_string())
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Reply {
        self.send("POST", path, &[("content-type", "application/json")], &body.to_string())
    }

    pub(crate) fn delete(&self, path: &str) -> Reply {
        self.send("DELETE", path, &[], "")
    }

    /// The JSON at a path, which has to be there.
    #[track_caller]
    pub(crate) fn json(&self, path: &str) -> Value {
        let reply = self.get(path);
        assert_eq!(reply.status, 200, "{path}: {}", reply.text);
        reply.json()
    }

    /// Waits until what is at this path is told to stand still.
    pub(crate) fn wait_until_idle(&self, path: &str) {
        until(path, || self.json(path)["idle_since"].is_string());
    }

    /// Sends exactly this.
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Reply {
        let mut request = Request::builder()
            .method(Method::from_bytes(method.as_bytes()).unwrap())
            .uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(login) = &self.login {
            request = request.header("authorization", login);
        }
        let sent = if body.is_empty() {
            self.agent.run(request.body(()).unwrap())
        } else {
            self.agent.run(request.body(body).unwrap())
        };
        let mut response = sent.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        let text = response.body_mut().with_config().limit(256 << 20).read_to_string().unwrap();
        Reply { status: response.status().as_u16(), headers: response.headers().clone(), text }
    }
}

impl Reply {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// The status, and what is said about it.
    pub(crate) fn told(&self) -> (u16, String, Value) {
        let body = self.json();
        let error = body["error"].as_str().unwrap_or_default().to_owned();
        (self.status, error, body["reason"].clone())
    }
}

/// As it goes into a header.
pub(crate) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0_u32, |bits, &byte| (bits << 8) | u32::from(byte));
        let bits = bits << (8 * (3 - group.len()));
        for position in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * position)) as usize & 63];
            text.push(if position <= group.len() { digit as char } else { '=' });
        }
    }
    text
}
