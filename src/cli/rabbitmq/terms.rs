//! Values as RabbitMQ's tools write them, who think in Erlang's terms.
//!
//! What clients have named never reaches a terminal as it is: control characters are escaped.

use serde_json::{Map, Value};

use crate::table::visible;

/// In a table with tabs.
pub(super) fn to_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => visible(text),
        Value::Object(table) => term_of_table(table),
        Value::Array(values) if values.iter().all(Value::is_string) => {
            format!("[{}]", values.iter().map(to_text).collect::<Vec<_>>().join(", "))
        }
        Value::Array(_) => term(value),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

/// In a table with lines, where a list of words has no brackets.
pub(super) fn to_cell(value: &Value) -> String {
    let words = value.as_array().filter(|values| values.iter().all(Value::is_string));
    words.map_or_else(
        || to_text(value),
        |words| words.iter().map(to_text).collect::<Vec<_>>().join(", "),
    )
}

/// Between quotation marks.
pub(super) fn to_csv(value: &Value) -> String {
    format!("\"{}\"", to_text(value).replace('"', "\"\""))
}

/// As JSON; a table of AMQP is a list of its fields with their types.
pub(super) fn to_json(value: &Value) -> String {
    match value {
        Value::Object(table) => {
            let fields = table.iter().map(|(name, value)| {
                format!(
                    "[{},\"{}\",{}]",
                    Value::from(name.as_str()),
                    type_of(value),
                    to_json(value)
                )
            });
            format!("[{}]", fields.collect::<Vec<_>>().join(","))
        }
        Value::Array(values) => {
            format!("[{}]", values.iter().map(to_json).collect::<Vec<_>>().join(","))
        }
        Value::Null => "\"\"".to_owned(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

/// What AMQP calls the type that a value came with, as far as JSON keeps it.
fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "void",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "double",
        Value::Number(_) => "long",
        Value::String(_) => "longstr",
        Value::Array(_) => "array",
        Value::Object(_) => "table",
    }
}

/// `[{"x-max-length",10}]`
fn term_of_table(table: &Map<String, Value>) -> String {
    let field = |(name, value): (&String, &Value)| format!("{{{},{}}}", quoted(name), term(value));
    format!("[{}]", table.iter().map(field).collect::<Vec<_>>().join(","))
}

fn term(value: &Value) -> String {
    match value {
        Value::Null => "undefined".to_owned(),
        Value::String(text) => quoted(text),
        Value::Object(table) => term_of_table(table),
        Value::Array(values) => {
            format!("[{}]", values.iter().map(term).collect::<Vec<_>>().join(","))
        }
        Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", visible(text).replace('"', "\\\""))
}
