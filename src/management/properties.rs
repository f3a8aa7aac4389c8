//! Properties of messages and JSON, each as the other.

use amqp::{Properties, ShortString};
use serde_json::{Map, Value};

use crate::document::Document;
use crate::failure::Failure;
use crate::tables::table_to_json;

/// Those that are set, by RabbitMQ's names.
pub(crate) fn properties_to_json(properties: &Properties) -> Value {
    let text = |text: &Option<ShortString>| text.as_ref().map(|text| text.to_str_lossy().into());
    let fields = [
        ("content_type", text(&properties.content_type)),
        ("content_encoding", text(&properties.content_encoding)),
        ("headers", properties.headers.as_ref().map(table_to_json)),
        ("delivery_mode", properties.delivery_mode.map(Value::from)),
        ("priority", properties.priority.map(Value::from)),
        ("correlation_id", text(&properties.correlation_id)),
        ("reply_to", text(&properties.reply_to)),
        ("expiration", text(&properties.expiration)),
        ("message_id", text(&properties.message_id)),
        ("timestamp", properties.timestamp.map(Value::from)),
        ("type", text(&properties.message_type)),
        ("user_id", text(&properties.user_id)),
        ("app_id", text(&properties.app_id)),
        ("cluster_id", text(&properties.cluster_id)),
    ];
    let set = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(set.collect::<Map<_, _>>())
}

/// Those that somebody wants to publish with.
///
/// # Errors
/// 400 for a value that the property cannot have.
pub(crate) fn json_to_properties(document: &Document) -> Result<Properties, Failure> {
    let text = |name: &str| -> Result<Option<ShortString>, Failure> {
        let Some(_) = document.find(name) else { return Ok(None) };
        let text = ShortString::try_from(document.text(name)?);
        text.map(Some).map_err(|_| Failure::bad_request(format!("{name} is too long")))
    };
    let octet = |name: &str| -> Result<Option<u8>, Failure> {
        let number = document.integer(name)?.map(u8::try_from).transpose();
        number.map_err(|_| Failure::bad_request(format!("{name} should be 0 to 255")))
    };
    let timestamp = document.integer("timestamp")?.map(u64::try_from).transpose();
    let headers = document.find("headers").map(|_| document.table("headers")).transpose()?;
    Ok(Properties {
        content_type: text("content_type")?,
        content_encoding: text("content_encoding")?,
        headers,
        delivery_mode: octet("delivery_mode")?,
        priority: octet("priority")?,
        correlation_id: text("correlation_id")?,
        reply_to: text("reply_to")?,
        expiration: text("expiration")?,
        message_id: text("message_id")?,
        timestamp: timestamp.map_err(|_| Failure::bad_request("timestamp is below 0"))?,
        message_type: text("type")?,
        user_id: text("user_id")?,
        app_id: text("app_id")?,
        cluster_id: text("cluster_id")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_set_comes_back() {
        let text = r#"{"app_id":"a","cluster_id":"b","content_encoding":"c","content_type":"d",
            "correlation_id":"e","delivery_mode":2,"expiration":"1000","headers":{"x":[1,true]},
            "message_id":"f","priority":9,"reply_to":"g","timestamp":1700000000,"type":"h",
            "user_id":"i"}"#;
        let document = Document::of(text.as_bytes()).unwrap();
        let json = properties_to_json(&json_to_properties(&document).unwrap());
        assert_eq!(json, serde_json::from_str::<Value>(text).unwrap());
        let nothing = json_to_properties(&Document::default()).unwrap();
        assert_eq!(properties_to_json(&nothing), serde_json::json!({}));
    }

    #[test]
    fn what_a_property_cannot_be_is_refused() {
        for text in [
            r#"{"priority":256}"#,
            r#"{"priority":-1}"#,
            r#"{"delivery_mode":"many"}"#,
            r#"{"timestamp":-1}"#,
            r#"{"headers":1}"#,
            r#"{"type":1}"#,
            &format!(r#"{{"app_id":"{}"}}"#, "a".repeat(256)),
        ] {
            assert!(json_to_properties(&Document::of(text.as_bytes()).unwrap()).is_err(), "{text}");
        }
    }
}
