//! Lists in the four forms of RabbitMQ's tools.

use serde_json::Value;

use super::terms::{to_csv, to_json, to_text};

/// How a list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Tabs between columns.
    Table,
    /// Lines around them, of a terminal's own characters.
    Pretty,
    Json,
    Csv,
}

impl Format {
    pub(super) fn parse(name: &str) -> Option<Self> {
        match name {
            "table" | "string" | "erlang" => Some(Self::Table),
            "pretty_table" => Some(Self::Pretty),
            "json" | "json_stream" => Some(Self::Json),
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }
}

/// A list.
#[derive(Clone, Debug, Default)]
pub(super) struct Rows {
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Vec<Value>>,
    /// RabbitMQ writes it line by line, and nothing at all if there is none; otherwise an empty line.
    pub(super) is_stream: bool,
    /// It has no titles, in no form but JSON.
    pub(super) is_untitled: bool,
}

pub(super) fn rows(list: &Rows, format: Format, has_headers: bool) -> String {
    let has_headers = has_headers && !list.is_untitled;
    match format {
        Format::Json => json(list),
        _ if list.rows.is_empty() => (if list.is_stream { "" } else { "\n" }).to_owned(),
        Format::Table => lines(list, has_headers, "\t", to_text, str::to_owned),
        Format::Csv => lines(list, has_headers, ",", to_csv, |title| to_csv(&Value::from(title))),
        Format::Pretty => pretty(list),
    }
}

fn lines(
    list: &Rows,
    has_headers: bool,
    between: &str,
    cell: impl Fn(&Value) -> String,
    title: impl Fn(&str) -> String,
) -> String {
    let mut out = String::new();
    if has_headers {
        let titles: Vec<String> = list.columns.iter().map(|name| title(name)).collect();
        out.push_str(&titles.join(between));
        out.push('\n');
    }
    for row in &list.rows {
        let cells: Vec<String> = row.iter().map(&cell).collect();
        out.push_str(&cells.join(between));
        out.push('\n');
    }
    out
}

/// An object a line, as RabbitMQ streams them.
fn json(list: &Rows) -> String {
    let mut out = "[\n".to_owned();
    for (position, row) in list.rows.iter().enumerate() {
        out.push_str(if position > 0 { "," } else { "" });
        out.push('{');
        for (place, (name, value)) in list.columns.iter().zip(row).enumerate() {
            out.push_str(if place > 0 { "," } else { "" });
            out.push_str(&Value::from(name.as_str()).to_string());
            out.push(':');
            out.push_str(&to_json(value));
        }
        out.push_str("}\n");
    }
    out.push_str("]\n");
    out
}

/// Lines around everything, in the characters of the VT100 that RabbitMQ takes for them.
fn pretty(list: &Rows) -> String {
    let mut cells: Vec<Vec<String>> = vec![list.columns.clone()];
    cells.extend(list.rows.iter().map(|row| row.iter().map(super::terms::to_cell).collect()));
    let widths: Vec<usize> = (0..list.columns.len())
        .map(|at| cells.iter().map(|row| row[at].chars().count()).max().unwrap_or(0))
        .collect();
    let line = |left: char, middle: char, right: char| {
        let parts: Vec<String> = widths.iter().map(|width| "q".repeat(width + 2)).collect();
        format!("\u{1b}(0{left}{}{right}\u{1b}(B\n", parts.join(&middle.to_string()))
    };
    let wall = "\u{1b}(0x\u{1b}(B";
    let mut out = line('l', 'w', 'k');
    for (position, row) in cells.iter().enumerate() {
        if position > 0 {
            out.push_str(&line('t', 'n', 'u'));
        }
        for (cell, width) in row.iter().zip(&widths) {
            let pad = " ".repeat(width - cell.chars().count());
            let bold = if position == 0 { ("\u{1b}[1m", "\u{1b}[0m") } else { ("", "") };
            out.push_str(&format!("{wall} {}{cell}{}{pad} ", bold.0, bold.1));
        }
        out.push_str(wall);
        out.push('\n');
    }
    out.push_str(&line('m', 'v', 'j'));
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn list(rows_of: &[(&str, Value)]) -> Rows {
        let rows = rows_of.iter().map(|(name, value)| vec![json!(name), value.clone()]).collect();
        let columns = vec!["name".to_owned(), "arguments".to_owned()];
        Rows { columns, rows, ..Rows::default() }
    }

    #[test]
    fn a_list_has_the_four_forms_that_rabbitmq_gives_it() {
        let list = list(&[("q", json!({ "x-max-length": 10 })), ("r\"", json!([]))]);
        let table = "name\targuments\nq\t[{\"x-max-length\",10}]\nr\"\t[]\n";
        assert_eq!(rows(&list, Format::Table, true), table);
        assert_eq!(rows(&list, Format::Table, false), table.split_once('\n').unwrap().1);
        let csv =
            "\"name\",\"arguments\"\n\"q\",\"[{\"\"x-max-length\"\",10}]\"\n\"r\"\"\",\"[]\"\n";
        assert_eq!(rows(&list, Format::Csv, true), csv);
        let json = "[\n{\"name\":\"q\",\"arguments\":[[\"x-max-length\",\"long\",10]]}\n,{\"name\":\"r\\\"\",\"arguments\":[]}\n]\n";
        assert_eq!(rows(&list, Format::Json, true), json);
        let pretty = rows(&list, Format::Pretty, true);
        assert!(pretty.starts_with("\u{1b}(0lqqqqqqwq") && pretty.ends_with("qj\u{1b}(B\n"));
    }

    #[test]
    fn nothing_is_an_empty_line_or_not_even_that() {
        let empty = list(&[]);
        assert_eq!(rows(&empty, Format::Table, true), "\n");
        let stream = Rows { is_stream: true, ..empty.clone() };
        assert_eq!(rows(&stream, Format::Table, true), "");
        assert_eq!(rows(&empty, Format::Json, true), "[\n]\n");
    }
}
