//! Writes the Rust of the methods: an enum of all, and a module for each class.

use std::fmt::{self, Write};

use super::spec::{Class, Field, Kind, Method};

/// The whole of `methods.rs`.
pub(super) fn methods(classes: &[Class]) -> String {
    let mut code = String::new();
    // A `String` takes whatever is written to it.
    let written = write_file(&mut code, classes);
    assert!(written.is_ok(), "writing to memory does not fail");
    code
}

fn write_file(code: &mut String, classes: &[Class]) -> fmt::Result {
    code.push_str(
        "\
//! The methods of AMQP 0-9-1, written by `cargo xtask codegen` from `spec/methods.txt`: edit that.

use crate::{MethodError, TooLong, reader::Reader};

",
    );
    write_enum(code, classes)?;
    for class in classes {
        write_class(code, class)?;
    }
    Ok(())
}

fn write_enum(code: &mut String, classes: &[Class]) -> fmt::Result {
    let all = || classes.iter().flat_map(|c| c.methods.iter().map(move |m| (c, m)));
    writeln!(code, "/// A method with its arguments, borrowed from the payload of its frame.")?;
    writeln!(code, "#[derive(Clone, Copy, Debug, PartialEq, Eq)]")?;
    writeln!(code, "#[expect(missing_docs, reason = \"told at the types they hold\")]")?;
    writeln!(code, "pub enum Method<'a> {{")?;
    for (class, method) in all() {
        writeln!(code, "    {}({}),", variant(class, method), path(class, method, "'a"))?;
    }
    writeln!(code, "}}\n\nimpl<'a> Method<'a> {{")?;

    code.push_str(
        "    /// Decodes the payload of a method frame.
    ///
    /// # Errors
    /// [`MethodError`] with the first fault; nothing follows the last argument, or it is one.
    #[inline]
    pub fn decode(payload: &'a [u8]) -> Result<Self, MethodError> {
        let Some((&[c1, c0, m1, m0], arguments)) = payload.split_first_chunk() else {
            return Err(MethodError::Truncated { class_id: 0, method_id: 0 });
        };
        let (class_id, method_id) = (u16::from_be_bytes([c1, c0]), u16::from_be_bytes([m1, m0]));
        let mut reader = Reader::new(arguments);
        let decoded = match (class_id, method_id) {
",
    );
    for (class, method) in all() {
        let (module, name) = (&class.name, camel(&method.name));
        writeln!(
            code,
            "            ({}, {}) => {module}::{name}::read(&mut reader).map(Self::{}),",
            class.id,
            method.id,
            variant(class, method)
        )?;
    }
    code.push_str(
        "            _ => return Err(MethodError::Unknown { class_id, method_id }),
        };
        match decoded {
            Ok(method) if reader.is_empty() => Ok(method),
            Ok(_) => Err(MethodError::TrailingBytes { class_id, method_id }),
            Err(error) => Err(MethodError::new(class_id, method_id, error)),
        }
    }

",
    );
    write_getter(code, all(), ("The class's number.", "class_id", "u16"), |class, _| {
        class.id.to_string()
    })?;
    write_getter(
        code,
        all(),
        ("The method's number in its class.", "method_id", "u16"),
        |_, m| m.id.to_string(),
    )?;
    let name = ("The name, such as `basic.publish`.", "name", "&'static str");
    write_getter(code, all(), name, |class, method| {
        format!("\"{}.{}\"", class.name, method.name.replace('_', "-"))
    })?;
    writeln!(code, "    /// Whether a content header and a body follow.")?;
    writeln!(code, "    #[inline]\n    #[must_use]")?;
    writeln!(code, "    pub const fn has_content(&self) -> bool {{")?;
    let contents: Vec<String> = all()
        .filter(|(_, method)| method.has_content)
        .map(|(class, method)| format!("Self::{}(_)", variant(class, method)))
        .collect();
    writeln!(code, "        matches!(self, {})\n    }}\n", contents.join(" | "))?;

    code.push_str(
        "    /// Appends the method as one whole frame.
    ///
    /// # Errors
    /// [`TooLong`] if a string does not fit its field; `out` is as it was.
    #[inline]
    pub fn try_encode(&self, channel: u16, out: &mut Vec<u8>) -> Result<(), TooLong> {
        match self {
",
    );
    for (class, method) in all() {
        let name = variant(class, method);
        writeln!(code, "            Self::{name}(method) => method.encode(channel, out),")?;
    }
    writeln!(code, "        }}\n    }}\n}}")
}

fn write_getter<'a>(
    code: &mut String,
    all: impl Iterator<Item = (&'a Class, &'a Method)>,
    (doc, name, kind): (&str, &str, &str),
    value: impl Fn(&Class, &Method) -> String,
) -> fmt::Result {
    writeln!(code, "    /// {doc}\n    #[inline]\n    #[must_use]")?;
    writeln!(code, "    pub const fn {name}(&self) -> {kind} {{\n        match self {{")?;
    for (class, method) in all {
        let variant = variant(class, method);
        writeln!(code, "            Self::{variant}(_) => {},", value(class, method))?;
    }
    writeln!(code, "        }}\n    }}\n")
}

fn write_class(code: &mut String, class: &Class) -> fmt::Result {
    writeln!(code, "\n/// {}", class.doc)?;
    writeln!(code, "pub mod {} {{", class.name)?;
    let fields = || class.methods.iter().flat_map(|m| m.fields.iter().map(move |f| (m, f)));
    let has_tables = fields().any(|(_, field)| field.kind == Kind::Table);
    let has_bytes = fields().any(|(m, field)| field.kind == Kind::Shortstr && m.has_content);
    let imports: Vec<&str> = [
        has_tables.then_some("RawTable"),
        has_bytes.then_some("ShortStr"),
        Some("TooLong"),
        Some("method::encode_method"),
        Some("reader::{ReadError, Reader}"),
    ]
    .into_iter()
    .flatten()
    .collect();
    writeln!(code, "    use crate::{{{}}};\n", imports.join(", "))?;
    writeln!(code, "    /// The class's number.\n    pub const CLASS_ID: u16 = {};", class.id)?;
    for method in &class.methods {
        write_method(code, class, method)?;
    }
    writeln!(code, "}}")
}

fn write_method(code: &mut String, class: &Class, method: &Method) -> fmt::Result {
    let (own, given) = if borrows(method) { ("<'a>", "<'a>") } else { ("", "<'_>") };
    let name = camel(&method.name);
    let public = || method.fields.iter().filter(|field| !field.is_reserved);

    writeln!(code, "\n    /// `{}.{}`", class.name, method.name.replace('_', "-"))?;
    writeln!(code, "    ///\n    /// {}", method.doc)?;
    writeln!(code, "    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]")?;
    if public().next().is_none() {
        writeln!(code, "    pub struct {name};")?;
    } else {
        let reason = "the fields are the specification's, and have no documentation but its";
        writeln!(code, "    #[expect(missing_docs, reason = \"{reason}\")]")?;
        writeln!(code, "    pub struct {name}{own} {{")?;
        for field in public() {
            writeln!(code, "        pub {}: {},", field.name, rust_type(method, field.kind))?;
        }
        writeln!(code, "    }}")?;
    }

    writeln!(code, "\n    impl{own} {name}{own} {{\n        #[inline]")?;
    let reader = if method.fields.is_empty() { "_" } else { "reader" };
    writeln!(
        code,
        "        pub(super) fn read({reader}: &mut Reader{given}) -> Result<Self, ReadError> {{"
    )?;
    let mut bit = 0;
    for field in &method.fields {
        bit = next_bit(field, bit);
        write_read(code, method, field, bit)?;
    }
    let names: Vec<&str> = public().map(|field| field.name.as_str()).collect();
    match names.is_empty() {
        true => writeln!(code, "            Ok(Self)\n        }}\n")?,
        false => writeln!(code, "            Ok(Self {{ {} }})\n        }}\n", names.join(", "))?,
    }
    write_encode(code, method)?;
    writeln!(code, "    }}")
}

fn write_encode(code: &mut String, method: &Method) -> fmt::Result {
    writeln!(code, "        #[inline]\n        pub(super) fn encode(")?;
    writeln!(
        code,
        "            &self,\n            channel: u16,\n            out: &mut Vec<u8>,"
    )?;
    writeln!(code, "        ) -> Result<(), TooLong> {{")?;
    let writer = if method.fields.is_empty() { "_" } else { "writer" };
    let (ids, len) = (format!("(CLASS_ID, {})", method.id), arguments_len(method));
    writeln!(code, "            encode_method(channel, {ids}, {len}, out, |{writer}| {{")?;
    let mut rest = method.fields.as_slice();
    while let Some((field, after)) = rest.split_first() {
        if field.kind == Kind::Bit {
            let len = rest.iter().take_while(|field| field.kind == Kind::Bit).count();
            let (bits, after) = rest.split_at(len);
            writeln!(code, "                writer.octet({});", packed(bits))?;
            rest = after;
        } else {
            writeln!(code, "                writer.{};", write_call(method, field))?;
            rest = after;
        }
    }
    writeln!(code, "            }})\n        }}")
}

/// The place of a field in its run of bits, counted from 1; 0 if it is no bit.
fn next_bit(field: &Field, bit: u8) -> u8 {
    if field.kind == Kind::Bit { bit + 1 } else { 0 }
}

fn write_read(code: &mut String, method: &Method, field: &Field, bit: u8) -> fmt::Result {
    let read = match field.kind {
        Kind::Octet => "octet",
        Kind::Short => "short",
        Kind::Long => "long",
        Kind::Longlong => "longlong",
        Kind::Shortstr if method.has_content => "shortstr",
        Kind::Shortstr => "utf8",
        Kind::Longstr => "longstr",
        Kind::Table => "table",
        Kind::Bit => {
            if bit == 1 {
                let bits = if field.is_reserved { "" } else { "let bits = " };
                writeln!(code, "            {bits}reader.octet()?;")?;
            }
            if !field.is_reserved {
                let mask = 1 << (bit - 1);
                writeln!(code, "            let {} = bits & {mask} != 0;", field.name)?;
            }
            return Ok(());
        }
    };
    match field.is_reserved {
        true => writeln!(code, "            reader.{read}()?;"),
        false => writeln!(code, "            let {} = reader.{read}()?;", field.name),
    }
}

fn write_call(method: &Method, field: &Field) -> String {
    let (call, empty) = match field.kind {
        Kind::Octet => ("octet", "0"),
        Kind::Short => ("short", "0"),
        Kind::Long => ("long", "0"),
        Kind::Longlong => ("longlong", "0"),
        Kind::Shortstr if method.has_content => ("shortstr", "b\"\""),
        Kind::Shortstr => ("utf8", "\"\""),
        Kind::Longstr => ("longstr", "b\"\""),
        Kind::Table => ("table", "RawTable::EMPTY"),
        Kind::Bit => ("octet", "0"),
    };
    match field.is_reserved {
        true => format!("{call}({empty})"),
        false => format!("{call}(self.{})", field.name),
    }
}

/// The octet of a run of bits, the first in the lowest.
fn packed(bits: &[Field]) -> String {
    let set: Vec<String> = (0..)
        .zip(bits)
        .filter(|(_, field)| !field.is_reserved)
        .map(|(place, field): (u8, _)| match place {
            0 => format!("u8::from(self.{})", field.name),
            _ => format!("u8::from(self.{}) << {place}", field.name),
        })
        .collect();
    if set.is_empty() { "0".to_owned() } else { set.join(" | ") }
}

/// An expression: how many octets the arguments take.
fn arguments_len(method: &Method) -> String {
    let mut fixed = 0;
    let mut terms = Vec::new();
    let mut bit = 0;
    for field in &method.fields {
        bit = next_bit(field, bit);
        let (octets, length) = match field.kind {
            Kind::Octet => (1, None),
            Kind::Short => (2, None),
            Kind::Long => (4, None),
            Kind::Longlong => (8, None),
            Kind::Shortstr => (1, Some("len()")),
            Kind::Longstr => (4, Some("len()")),
            Kind::Table => (4, Some("as_bytes().len()")),
            Kind::Bit => (usize::from(bit == 1), None),
        };
        fixed += octets;
        if let Some(length) = length
            && !field.is_reserved
        {
            terms.push(format!("self.{}.{length}", field.name));
        }
    }
    terms.insert(0, fixed.to_string());
    terms.join(" + ")
}

fn borrows(method: &Method) -> bool {
    method.fields.iter().any(|field| {
        !field.is_reserved && matches!(field.kind, Kind::Shortstr | Kind::Longstr | Kind::Table)
    })
}

fn rust_type(method: &Method, kind: Kind) -> &'static str {
    match kind {
        Kind::Octet => "u8",
        Kind::Short => "u16",
        Kind::Long => "u32",
        Kind::Longlong => "u64",
        Kind::Shortstr if method.has_content => "ShortStr<'a>",
        Kind::Shortstr => "&'a str",
        Kind::Longstr => "&'a [u8]",
        Kind::Table => "RawTable<'a>",
        Kind::Bit => "bool",
    }
}

fn path(class: &Class, method: &Method, lifetime: &str) -> String {
    let lifetime = if borrows(method) { format!("<{lifetime}>") } else { String::new() };
    format!("{}::{}{lifetime}", class.name, camel(&method.name))
}

fn variant(class: &Class, method: &Method) -> String {
    camel(&class.name) + &camel(&method.name)
}

/// `start_ok` as `StartOk`.
fn camel(name: &str) -> String {
    name.split('_')
        .flat_map(|word| {
            let (first, rest) = word.split_at(1);
            [first.to_uppercase(), rest.to_owned()]
        })
        .collect()
}
