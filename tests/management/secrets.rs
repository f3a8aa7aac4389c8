//! What somebody gave us to keep to ourselves is nowhere to be seen.

use serde_json::json;

use crate::broker::Broker;
use crate::http::{Client, base64};
use crate::patience::until;

/// Passwords, right and wrong, by every way that they come in.
const PLANTED: [&str; 6] = [
    "planted-by-put",
    "planted-by-change",
    "planted-by-definitions",
    "planted-by-wrong-login",
    "planted-by-amqp",
    "planted-in-settings",
];

#[test]
fn no_password_shows_in_log_api_metrics_or_export() {
    let broker = Broker::start_with(
        "[log]\nlevel = \"trace\"\n[[users]]\nname = \"guest\"\npassword = \"guest\"\n\
         tags = [\"administrator\"]\n[[users.permissions]]\nvhost = \"/\"\nconfigure = \".*\"\n\
         write = \".*\"\nread = \".*\"\n\
         [[users]]\nname = \"set\"\npassword = \"planted-in-settings\"\n",
    );
    let [by_put, by_change, by_definitions, by_login, by_amqp, in_settings] = PLANTED;
    let address = broker.management();
    let guest = Client::guest(address);
    let anna = |password: &str| json!({ "password": password, "tags": "administrator" });
    assert_eq!(guest.put("/api/users/anna", &anna(by_put)).status, 201);
    assert_eq!(Client::user(address, "anna", by_put).get("/api/whoami").status, 200);
    assert_eq!(guest.put("/api/users/anna", &anna(by_change)).status, 204);
    let user = json!({ "name": "bob", "password": by_definitions, "tags": "" });
    assert_eq!(guest.post("/api/definitions", &json!({ "users": [user] })).status, 204);
    let wrong = json!({ "users": [user], "queues": [{ "name": "q" }] });
    let refusal = guest.post("/api/definitions", &wrong);
    assert_eq!(refusal.status, 400);
    assert_eq!(Client::user(address, "anna", by_login).get("/api/whoami").status, 401);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let login = format!("username=anna&password={by_login}");
    assert_eq!(Client::nobody(address).send("POST", "/api/login", &form, &login).status, 401);
    assert_eq!(Client::user(address, "set", in_settings).get("/api/whoami").status, 401, "no tag");
    let uri = format!("amqp://guest:{by_amqp}@{}/%2f", broker.addr());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let refused = runtime.block_on(lapin::Connection::connect(&uri, Default::default()));
    assert!(refused.is_err());
    let described = guest.json("/api/openapi.json");
    let paths = described["paths"].as_object().unwrap().keys().filter(|path| !path.contains('{'));
    let mut told: Vec<(String, String)> =
        paths.map(|path| (path.clone(), guest.get(path).text)).collect();
    told.push(("a refusal".to_owned(), refusal.text));
    told.push(("/api/users/anna".to_owned(), guest.get("/api/users/anna").text));
    let scraped = Client::nobody(broker.metrics()).get("/metrics/per-object").text;
    told.push(("the metrics".to_owned(), scraped));
    let is_told = || broker.log_text().matches("login refused").count() >= 2;
    until("the log tells who was refused", is_told);
    told.push(("the log".to_owned(), broker.log_text()));
    for (place, text) in &told {
        for secret in PLANTED {
            assert!(!text.contains(secret), "{secret} is in {place}");
            for name in ["guest", "anna", "bob", "set"] {
                let login = base64(format!("{name}:{secret}").as_bytes());
                assert!(!text.contains(&login), "the header of {name}:{secret} is in {place}");
            }
        }
    }
    let (_, log) = told.last().unwrap();
    // Hashes are for administrators alone, who move them to another broker.
    let hash = Client::guest(broker.management()).json("/api/users/anna")["password_hash"].clone();
    assert!(!log.contains(hash.as_str().unwrap()));
}
