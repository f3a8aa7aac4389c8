//! Reads the method table. Its format is described at its top.

use anyhow::{Context, bail};

/// A class of methods.
pub(super) struct Class {
    pub(super) name: String,
    pub(super) id: u16,
    pub(super) doc: String,
    pub(super) methods: Vec<Method>,
}

/// A method of a class.
pub(super) struct Method {
    pub(super) name: String,
    pub(super) id: u16,
    pub(super) has_content: bool,
    pub(super) doc: String,
    pub(super) fields: Vec<Field>,
}

/// An argument of a method.
pub(super) struct Field {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) is_reserved: bool,
}

/// The type of an argument.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Octet,
    Short,
    Long,
    Longlong,
    Shortstr,
    Longstr,
    Table,
    Bit,
}

/// Reads the whole table.
pub(super) fn parse(text: &str) -> anyhow::Result<Vec<Class>> {
    let mut classes = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        parse_line(line.trim(), &mut classes).with_context(|| format!("line {number}"))?;
    }
    Ok(classes)
}

fn parse_line(line: &str, classes: &mut Vec<Class>) -> anyhow::Result<()> {
    if line.is_empty() || line.starts_with('#') {
        return Ok(());
    }
    let (head, doc) = line.split_once(": ").unwrap_or((line, ""));
    let words: Vec<&str> = head.split(' ').collect();
    match *words {
        ["class", name, id] => classes.push(Class {
            name: name.to_owned(),
            id: id.parse().context("the class's id")?,
            doc: doc.to_owned(),
            methods: Vec::new(),
        }),
        ["method", name, id, ref rest @ ..] => {
            let class = classes.last_mut().context("a method needs a class above it")?;
            class.methods.push(Method {
                name: name.to_owned(),
                id: id.parse().context("the method's id")?,
                has_content: *rest == ["content"],
                doc: doc.to_owned(),
                fields: Vec::new(),
            });
        }
        [name, kind] => {
            let method = classes.last_mut().and_then(|class| class.methods.last_mut());
            let fields = &mut method.context("a field needs a method above it")?.fields;
            fields.push(Field {
                name: name.trim_start_matches('-').to_owned(),
                kind: parse_kind(kind)?,
                is_reserved: name.starts_with('-'),
            });
        }
        _ => bail!("neither class, method nor field: {line}"),
    }
    Ok(())
}

fn parse_kind(kind: &str) -> anyhow::Result<Kind> {
    Ok(match kind {
        "octet" => Kind::Octet,
        "short" => Kind::Short,
        "long" => Kind::Long,
        "longlong" => Kind::Longlong,
        "shortstr" => Kind::Shortstr,
        "longstr" => Kind::Longstr,
        "table" => Kind::Table,
        "bit" => Kind::Bit,
        _ => bail!("no such type: {kind}"),
    })
}
