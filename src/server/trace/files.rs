//! The files that traces write: `traces` in the data folder, one file for each name.
//!
//! Names come from outside, so a name is checked before it becomes part of a path, and a link is followed neither for
//! writing nor for reading: nothing outside the folder is reached.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use disk::{FILE_MODE, free_bytes, make_folder};
use rustix::fs::OFlags;

/// What the file of a trace has behind the trace's name.
pub(crate) const SUFFIX: &str = ".log";

/// The most octets of the name of a file: as many as file systems take.
const NAME_BYTES_MAX: usize = 255;

/// The folder with the files.
#[derive(Clone, Debug)]
pub(crate) struct TraceFiles {
    folder: PathBuf,
}

/// A name that can be one in the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileName(String);

/// A file that a trace has written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceFileInfo {
    /// Its name.
    pub name: String,
    /// How long it is, in bytes.
    pub bytes: u64,
}

impl FileName {
    /// `None` if no file is called so.
    pub(crate) fn new(name: &str) -> Option<Self> {
        let is_one = !name.is_empty()
            && name.len() <= NAME_BYTES_MAX
            && !name.starts_with('.')
            && !name.contains(|letter: char| letter.is_control() || matches!(letter, '/' | '\\'));
        is_one.then(|| Self(name.to_owned()))
    }

    /// The name of the file of a trace; `None` if no file can be called so.
    pub(crate) fn of_trace(trace: &str) -> Option<Self> {
        // Without this, the suffix alone would be one.
        let trace = Self::new(trace)?;
        Self::new(&format!("{}{SUFFIX}", trace.0))
    }
}

impl TraceFiles {
    pub(crate) fn in_folder(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Opens a file to write behind what is in it; it is made if there is none, and so is the folder.
    ///
    /// # Errors
    /// If that fails, or there is something of this name that is no file.
    pub(crate) fn append(&self, name: &FileName) -> io::Result<File> {
        make_folder(&self.folder)?;
        self.open(name, File::options().append(true).create(true).mode(FILE_MODE))
    }

    /// Opens a file to be read, and says how long it is; `None` if there is none.
    ///
    /// # Errors
    /// If that fails.
    pub(crate) fn read(&self, name: &FileName) -> io::Result<Option<(File, u64)>> {
        if !self.has(name)? {
            return Ok(None);
        }
        let file = self.open(name, File::options().read(true))?;
        let bytes = file.metadata()?.len();
        Ok(Some((file, bytes)))
    }

    /// Removes a file; whether there was one.
    ///
    /// # Errors
    /// If that fails.
    pub(crate) fn remove(&self, name: &FileName) -> io::Result<bool> {
        if !self.has(name)? {
            return Ok(false);
        }
        fs::remove_file(self.path(name)).map(|()| true)
    }

    /// All files, by name.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub(crate) fn list(&self) -> io::Result<Vec<TraceFileInfo>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut files = Vec::new();
        for entry in entries {
            let entry = entry?;
            let Some(name) = entry.file_name().to_str().and_then(FileName::new) else { continue };
            // It may be gone by now.
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_file() {
                files.push(TraceFileInfo { name: name.0, bytes: metadata.len() });
            }
        }
        files.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Ok(files)
    }

    /// What is free on the disk of the folder, in bytes.
    ///
    /// # Errors
    /// If the disk cannot be asked.
    pub(crate) fn free_bytes(&self) -> io::Result<u64> {
        match free_bytes(&self.folder) {
            // Somebody has removed the folder with the files.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                make_folder(&self.folder)?;
                free_bytes(&self.folder)
            }
            free => free,
        }
    }

    fn path(&self, name: &FileName) -> PathBuf {
        self.folder.join(&name.0)
    }

    fn has(&self, name: &FileName) -> io::Result<bool> {
        match fs::symlink_metadata(self.path(name)) {
            Ok(metadata) => Ok(metadata.is_file()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Neither follows a link nor waits for the other end of a pipe.
    fn open(&self, name: &FileName, options: &mut fs::OpenOptions) -> io::Result<File> {
        let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
        options.custom_flags(flags.cast_signed());
        let file = options.open(self.path(name))?;
        match file.metadata()?.is_file() {
            true => Ok(file),
            false => Err(io::Error::other("there is something else of this name")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_name_stays_in_the_folder() {
        for (name, is_one) in [
            ("a.log", true),
            ("with space é.log", true),
            ("a..b", true),
            ("", false),
            (".", false),
            ("..", false),
            (".hidden", false),
            ("../a", false),
            ("a/b", false),
            ("/etc/passwd", false),
            ("a\\b", false),
            ("a\0b", false),
            ("a\nb", false),
            ("a\u{85}b", false),
        ] {
            assert_eq!(FileName::new(name).is_some(), is_one, "{name:?}");
        }
        assert!(FileName::new(&"n".repeat(255)).is_some());
        assert!(FileName::new(&"n".repeat(256)).is_none());
        assert!(FileName::of_trace(&"n".repeat(251)).is_some());
        assert!(FileName::of_trace(&"n".repeat(252)).is_none());
        assert!(FileName::of_trace("").is_none());
    }

    #[test]
    fn nothing_but_files_of_the_folder_is_reached() {
        let root = std::env::temp_dir().join(format!("pillarbox-traces-{}", std::process::id()));
        let files = TraceFiles::in_folder(root.join("traces"));
        let name = |name| FileName::new(name).unwrap();
        assert_eq!(files.list().unwrap(), []);
        files.append(&name("b.log")).unwrap().write_all(b"one").unwrap();
        files.append(&name("b.log")).unwrap().write_all(b"two").unwrap();
        fs::write(root.join("outside"), "secret").unwrap();
        symlink(root.join("outside"), root.join("traces/link.log")).unwrap();
        symlink(root.join("nowhere"), root.join("traces/dangling.log")).unwrap();
        fs::create_dir(root.join("traces/folder.log")).unwrap();
        let listed = files.list().unwrap();
        assert_eq!(listed, [TraceFileInfo { name: "b.log".to_owned(), bytes: 6 }]);
        for other in ["link.log", "dangling.log", "folder.log", "none.log"] {
            assert!(files.read(&name(other)).unwrap().is_none(), "{other}");
            assert!(!files.remove(&name(other)).unwrap(), "{other}");
        }
        for other in ["link.log", "dangling.log", "folder.log"] {
            assert!(files.append(&name(other)).is_err(), "{other}");
        }
        assert!(!root.join("nowhere").exists());
        let mut text = String::new();
        let (mut file, bytes) = files.read(&name("b.log")).unwrap().unwrap();
        assert_eq!(bytes, 6);
        file.read_to_string(&mut text).unwrap();
        assert_eq!(text, "onetwo");
        assert!(files.remove(&name("b.log")).unwrap() && !files.remove(&name("b.log")).unwrap());
        fs::remove_dir_all(root).unwrap();
    }
}
