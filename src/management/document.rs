//! The JSON object that a request brings, and how its fields are read.

use amqp::FieldTable;
use serde_json::{Map, Value};

use crate::failure::Failure;
use crate::tables::{BESIDE, from_beside_json, json_to_table};

/// An object that somebody sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Document(Map<String, Value>);

impl Document {
    /// Nothing at all is an object without fields.
    ///
    /// # Errors
    /// 400 if it is no JSON, or no object.
    pub(crate) fn of(bytes: &[u8]) -> Result<Self, Failure> {
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::default());
        }
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(_) | Err(_) => Err(Failure::bad_request("not_json")),
        }
    }

    /// A part of another.
    pub(crate) fn part(value: &Value) -> Result<Self, Failure> {
        let fields = value.as_object().ok_or_else(|| Failure::bad_request("not_json"))?;
        Ok(Self(fields.clone()))
    }

    /// # Errors
    /// 400 that names those which are missing.
    pub(crate) fn need(&self, keys: &[&str]) -> Result<(), Failure> {
        let missing: Vec<&str> =
            keys.iter().copied().filter(|key| !self.0.contains_key(*key)).collect();
        if missing.is_empty() { Ok(()) } else { Err(Failure::keys_missing(&missing)) }
    }

    /// What is there, also null.
    pub(crate) fn raw(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    pub(crate) fn find(&self, key: &str) -> Option<&Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    /// A text, or what stands for it if it is left out.
    ///
    /// # Errors
    /// 400 if it is something else.
    pub(crate) fn text_or<'a>(&'a self, key: &str, default: &'a str) -> Result<&'a str, Failure> {
        match self.find(key) {
            None => Ok(default),
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(Failure::bad_request(format!("{key} should be a text"))),
        }
    }

    /// A text that must be there.
    ///
    /// # Errors
    /// 400 if it is not.
    pub(crate) fn text<'a>(&'a self, key: &str) -> Result<&'a str, Failure> {
        self.need(&[key])?;
        self.text_or(key, "")
    }

    /// A truth value, also as a text; false if it is left out.
    ///
    /// # Errors
    /// 400 if it is something else.
    pub(crate) fn is_true(&self, key: &str) -> Result<bool, Failure> {
        self.is_true_or(key, false)
    }

    /// A truth value, also as a text, or what stands for it if it is left out.
    ///
    /// # Errors
    /// 400 if it is something else.
    pub(crate) fn is_true_or(&self, key: &str, default: bool) -> Result<bool, Failure> {
        match self.find(key) {
            None => Ok(default),
            Some(Value::Bool(value)) => Ok(*value),
            Some(Value::String(text)) if text == "true" => Ok(true),
            Some(Value::String(text)) if text == "false" => Ok(false),
            Some(other) => {
                Err(Failure::bad_request(Value::Array(vec!["not_boolean".into(), other.clone()])))
            }
        }
    }

    /// A whole number, also as a text.
    ///
    /// # Errors
    /// 400 if it is something else.
    pub(crate) fn integer(&self, key: &str) -> Result<Option<i64>, Failure> {
        let wrong = || Failure::bad_request(format!("{key} should be a whole number"));
        match self.find(key) {
            None => Ok(None),
            Some(Value::Number(number)) => number.as_i64().map(Some).ok_or_else(wrong),
            Some(Value::String(text)) => text.parse().map(Some).map_err(|_| wrong()),
            Some(_) => Err(wrong()),
        }
    }

    /// A table; an empty one if it is left out, or an empty list as some tools write it.
    ///
    /// # Errors
    /// 400 if it is something else, or nothing that AMQP could carry.
    pub(crate) fn table(&self, key: &str) -> Result<FieldTable, Failure> {
        match self.find(key) {
            None => Ok(FieldTable::new()),
            Some(Value::Object(object)) => json_to_table(object),
            Some(Value::Array(list)) if list.is_empty() => Ok(FieldTable::new()),
            Some(_) => Err(Failure::bad_request(format!("{key} should be an object"))),
        }
    }

    /// The field `arguments`, with what an export of this broker says of it beside.
    ///
    /// # Errors
    /// As of [`table`](Self::table).
    pub(crate) fn arguments(&self) -> Result<FieldTable, Failure> {
        if let (Some(shown), Some(_)) = (self.find("arguments"), self.find(BESIDE))
            && let Some(exact) = from_beside_json(self.text(BESIDE)?, shown)?
        {
            return Ok(exact);
        }
        self.table("arguments")
    }

    /// The names of all fields.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Tags, as a list or with commas between them.
    ///
    /// # Errors
    /// 400 if they are neither.
    pub(crate) fn words(&self, key: &str) -> Result<Option<Vec<String>>, Failure> {
        let wrong = || Failure::bad_request(format!("{key} should be a list of texts"));
        match self.find(key) {
            None => Ok(None),
            Some(Value::String(text)) => {
                let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
                Ok(Some(words.map(str::to_owned).collect()))
            }
            Some(Value::Array(list)) => {
                let word = |value: &Value| value.as_str().map(str::to_owned).ok_or_else(wrong);
                Ok(Some(list.iter().map(word).collect::<Result<_, _>>()?))
            }
            Some(_) => Err(wrong()),
        }
    }

    /// A list of objects; none if it is left out.
    ///
    /// # Errors
    /// 400 if it is something else.
    pub(crate) fn list(&self, key: &str) -> Result<Vec<Self>, Failure> {
        match self.find(key) {
            None => Ok(Vec::new()),
            Some(Value::Array(list)) => list.iter().map(Self::part).collect(),
            Some(_) => Err(Failure::bad_request(format!("{key} should be a list"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document(text: &str) -> Document {
        Document::of(text.as_bytes()).unwrap()
    }

    fn reason<T>(result: Result<T, Failure>) -> Value {
        result.err().unwrap().body.unwrap()["reason"].clone()
    }

    #[test]
    fn only_objects_are_taken() {
        for text in ["[]", "{", "1", "\"a\"", "{}{}", "\u{0}"] {
            assert_eq!(reason(Document::of(text.as_bytes())), "not_json", "{text}");
        }
        assert!(Document::of(b" ").unwrap().find("a").is_none());
    }

    #[test]
    fn fields_are_what_they_should_be() {
        let body = document(r#"{"a":"x","b":"true","c":5,"d":"6","e":null,"f":[],"g":"p, q"}"#);
        assert_eq!(body.text("a").unwrap(), "x");
        assert_eq!(reason(body.text("z")), "[{key_missing,z}]");
        assert!(reason(body.text("c")).as_str().unwrap().contains('c'));
        assert!(body.is_true("b").unwrap() && !body.is_true("e").unwrap());
        assert_eq!(reason(body.is_true("a")), json!(["not_boolean", "x"]));
        assert_eq!(body.integer("c").unwrap(), Some(5));
        assert_eq!(body.integer("d").unwrap(), Some(6));
        assert!(body.integer("a").is_err());
        assert!(body.table("f").unwrap().is_empty() && body.table("a").is_err());
        assert_eq!(body.words("g").unwrap().unwrap(), ["p", "q"]);
        assert!(body.words("c").is_err() && body.list("a").is_err());
    }
}
