//! Parameters of the whole node: values that operators and their tools keep here, and the name of the cluster.
//!
//! A value is JSON, which nothing here looks into.

use std::{collections::BTreeMap, fmt, ops::Deref, sync::Arc};

use crate::ParameterName;

/// The value of a parameter, as JSON. It may be a secret, and does not show.
#[derive(Clone, PartialEq, Eq)]
pub struct ParameterValue(Arc<str>);

impl Deref for ParameterValue {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl From<&str> for ParameterValue {
    fn from(json: &str) -> Self {
        Self(json.into())
    }
}

impl fmt::Debug for ParameterValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ParameterValue({} octets)", self.0.len())
    }
}

/// The parameters of a node.
///
/// Beside each it keeps a `K`, by which the caller finds again where it has written it.
#[derive(Debug)]
pub struct GlobalParameters<K> {
    values: BTreeMap<ParameterName, (ParameterValue, K)>,
    cluster_name: Option<(Arc<str>, K)>,
}

impl<K> Default for GlobalParameters<K> {
    fn default() -> Self {
        Self { values: BTreeMap::new(), cluster_name: None }
    }
}

impl<K> GlobalParameters<K> {
    /// Sets one; whether it was set before. `keep` says what is kept of it, given what was kept of the one before.
    pub fn put(
        &mut self,
        name: ParameterName,
        value: ParameterValue,
        keep: impl FnOnce(Option<&K>) -> K,
    ) -> bool {
        let kept = keep(self.values.get(&name).map(|(_, kept)| kept));
        self.values.insert(name, (value, kept)).is_some()
    }

    /// Takes one away; what was kept of it, if there was one.
    pub fn remove(&mut self, name: &str) -> Option<K> {
        self.values.remove(name).map(|(_, kept)| kept)
    }

    /// One.
    pub fn find(&self, name: &str) -> Option<&ParameterValue> {
        self.values.get(name).map(|(value, _)| value)
    }

    /// All, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&ParameterName, &ParameterValue)> {
        self.values.iter().map(|(name, (value, _))| (name, value))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.values.len()
    }

    /// Names the cluster, and says whether it was named before.
    pub fn set_cluster_name(&mut self, name: Arc<str>, keep: impl FnOnce(Option<&K>) -> K) -> bool {
        let kept = keep(self.cluster_name.as_ref().map(|(_, kept)| kept));
        self.cluster_name.replace((name, kept)).is_some()
    }

    /// Takes the name of the cluster away; what was kept of it, if it had one.
    pub fn remove_cluster_name(&mut self) -> Option<K> {
        self.cluster_name.take().map(|(_, kept)| kept)
    }

    /// The name of the cluster, if it was given one.
    pub fn cluster_name(&self) -> Option<&Arc<str>> {
        self.cluster_name.as_ref().map(|(name, _)| name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_goes_with_its_value() {
        let mut parameters = GlobalParameters::default();
        let first = |old: Option<&u8>| old.map_or(1, |old| old + 1);
        assert!(!parameters.put("a".into(), "1".into(), first));
        assert!(parameters.put("a".into(), "2".into(), first));
        assert!(!parameters.put("b".into(), "{}".into(), first));
        assert_eq!(parameters.find("a").map(|value| &**value), Some("2"));
        assert_eq!(parameters.iter().count(), parameters.count());
        assert_eq!((parameters.remove("a"), parameters.remove("a")), (Some(2), None));
        assert_eq!(parameters.count(), 1);
    }

    #[test]
    fn a_value_does_not_show() {
        assert_eq!(format!("{:?}", ParameterValue::from("\"secret\"")), "ParameterValue(8 octets)");
    }

    #[test]
    fn the_cluster_has_one_name() {
        let mut parameters = GlobalParameters::default();
        assert!(!parameters.set_cluster_name("one".into(), |_| 1));
        assert!(parameters.set_cluster_name("other".into(), |old| old.unwrap() + 1));
        assert_eq!(parameters.cluster_name().map(|name| &**name), Some("other"));
        assert_eq!((parameters.remove_cluster_name(), parameters.cluster_name()), (Some(2), None));
    }
}
