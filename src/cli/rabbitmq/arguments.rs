//! What a tool was told: words, and switches among them in any order.

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
    ("enabled", "e"),
    ("implicitly-enabled", "E"),
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
    /// Switches that no command has.
    pub(super) unknown: Vec<String>,
}

impl Arguments {
    pub(super) fn parse(said: &[String]) -> Self {
        let mut arguments = Self::default();
        let mut said = said.iter().map(String::as_str);
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
                    let value = value.or_else(|| said.next().map(str::to_owned));
                    arguments.switches.push((name.to_owned(), value));
                } else if FLAGS.iter().any(|(long, _)| *long == name) {
                    arguments.switches.push((name.to_owned(), value));
                } else {
                    arguments.unknown.push(word.to_owned());
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
    fn short<'s>(&mut self, letters: &str, said: &mut impl Iterator<Item = &'s str>) {
        for letter in letters.split_inclusive(|_| true) {
            if let Some((long, _)) = WITH_VALUE.iter().find(|(_, short)| *short == letter) {
                self.switches.push(((*long).to_owned(), said.next().map(str::to_owned)));
                continue;
            }
            let mut flags = FLAGS.iter().filter(|(_, short)| *short == letter).peekable();
            if flags.peek().is_none() {
                self.unknown.push(format!("-{letter}"));
            }
            // A letter may stand for another switch in another command.
            self.switches.extend(flags.map(|(long, _)| ((*long).to_owned(), None)));
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
        assert!(arguments.has("minimal") && arguments.has("implicitly-enabled"));
        assert_eq!(arguments.unknown, ["--bogus"]);
        assert_eq!(arguments.words, ["list", "-1", "-", "--node"]);
        assert_eq!(parse(&["x", "--vhost"]).value("vhost"), None);
    }
}
