//! How Erlang prints a value with `~p`: on one line if it fits there, else with line breaks after commas.
//!
//! Within a list or tuple that does not fit, what is simple stands beside what came before, and whatever has parts begins
//! a line of its own. A tuple that begins with an atom has the rest behind that atom, unless the lines would begin beyond
//! the middle of the page: then the whole value is printed with such tuples' rest four columns in, or at last one.

use amqp::{ErlangBinary, FieldTable, FieldValue};
use broker::arguments::Term as Simple;

/// How many columns a line has.
const LINE_COLUMNS: usize = 80;

/// A value, and how many columns it takes on one line.
pub(super) struct Term {
    form: Form,
    width: usize,
}

enum Form {
    /// Is never broken.
    Simple(Vec<u8>),
    /// Octets that are no text, as numbers.
    Numbers(Vec<u8>),
    List(Vec<Term>),
    Tuple(Vec<Term>),
    /// A tuple whose first part is an atom.
    TaggedTuple(Vec<Term>),
}

impl Term {
    /// A list of binaries.
    pub(super) fn texts(texts: &[Vec<u8>]) -> Self {
        Self::list(texts.iter().map(|text| Self::octets(text)).collect())
    }

    /// A table, as a list of tuples of name, type and value.
    pub(super) fn table(table: &FieldTable) -> Self {
        let field = |(name, value): &(amqp::ShortString, FieldValue)| {
            let kind = Self::simple(value.erlang_type_name().to_owned());
            let parts = vec![Self::octets(name.as_bytes()), kind, Self::value(value)];
            Self { width: width_of(&parts), form: Form::Tuple(parts) }
        };
        Self::list(table.iter().map(field).collect())
    }

    fn value(value: &FieldValue) -> Self {
        match value {
            FieldValue::LongString(octets) | FieldValue::ByteArray(octets) => Self::octets(octets),
            FieldValue::Table(table) => Self::table(table),
            FieldValue::Array(values) => Self::list(values.iter().map(Self::typed).collect()),
            FieldValue::Decimal { scale, value } => {
                let parts = vec![Self::simple(scale.to_string()), Self::simple(value.to_string())];
                Self { width: width_of(&parts), form: Form::Tuple(parts) }
            }
            FieldValue::Bool(_)
            | FieldValue::I8(_)
            | FieldValue::U8(_)
            | FieldValue::I16(_)
            | FieldValue::U16(_)
            | FieldValue::I32(_)
            | FieldValue::U32(_)
            | FieldValue::I64(_)
            | FieldValue::F32(_)
            | FieldValue::F64(_)
            | FieldValue::Timestamp(_)
            | FieldValue::Void => Self::simple(Simple(value).to_string()),
        }
    }

    /// An element of an array.
    fn typed(value: &FieldValue) -> Self {
        let kind = Self::simple(value.erlang_type_name().to_owned());
        let parts = vec![kind, Self::value(value)];
        Self { width: width_of(&parts), form: Form::TaggedTuple(parts) }
    }

    fn simple(text: String) -> Self {
        Self { width: text.len(), form: Form::Simple(text.into_bytes()) }
    }

    fn octets(octets: &[u8]) -> Self {
        let printed = format!("{:#}", ErlangBinary(octets));
        // Each letter stands for an octet, and is written as one.
        let printed: Vec<u8> = printed.chars().filter_map(|it| u8::try_from(it).ok()).collect();
        let is_text = octets.is_empty() || printed.starts_with(b"<<\"");
        let width = printed.len();
        let form = if is_text { Form::Simple(printed) } else { Form::Numbers(printed) };
        Self { width, form }
    }

    fn list(parts: Vec<Self>) -> Self {
        match parts.is_empty() {
            true => Self::simple("[]".to_owned()),
            false => Self { width: width_of(&parts), form: Form::List(parts) },
        }
    }

    fn is_simple(&self) -> bool {
        matches!(self.form, Form::Simple(_))
    }

    fn write_on_one_line(&self, out: &mut Vec<u8>) {
        let (open, parts, close) = match &self.form {
            Form::Simple(text) | Form::Numbers(text) => return out.extend_from_slice(text),
            Form::List(parts) => (b'[', parts, b']'),
            Form::Tuple(parts) | Form::TaggedTuple(parts) => (b'{', parts, b'}'),
        };
        out.push(open);
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            part.write_on_one_line(out);
        }
        out.push(close);
    }
}

/// Of something with these parts: commas between them, and brackets around.
fn width_of(parts: &[Term]) -> usize {
    parts.iter().map(|part| part.width + 1).sum::<usize>() + 1
}

/// Prints a value; `column` is where it begins, counted from 1.
pub(super) fn print(term: &Term, column: usize, out: &mut Vec<u8>) {
    for tag_indent in [None, Some(4), Some(1)] {
        let start = out.len();
        let mut printer = Printer { out, width: term.width, tag_indent, is_too_far: false };
        printer.term(term, Place { column, closing: 0, on_line: 0 });
        if !printer.is_too_far || tag_indent == Some(1) {
            return;
        }
        out.truncate(start);
    }
}

struct Printer<'a> {
    out: &'a mut Vec<u8>,
    /// Of the whole value.
    width: usize,
    /// How far the rest of a tagged tuple is indented; `None`: as far as its tag reaches.
    tag_indent: Option<usize>,
    /// Some lines begin beyond the middle.
    is_too_far: bool,
}

/// Where something is printed.
#[derive(Clone, Copy)]
struct Place {
    /// Counted from 1.
    column: usize,
    /// How many brackets close behind it.
    closing: usize,
    /// How much stands on the line already, without its indent.
    on_line: usize,
}

impl Printer<'_> {
    fn fits(&self, width: usize, place: Place) -> bool {
        width + place.column + place.closing < LINE_COLUMNS
            && width + place.on_line + place.closing <= self.width
    }

    fn term(&mut self, term: &Term, place: Place) {
        if self.fits(term.width, place) {
            return term.write_on_one_line(self.out);
        }
        let inner =
            Place { column: place.column + 1, on_line: place.on_line + 1, closing: place.closing };
        match &term.form {
            Form::Simple(text) => self.out.extend_from_slice(text),
            Form::Numbers(text) => self.numbers(text, place),
            Form::List(parts) => {
                self.out.push(b'[');
                self.parts(parts, inner);
                self.out.push(b']');
            }
            Form::Tuple(parts) => {
                self.out.push(b'{');
                self.parts(parts, inner);
                self.out.push(b'}');
            }
            Form::TaggedTuple(parts) => {
                self.out.push(b'{');
                self.tagged(parts, Place { column: place.column, ..inner });
                self.out.push(b'}');
            }
        }
    }

    fn tagged(&mut self, parts: &[Term], place: Place) {
        let [tag, rest @ ..] = parts else { return };
        tag.write_on_one_line(self.out);
        let behind_tag = place.column + tag.width + 2;
        let on_line = place.on_line + tag.width;
        match self.tag_indent.filter(|indent| tag.width + 2 > *indent) {
            Some(indent) => {
                let first = place.column + indent;
                self.is_too_far |= first > LINE_COLUMNS / 2;
                self.tail(rest, first, Place { column: behind_tag, on_line, ..place });
            }
            None => {
                self.is_too_far |= behind_tag >= LINE_COLUMNS / 2;
                self.out.push(b',');
                let on_line = on_line + 1;
                self.parts(rest, Place { column: behind_tag, on_line, ..place });
            }
        }
    }

    fn parts(&mut self, parts: &[Term], place: Place) {
        let [first, rest @ ..] = parts else { return };
        let closing = closing_behind(rest, place.closing);
        let width = self.element(first, Place { closing, ..place });
        let (column, on_line) = (place.column + width, place.on_line + width);
        self.tail(rest, place.column, Place { column, on_line, ..place });
    }

    /// What comes behind a first part; further lines begin at the column `first`.
    fn tail(&mut self, parts: &[Term], first: usize, place: Place) {
        let Place { mut column, closing, mut on_line } = place;
        for (index, part) in parts.iter().enumerate() {
            let closing = closing_behind(&parts[index + 1..], closing);
            self.out.push(b',');
            let width = part.width + 1;
            let is_beside = part.is_simple()
                && self.fits(width, Place { column, on_line, closing: closing.max(1) });
            if is_beside {
                part.write_on_one_line(self.out);
                (column, on_line) = (column + width, on_line + width);
            } else {
                self.break_line(first);
                let width = self.element(part, Place { column: first, closing, on_line: 0 });
                (column, on_line) = (first + width, width);
            }
        }
    }

    /// How much of the line is taken by it: all, unless it is simple.
    fn element(&mut self, part: &Term, place: Place) -> usize {
        if part.is_simple() && self.fits(part.width, place) {
            part.write_on_one_line(self.out);
            return part.width;
        }
        self.term(part, place);
        LINE_COLUMNS
    }

    /// Numbers, as many on a line as it takes.
    fn numbers(&mut self, text: &[u8], place: Place) {
        let first = place.column + 2;
        let on_page = LINE_COLUMNS.saturating_sub(first);
        let of_value = self.width.saturating_sub(4 + place.on_line);
        let room = on_page.min(of_value).saturating_sub(place.closing).max(8);
        let mut left = room;
        for (index, number) in text.split_inclusive(|&octet| octet == b',').enumerate() {
            // The brackets are not counted.
            let brackets = usize::from(index == 0) * 2 + usize::from(number.ends_with(b">")) * 2;
            let width = number.len() - brackets;
            if width > left {
                self.break_line(first);
                left = room;
            }
            left = left.saturating_sub(width);
            self.out.extend_from_slice(number);
        }
    }

    fn break_line(&mut self, first: usize) {
        self.out.push(b'\n');
        self.out.resize(self.out.len() + first - 1, b' ');
    }
}

/// How many brackets close behind a part with these after it.
fn closing_behind(rest: &[Term], closing: usize) -> usize {
    if rest.is_empty() { closing + 1 } else { 0 }
}
