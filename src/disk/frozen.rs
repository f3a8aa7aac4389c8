//! The files of a log at one moment, to be read and never written.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::sync::Arc;

use store::{Disk, DiskFile, Fault, SnapshotFile};

use crate::folder::read_fully;

/// The files of a log at one moment. Whatever would change something is refused.
#[derive(Debug)]
pub struct Frozen {
    files: BTreeMap<String, FrozenFile>,
}

/// A file of it: behind what is written, it reads as zeros.
#[derive(Debug, Clone)]
pub struct FrozenFile {
    file: Arc<File>,
    used: u64,
    len: u64,
}

impl Frozen {
    /// All files of a folder that nobody writes to.
    ///
    /// # Errors
    /// If the folder or a file of it cannot be read.
    pub fn folder(path: &Path) -> Result<Self, Fault> {
        let listed = |source| fault("list the files of", path.display().to_string(), source);
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(path).map_err(listed)? {
            let entry = entry.map_err(listed)?;
            if let Ok(name) = entry.file_name().into_string()
                // As the broker, which takes links to files for the files.
                && entry.path().is_file()
            {
                let file = open(path, &name)?;
                let len = file.metadata().map_err(|e| fault("ask the length of", &*name, e))?.len();
                files.insert(name, FrozenFile { file: Arc::new(file), used: len, len });
            }
        }
        Ok(Self { files })
    }

    /// Files of a folder that are written to: of each so much as belongs to this moment, and how long it is.
    ///
    /// # Errors
    /// If one cannot be opened.
    pub fn part_of(
        path: &Path,
        names: impl IntoIterator<Item = (String, u64, u64)>,
    ) -> Result<Self, Fault> {
        let frozen = |(name, used, len): (String, u64, u64)| {
            let file = Arc::new(open(path, &name)?);
            Ok((name, FrozenFile { file, used, len }))
        };
        Ok(Self { files: names.into_iter().map(frozen).collect::<Result<_, Fault>>()? })
    }

    /// The files, as they are to be copied.
    pub fn files(&self) -> impl Iterator<Item = SnapshotFile<FrozenFile>> {
        self.files.iter().map(|(name, file)| SnapshotFile {
            name: name.clone(),
            file: Arc::new(file.clone()),
            used: file.used,
            size: file.len,
        })
    }
}

fn open(folder: &Path, name: &str) -> Result<File, Fault> {
    let path = folder.join(name);
    File::open(&path).map_err(|source| fault("open", path.display().to_string(), source))
}

fn fault(operation: &'static str, file: impl Into<String>, source: io::Error) -> Fault {
    Fault { operation, file: file.into(), offset: None, source }
}

fn refused<T>() -> io::Result<T> {
    Err(io::ErrorKind::ReadOnlyFilesystem.into())
}

impl Disk for Frozen {
    type File = FrozenFile;

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.files.keys().cloned().collect())
    }

    fn create(&self, _name: &str) -> io::Result<FrozenFile> {
        refused()
    }

    fn open(&self, name: &str) -> io::Result<FrozenFile> {
        self.files.get(name).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn rename(&self, _from: &str, _to: &str) -> io::Result<()> {
        refused()
    }

    fn remove(&self, _name: &str) -> io::Result<()> {
        refused()
    }

    fn sync_dir(&self) -> io::Result<()> {
        refused()
    }
}

impl DiskFile for FrozenFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.len)
    }

    fn set_len(&self, _len: u64) -> io::Result<()> {
        refused()
    }

    fn read_at(&self, out: &mut [u8], offset: u64) -> io::Result<usize> {
        let within = |end: u64| {
            let left = usize::try_from(end.saturating_sub(offset)).unwrap_or(usize::MAX);
            left.min(out.len())
        };
        let (written, all) = (within(self.used), within(self.len));
        let read = read_fully(&self.file, &mut out[..written], offset)?;
        if read < written {
            return Ok(read);
        }
        out[written..all].fill(0);
        Ok(all)
    }

    fn write_at(&self, _bytes: &[u8], _offset: u64) -> io::Result<()> {
        refused()
    }

    fn sync(&self) -> io::Result<()> {
        refused()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_the_moment_is_read_and_nothing_is_written() {
        let folder = std::env::temp_dir().join(format!("pillarbox-frozen-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("one"), b"written, and more").unwrap();
        fs::write(folder.join("two"), b"other").unwrap();
        let frozen = Frozen::part_of(&folder, [("one".to_owned(), 7, 10)]).unwrap();
        assert_eq!(frozen.list().unwrap(), ["one"]);
        let file = frozen.open("one").unwrap();
        let mut out = [b'-'; 20];
        assert_eq!(file.read_at(&mut out, 2).unwrap(), 8);
        assert_eq!(&out[..9], b"itten\0\0\0-");
        assert_eq!(file.read_at(&mut out, 10).unwrap(), 0);
        assert!(frozen.open("two").is_err() && frozen.create("three").is_err());
        assert!(file.write_at(b"x", 0).is_err() && frozen.remove("one").is_err());

        let elsewhere = folder.with_extension("elsewhere");
        fs::write(&elsewhere, b"linked").unwrap();
        std::os::unix::fs::symlink(&elsewhere, folder.join("linked")).unwrap();
        fs::create_dir(folder.join("folder")).unwrap();
        let whole = Frozen::folder(&folder).unwrap();
        assert_eq!(whole.list().unwrap(), ["linked", "one", "two"]);
        assert_eq!(whole.open("linked").unwrap().read_at(&mut out, 0).unwrap(), 6);
        fs::remove_file(elsewhere).unwrap();
        assert_eq!(whole.open("two").unwrap().read_at(&mut out, 1).unwrap(), 4);
        fs::remove_dir_all(folder).unwrap();
    }
}
