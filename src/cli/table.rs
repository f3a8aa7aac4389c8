//! Tables for people: aligned columns, and nothing that a terminal would take for a command.

use std::fmt::Write as _;

/// How a column stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// A table that is being filled.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(columns: Vec<(String, Align)>) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// One with a name and a value in each row.
    pub(crate) fn of_facts() -> Self {
        Self::new(vec![(String::new(), Align::Left), (String::new(), Align::Left)])
    }

    pub(crate) fn push(&mut self, row: Vec<String>) {
        self.rows.push(row.iter().map(|text| visible(text)).collect());
    }

    pub(crate) fn fact(&mut self, name: &str, value: impl Into<String>) {
        self.push(vec![name.to_owned(), value.into()]);
    }

    /// As it is printed; the titles only if there are any.
    pub(crate) fn to_text(&self) -> String {
        let titles: Vec<String> = self.columns.iter().map(|(title, _)| title.clone()).collect();
        let has_titles = titles.iter().any(|title| !title.is_empty());
        let lines = || has_titles.then_some(&titles).into_iter().chain(&self.rows);
        let mut widths = vec![0; self.columns.len()];
        for line in lines() {
            for (width, text) in widths.iter_mut().zip(line) {
                *width = (*width).max(text.chars().count());
            }
        }
        let mut out = String::new();
        for line in lines() {
            let mut text = String::new();
            for ((cell, width), (_, align)) in line.iter().zip(&widths).zip(&self.columns) {
                // A string takes all that is written.
                let _ = match align {
                    Align::Left => write!(text, "{cell:<width$}  "),
                    Align::Right => write!(text, "{cell:>width$}  "),
                };
            }
            out.push_str(text.trim_end());
            out.push('\n');
        }
        out
    }
}

/// A text with what cannot be seen written as its escape.
pub(crate) fn visible(text: &str) -> String {
    let is_seen = |c: char| !c.is_control() && !is_invisible(c);
    if text.chars().all(is_seen) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_seen(c) { out.push(c) } else { out.extend(c.escape_default()) }
    }
    out
}

/// What turns the direction of a text, or takes no room: it would make a name look like another.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_lines_end_with_their_text() {
        let mut table = Table::new(vec![
            ("name".to_owned(), Align::Left),
            ("messages".to_owned(), Align::Right),
        ]);
        table.push(vec!["örders".to_owned(), "5".to_owned()]);
        table.push(vec!["a longer name".to_owned(), "123456789".to_owned()]);
        let expected = "\
name            messages
örders                 5
a longer name  123456789
";
        assert_eq!(table.to_text(), expected);
        let mut facts = Table::of_facts();
        facts.fact("a", "b");
        assert_eq!(facts.to_text(), "a  b\n");
    }

    #[test]
    fn nothing_that_a_terminal_obeys_is_printed() {
        assert_eq!(visible("a\u{1b}[2J\tb\n"), "a\\u{1b}[2J\\tb\\n");
        assert_eq!(visible("a\u{202e}b"), "a\\u{202e}b");
        assert_eq!(visible("\u{9b}x"), "\\u{9b}x");
        assert_eq!(visible("grün ✓"), "grün ✓");
    }
}
