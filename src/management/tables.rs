//! Field tables of AMQP and JSON, each as the other, as RabbitMQ turns them.

use amqp::{FieldTable, FieldValue, NESTING_MAX, ShortString};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use broker::arguments::Term;
use serde_json::{Map, Number, Value};
use sha2::{Digest as _, Sha256};

use crate::failure::Failure;

/// A table as an object. Octets that are no UTF-8 show as replacement characters, as JSON has no octets.
pub(crate) fn table_to_json(table: &FieldTable) -> Value {
    let fields =
        table.iter().map(|(name, value)| (name.to_str_lossy().into_owned(), value_to_json(value)));
    Value::Object(fields.collect())
}

/// A value of a table, in the same way.
pub(crate) fn value_to_json(value: &FieldValue) -> Value {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned().into();
    match value {
        FieldValue::Bool(value) => (*value).into(),
        FieldValue::F32(value) => float(f64::from(*value)),
        FieldValue::F64(value) => float(*value),
        FieldValue::Decimal { scale, value } => {
            float(f64::from(*value) / 10_f64.powi(i32::from(*scale)))
        }
        FieldValue::LongString(bytes) | FieldValue::ByteArray(bytes) => text(bytes),
        FieldValue::Array(values) => values.iter().map(value_to_json).collect(),
        FieldValue::Table(table) => table_to_json(table),
        FieldValue::Timestamp(seconds) => (*seconds).into(),
        FieldValue::Void => Value::Null,
        FieldValue::I8(_)
        | FieldValue::U8(_)
        | FieldValue::I16(_)
        | FieldValue::U16(_)
        | FieldValue::I32(_)
        | FieldValue::U32(_)
        | FieldValue::I64(_) => value.as_integer().into(),
    }
}

/// A number, or null where JSON has none.
fn float(value: f64) -> Value {
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

/// A value as Erlang prints it, which is how RabbitMQ names one that it refuses.
pub(crate) fn to_erlang(value: &Value) -> String {
    match to_value(value, NESTING_MAX) {
        Ok(field) => Term(&field).to_string(),
        // It is null, or has something in it that AMQP could not say.
        Err(_) => value.to_string(),
    }
}

/// An object as a table: whole numbers become `long`, texts `longstr`.
///
/// # Errors
/// 400 for null, for names of more than 255 bytes, for numbers beyond 64 bits, and for what nests too deep.
pub(crate) fn json_to_table(object: &Map<String, Value>) -> Result<FieldTable, Failure> {
    to_table(object, NESTING_MAX)
}

/// What JSON does not say of a table, to stand beside it: all of the table as on the wire, in base64. `None` if it says
/// everything, as of most.
pub(crate) fn beside_json(table: &FieldTable, json: &Value) -> Option<String> {
    let sorted = |mut table: FieldTable| {
        table.sort_and_dedup();
        table
    };
    let back = json.as_object().and_then(|object| json_to_table(object).ok());
    let is_exact = back.is_some_and(|back| sorted(back) == sorted(table.clone()));
    (!is_exact).then(|| STANDARD.encode(table.to_bytes()))
}

/// The table that stands beside an object, unless it is about another: then somebody has changed what people read.
///
/// # Errors
/// 400 if it is none.
pub(crate) fn from_beside_json(text: &str, json: &Value) -> Result<Option<FieldTable>, Failure> {
    let wrong = || Failure::bad_request(format!("{BESIDE} should be a table in base64"));
    let bytes = STANDARD.decode(text).map_err(|_| wrong())?;
    let table = FieldTable::decode(&bytes).map_err(|_| wrong())?;
    Ok(Some(table).filter(|table| table_to_json(table) == *json))
}

/// Where it stands, beside `arguments`.
pub(crate) const BESIDE: &str = "pillarbox_arguments";

fn to_table(object: &Map<String, Value>, depth: usize) -> Result<FieldTable, Failure> {
    let mut table = FieldTable::new();
    for (name, value) in object {
        let key = ShortString::try_from(name.as_str())
            .map_err(|_| Failure::bad_request(format!("the name '{name:.40}…' is too long")))?;
        table.insert(key, to_value(value, depth)?);
    }
    Ok(table)
}

fn to_value(value: &Value, depth: usize) -> Result<FieldValue, Failure> {
    let Some(depth) = depth.checked_sub(1) else {
        return Err(Failure::bad_request("nested too deep"));
    };
    Ok(match value {
        Value::Null => return Err(Failure::bad_request("null_not_allowed")),
        Value::Bool(value) => FieldValue::Bool(*value),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => FieldValue::I64(number),
            (None, Some(number)) if !number.is_nan() => FieldValue::F64(number),
            _ => return Err(Failure::bad_request(format!("{number} is too large"))),
        },
        Value::String(text) => FieldValue::LongString(text.as_bytes().to_vec()),
        Value::Array(values) => {
            let values = values.iter().map(|value| to_value(value, depth));
            FieldValue::Array(values.collect::<Result<_, _>>()?)
        }
        Value::Object(object) => FieldValue::Table(to_table(object, depth)?),
    })
}

/// How a binding is named beside those between the same two: its key as in a form, and a digest of its arguments.
pub(crate) fn properties_key(routing_key: &str, arguments: &FieldTable) -> String {
    let key: String = form_urlencoded::byte_serialize(routing_key.as_bytes()).collect();
    match (key.is_empty(), arguments.is_empty()) {
        (true, true) => "~".to_owned(),
        (false, true) => key,
        (_, false) => {
            let mut sorted = arguments.clone();
            sorted.sort_and_dedup();
            let digest = Sha256::digest(sorted.to_bytes());
            format!("{key}~{}", URL_SAFE_NO_PAD.encode(digest.split_at(9).0))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn table(json: &str) -> Result<FieldTable, Failure> {
        json_to_table(serde_json::from_str::<Value>(json).unwrap().as_object().unwrap())
    }

    #[test]
    fn what_json_can_say_comes_back() {
        let text = r#"{"array":[1,"a",true],"float":1.5,"int":-7,"table":{"x":{}},"text":"ü"}"#;
        let json = table_to_json(&table(text).unwrap());
        assert_eq!(json, serde_json::from_str::<Value>(text).unwrap());
    }

    #[test]
    fn what_json_cannot_say_is_shown_as_well_as_it_can() {
        let name = |name| ShortString::try_from(name).unwrap();
        let mut table = FieldTable::new();
        table.insert(name("nan"), FieldValue::F64(f64::NAN));
        table.insert(name("octets"), FieldValue::LongString(vec![0xff, b'a']));
        table.insert(name("void"), FieldValue::Void);
        table.insert(name("price"), FieldValue::Decimal { scale: 2, value: 150 });
        table.insert(name("at"), FieldValue::Timestamp(7));
        let expected =
            json!({ "nan": null, "octets": "\u{fffd}a", "void": null, "price": 1.5, "at": 7 });
        assert_eq!(table_to_json(&table), expected);
    }

    #[test]
    fn what_json_does_not_say_stands_beside_it() {
        let name = |name| ShortString::try_from(name).unwrap();
        let plain = table(r#"{"b":[1,"a",true],"a":-7,"c":{"x":1.5}}"#).unwrap();
        assert_eq!(beside_json(&plain, &table_to_json(&plain)), None);
        for value in [
            FieldValue::Void,
            FieldValue::I32(1),
            FieldValue::U8(1),
            FieldValue::F32(1.5),
            FieldValue::F64(f64::NAN),
            FieldValue::Timestamp(7),
            FieldValue::Decimal { scale: 2, value: 150 },
            FieldValue::ByteArray(b"text".to_vec()),
            FieldValue::LongString(vec![0xff]),
            FieldValue::Array(vec![FieldValue::Void, FieldValue::I16(-1)]),
        ] {
            let mut one = FieldTable::new();
            one.insert(name("z"), FieldValue::I64(1));
            one.insert(name("x"), value);
            let json = table_to_json(&one);
            let beside = beside_json(&one, &json).unwrap();
            let back = from_beside_json(&beside, &json).unwrap().unwrap();
            assert_eq!(back.to_bytes(), one.to_bytes(), "{one:?}");
            assert_eq!(from_beside_json(&beside, &json!({ "z": 1 })).unwrap(), None);
        }
        assert!(from_beside_json("?", &json!({})).is_err());
        assert!(from_beside_json("AAAA", &json!({})).is_err());
    }

    #[test]
    fn what_amqp_cannot_say_is_refused() {
        let reason = |json: &str| table(json).unwrap_err().body.unwrap()["reason"].clone();
        assert_eq!(reason(r#"{"a":[null]}"#), "null_not_allowed");
        let deep = format!("{}{}", r#"{"a":"#.repeat(34), "1".to_owned() + &"}".repeat(34));
        assert_eq!(reason(&deep), "nested too deep");
        assert!(table(&format!(r#"{{"{}":1}}"#, "n".repeat(256))).is_err());
        assert!(table(&format!(r#"{{"{}":1}}"#, "n".repeat(255))).is_ok());
    }

    #[test]
    fn a_binding_has_one_key() {
        let none = FieldTable::new();
        assert_eq!(properties_key("", &none), "~");
        assert_eq!(properties_key("a b.#", &none), "a+b.%23");
        let (ab, ba) = (table(r#"{"a":1,"b":2}"#).unwrap(), table(r#"{"b":2,"a":1}"#).unwrap());
        assert_eq!(properties_key("k", &ab), properties_key("k", &ba));
        assert!(properties_key("k", &ab).starts_with("k~"));
        assert_ne!(properties_key("", &ab), properties_key("", &table(r#"{"a":1}"#).unwrap()));
    }
}
