//! What keeps a broker from starting, and how it says so.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

/// Starts a broker with these settings, which has to give up: what it says at last.
fn refusal(name: &str, settings: &str, definitions: &str) -> String {
    let folder = env::temp_dir().join(format!("pillarbox-start-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let (config, data): (PathBuf, PathBuf) = (folder.join("broker.toml"), folder.join("data"));
    fs::write(folder.join("definitions.json"), definitions).unwrap();
    fs::write(&config, format!("server.port = 0\n{settings}")).unwrap();
    let broker = Command::new(env!("CARGO_BIN_EXE_pillarbox"))
        .current_dir(&folder)
        .arg("--config")
        .arg(config)
        .arg("--data-dir")
        .arg(data)
        .output()
        .unwrap();
    fs::remove_dir_all(folder).unwrap();
    assert_eq!(broker.status.code(), Some(1));
    assert!(broker.stdout.is_empty(), "nobody is told where to connect");
    String::from_utf8(broker.stderr).unwrap()
}

#[test]
fn an_address_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    for (name, other) in [("bind", "metrics_bind"), ("metrics_bind", "bind")] {
        let settings = format!("[management]\n{name} = [\"{address}\"]\n{other} = []\n");
        let said = refusal(name, &settings, "");
        assert!(said.contains(&format!("cannot listen on {address} for the management")), "{said}");
    }
}

#[test]
fn definitions_that_cannot_be_made_are_named() {
    let settings =
        "[management]\nbind = []\nmetrics_bind = []\nload_definitions = \"definitions.json\"\n";
    let said = refusal("no-json", settings, "{");
    assert!(said.contains("the definitions in definitions.json: not_json"), "{said}");
    let policies =
        r#"{ "policies": [{ "name": "p", "vhost": "/", "pattern": "", "definition": {} }] }"#;
    let said = refusal("policies", settings, policies);
    assert!(said.contains("no policy provided"), "{said}");
    let shovels = r#"{ "parameters": [{ "component": "shovel", "name": "s", "vhost": "/" }] }"#;
    let said = refusal("shovels", settings, shovels);
    assert!(said.contains("'shovel' are not supported yet"), "{said}");
    let said = refusal("no-file", &settings.replace("definitions.json", "none.json"), "");
    assert!(said.contains("cannot read none.json"), "{said}");
}
