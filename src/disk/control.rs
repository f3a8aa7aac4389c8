//! Where a broker that runs can be asked: a socket in its data folder.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

const FILE: &str = "control.sock";
/// A socket's path may have 107 bytes on Linux, and fewer elsewhere; a longer one than this is made shorter.
const PATH_BYTES_MAX: usize = 90;

/// The path of a data folder's socket, in the form in which it can be bound and connected to.
#[derive(Debug)]
pub struct ControlPath {
    folder: PathBuf,
    /// A folder with a long path goes by its descriptor, for as long as that is open.
    _folder: Option<File>,
}

impl ControlPath {
    /// That of a data folder.
    ///
    /// # Errors
    /// If its path is long, and it cannot be opened.
    pub fn of(data_dir: &Path) -> io::Result<Self> {
        if data_dir.as_os_str().as_bytes().len() <= PATH_BYTES_MAX {
            return Ok(Self { folder: data_dir.to_owned(), _folder: None });
        }
        let opened = File::open(data_dir)?;
        let folder = PathBuf::from(format!("/proc/self/fd/{}", opened.as_raw_fd()));
        Ok(Self { folder, _folder: Some(opened) })
    }

    /// Where the socket is.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.join(FILE)
    }

    /// Where it is until it may be found.
    #[must_use]
    pub fn unfinished(&self) -> PathBuf {
        self.folder.join("control.new")
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::*;

    #[test]
    fn a_socket_is_found_however_long_its_path_is() {
        let base = std::env::temp_dir().join(format!("pillarbox-control-{}", std::process::id()));
        for folder in [base.join("short"), base.join("long".repeat(40))] {
            std::fs::create_dir_all(&folder).unwrap();
            let listener = UnixListener::bind(ControlPath::of(&folder).unwrap().path()).unwrap();
            let mut client = UnixStream::connect(ControlPath::of(&folder).unwrap().path()).unwrap();
            client.write_all(b"hello").unwrap();
            let mut heard = [0; 5];
            listener.accept().unwrap().0.read_exact(&mut heard).unwrap();
            assert_eq!(&heard, b"hello");
        }
        std::fs::remove_dir_all(base).unwrap();
    }
}
