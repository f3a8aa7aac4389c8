//! A broker for tests: the one that `PILLARBOX_TEST_URI` names, or this workspace's own, started for the test.

use std::{
    env,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

/// A broker to test against; one that was started ends with it.
pub(crate) struct Broker {
    pub(crate) uri: String,
    pub(crate) child: Option<Child>,
}

impl Broker {
    pub(crate) fn start() -> Self {
        if let Ok(uri) = env::var("PILLARBOX_TEST_URI") {
            return Self { uri, child: None };
        }
        let mut child = Command::new(binary())
            .args(["--port", "0", "--memory-only"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the broker starts");
        let mut lines = BufReader::new(child.stdout.take().expect("it was piped")).lines();
        let address = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("listening on ").map(str::to_owned))
            .expect("the broker says where it listens");
        // Whatever else it prints must not fill the pipe.
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
        Self { uri: format!("amqp://guest:guest@{address}"), child: Some(child) }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// The broker beside this test's own executable, built now if nobody has.
pub(crate) fn binary() -> PathBuf {
    let this = env::current_exe().expect("a test knows where it is");
    let folder = this.parent().and_then(|deps| deps.parent()).expect("it lies in deps/");
    let binary = folder.join("pillarbox");
    if !binary.exists() {
        let built = Command::new(env!("CARGO")).args(["build", "--bin", "pillarbox"]).status();
        assert!(built.is_ok_and(|status| status.success()), "the broker cannot be built");
    }
    binary
}
