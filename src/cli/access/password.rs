//! Passwords: where they come from, and that they are shown nowhere.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::path::Path;
use std::str::FromStr;

use anyhow::{Context as _, ensure};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// No password is longer, in bytes.
const BYTES_MAX: u64 = 4096;

/// A text that is not shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }

    /// What it is.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

/// The first line of a file, or of the standard input for `-`.
///
/// # Errors
/// If there is none.
pub(crate) fn first_line_of(file: &Path) -> anyhow::Result<Secret> {
    if file.as_os_str() == "-" {
        return first_line(io::stdin().lock()).context("cannot read the password");
    }
    let context = || format!("cannot read the password from {}", file.display());
    first_line(File::open(file).with_context(context)?).with_context(context)
}

fn first_line(from: impl Read) -> anyhow::Result<Secret> {
    let mut line = String::new();
    BufReader::new(from.take(BYTES_MAX)).read_line(&mut line)?;
    let line = line.strip_suffix('\n').unwrap_or(&line);
    let line = line.strip_suffix('\r').unwrap_or(line);
    ensure!(!line.is_empty(), "its first line is empty");
    Ok(Secret(line.to_owned()))
}

/// Asks whoever sits at the terminal, and shows nothing of what they type.
///
/// # Errors
/// If there is no terminal.
pub(crate) fn prompt(question: &str) -> anyhow::Result<Secret> {
    let terminal = File::options().read(true).write(true).open("/dev/tty");
    let terminal = terminal.context(
        "a password is needed, and there is no terminal to ask for it: `--password-file` names a file, or PILLARBOX_PASSWORD \
         holds it",
    )?;
    (&terminal).write_all(question.as_bytes())?;
    let line = {
        let _silence = Silence::over(&terminal)?;
        first_line(&terminal)
    };
    (&terminal).write_all(b"\n")?;
    line.context("no password was given")
}

/// A terminal that does not show what is typed, until this is dropped.
struct Silence<'t> {
    terminal: &'t File,
    before: Termios,
}

impl<'t> Silence<'t> {
    fn over(terminal: &'t File) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(terminal, OptionalActions::Flush, &silent)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Silence<'_> {
    fn drop(&mut self) {
        // A terminal that is gone shows nothing anyhow.
        let _ = tcsetattr(self.terminal, OptionalActions::Flush, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_the_first_line_as_it_is() {
        for (text, password) in [("a b \nrest", "a b "), ("x\r\n", "x"), ("y", "y")] {
            assert_eq!(first_line(text.as_bytes()).unwrap().text(), password);
        }
        assert!(first_line("".as_bytes()).is_err() && first_line("\nx".as_bytes()).is_err());
        assert_eq!(format!("{:?}", Secret::new("x".to_owned())), "Secret");
    }
}
