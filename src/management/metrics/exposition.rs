//! Prometheus' text format.
//!
//! ```text
//! # TYPE name gauge
//! # HELP name What it counts
//! name{label="value"} 1
//! ```

use std::fmt::{Display, Write as _};

/// A text that grows by families of metrics.
#[derive(Debug, Default)]
pub(super) struct Exposition {
    text: String,
}

/// A family: one name, and values that differ by their labels.
pub(super) struct Family<'a> {
    text: &'a mut String,
    name: String,
}

impl Exposition {
    /// Begins a family.
    pub(super) fn family(&mut self, name: &str, kind: &str, help: &str) -> Family<'_> {
        let text = &mut self.text;
        write!(text, "# TYPE {name} {kind}\n# HELP {name} {help}\n").expect(INTO_STRING);
        Family { text, name: name.to_owned() }
    }

    /// What is written, to be gone on with.
    pub(super) fn text_mut(&mut self) -> &mut String {
        &mut self.text
    }

    pub(super) fn finish(self) -> String {
        self.text
    }
}

impl Family<'_> {
    /// A value without labels.
    pub(super) fn value(self, value: u64) {
        writeln!(self.text, "{} {value}", self.name).expect(INTO_STRING);
    }

    /// A value with labels.
    pub(super) fn labelled(&mut self, labels: &[(&str, &str)], value: u64) {
        write_line(self.text, &self.name, labels, value);
    }
}

const INTO_STRING: &str = "a string takes every text";

/// One line with labels. What would end a label or the line is escaped.
pub(super) fn write_line(
    text: &mut String,
    name: &str,
    labels: &[(&str, &str)],
    value: impl Display,
) {
    text.push_str(name);
    let mut before = '{';
    if labels.is_empty() {
        writeln!(text, " {value}").expect(INTO_STRING);
        return;
    }
    for (label, value) in labels {
        text.push(before);
        text.push_str(label);
        text.push_str("=\"");
        for letter in value.chars() {
            match letter {
                '\\' => text.push_str("\\\\"),
                '"' => text.push_str("\\\""),
                '\n' => text.push_str("\\n"),
                other => text.push(other),
            }
        }
        text.push('"');
        before = ',';
    }
    writeln!(text, "}} {value}").expect(INTO_STRING);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_has_a_type_and_values() {
        let mut out = Exposition::default();
        out.family("a_total", "counter", "All").value(3);
        out.family("b", "gauge", "Some").labelled(&[("x", "1"), ("y", "2")], 4);
        let expected = "# TYPE a_total counter\n# HELP a_total All\na_total 3\n\
                        # TYPE b gauge\n# HELP b Some\nb{x=\"1\",y=\"2\"} 4\n";
        assert_eq!(out.finish(), expected);
    }

    #[test]
    fn a_name_does_not_end_its_label() {
        let mut text = String::new();
        write_line(&mut text, "q", &[("queue", "a\"} 1\nb\\")], 2);
        assert_eq!(text, "q{queue=\"a\\\"} 1\\nb\\\\\"} 2\n");
    }
}
