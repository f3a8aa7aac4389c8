//! Asking a broker on this machine to hold the files of its log: the client of `server/control.rs`.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use disk::ControlPath;

/// How long the broker may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// A line of an answer is no longer, in bytes.
const LINE_BYTES_MAX: u64 = 1 << 10;
/// No log has more files.
const FILES_MAX: usize = 1 << 17;

/// What the files are held for; the broker's log says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    Backup,
    Check,
    Dump,
}

/// Files of a log that a broker keeps as they are for as long as this lives.
#[derive(Debug)]
pub(crate) struct Held {
    stream: BufReader<UnixStream>,
    /// Name, how much is flushed, and length of each.
    files: Vec<(String, u64, u64)>,
}

impl Held {
    /// Asks the broker that runs on a data folder.
    pub(crate) fn ask(data_dir: &Path, purpose: Purpose) -> anyhow::Result<Self> {
        let path = ControlPath::of(data_dir)?;
        let mut stream = UnixStream::connect(path.path())?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let purpose = match purpose {
            Purpose::Backup => "backup",
            Purpose::Check => "check",
            Purpose::Dump => "dump",
        };
        stream.write_all(format!("hold {purpose}\n").as_bytes())?;
        let mut held = Self { stream: BufReader::new(stream), files: Vec::new() };
        loop {
            let line = held.line()?;
            if line == "held" {
                return Ok(held);
            }
            held.files.push(parse_file(&line)?);
            ensure!(held.files.len() < FILES_MAX, "it names too many files");
        }
    }

    pub(crate) fn files(&self) -> &[(String, u64, u64)] {
        &self.files
    }

    /// Says that so many bytes were read; now the files need not be held any more.
    ///
    /// # Errors
    /// If the broker has ended or holds them no more: what was read may be wrong.
    pub(crate) fn done(mut self, bytes: u64) -> anyhow::Result<()> {
        const GONE: &str = "the broker did not hold its log to the end: it has ended, or this took too long; try again";
        self.stream.get_mut().write_all(format!("done {bytes}\n").as_bytes()).context(GONE)?;
        let answer = self.line().context(GONE)?;
        ensure!(answer == "ok", "{GONE}");
        Ok(())
    }

    fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        self.stream.by_ref().take(LINE_BYTES_MAX).read_line(&mut line)?;
        let Some(line) = line.strip_suffix('\n') else {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        };
        if let Some(why) = line.strip_prefix("error ") {
            bail!("it says: {}", why.escape_debug());
        }
        Ok(line.to_owned())
    }
}

/// `file NAME USED LENGTH`
fn parse_file(line: &str) -> anyhow::Result<(String, u64, u64)> {
    let strange = || format!("it answers with a line that means nothing here: {line:?}");
    let mut words = line.strip_prefix("file ").with_context(strange)?.split(' ');
    let mut next = || words.next().with_context(strange);
    let (name, used, len) = (next()?, next()?.parse()?, next()?.parse()?);
    ensure!(!name.contains('/') && words.next().is_none(), strange());
    Ok((name.to_owned(), used, len))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::thread;

    use super::*;

    /// Asks a broker that answers so at first, and so in the end.
    fn ask(name: &str, first: &'static str, last: &'static str) -> anyhow::Result<()> {
        let folder =
            std::env::temp_dir().join(format!("pillarbox-ask-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let listener = UnixListener::bind(ControlPath::of(&folder)?.path())?;
        let broker = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = String::new();
            let mut lines = BufReader::new(stream.try_clone().unwrap());
            lines.read_line(&mut request).unwrap();
            assert_eq!(request, "hold check\n");
            stream.write_all(first.as_bytes()).unwrap();
            if !last.is_empty() {
                lines.read_line(&mut request).unwrap();
                assert_eq!(request, "hold check\ndone 7\n");
                stream.write_all(last.as_bytes()).unwrap();
            }
        });
        let done = Held::ask(&folder, Purpose::Check).and_then(|held| held.done(7));
        let _ = std::fs::remove_dir_all(&folder); // what stays is in the folder for temporary files
        broker.join().unwrap();
        done
    }

    #[test]
    fn what_was_not_held_to_the_end_is_not_believed() {
        ask("held", "file 01.seg 20 300\nheld\n", "ok\n").unwrap();
        let gone = ask("gone", "file 01.seg 20 300\nheld\n", "").unwrap_err();
        assert!(format!("{gone:#}").contains("did not hold its log to the end"), "{gone:#}");
        let refused = ask("refused", "error too many\n", "").unwrap_err();
        assert!(format!("{refused:#}").contains("it says: too many"), "{refused:#}");
        assert!(ask("cut", "file 01.seg 20 300", "").is_err());
    }

    #[test]
    fn a_line_names_a_file_of_the_folder_and_nothing_else() {
        let file = parse_file("file 01.seg 20 300").unwrap();
        assert_eq!(file, ("01.seg".to_owned(), 20, 300));
        for wrong in ["file ../x 1 2", "file x 1", "file x 1 2 3", "file x 1 -2", "x 1 2", ""] {
            assert!(parse_file(wrong).is_err(), "{wrong}");
        }
    }
}
