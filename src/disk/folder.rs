//! The disk that the log lies on: a folder of this machine, behind the log's own [`Disk`].

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use mutants::Mutant;
use store::{Disk, DiskFile};

use crate::fail_point;

/// The mode of files: nobody else is to read other people's messages.
pub const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

/// A folder with the files of one log.
#[derive(Debug, Clone)]
pub struct Folder {
    path: PathBuf,
}

/// An open file in a [`Folder`].
#[derive(Debug)]
pub struct FolderFile(File);

impl Folder {
    /// The folder at `path`, which is made if there is none.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn make(path: PathBuf) -> io::Result<Self> {
        make_folder(&path)?;
        Ok(Self { path })
    }

    /// The folder at `path`, which is made now.
    ///
    /// # Errors
    /// If there is something already, or it cannot be made.
    pub fn make_new(path: PathBuf) -> io::Result<Self> {
        fs::DirBuilder::new().mode(FOLDER_MODE).create(&path)?;
        Ok(Self { path })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn options() -> OpenOptions {
        let mut options = File::options();
        options.read(true).write(true).mode(FILE_MODE);
        options
    }
}

/// Makes a folder, and those above it, so that their names last.
///
/// # Errors
/// If one cannot be made.
pub fn make_folder(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let above = path.parent().filter(|above| !above.as_os_str().is_empty());
    if let Some(above) = above {
        make_folder(above)?;
    }
    match fs::DirBuilder::new().mode(FOLDER_MODE).create(path) {
        // Somebody else was quicker.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
        made => made?,
    }
    sync_folder(above.unwrap_or(Path::new(".")))
}

/// Makes the names in a folder last.
///
/// # Errors
/// If the disk failed.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// How many bytes an ordinary user may still write to the file system that `path` is on.
///
/// # Errors
/// If the file system cannot be asked.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    let stats = rustix::fs::statvfs(path)?;
    Ok(stats.f_bavail.saturating_mul(stats.f_frsize))
}

/// Reads to the end of `out` or of the file, whichever comes first; how much that was.
///
/// # Errors
/// If the disk failed.
pub fn read_fully(file: &File, mut out: &mut [u8], mut offset: u64) -> io::Result<usize> {
    let mut total = 0;
    while !out.is_empty() {
        match file.read_at(out, offset) {
            Ok(0) => break,
            Ok(count) => {
                total += count;
                offset += count as u64;
                out = &mut out[count..];
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(total)
}

impl Disk for Folder {
    type File = FolderFile;

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            // A name that is no text is none of ours.
            if let Ok(name) = entry.file_name().into_string()
                // A link to a file is as good as the file: somebody may have moved it to where there is more room.
                && entry.path().is_file()
            {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn create(&self, name: &str) -> io::Result<FolderFile> {
        let create = || Self::options().create_new(true).open(self.path.join(name));
        fail_point::around("create", create).map(FolderFile)
    }

    fn open(&self, name: &str) -> io::Result<FolderFile> {
        let path = self.path.join(name);
        match Self::options().open(&path) {
            // Tools that only look need no right to write.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => File::open(path),
            opened => opened,
        }
        .map(FolderFile)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fail_point::around("rename", || fs::rename(self.path.join(from), self.path.join(to)))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fail_point::around("remove", || fs::remove_file(self.path.join(name)))
    }

    fn sync_dir(&self) -> io::Result<()> {
        fail_point::around("sync-dir", || sync_folder(&self.path))
    }
}

impl DiskFile for FolderFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn read_at(&self, out: &mut [u8], offset: u64) -> io::Result<usize> {
        read_fully(&self.0, out, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        if fail_point::tears_write() {
            let _ = self.0.write_all_at(&bytes[..bytes.len() / 2], offset); // the process ends now
            std::process::abort();
        }
        fail_point::around("write", || self.0.write_all_at(bytes, offset))
    }

    fn sync(&self) -> io::Result<()> {
        if mutants::is_planted(Mutant::DiskFlushSkipped) {
            return Ok(());
        }
        fail_point::around("sync", || self.0.sync_data())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of its own for a test, gone afterwards.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let path =
                std::env::temp_dir().join(format!("pillarbox-disk-{name}-{}", std::process::id()));
            Self(path)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0); // it may never have been made
        }
    }

    #[test]
    fn files_are_made_once_written_anywhere_and_read_to_their_end() {
        use std::os::unix::fs::PermissionsExt as _;
        let scratch = Scratch::new("files");
        let folder = Folder::make(scratch.0.join("a/b")).unwrap();
        let file = folder.create("one").unwrap();
        assert_eq!(folder.create("one").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        file.write_at(b"world", 6).unwrap();
        file.write_at(b"hello ", 0).unwrap();
        file.sync().unwrap();
        folder.rename("one", "two").unwrap();
        folder.sync_dir().unwrap();
        assert_eq!(folder.list().unwrap(), ["two"]);
        std::os::unix::fs::symlink("two", scratch.0.join("a/b/linked")).unwrap();
        fs::create_dir(scratch.0.join("a/b/folder")).unwrap();
        let mut names = folder.list().unwrap();
        names.sort_unstable();
        assert_eq!(names, ["linked", "two"]);
        folder.remove("linked").unwrap();
        let file = folder.open("two").unwrap();
        let mut out = [0; 20];
        assert_eq!(file.read_at(&mut out, 0).unwrap(), 11);
        assert_eq!(&out[..11], b"hello world");
        assert_eq!(file.len().unwrap(), 11);
        let mode = fs::metadata(folder.path().join("two")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, FILE_MODE);
        folder.remove("two").unwrap();
        assert!(folder.list().unwrap().is_empty());
    }

    #[test]
    fn there_is_room_where_tests_run() {
        assert!(free_bytes(&std::env::temp_dir()).unwrap() > 0);
    }
}
