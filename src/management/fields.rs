//! One thing of a list, as named fields; only those are made that somebody asked for.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Map, Value};

/// Which fields are asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted(Option<Names>);

/// Names of fields. Each field of each item of a list asks whether it is among them, and the bits answer most of those that
/// are not.
#[derive(Clone, Debug, Default)]
struct Names {
    names: Vec<String>,
    /// A bit for each of them, which other names may share.
    bits: u64,
}

impl Names {
    fn bit(name: &str) -> u64 {
        let last = name.as_bytes().last().copied().unwrap_or_default();
        1 << ((name.len() * 11 + usize::from(last)) % 64)
    }

    #[inline]
    fn has(&self, name: &str) -> bool {
        self.bits & Self::bit(name) != 0 && self.names.iter().any(|known| known == name)
    }
}

impl Wanted {
    /// All.
    pub(crate) const ALL: Self = Self(None);

    /// The parts before the first dot of these paths.
    pub(crate) fn only<'a>(paths: impl IntoIterator<Item = &'a str>) -> Self {
        let mut wanted = Names::default();
        for path in paths {
            let first = path.split('.').next().unwrap_or(path);
            if !wanted.has(first) {
                wanted.bits |= Names::bit(first);
                wanted.names.push(first.to_owned());
            }
        }
        Self(Some(wanted))
    }

    /// Whether this one is.
    #[inline]
    pub(crate) fn has(&self, field: &str) -> bool {
        self.0.as_ref().is_none_or(|names| names.has(field))
    }
}

/// A JSON object whose names are known when the program is written, which makes long lists cheap.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    /// Without any.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds one, if it is wanted.
    pub(crate) fn put(
        &mut self,
        wanted: &Wanted,
        name: &'static str,
        value: impl Into<Value>,
    ) -> &mut Self {
        if wanted.has(name) {
            self.0.push((name, value.into()));
        }
        self
    }

    /// Adds one that costs something to make, if it is wanted.
    pub(crate) fn put_with(
        &mut self,
        wanted: &Wanted,
        name: &'static str,
        value: impl FnOnce() -> Value,
    ) -> &mut Self {
        if wanted.has(name) {
            self.0.push((name, value()));
        }
        self
    }

    /// Those that are wanted.
    pub(crate) fn only(&self, wanted: &Wanted) -> Self {
        Self(self.0.iter().filter(|(name, _)| wanted.has(name)).cloned().collect())
    }

    /// The value at a path such as `message_stats.publish`.
    pub(crate) fn find(&self, path: &str) -> Option<&Value> {
        let (first, rest) = match path.split_once('.') {
            Some((first, rest)) => (first, Some(rest)),
            None => (path, None),
        };
        let (_, value) = self.0.iter().find(|(name, _)| *name == first)?;
        rest.map_or(Some(value), |rest| {
            rest.split('.').try_fold(value, |value, name| value.get(name))
        })
    }

    /// What is left of it if only these paths are shown, in the shape it has.
    pub(crate) fn picked(&self, paths: &[String]) -> Value {
        let mut picked = Map::new();
        for path in paths {
            let Some(value) = self.find(path) else { continue };
            let mut names = path.split('.');
            let Some(first) = names.next() else { continue };
            let mut place = picked.entry(first).or_insert(Value::Null);
            for name in names {
                if !place.is_object() {
                    *place = Value::Object(Map::new());
                }
                let Value::Object(inner) = place else { break };
                place = inner.entry(name).or_insert(Value::Null);
            }
            *place = value.clone();
        }
        Value::Object(picked)
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl From<Fields> for Value {
    fn from(fields: Fields) -> Self {
        fields.0.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn queue() -> Fields {
        let mut fields = Fields::new();
        fields.put(&Wanted::ALL, "name", "orders");
        let stats = json!({ "publish": 2, "publish_details": { "rate": 0.5 } });
        fields.put(&Wanted::ALL, "message_stats", stats);
        fields
    }

    #[test]
    fn a_path_leads_into_it() {
        assert_eq!(queue().find("message_stats.publish_details.rate"), Some(&json!(0.5)));
        assert_eq!(queue().find("name"), Some(&json!("orders")));
        assert_eq!(queue().find("name.length"), None);
        assert_eq!(queue().find("nothing"), None);
    }

    #[test]
    fn what_is_picked_keeps_its_shape() {
        let paths = ["message_stats.publish_details.rate", "message_stats.publish", "no"];
        let picked = queue().picked(&paths.map(str::to_owned));
        let stats = json!({ "publish": 2, "publish_details": { "rate": 0.5 } });
        assert_eq!(picked, json!({ "message_stats": stats }));
        assert_eq!(queue().picked(&["name".to_owned()]), json!({ "name": "orders" }));
    }

    #[test]
    fn what_nobody_wants_is_not_made() {
        let wanted = Wanted::only(["name", "message_stats.publish"]);
        let mut fields = Fields::new();
        fields.put(&wanted, "memory", 1).put_with(&wanted, "arguments", || panic!("not wanted"));
        assert_eq!(fields, Fields::new());
        assert!(wanted.has("message_stats") && !wanted.has("publish"));
    }
}
