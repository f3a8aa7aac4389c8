//! Stopping and starting to serve, and the token of the administrator.

use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use super::{Shell, token};
use crate::broker::Broker;
use crate::http::Client;
use crate::patience::until;

/// A connection that has sent its header, which the broker closes when it stops serving.
fn connect(broker: &Broker) -> std::io::Result<TcpStream> {
    TcpStream::connect_timeout(&broker.addr(), Duration::from_secs(2))
}

#[test]
fn a_broker_that_is_paused_lets_nobody_in_and_keeps_what_it_has() {
    let broker = Broker::start();
    let (shell, guest) = (Shell::of(&broker), Client::guest(broker.management()));
    let diagnose = |check: &str| Shell::called(&broker, "rabbitmq-diagnostics").run(&["-q", check]);
    shell.ok(&["declare", "queue", "orders"]);
    shell.ok(&["publish", "orders", "a letter"]);
    let client = connect(&broker).unwrap();
    assert_eq!(guest.get("/api/health/checks/is-in-service").status, 200);
    shell.ok(&["pause"]);
    assert!(connect(&broker).is_err(), "nobody listens");
    let mut byte = [0];
    client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let ended = std::io::Read::read(&mut &client, &mut byte);
    assert!(
        matches!(ended, Ok(0))
            || ended.is_err_and(|error| error.kind() != std::io::ErrorKind::WouldBlock)
    );
    for check in ["is-in-service", "ready-to-serve-clients"] {
        assert_eq!(guest.get(&format!("/api/health/checks/{check}")).status, 503, "{check}");
    }
    let health = shell.run(&["health"]);
    assert_eq!(health.code, 1);
    assert!(health.stdout.contains("does not serve clients"), "{health:?}");
    for (check, code) in [("check_running", 69), ("check_port_connectivity", 64)] {
        assert_eq!(diagnose(check).code, code, "{check}");
    }
    assert_eq!(diagnose("ping").code, 0);
    let amqp = broker.addr().port().to_string();
    assert!(!shell.ok(&["status"]).contains(&format!("port {amqp}\n")));
    shell.ok(&["pause"]);
    shell.ok(&["resume"]);
    connect(&broker).unwrap();
    assert_eq!(diagnose("check_running").code, 0);
    assert_eq!(shell.run(&["health"]).code, 0);
    assert!(shell.ok(&["get", "orders"]).contains("a letter"));
    let ctl = Shell::called(&broker, "rabbitmqctl");
    assert_eq!(ctl.run(&["stop_app"]).code, 0);
    assert!(connect(&broker).is_err());
    let late = ctl.run(&["await_startup", "--timeout", "1"]);
    assert_eq!(late.code, 69, "{late:?}");
    assert_eq!(ctl.run(&["start_app"]).code, 0);
    assert_eq!(ctl.run(&["await_startup"]).code, 0);
    connect(&broker).unwrap();
}

#[test]
fn an_address_that_somebody_has_taken_meanwhile_is_named() {
    let broker = Broker::start();
    let shell = Shell::of(&broker);
    shell.ok(&["pause"]);
    let taken = std::net::TcpListener::bind(broker.addr()).unwrap();
    let said = shell.refused(&["resume"]);
    assert!(said.contains(&format!("cannot listen on {}", broker.addr())), "{said}");
    drop(taken);
    shell.ok(&["resume"]);
    connect(&broker).unwrap();
}

#[test]
fn the_token_is_its_owners_alone_new_at_each_start_and_gone_at_the_end() {
    let mut broker = Broker::start();
    let file = broker.data_dir().join("admin.token");
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let first = token(&broker.data_dir()).unwrap();
    assert_eq!(first.len(), 64);
    broker.restart_changed(|data| assert_eq!(token(data), None));
    let second = token(&broker.data_dir()).unwrap();
    assert_ne!(first, second);
    broker.kill_and_restart();
    let third = token(&broker.data_dir()).unwrap();
    assert_ne!(second, third);
    let nobody = Client::nobody(broker.management());
    let whoami = |token: &str| {
        nobody.send("GET", "/api/whoami", &[("authorization", &format!("Bearer {token}"))], "")
    };
    assert_eq!(whoami(&third).json()["tags"], serde_json::json!(["administrator"]));
    for wrong in [first.as_str(), second.as_str(), &third[1..], ""] {
        assert_eq!(whoami(wrong).status, 401, "{wrong}");
    }
    assert!(!broker.log_text().contains(&third));
}

#[test]
fn who_can_read_the_token_is_administrator_when_nobody_else_is() {
    let broker = Broker::start();
    let shell = Shell::of(&broker);
    shell.ok(&["declare", "vhost", "shop"]);
    shell.ok(&["user", "delete", "guest"]);
    assert_eq!(Client::guest(broker.management()).get("/api/whoami").status, 401);
    // It may enter every vhost, though no permission says so.
    shell.ok(&["declare", "queue", "orders", "--vhost", "shop"]);
    shell.ok(&["publish", "orders", "a letter", "--vhost", "shop"]);
    assert!(shell.ok(&["list", "queues"]).contains("orders"));
    assert_eq!(shell.ok(&["list", "users"]).lines().count(), 1);
    let anna = ["user", "add", "anna", "--tags", "administrator", "--new-password-file", "-"];
    assert_eq!(shell.run_with(&anna, &[], b"secret\n").code, 0);
    assert_eq!(Client::user(broker.management(), "anna", "secret").get("/api/users").status, 200);
    assert!(!broker.log_text().contains("secret"));
}

#[test]
fn a_broker_is_stopped_from_outside() {
    let broker = Broker::start();
    let ctl = Shell::called(&broker, "rabbitmqctl");
    let stopped = ctl.run(&["stop"]);
    assert_eq!((stopped.code, stopped.stderr.as_str()), (0, ""));
    assert!(!disk_is_locked(&broker), "whoever stops it can take the data away at once");
    assert_eq!(token(&broker.data_dir()), None);
    let gone = ctl.run(&["list_queues"]);
    assert_eq!(gone.code, 69);
    let gone = Shell::of(&broker).refused(&["list", "queues"]);
    assert!(gone.contains("admin.token") && gone.contains("Is it running"), "{gone}");
}

/// Whether a broker runs on the data.
fn disk_is_locked(broker: &Broker) -> bool {
    let lock = std::fs::File::open(broker.data_dir().join("pillarbox.lock")).unwrap();
    matches!(lock.try_lock(), Err(std::fs::TryLockError::WouldBlock))
}

#[test]
fn limits_change_while_the_broker_runs() {
    let broker = Broker::start();
    let (ctl, guest) = (Shell::called(&broker, "rabbitmqctl"), Client::guest(broker.management()));
    let limit = |name: &str| guest.json("/api/node-limits")[name].as_u64().unwrap();
    assert_eq!(ctl.run(&["set_vm_memory_high_watermark", "absolute", "1GB"]).code, 0);
    assert_eq!(limit("memory"), 1_000_000_000);
    assert_eq!(guest.json("/api/nodes")[0]["mem_limit"], 1_000_000_000);
    assert_eq!(ctl.run(&["set_vm_memory_high_watermark", "0.5"]).code, 0);
    assert!(limit("memory").abs_diff(limit("memory-available") / 2) < 2_000_000);
    assert_eq!(ctl.run(&["set_disk_free_limit", "1MB"]).code, 0);
    assert_eq!(limit("disk-free"), 1_000_000);
    // With more than there is, publishers are blocked, and it says so.
    assert_eq!(ctl.run(&["set_disk_free_limit", "900TB"]).code, 0);
    let alarmed = || Shell::called(&broker, "rabbitmq-diagnostics").run(&["check_local_alarms"]);
    until("the alarm is there", || alarmed().code != 0);
    assert!(alarmed().stderr.contains("Free disk space alarm on node"), "{:?}", alarmed());
    let put = |name: &str, value: serde_json::Value| {
        guest
            .put(&format!("/api/node-limits/{name}"), &serde_json::json!({ "value": value }))
            .status
    };
    assert_eq!(put("memory", 0.into()), 400);
    assert_eq!(put("disk-free", "1".into()), 400);
    assert_eq!(put("patience", 1.into()), 400);
}
