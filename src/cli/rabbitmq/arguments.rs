//! What a tool was told: words, and switches among them in any order.

use std::iter::Peekable;

/// A switch with a value, and its short form if it has one.
const WITH_VALUE: [(&str, &str); 17] = [
    ("node", "n"),
    ("timeout", "t"),
    ("vhost", "p"),
    ("formatter", ""),
    ("priority", ""),
    ("apply-to", ""),
    ("description", ""),
    ("tags", ""),
    ("default-queue-type", ""),
    ("user", ""),
    ("limit", ""),
    ("per-connection-delay", ""),
    ("erlang-cookie", ""),
    ("script-name", ""),
    ("pid", "P"),
    ("within", ""),
    ("unit", ""),
];

/// Those with a value that this program adds.
const OWN: [&str; 2] = ["data-dir", "format"];

/// Switches without a value, and their short forms.
const FLAGS: [(&str, &str); 24] = [
    ("quiet", "q"),
    ("silent", "s"),
    ("longnames", "l"),
    ("help", "h"),
    ("no-table-headers", ""),
    ("table-headers", ""),
    ("dry-run", ""),
    ("verbose", ""),
    ("print-stacktrace", ""),
    ("if-empty", "e"),
    ("if-unused", "u"),
    ("global", ""),
    ("online", ""),
    ("offline", ""),
    ("local", ""),
    ("enabled", "E"),
    ("implicitly-enabled", "e"),
    ("minimal", "m"),
    ("all", "a"),
    ("hard", ""),
    ("skip-if-unchanged", ""),
    ("disable-stats", ""),
    ("address-family", ""),
    ("pre-hashed-password", ""),
];

/// What a tool was told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Arguments {
    /// The command and what stands behind it.
    pub(super) words: Vec<String>,
    switches: Vec<(String, Option<String>)>,
    /// Switches that no command has, or that lack their values, as they are complained about.
    pub(super) unknown: Vec<String>,
}

impl Arguments {
    pub(super) fn parse(said: &[String]) -> Self {
        let mut arguments = Self::default();
        let mut said = said.iter().map(String::as_str).peekable();
        while let Some(word) = said.next() {
            if word == "--" {
                arguments.words.extend(said.by_ref().map(str::to_owned));
            } else if let Some(long) = word.strip_prefix("--") {
                let (name, value) = match long.split_once('=') {
                    Some((name, value)) => (name, Some(value.to_owned())),
                    None => (long, None),
                };
                let has_value =
                    WITH_VALUE.iter().any(|(long, _)| *long == name) || OWN.contains(&name);
                if has_value {
                    arguments.push_valued(word, name, value.or_else(|| value_of(&mut said)));
                } else if FLAGS.iter().any(|(long, _)| *long == name) {
                    arguments.switches.push((name.to_owned(), value));
                } else {
                    arguments.unknown.push(format!("{word} : "));
                }
            } else if let Some(short) = word.strip_prefix('-').filter(|short| is_short(short)) {
                arguments.short(short, &mut said);
            } else {
                arguments.words.push(word.to_owned());
            }
        }
        arguments
    }

    /// `-p shop`, `-q`, `-em`
    fn short<'s>(&mut self, letters: &str, said: &mut Peekable<impl Iterator<Item = &'s str>>) {
        for letter in letters.split_inclusive(|_| true) {
            if let Some((long, _)) = WITH_VALUE.iter().find(|(_, short)| *short == letter) {
                self.push_valued(&format!("-{letter}"), long, value_of(said));
                continue;
            }
            let mut flags = FLAGS.iter().filter(|(_, short)| *short == letter).peekable();
            if flags.peek().is_none() {
                self.unknown.push(format!("-{letter} : "));
            }
            // A letter may stand for another switch in another command.
            self.switches.extend(flags.map(|(long, _)| ((*long).to_owned(), None)));
        }
    }

    /// A switch without the value that it takes is none: a script whose variable is empty does not mean the default.
    fn push_valued(&mut self, word: &str, name: &str, value: Option<String>) {
        match value {
            Some(value) if is_fitting(name, &value) => {
                self.switches.push((name.to_owned(), Some(value)));
            }
            Some(value) => self.unknown.push(format!("{word} : {value}")),
            None => self.unknown.push(format!("{word} : ")),
        }
    }

    /// Whether a switch was given.
    pub(super) fn has(&self, name: &str) -> bool {
        self.switches.iter().any(|(known, _)| known == name)
    }

    /// The value of a switch.
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        let given = self.switches.iter().rev().find(|(known, _)| known == name);
        given.and_then(|(_, value)| value.as_deref())
    }
}

/// The word behind a switch, unless that is a switch itself.
fn value_of<'s>(said: &mut Peekable<impl Iterator<Item = &'s str>>) -> Option<String> {
    let is_switch =
        |word: &str| word.starts_with("--") || word.strip_prefix('-').is_some_and(is_short);
    said.next_if(|word| !is_switch(word)).map(str::to_owned)
}

/// Whether a switch that takes a number was given one.
fn is_fitting(name: &str, value: &str) -> bool {
    match name {
        "limit" | "per-connection-delay" => value.parse::<u64>().is_ok(),
        "timeout" => value == "infinity" || value.parse::<f64>().is_ok(),
        _ => true,
    }
}

/// `-1` is a number and `-` the standard input.
fn is_short(letters: &str) -> bool {
    letters.starts_with(|first: char| first.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(said: &[&str]) -> Arguments {
        Arguments::parse(&said.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn switches_stand_anywhere() {
        let told = ["-q", "list_queues", "--formatter=json", "-p", "shop", "name", "-t", "5"];
        let arguments = parse(&told);
        assert_eq!(arguments.words, ["list_queues", "name"]);
        assert!(arguments.has("quiet") && !arguments.has("silent"));
        assert_eq!(arguments.value("vhost"), Some("shop"));
        assert_eq!(arguments.value("formatter"), Some("json"));
        assert_eq!(arguments.value("timeout"), Some("5"));
        assert!(arguments.unknown.is_empty());
    }

    #[test]
    fn what_no_command_has_is_kept_apart() {
        let arguments = parse(&["list", "-mE", "--bogus", "-1", "-", "--", "--node"]);
        assert!(arguments.has("minimal") && arguments.has("enabled"));
        assert_eq!(arguments.unknown, ["--bogus : "]);
        assert_eq!(arguments.words, ["list", "-1", "-", "--node"]);
    }

    #[test]
    fn a_switch_without_its_value_is_not_the_default() {
        for (told, said) in [
            (&["purge_queue", "q", "-p"][..], "-p : "),
            (&["purge_queue", "q", "-p", "-q"], "-p : "),
            (&["purge_queue", "q", "--vhost", "--quiet"], "--vhost : "),
            (&["close_all_connections", "--limit", "abc", "why"], "--limit : abc"),
            (&["status", "--timeout=soon"], "--timeout=soon : soon"),
        ] {
            let arguments = parse(told);
            assert_eq!(arguments.unknown, [said], "{told:?}");
            assert_eq!(arguments.value("vhost"), None);
        }
        assert!(parse(&["status", "-t", "infinity", "--limit", "3"]).unknown.is_empty());
    }
}
