//! How many logins were tried, and by whom from where.

use lapin::ConnectionProperties;
use serde_json::{Value, json};

use crate::broker::Broker;
use crate::http::Client;
use crate::session::Session;

/// The counts of the only row that has these fields; null if there is none.
fn row(rows: &Value, fields: &[(&str, &str)]) -> Value {
    let fits = |row: &&Value| fields.iter().all(|(name, value)| row[*name] == *value);
    let found: Vec<&Value> = rows.as_array().unwrap().iter().filter(fits).collect();
    assert!(found.len() < 2, "{fields:?}: {rows}");
    found.first().map_or(Value::Null, |row| {
        let count = |name: &str| row[format!("auth_attempts{name}")].as_u64().unwrap();
        assert_eq!(count(""), count("_failed") + count("_succeeded"));
        json!([count("_succeeded"), count("_failed")])
    })
}

/// Whether a client with this name and password is let in.
fn connect(broker: &Broker, login: &str) -> bool {
    let uri = format!("amqp://{login}@{}/%2f", broker.addr());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(lapin::Connection::connect(&uri, ConnectionProperties::default())).is_ok()
}

#[test]
fn logins_are_counted_by_protocol_and_by_who_came_from_where() {
    let broker = Broker::start();
    let address = broker.management();
    let guest = Client::guest(address);
    let node = guest.json("/api/overview")["node"].as_str().unwrap().to_owned();
    let (all, by_source) =
        (format!("/api/auth/attempts/{node}"), format!("/api/auth/attempts/{node}/source"));
    assert_eq!(row(&guest.json(&all), &[("protocol", "amqp091")]), Value::Null);
    let _session = Session::open(&broker.uri());
    assert!(!connect(&broker, "guest:wrong"));
    assert!(!connect(&broker, "guess:wrong"));
    for _ in 0..3 {
        assert_eq!(Client::user(address, "guess", "wrong").get("/api/whoami").status, 401);
    }
    assert_eq!(Client::nobody(address).get("/api/whoami").status, 401, "that is no attempt");
    let protocols = guest.json(&all);
    assert_eq!(row(&protocols, &[("protocol", "amqp091")]), json!([1, 2]));
    let of_http = row(&protocols, &[("protocol", "http")]);
    assert_eq!(of_http[1], 3);
    let sources = guest.json(&by_source);
    let source = |protocol, user| {
        let fields = [("remote_address", "127.0.0.1"), ("username", user), ("protocol", protocol)];
        row(&sources, &fields)
    };
    assert_eq!(source("amqp091", "guest"), json!([1, 1]));
    assert_eq!(source("amqp091", "guess"), json!([0, 1]));
    assert_eq!(source("http", "guess"), json!([0, 3]));
    assert_eq!(source("http", "guest"), json!([of_http[0], 0]));
    assert_eq!(sources.as_array().unwrap().len(), 4);
    for path in [&all, &by_source] {
        assert!(connect(&broker, "guest:guest"));
        assert_eq!(guest.delete(path).status, 204);
        assert_eq!((guest.json(&all), guest.json(&by_source)), (json!([]), json!([])));
    }
    // What Prometheus scrapes never falls.
    let metrics = Client::nobody(broker.metrics()).get("/metrics").text;
    for line in [
        "rabbitmq_auth_attempts_succeeded_total{protocol=\"amqp091\"} 3",
        "rabbitmq_auth_attempts_failed_total{protocol=\"amqp091\"} 2",
        "rabbitmq_auth_attempts_failed_total{protocol=\"http\"} 3",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line}: {metrics}");
    }
}

#[test]
fn who_monitors_sees_them_and_who_administrates_begins_anew() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    let node = guest.json("/api/overview")["node"].as_str().unwrap().to_owned();
    for (tag, sees) in
        [("", false), ("management", false), ("policymaker", false), ("monitoring", true)]
    {
        let user = json!({ "password": "pw", "tags": tag });
        assert!(guest.put("/api/users/eve", &user).status < 300);
        let eve = Client::user(broker.management(), "eve", "pw");
        for path in ["", "/source"] {
            let path = format!("/api/auth/attempts/{node}{path}");
            assert_eq!(eve.get(&path).status, if sees { 200 } else { 401 }, "{tag} {path}");
            assert_eq!(eve.delete(&path).status, 401, "{tag} {path}");
        }
    }
    for path in ["/api/auth/attempts/other@node", "/api/auth/attempts/other@node/source"] {
        assert_eq!((guest.get(path).status, guest.delete(path).status), (404, 404));
    }
}
