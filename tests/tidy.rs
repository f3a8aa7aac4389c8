//! What no lint says about the repository's own files.
//!
//! A rule that today's files break arrives as a ratchet: a list of the exceptions, from which lines only go.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Folders that hold nothing of ours.
const NOT_OURS: &[&str] = &[".git", ".venv", "node_modules", "target", "dist", "__pycache__"];
/// Beyond this a file hides a module worth finding.
const LINES_MAX: usize = 600;
/// The ratchet of [`files_are_short`].
const LONG_FILES: &[&str] = &[];

/// A file of the repository.
struct Source {
    /// From the root, with `/`.
    path: String,
    text: String,
}

impl Source {
    fn has_extension(&self, extensions: &[&str]) -> bool {
        let extension = Path::new(&self.path).extension().and_then(|extension| extension.to_str());
        extension.is_some_and(|extension| extensions.contains(&extension))
    }

    /// `path:line` of the lines that `is_bad` says yes to.
    fn bad_lines(&self, is_bad: impl Fn(&str) -> bool) -> Vec<String> {
        let bad = self.text.lines().enumerate().filter(|(_, line)| is_bad(line));
        bad.map(|(index, line)| format!("{}:{}: {}", self.path, index + 1, line.trim())).collect()
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every text file of ours but this one, which names what it forbids.
fn sources() -> Vec<Source> {
    let mut folders = vec![root().to_owned()];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder can be listed") {
            let entry = entry.expect("a folder can be listed");
            let name = entry.file_name();
            if NOT_OURS.iter().any(|other| name == *other) {
                continue;
            }
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else if let Ok(text) = fs::read_to_string(entry.path()) {
                let path = relative(&entry.path());
                if path != "tests/tidy.rs" {
                    sources.push(Source { path, text });
                }
            }
        }
    }
    assert!(sources.len() > 50, "the walk finds the repository");
    sources
}

fn relative(path: &Path) -> String {
    let path = path.strip_prefix(root()).expect("the walk starts at the root");
    path.to_str().expect("names are UTF-8").replace('\\', "/")
}

#[track_caller]
fn none(rule: &str, found: Vec<String>) {
    assert!(found.is_empty(), "{rule}:\n{}", found.join("\n"));
}

fn lines_with(extensions: &[&str], words: &[&str]) -> Vec<String> {
    let has_word = |line: &str| words.iter().any(|word| line.contains(word));
    let sources = sources().into_iter().filter(|source| source.has_extension(extensions));
    sources.flat_map(|source| source.bad_lines(has_word)).collect()
}

#[test]
fn every_module_says_what_it_is_for() {
    let starts_undocumented = |source: &Source| {
        // A `tests.rs` is there for the module that it stands beside.
        source.has_extension(&["rs"])
            && !source.path.ends_with("/tests.rs")
            && !source.text.starts_with("//! ")
    };
    let found = sources().into_iter().filter(starts_undocumented).map(|source| source.path);
    none("a module starts with `//!` and its purpose", found.collect());
}

#[test]
fn nothing_is_left_for_later() {
    let code = ["rs", "py", "js", "jsx", "css", "go", "java", "sh", "toml", "md"];
    let found = lines_with(&code, &["FIXME", "XXX", "HACK", "TODO", "todo!(", "unimplemented!("]);
    none("finish it, or file it", found);
}

#[test]
fn exceptions_from_lints_are_expected_and_give_a_reason() {
    none("use #[expect(…, reason = …)]", lines_with(&["rs"], &["#[allow(", "#![allow("]));
    let mut found = Vec::new();
    for source in sources().iter().filter(|source| source.has_extension(&["rs"])) {
        for attribute in source.text.split("[expect(").skip(1) {
            let end = attribute.find(")]").unwrap_or(attribute.len());
            if !attribute[..end].contains("reason =") {
                found.push(format!("{}: expect({}", source.path, &attribute[..end]));
            }
        }
    }
    none("an exception from a lint gives its reason", found);
}

#[test]
fn tests_are_left_out_by_the_list_alone() {
    let skips = [
        "#[ignore",
        "mark.skip",
        "mark.xfail",
        "pytest.skip(",
        "pytest.xfail(",
        "importorskip(",
        "test.skip(",
        "test.todo(",
        "skip: ",
        "t.Skip",
        "@Disabled",
    ];
    none(
        "only tests/clients/left_out.toml leaves a test out",
        lines_with(&["rs", "py", "js", "jsx", "go", "java"], &skips),
    );
}

#[test]
fn nothing_depends_on_the_machine_it_was_written_on() {
    let places = ["/root/", "/home/", "/work/", "/Users/", "C:\\Users"];
    let files =
        ["rs", "py", "js", "json", "go", "mod", "java", "xml", "sh", "toml", "md", "txt", "lock"];
    none("no path of one machine", lines_with(&files, &places));
    none("no registry is named in a lock file", lines_with(&["json"], &["\"resolved\":"]));
}

#[test]
fn names_say_what_a_file_holds() {
    let says_nothing = |path: &String| {
        let stem = Path::new(path).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        ["utils", "util", "helpers", "helper", "common", "manager", "misc"].contains(&stem)
    };
    none(
        "a name worth reading",
        sources().into_iter().map(|source| source.path).filter(says_nothing).collect(),
    );
}

#[test]
fn files_are_short() {
    let generated =
        |source: &Source| source.text.lines().take(3).any(|line| line.contains("written by"));
    let mut found = Vec::new();
    for source in
        sources().iter().filter(|source| source.has_extension(&["rs"]) && !generated(source))
    {
        let lines = source.text.lines().count();
        let is_listed = LONG_FILES.contains(&source.path.as_str());
        if lines > LINES_MAX && !is_listed {
            found.push(format!("{}: {lines} lines", source.path));
        } else if lines <= LINES_MAX && is_listed {
            found.push(format!("{}: short now, take it off the list", source.path));
        }
    }
    none("split it where a name is hidden", found);
}

#[test]
fn links_lead_somewhere() {
    let mut found = Vec::new();
    for source in sources().iter().filter(|source| source.has_extension(&["md"])) {
        let folder = root().join(&source.path).parent().map(PathBuf::from).unwrap();
        for link in source.text.split("](").skip(1) {
            let target = link.split([')', '#', ' ']).next().unwrap_or_default();
            if !target.is_empty() && !target.contains("://") && !folder.join(target).exists() {
                found.push(format!("{}: {target}", source.path));
            }
        }
    }
    none("a link in a document leads to a file", found);
}
