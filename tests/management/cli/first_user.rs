//! The user that the environment names for a new data folder.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::{env, fs};

use serde_json::json;

use crate::http::Client;

/// A broker with these variables in its environment; its API, and what it logs once it has ended.
struct Started {
    child: Child,
    api: SocketAddr,
}

fn start(folder: &Path, variables: &[(&str, &str)]) -> Started {
    let mut child = Command::new(env!("CARGO_BIN_EXE_pillarbox"))
        .args(["--port", "0", "--data-dir"])
        .arg(folder.join("data"))
        .envs(variables.iter().copied())
        .current_dir(folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut lines = lines.map_while(Result::ok);
    let api = lines.find_map(|line| line.strip_prefix("management on ").map(str::to_owned));
    let api = api.unwrap().parse().unwrap();
    assert!(lines.any(|line| line.starts_with("listening on ")));
    Started { child, api }
}

impl Started {
    /// Ends it as an operator does; what it has logged.
    fn stop(mut self) -> String {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        assert!(self.child.wait().unwrap().success());
        log
    }
}

#[test]
fn a_new_folder_begins_with_the_user_of_the_environment_who_stays() {
    let folder = env::temp_dir().join(format!("pillarbox-first-user-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let variables = [
        ("RABBITMQ_DEFAULT_USER", "anna"),
        ("RABBITMQ_DEFAULT_PASS", "a secret of hers"),
        ("RABBITMQ_DEFAULT_VHOST", "shop"),
    ];
    let broker = start(&folder, &variables);
    let anna = Client::user(broker.api, "anna", "a secret of hers");
    assert_eq!(anna.json("/api/whoami")["tags"], json!(["administrator"]));
    assert_eq!(anna.json("/api/vhosts?columns=name"), json!([{ "name": "shop" }]));
    assert_eq!(anna.put("/api/queues/shop/q", &json!({ "durable": true })).status, 201);
    assert_eq!(Client::guest(broker.api).get("/api/whoami").status, 401);
    let log = broker.stop();
    assert!(!log.contains("a secret of hers"), "{log}");
    let broker = start(&folder, &[("RABBITMQ_DEFAULT_PASS", "another")]);
    let anna = Client::user(broker.api, "anna", "a secret of hers");
    assert_eq!(anna.json("/api/queues/shop/q")["name"], json!("q"));
    let log = broker.stop();
    assert!(log.contains("the settings name a user who does not exist"), "{log}");
    assert!(!log.contains("another\""), "{log}");
    fs::remove_dir_all(folder).unwrap();
}
