//! How a list is asked for: which columns, in which order, which page of it, and only what has a certain name.
//!
//! The words of the errors are RabbitMQ's.

use std::cmp::Ordering;

use regex::{Regex, RegexBuilder};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::failure::Failure;
use crate::fields::{Fields, Wanted};
use crate::query::Query;

/// The largest page.
const PAGE_SIZE_MAX: usize = 500;

/// The page size where none is named.
const PAGE_SIZE_DEFAULT: usize = 100;

/// How many columns may be chosen: each is looked for in each item.
const COLUMNS_MAX: usize = 100;

/// The most memory that the pattern of a name takes once compiled.
const PATTERN_BYTES_MAX: usize = 256 * 1024;

/// What a list is made of: held until the list is sent, so small things, each of which is looked at when it is written.
pub(crate) trait Item: Send + 'static {
    /// What it takes of memory besides itself, in bytes.
    fn heap_bytes(&self) -> usize {
        0
    }

    /// The name to filter by, where that is known without a look.
    fn name(&self) -> Option<&str> {
        None
    }
}

/// What stands after the question mark of a list.
#[derive(Debug)]
pub(crate) struct Listing {
    columns: Option<Vec<String>>,
    sort: Option<String>,
    is_reversed: bool,
    page: Option<Page>,
}

#[derive(Debug)]
struct Page {
    number: usize,
    size: usize,
    name: Option<NameFilter>,
}

#[derive(Debug)]
enum NameFilter {
    Contains(String),
    Matches(Regex),
}

impl NameFilter {
    fn has(&self, name: &str) -> bool {
        match self {
            Self::Contains(part) => name.to_lowercase().contains(part),
            Self::Matches(pattern) => pattern.is_match(name),
        }
    }
}

impl Listing {
    /// # Errors
    /// 400 for a page that cannot be, or a pattern that is none.
    pub(crate) fn of(query: &Query) -> Result<Self, Failure> {
        let columns = query.find("columns").filter(|columns| !columns.is_empty());
        let columns = columns.map(columns_of).transpose()?;
        Ok(Self {
            columns,
            sort: query.find("sort").filter(|sort| !sort.is_empty()).map(str::to_owned),
            is_reversed: query.is_true("sort_reverse"),
            page: Page::of(query)?,
        })
    }

    fn wanted(&self) -> Wanted {
        let Some(columns) = &self.columns else { return Wanted::ALL };
        Wanted::only(columns.iter().map(String::as_str))
    }

    /// Shows these, which are in the order of their vhosts and names; `show` makes the fields of one of them, or nothing
    /// if it is gone.
    ///
    /// A list is written while it is sent, so that a long one takes little more memory than a short one.
    ///
    /// # Errors
    /// 400 for a page beyond the last.
    pub(crate) fn answer<T: Item, F: Into<Option<Fields>>>(
        self,
        mut items: Vec<T>,
        show: impl Fn(&T, &Wanted) -> F + Send + 'static,
    ) -> Result<Answer, Failure> {
        let show = move |item: &T, wanted: &Wanted| show(item, wanted).into();
        let wanted = self.wanted();
        let Some(page) = &self.page else {
            self.sort(&mut items, &show);
            // Only what is wanted is made: a path without a dot leads to all of that.
            let columns = self.columns.filter(|paths| paths.iter().any(|path| path.contains('.')));
            let held_bytes = items.iter().map(|item| size_of::<T>() + item.heap_bytes()).sum();
            let lines = items.into_iter().filter_map(move |item| {
                let fields = show(&item, &wanted)?;
                let mut line = Vec::new();
                let written = match &columns {
                    None => serde_json::to_writer(&mut line, &fields),
                    Some(columns) => serde_json::to_writer(&mut line, &fields.picked(columns)),
                };
                written.expect("what is shown has texts as keys");
                Some(line)
            });
            return Ok(Answer::array(lines, held_bytes));
        };
        let total = items.len();
        if let Some(filter) = &page.name {
            let names = Wanted::only(["name"]);
            items.retain(|item| match item.name() {
                Some(name) => filter.has(name),
                None => show(item, &names).is_some_and(|fields| {
                    fields.find("name").and_then(Value::as_str).is_some_and(|it| filter.has(it))
                }),
            });
        }
        self.sort(&mut items, &show);
        let filtered = items.len();
        let pages = filtered.div_ceil(page.size).max(1);
        if page.number > pages {
            let reason = format!(
                "Page out of range, page: {} page size: {}, len: {filtered}",
                page.number, page.size
            );
            return Err(Failure::bad_parameter("page_out_of_range", reason));
        }
        let first = (page.number - 1) * page.size;
        let shown: Vec<Value> = items
            .iter()
            .skip(first)
            .take(page.size)
            .filter_map(|item| show(item, &wanted))
            .map(|fields| match &self.columns {
                Some(columns) => fields.picked(columns),
                None => fields.into(),
            })
            .collect();
        Answer::json(&json!({
            "filtered_count": filtered,
            "item_count": shown.len(),
            "items": shown,
            "page": page.number,
            "page_count": pages,
            "page_size": page.size,
            "total_count": total,
        }))
    }

    /// Only the field to sort by is made of each.
    fn sort<T>(&self, items: &mut [T], show: &impl Fn(&T, &Wanted) -> Option<Fields>) {
        if let Some(path) = &self.sort {
            let wanted = Wanted::only([path.as_str()]);
            items.sort_by_cached_key(|item| {
                SortKey(show(item, &wanted).and_then(|fields| fields.find(path).cloned()))
            });
        }
        if self.is_reversed {
            items.reverse();
        }
    }
}

/// What a list is sorted by. What is not there goes first; kinds of values that cannot be compared go by kind.
#[derive(Debug, PartialEq)]
struct SortKey(Option<Value>);

impl SortKey {
    fn rank(&self) -> u8 {
        match &self.0 {
            None | Some(Value::Null) => 0,
            Some(Value::Bool(_)) => 1,
            Some(Value::Number(_)) => 2,
            Some(Value::String(_)) => 3,
            Some(Value::Array(_) | Value::Object(_)) => 4,
        }
    }
}

impl Eq for SortKey {}

impl PartialOrd for SortKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SortKey {
    fn cmp(&self, other: &Self) -> Ordering {
        match (&self.0, &other.0) {
            (Some(Value::Bool(a)), Some(Value::Bool(b))) => a.cmp(b),
            (Some(Value::Number(a)), Some(Value::Number(b))) => {
                let (a, b) = (a.as_f64().unwrap_or_default(), b.as_f64().unwrap_or_default());
                a.total_cmp(&b)
            }
            (Some(Value::String(a)), Some(Value::String(b))) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

/// Each once.
fn columns_of(text: &str) -> Result<Vec<String>, Failure> {
    let mut columns: Vec<String> = Vec::new();
    for column in text.split(',') {
        if columns.iter().any(|known| known == column) {
            continue;
        }
        if columns.len() == COLUMNS_MAX {
            let reason = format!("a list has {COLUMNS_MAX} columns at most");
            return Err(Failure::bad_parameter("too_many_columns", reason));
        }
        columns.push(column.to_owned());
    }
    Ok(columns)
}

impl Page {
    fn of(query: &Query) -> Result<Option<Self>, Failure> {
        let (page, size) = (query.find("page"), query.find("page_size"));
        if page.is_none() && size.is_none() {
            return Ok(None);
        }
        let shown = |value: Option<&str>| value.unwrap_or("undefined").to_owned();
        let wrong = || {
            let (page, size) = (shown(page), shown(size));
            let reason =
                format!("Invalid pagination parameters: page number {page}, page size {size}");
            Failure::bad_parameter("invalid_pagination_parameters", reason)
        };
        let number = |value: Option<&str>, default: usize| match value {
            Some(value) => value.parse().ok().filter(|&number| number > 0),
            None => Some(default),
        };
        let size = number(size, PAGE_SIZE_DEFAULT).filter(|&size| size <= PAGE_SIZE_MAX);
        let (Some(size), Some(number)) = (size, number(page, 1)) else { return Err(wrong()) };
        Ok(Some(Self { number, size, name: name_filter(query)? }))
    }
}

fn name_filter(query: &Query) -> Result<Option<NameFilter>, Failure> {
    let Some(name) = query.find("name").filter(|name| !name.is_empty()) else { return Ok(None) };
    if !query.is_true("use_regex") {
        return Ok(Some(NameFilter::Contains(name.to_lowercase())));
    }
    let mut pattern = RegexBuilder::new(name);
    pattern.case_insensitive(true).size_limit(PATTERN_BYTES_MAX).dfa_size_limit(PATTERN_BYTES_MAX);
    let pattern = pattern.build().map_err(|_| {
        Failure::bad_parameter("invalid_regex", format!("the pattern '{name}' is none"))
    })?;
    Ok(Some(NameFilter::Matches(pattern)))
}

#[cfg(test)]
mod tests;
