//! `/api/openapi.json`: the API described for programs, in OpenAPI 3.1.
//!
//! Paths, verbs and rights come from the table in `api.rs`, so that the description cannot lag behind it. What bodies look
//! like is said here: a verb with a body that is not is a mistake that a test finds.

use serde_json::{Map, Value, json};

use crate::answer::Answer;
use crate::api::Endpoint;
use crate::endpoint::{Right, Verb};
use crate::failure::Failure;
use crate::request::Request;

/// The description.
pub(crate) fn show(_: &Request) -> Result<Answer, Failure> {
    Answer::json(&description())
}

fn description() -> Value {
    let mut paths = Map::new();
    for &endpoint in Endpoint::ALL {
        paths.insert(endpoint.full_path(), path_item(endpoint));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Pillarbox",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "RabbitMQ's HTTP API, as Pillarbox answers it.",
        },
        "paths": paths,
        "security": [{ "basic": [] }],
        "components": {
            "securitySchemes": { "basic": { "type": "http", "scheme": "basic" } },
            "schemas": { "Failure": {
                "type": "object",
                "description": "Why something was not done.",
                "properties": { "error": { "type": "string" }, "reason": {} },
            } },
        },
    })
}

fn path_item(endpoint: Endpoint) -> Value {
    let mut item = Map::new();
    let names =
        endpoint.path().split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let parameter = |name: &str| json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string", "minLength": 1 } });
    let parameters: Vec<Value> = names.map(parameter).collect();
    if !parameters.is_empty() {
        item.insert("parameters".to_owned(), parameters.into());
    }
    for &(verb, right) in endpoint.rights() {
        item.insert(verb_name(verb).to_owned(), operation(endpoint, verb, right));
    }
    Value::Object(item)
}

fn verb_name(verb: Verb) -> &'static str {
    match verb {
        Verb::Get => "get",
        Verb::Put => "put",
        Verb::Post => "post",
        Verb::Delete => "delete",
    }
}

fn operation(endpoint: Endpoint, verb: Verb, right: Right) -> Value {
    let content = match endpoint.is_text() {
        true => json!({ "text/plain": {} }),
        false => json!({ "application/json": {} }),
    };
    let done = match verb {
        Verb::Get => json!({ "200": { "description": "What there is.", "content": content } }),
        Verb::Post => json!({
            "200": { "description": "What came of it.", "content": content },
            "201": { "description": "It was made." },
            "204": { "description": "It was done." },
        }),
        Verb::Put => json!({
            "201": { "description": "It was made." },
            "204": { "description": "It is as asked for." },
        }),
        Verb::Delete => json!({ "204": { "description": "It is gone." } }),
    };
    let failed = json!({
        "description": "It was not done.",
        "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Failure" } } },
    });
    let mut operation = json!({
        "operationId": format!("{}{endpoint:?}", verb_name(verb)),
        "responses": done,
        "x-right": right_name(right),
    });
    // Without a word to a stranger, with the right that is missing to anybody else.
    operation["responses"]["401"] = json!({ "description": "Who asks may not." });
    operation["responses"]["default"] = failed;
    if right == Right::Nobody {
        operation["security"] = json!([]);
    }
    if let Some(schema) = body(endpoint, verb) {
        operation["requestBody"] = json!({
            "required": schema.get("required").is_some(),
            "content": { endpoint.body_type(): { "schema": schema } },
        });
    }
    operation
}

fn right_name(right: Right) -> &'static str {
    match right {
        Right::Nobody => "none",
        Right::Management => "management",
        Right::Vhost => "vhost",
        Right::VhostVisible => "vhost, or administrator",
        Right::Policymaker => "policymaker",
        Right::VhostPolicymaker => "policymaker, and vhost or administrator",
        Right::Monitoring => "monitoring",
        Right::Administrator => "administrator",
    }
}

/// What a request has to bring; `None`: nothing.
fn body(endpoint: Endpoint, verb: Verb) -> Option<Value> {
    let text = || json!({ "type": "string" });
    let truth = || json!({ "type": "boolean" });
    let table = || json!({ "type": "object" });
    let ids =
        || json!({ "type": "array", "items": { "type": ["string", "integer"], "minimum": 0 } });
    let words = || json!({ "type": ["string", "array"], "items": { "type": "string" } });
    let object = |required: &[&str], properties: Value| {
        let mut schema = json!({ "type": "object", "properties": properties });
        if !required.is_empty() {
            schema["required"] = json!(required);
        }
        Some(schema)
    };
    match (endpoint, verb) {
        (Endpoint::Queue, Verb::Put) => {
            object(&[], json!({ "durable": truth(), "auto_delete": truth(), "arguments": table() }))
        }
        (Endpoint::Exchange, Verb::Put) => object(
            &[],
            json!({
                "type": text(), "durable": truth(), "auto_delete": truth(), "internal": truth(),
                "arguments": table(),
            }),
        ),
        (Endpoint::BindingsBetween, Verb::Post) => {
            object(&[], json!({ "routing_key": text(), "arguments": table() }))
        }
        (Endpoint::Publish, Verb::Post) => object(
            &["properties", "routing_key", "payload", "payload_encoding"],
            json!({
                "properties": table(), "routing_key": text(), "payload": text(),
                "payload_encoding": { "enum": ["string", "base64"] },
            }),
        ),
        (Endpoint::QueueGet, Verb::Post) => object(
            &["count", "ackmode", "encoding"],
            json!({
                "count": { "type": "integer", "minimum": 0 },
                "ackmode": { "enum": [
                    "ack_requeue_true", "ack_requeue_false",
                    "reject_requeue_true", "reject_requeue_false",
                ] },
                "encoding": { "enum": ["auto", "base64"] },
                "truncate": { "type": "integer", "minimum": 0 },
            }),
        ),
        (Endpoint::Vhost, Verb::Put) => object(
            &[],
            json!({
                "description": text(), "tags": words(), "tracing": truth(),
                "default_queue_type": { "enum": ["classic", "quorum", "undefined"] },
                "protected_from_deletion": truth(),
            }),
        ),
        (Endpoint::User, Verb::Put) => object(
            &["tags"],
            json!({
                "tags": words(), "password": text(), "password_hash": text(),
                "hashing_algorithm": text(),
            }),
        ),
        (Endpoint::UsersBulkDelete, Verb::Post) => {
            object(&["users"], json!({ "users": { "type": "array", "items": text() } }))
        }
        (Endpoint::Permission, Verb::Put) => object(
            &["configure", "write", "read"],
            json!({ "configure": text(), "write": text(), "read": text() }),
        ),
        (Endpoint::TopicPermission, Verb::Put) => object(
            &["exchange", "write", "read"],
            json!({ "exchange": text(), "write": text(), "read": text() }),
        ),
        (Endpoint::Login, Verb::Post) => {
            object(&["username", "password"], json!({ "username": text(), "password": text() }))
        }
        (Endpoint::QueueActions, Verb::Post) => object(&["action"], json!({ "action": text() })),
        (Endpoint::ClusterName, Verb::Put) => object(&["name"], json!({ "name": text() })),
        (Endpoint::Serving, Verb::Put) => object(&["serving"], json!({ "serving": truth() })),
        (Endpoint::NodeLimit, Verb::Put) => {
            object(&["value"], json!({ "value": { "type": "number", "minimum": 0 } }))
        }
        (Endpoint::Explain, Verb::Post) => {
            object(&[], json!({ "routing_key": text(), "headers": table(), "properties": table() }))
        }
        (Endpoint::Unroutable, Verb::Put) => object(
            &["keep"],
            json!({ "keep": { "type": "integer", "minimum": 1, "maximum": 1000 } }),
        ),
        (Endpoint::MessagesDelete, Verb::Post) => object(&["ids"], json!({ "ids": ids() })),
        (Endpoint::MessagesMove, Verb::Post) => object(
            &[],
            json!({
                "ids": ids(), "all": truth(), "queue": text(), "exchange": text(),
                "routing_key": text(),
            }),
        ),
        (Endpoint::MessagesRedrive, Verb::Post) => {
            object(&[], json!({ "ids": ids(), "all": truth() }))
        }
        (Endpoint::Policy | Endpoint::OperatorPolicy, Verb::Put) => object(
            &["pattern", "definition"],
            json!({
                "pattern": text(), "definition": table(), "priority": { "type": "integer" },
                "apply-to": { "enum": [
                    "all", "queues", "classic_queues", "quorum_queues", "streams", "exchanges",
                ] },
            }),
        ),
        (Endpoint::Trace | Endpoint::TraceOfNode, Verb::Put) => object(
            &["format", "pattern"],
            json!({
                "format": { "enum": ["text", "json"] }, "pattern": text(),
                "max_payload_bytes": { "type": "integer", "minimum": 0 },
                "tracer_connection_username": text(), "tracer_connection_password": text(),
            }),
        ),
        (Endpoint::Parameter | Endpoint::GlobalParameter, Verb::Put) => {
            object(&["value"], json!({ "value": {} }))
        }
        (Endpoint::VhostLimit | Endpoint::UserLimit, Verb::Put) => {
            object(&["value"], json!({ "value": { "type": "integer" } }))
        }
        (
            Endpoint::Definitions | Endpoint::AllConfiguration | Endpoint::DefinitionsOfVhost,
            Verb::Post,
        ) => {
            let list = || json!({ "type": "array", "items": { "type": "object" } });
            object(
                &[],
                json!({
                    "vhosts": list(), "users": list(), "permissions": list(),
                    "topic_permissions": list(), "parameters": list(), "exchanges": list(),
                    "queues": list(), "bindings": list(), "policies": list(),
                    "global_parameters": list(),
                }),
            )
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What can be changed without a word more than the path.
    const WITHOUT_BODY: &[Endpoint] = &[
        Endpoint::FeatureFlag,
        Endpoint::Rebalance,
        Endpoint::Shutdown,
        Endpoint::StartVhost,
        Endpoint::VhostProtection,
    ];

    #[test]
    fn every_path_is_described_with_what_it_takes() {
        let description = description();
        let paths = description["paths"].as_object().unwrap();
        assert_eq!(paths.len(), Endpoint::ALL.len());
        for &endpoint in Endpoint::ALL {
            let item = &paths[&endpoint.full_path()];
            for &(verb, _) in endpoint.rights() {
                let operation = &item[verb_name(verb)];
                assert!(operation["responses"]["default"].is_object(), "{endpoint:?} {verb:?}");
                let takes = matches!(verb, Verb::Put | Verb::Post);
                let is_said = operation["requestBody"].is_object();
                assert_eq!(is_said, takes && !WITHOUT_BODY.contains(&endpoint), "{endpoint:?}");
            }
            let named = item["parameters"].as_array().map_or(0, Vec::len);
            assert_eq!(named, endpoint.path().matches('{').count(), "{endpoint:?}");
        }
    }
}
