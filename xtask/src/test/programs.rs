//! Whether the programs are there that the chosen parts call, before the first of them runs.

use std::{
    collections::BTreeMap,
    process::{Command, Stdio},
};

use anyhow::ensure;

use super::parts::Part;

/// A program: how its presence shows, and where it comes from.
struct Program {
    /// The word that a part's command begins with.
    name: &'static str,
    check: &'static [&'static str],
    from: &'static str,
}

const PROGRAMS: &[Program] = &[
    Program { name: "cargo", check: &["cargo", "fmt", "--version"], from: "Rust, with rustfmt" },
    Program { name: "clippy", check: &["cargo", "clippy", "--version"], from: "Rust, with clippy" },
    Program {
        name: "python",
        check: &["python3", "-c", "import venv, ensurepip"],
        from: "Python 3.11 or newer, with venv (Debian: python3-venv)",
    },
    Program { name: "npm", check: &["npm", "--version"], from: "Node's npm (Debian: npm)" },
    Program {
        name: "node",
        check: &["node", "--version"],
        from: "Node 20 or newer (Debian: nodejs)",
    },
    Program { name: "go", check: &["go", "version"], from: "Go 1.23 or newer (Debian: golang-go)" },
    Program {
        name: "javac",
        check: &["javac", "-version"],
        from: "a JDK 17 or newer (Debian: default-jdk)",
    },
    Program { name: "mvn", check: &["mvn", "--version"], from: "Maven (Debian: maven)" },
    Program {
        name: "rabbitmqadmin",
        check: &["rabbitmqadmin", "--version"],
        from: "RabbitMQ's tool for its HTTP API (Debian: rabbitmq-server)",
    },
    Program {
        name: "erl",
        check: &["erl", "-noshell", "-eval", "halt()."],
        from: "Erlang, which RabbitMQ runs on (Debian: rabbitmq-server)",
    },
    Program {
        name: "chromium",
        check: &["chromium", "--version"],
        from: "Chromium (Debian: chromium)",
    },
    Program {
        name: "qemu-storage-daemon",
        check: &["qemu-storage-daemon", "--version"],
        from: "QEMU's storage daemon (Debian: qemu-system-common)",
    },
    Program {
        name: "mkfs.ext4",
        check: &["mkfs.ext4", "-V"],
        from: "e2fsprogs (Debian: e2fsprogs)",
    },
];

/// Refuses to start if a program is missing, and names all that are.
///
/// # Errors
/// If a program does not run.
pub(super) fn check(parts: &[&Part]) -> anyhow::Result<()> {
    let mut needed = BTreeMap::new();
    for part in parts {
        for name in programs_of(part) {
            needed.entry(name).or_insert(part.name);
        }
    }
    let mut missing = Vec::new();
    for program in PROGRAMS {
        if let Some(part) = needed.get(program.name)
            && !runs(program.check)
        {
            missing.push(format!("  {} (for the part '{part}')", program.from));
        }
    }
    ensure!(missing.is_empty(), "these are missing:\n{}", missing.join("\n"));
    Ok(())
}

/// What a part's command calls, by the names of [`PROGRAMS`].
fn programs_of(part: &Part) -> Vec<&'static str> {
    let mut programs = part.programs.to_vec();
    programs.extend(programs_of_command(part));
    programs
}

fn programs_of_command(part: &Part) -> Vec<&'static str> {
    let mut words = part.command.iter().copied().filter(|word| *word != "nice");
    match words.next() {
        Some("cargo") if words.next() == Some("clippy") => vec!["clippy"],
        Some("mvn") => vec!["mvn", "javac"],
        Some(word) if word.contains("python") || word.contains(".venv") => vec!["python"],
        Some(word) => vec![word],
        None => Vec::new(),
    }
}

fn runs(command: &[&str]) -> bool {
    let status = Command::new(command[0])
        .args(&command[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

#[cfg(test)]
mod tests {
    use super::{super::parts::PARTS, *};

    #[test]
    fn every_part_calls_programs_that_are_checked_for() {
        for part in PARTS {
            let programs = programs_of(part);
            assert!(!programs.is_empty());
            for name in programs {
                assert!(PROGRAMS.iter().any(|program| program.name == name), "{name} is unknown");
            }
        }
    }
}
