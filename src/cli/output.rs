//! What a command prints, and how it ends.

use std::io::{self, Write as _};
use std::process::ExitCode;

use serde_json::Value;

/// What a command has to say at its end.
#[derive(Debug, Default)]
pub(crate) struct Output {
    /// For the standard output.
    pub(crate) text: String,
    /// For the standard error.
    pub(crate) errors: String,
    pub(crate) code: u8,
}

impl Output {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// A line.
    pub(crate) fn line(line: impl Into<String>) -> Self {
        let mut text = line.into();
        text.push('\n');
        Self::text(text)
    }

    /// JSON for scripts.
    pub(crate) fn json(value: &Value) -> Self {
        Self::line(value.to_string())
    }

    /// The same, as the end of something that failed.
    pub(crate) fn with_code(self, code: u8) -> Self {
        Self { code, ..self }
    }

    /// Prints it, and gives the exit code.
    ///
    /// # Errors
    /// If it cannot be printed; that whoever reads it has gone is none.
    pub(crate) fn print(self) -> anyhow::Result<ExitCode> {
        let Self { text, errors, code } = self;
        let printed = {
            let mut stdout = io::stdout().lock();
            stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush())
        };
        match printed {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                return Err(anyhow::Error::from(error).context("cannot print"));
            }
            _ => {}
        }
        // Nobody may be there to read it.
        let _ = io::stderr().write_all(errors.as_bytes());
        Ok(ExitCode::from(code))
    }
}
