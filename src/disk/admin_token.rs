//! `admin.token` in a data folder: what lets whoever can read it in at the API of the broker that runs there.
//!
//! ```text
//! url http://127.0.0.1:15672
//! token 5f0c…
//! ```

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::FILE_MODE;

const FILE: &str = "admin.token";
/// Where it is until it may be found.
const UNFINISHED: &str = "admin.token.new";
/// What is read of it; it is shorter.
const BYTES_MAX: u64 = 4096;

/// The file while the broker runs; dropping this removes it.
#[derive(Debug)]
pub struct AdminTokenFile {
    path: PathBuf,
}

/// What the file says.
#[derive(Clone, PartialEq, Eq)]
pub struct AdminTokenText {
    /// Where the API is.
    pub url: String,
    /// The token.
    pub token: String,
}

impl AdminTokenFile {
    /// Writes it, in place of what a broker has left that ended without a word. Nobody ever sees half of it, and nobody but
    /// its owner any of it.
    ///
    /// # Errors
    /// If it cannot be written; then there is none.
    pub fn write(data_dir: &Path, text: &AdminTokenText) -> io::Result<Self> {
        let (path, unfinished) = (data_dir.join(FILE), data_dir.join(UNFINISHED));
        for old in [&path, &unfinished] {
            match fs::remove_file(old) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        let mut file =
            File::options().write(true).create_new(true).mode(FILE_MODE).open(&unfinished)?;
        let AdminTokenText { url, token } = text;
        file.write_all(format!("url {url}\ntoken {token}\n").as_bytes())?;
        drop(file);
        fs::rename(unfinished, &path)?;
        Ok(Self { path })
    }
}

impl Drop for AdminTokenFile {
    fn drop(&mut self) {
        // What stays opens nothing: the next start makes another.
        let _ = fs::remove_file(&self.path);
    }
}

impl AdminTokenText {
    /// Where it is, for messages.
    #[must_use]
    pub fn path(data_dir: &Path) -> PathBuf {
        data_dir.join(FILE)
    }

    /// Reads that of the broker which runs on a data folder.
    ///
    /// # Errors
    /// If there is none, or it may not be read, or is something else.
    pub fn read(data_dir: &Path) -> io::Result<Self> {
        let mut text = String::new();
        File::open(Self::path(data_dir))?.take(BYTES_MAX).read_to_string(&mut text)?;
        let find = |key: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix(' '))
                .map(str::to_owned)
        };
        match (find("url"), find("token")) {
            (Some(url), Some(token)) => Ok(Self { url, token }),
            _ => Err(io::Error::new(io::ErrorKind::InvalidData, "it says something else")),
        }
    }
}

/// The token is not shown.
impl fmt::Debug for AdminTokenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminTokenText").field("url", &self.url).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn it_is_its_owners_alone_and_gone_when_the_broker_is() {
        let folder = std::env::temp_dir().join(format!("pillarbox-token-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        assert_eq!(AdminTokenText::read(&folder).unwrap_err().kind(), io::ErrorKind::NotFound);
        let said = |token: &str| AdminTokenText {
            url: "http://127.0.0.1:15672".to_owned(),
            token: token.to_owned(),
        };
        // What an end without a word leaves, and what somebody else put there to read it later.
        fs::write(folder.join(FILE), "url x\ntoken old\n").unwrap();
        fs::write(folder.join(UNFINISHED), "").unwrap();
        fs::set_permissions(folder.join(UNFINISHED), fs::Permissions::from_mode(0o666)).unwrap();
        let file = AdminTokenFile::write(&folder, &said("new")).unwrap();
        let mode = fs::metadata(AdminTokenText::path(&folder)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(AdminTokenText::read(&folder).unwrap(), said("new"));
        assert!(!format!("{:?}", said("secret")).contains("secret"));
        drop(file);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
        fs::write(AdminTokenText::path(&folder), "something else").unwrap();
        let error = AdminTokenText::read(&folder).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        fs::remove_dir_all(folder).unwrap();
    }
}
