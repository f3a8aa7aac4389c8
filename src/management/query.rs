//! What stands after the question mark of a path.

/// The most pairs that are looked at.
const PAIRS_MAX: usize = 64;

/// Names and values, in their order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn of(text: Option<&str>) -> Self {
        let text = text.unwrap_or_default();
        Self(form_urlencoded::parse(text.as_bytes()).into_owned().take(PAIRS_MAX).collect())
    }

    /// The first value of this name.
    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Every value of this name.
    pub(crate) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0.iter().filter(move |(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn is_true(&self, name: &str) -> bool {
        self.find(name) == Some("true")
    }
}
