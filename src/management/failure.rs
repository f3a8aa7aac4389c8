//! What is answered to a request that is not carried out, in RabbitMQ's words.

use axum::http::StatusCode;
use broker::Refusal;
use serde_json::{Value, json};
use server::admin::AdminError;

use crate::endpoint::{Right, Verb};

/// An answer that says no.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    /// RabbitMQ answers some requests without a word.
    pub(crate) body: Option<Value>,
    /// The value of `Allow`, with 405.
    pub(crate) allow: Option<String>,
    /// Whether a browser is to ask for name and password.
    pub(crate) asks_for_login: bool,
}

impl Failure {
    fn new(status: StatusCode, error: &str, reason: impl Into<Value>) -> Self {
        let body = Some(json!({ "error": error, "reason": reason.into() }));
        Self { status, body, allow: None, asks_for_login: false }
    }

    fn silent(status: StatusCode) -> Self {
        Self { status, body: None, allow: None, asks_for_login: false }
    }

    /// Why, in words.
    pub(crate) fn reason(&self) -> String {
        match self.body.as_ref().map(|body| &body["reason"]) {
            Some(Value::String(reason)) => reason.clone(),
            Some(reason) => reason.to_string(),
            None => self.status.to_string(),
        }
    }

    /// There is no such thing, or no such path.
    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Object Not Found", "Not Found")
    }

    /// What is in the path or body does not exist, though the path does.
    pub(crate) fn missing(reason: impl Into<Value>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", reason)
    }

    /// The request makes no sense.
    pub(crate) fn bad_request(reason: impl Into<Value>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", reason)
    }

    /// A parameter after the question mark makes no sense.
    pub(crate) fn bad_parameter(error: &str, reason: impl Into<Value>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error, reason)
    }

    /// What a body must have and this one has not.
    pub(crate) fn keys_missing(keys: &[&str]) -> Self {
        let keys: Vec<String> = keys.iter().map(|key| format!("{{key_missing,{key}}}")).collect();
        Self::bad_request(format!("[{}]", keys.join(",")))
    }

    /// Who asks is known, and may not.
    pub(crate) fn not_authorised(reason: impl Into<Value>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "not_authorised", reason)
    }

    /// The caller has no permission in a vhost.
    pub(crate) fn no_vhost_access() -> Self {
        Self::not_authorised("User not authorised to access virtual host")
    }

    /// Name and password are not those of a user who may come from there.
    pub(crate) fn login_failed() -> Self {
        let failure = Self::new(StatusCode::UNAUTHORIZED, "not_authorized", "Login failed");
        Self { asks_for_login: true, ..failure }
    }

    /// No name and password were given.
    pub(crate) fn login_needed() -> Self {
        Self { asks_for_login: true, ..Self::silent(StatusCode::UNAUTHORIZED) }
    }

    /// The path is there for other verbs.
    pub(crate) fn method_not_allowed(rights: &[(Verb, Right)]) -> Self {
        Self { allow: Some(allowed(rights)), ..Self::silent(StatusCode::METHOD_NOT_ALLOWED) }
    }

    /// A body that may have been sent by a page of another site, or is no form where one is wanted.
    pub(crate) fn wrong_type(wanted: &str) -> Self {
        let reason = format!("send the body with the header content-type: {wanted}");
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", reason)
    }

    /// A change that a page of another site asks for.
    pub(crate) fn foreign_origin() -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "the origin of the request is another site")
    }

    /// A body beyond what is read.
    pub(crate) fn too_large(bytes_max: usize) -> Self {
        let reason = format!("the body has more than {bytes_max} bytes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "payload_too_large", reason)
    }

    /// The answer took too long, or the body did.
    pub(crate) fn timeout() -> Self {
        Self::new(StatusCode::REQUEST_TIMEOUT, "timeout", "it took too long")
    }

    /// The server does not go by the name in the request.
    pub(crate) fn misdirected(name: &str) -> Self {
        let reason = format!(
            "this server does not go by the name {name}: call it by its address or as localhost, or add the name to `names` of [management] in its settings"
        );
        Self::new(StatusCode::MISDIRECTED_REQUEST, "misdirected_request", reason)
    }

    /// Too much is being sent to others.
    pub(crate) fn too_much_is_sent() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "busy",
            "too many long answers are being sent: ask again, or for less with page and columns",
        )
    }

    /// Something that is well, or is not, is not.
    pub(crate) fn unhealthy(details: Value) -> Self {
        let mut body = json!({ "status": "failed" });
        if let (Some(body), Value::Object(details)) = (body.as_object_mut(), details) {
            body.extend(details);
        }
        Self { body: Some(body), ..Self::silent(StatusCode::SERVICE_UNAVAILABLE) }
    }
}

/// What the header `Allow` says of a path.
pub(crate) fn allowed(rights: &[(Verb, Right)]) -> String {
    let verbs: Vec<&str> = rights.iter().map(|(verb, _)| verb.names()).collect();
    format!("{}, OPTIONS", verbs.join(", "))
}

impl From<AdminError> for Failure {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::NotFound { .. } => Self::not_found(),
            AdminError::Refused(refusal) => refusal.into(),
            AdminError::Invalid { reason } => Self::bad_request(reason),
            AdminError::Denied { reason } => {
                Self::new(StatusCode::PRECONDITION_FAILED, "precondition_failed", reason)
            }
        }
    }
}

impl Failure {
    /// Whether a client is refused for want of a right, rather than for what it asks.
    pub(crate) fn is_about_rights(refusal: &Refusal) -> bool {
        matches!(refusal, Refusal::AccessRefused { .. } | Refusal::TopicRefused(_))
    }
}

impl From<Refusal> for Failure {
    /// The words are those of the reply text; only where access is refused RabbitMQ keeps the code in front of them.
    fn from(refusal: Refusal) -> Self {
        let text = refusal.to_string();
        if Self::is_about_rights(&refusal) {
            return Self::not_authorised(text);
        }
        let reason = text.split_once(" - ").map_or(text.as_str(), |(_, reason)| reason);
        if refusal.code() == amqp::ReplyCode::NotFound {
            return Self::missing(reason);
        }
        Self::bad_request(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_keep_rabbitmqs_words() {
        let (queue, vhost) = ("orders".into(), "/".into());
        let failure = Failure::from(Refusal::NoSuchQueue { queue, vhost });
        let body = json!({ "error": "not_found", "reason": "no queue 'orders' in vhost '/'" });
        assert_eq!((failure.status, failure.body), (StatusCode::NOT_FOUND, Some(body)));
        let failure = Failure::from(Refusal::UnknownExchangeType { kind: "bogus".to_owned() });
        let body = json!({ "error": "bad_request", "reason": "unknown exchange type 'bogus'" });
        assert_eq!((failure.status, failure.body), (StatusCode::BAD_REQUEST, Some(body)));
    }

    #[test]
    fn what_is_missing_is_named() {
        let failure = Failure::keys_missing(&["ackmode", "encoding"]);
        let reason = "[{key_missing,ackmode},{key_missing,encoding}]";
        assert_eq!(failure.body, Some(json!({ "error": "bad_request", "reason": reason })));
    }
}
