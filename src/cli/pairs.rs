//! `key=value` on the command line, for arguments, headers and properties.

use std::str::FromStr;

use serde_json::{Map, Value};

/// One of them. A value that is JSON is that, anything else is a text: `x-max-length=10`, `x-overflow=reject-publish`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pair {
    key: String,
    value: Value,
}

impl FromStr for Pair {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (key, value) = text
            .split_once('=')
            .filter(|(key, _)| !key.is_empty())
            .ok_or_else(|| format!("'{text}' is no KEY=VALUE"))?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
        Ok(Self { key: key.to_owned(), value })
    }
}

/// All of them as an object; the last of each key counts.
pub(crate) fn object(pairs: &[Pair]) -> Map<String, Value> {
    pairs.iter().map(|pair| (pair.key.clone(), pair.value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_json_if_they_are_and_texts_otherwise() {
        let pairs = ["a=1", "b=x", "c=true", "d=\"1\"", "e=", "f=a=b", "a=2"];
        let pairs: Vec<Pair> = pairs.iter().map(|text| text.parse().unwrap()).collect();
        let expected = json!({ "a": 2, "b": "x", "c": true, "d": "1", "e": "", "f": "a=b" });
        assert_eq!(Value::Object(object(&pairs)), expected);
        assert!("a".parse::<Pair>().is_err() && "=a".parse::<Pair>().is_err());
    }
}
