//! A place where file systems can be mounted that nobody else sees, and that are gone when the test is.
//!
//! Everything is mounted in a mount namespace, which a process holds that ends when our end of its input is closed;
//! with the namespace go its mounts, with them the loop devices. What runs inside is killed when the test's thread ends.

use std::{
    io,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use witness::folder::Folder;

/// A block of the file systems, and so the least that takes room.
const BLOCK_BYTES: u64 = 4096;
/// How long something may take that takes a moment.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long it takes until something is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// What is called, and the Debian package that has it.
const PROGRAMS: &[(&str, &str)] = &[
    ("unshare", "util-linux"),
    ("nsenter", "util-linux"),
    ("setpriv", "util-linux"),
    ("mount", "mount"),
    ("mkfs.ext4", "e2fsprogs"),
    ("e2fsck", "e2fsprogs"),
];

/// A mount namespace.
pub(crate) struct Ground {
    holder: Child,
    folder: Folder,
}

impl Ground {
    /// A new one.
    ///
    /// # Panics
    /// If the machine does not allow it; the message says what is missing.
    pub(crate) fn new(name: &str) -> Self {
        for (program, package) in PROGRAMS {
            require(program, package);
        }
        let mut holder = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("unshare runs");
        let outside = PathBuf::from("/proc/self/ns/mnt").read_link().ok();
        let inside = PathBuf::from(format!("/proc/{}/ns/mnt", holder.id()));
        wait_until("a mount namespace (it takes root)", || {
            let ended = holder.try_wait().expect("a child can be looked at");
            assert!(ended.is_none(), "no mount namespace can be made: this test needs root");
            inside.read_link().ok() != outside
        });
        Self { holder, folder: Folder::new(name) }
    }

    pub(crate) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// What a command line begins with that runs inside.
    pub(crate) fn prefix(&self) -> Vec<String> {
        let namespace = format!("--mount=/proc/{}/ns/mnt", self.holder.id());
        let words = ["nsenter", &namespace, "--", "setpriv", "--pdeathsig", "KILL", "--"];
        words.map(str::to_owned).to_vec()
    }

    /// A command that runs inside.
    pub(crate) fn command(&self, program: &str) -> Command {
        let prefix = self.prefix();
        let mut command = Command::new(&prefix[0]);
        command.args(&prefix[1..]).arg(program).stdin(Stdio::null());
        command
    }

    /// Runs a program inside and returns what it printed.
    ///
    /// # Panics
    /// If it fails.
    pub(crate) fn run(&self, program: &str, arguments: &[&dyn AsRef<std::ffi::OsStr>]) -> String {
        let mut command = self.command(program);
        let output = command.args(arguments.iter().map(|argument| (**argument).as_ref()));
        let output = output.output().expect("nsenter runs");
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}: {}\n{printed}{complaint}", output.status);
        printed
    }

    /// The path by which a file inside is reached from outside.
    pub(crate) fn outside(&self, path: &Path) -> PathBuf {
        let inside = path.strip_prefix("/").expect("paths inside are absolute");
        Path::new("/proc").join(self.holder.id().to_string()).join("root").join(inside)
    }

    /// Makes an ext4 in an image or on a device, without room that only root may use.
    pub(crate) fn make_ext4(&self, image: &Path) {
        let (block, none) = (BLOCK_BYTES.to_string(), "nodiscard");
        self.run("mkfs.ext4", &[&"-q", &"-F", &"-b", &block, &"-m", &"0", &"-E", &none, &image]);
    }

    /// Mounts an image through a loop device, which goes with the mount.
    pub(crate) fn mount(&self, image: &Path, at: &Path) {
        std::fs::create_dir_all(at).expect("a folder can be made");
        self.run("mount", &[&"-o", &"loop", &image, &at]);
    }

    pub(crate) fn unmount(&self, at: &Path) {
        self.run("umount", &[&at]);
    }

    /// Looks over a file system that is not mounted, and repairs nothing.
    pub(crate) fn check_ext4(&self, image: &Path) {
        self.run("e2fsck", &[&"-f", &"-n", &image]);
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let _: io::Result<std::process::ExitStatus> = self.holder.wait();
    }
}

/// # Panics
/// If there is no such program.
pub(crate) fn require(program: &str, package: &str) {
    let found = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let is_missing = found.is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
    assert!(!is_missing, "this test needs {program} (Debian: {package})");
}

/// Waits until something is so, and returns how long it took.
///
/// # Panics
/// If it takes too long.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) -> Duration {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < PATIENCE, "not within {PATIENCE:?}: {what}");
        thread::sleep(LOOK_AGAIN);
    }
    started.elapsed()
}
