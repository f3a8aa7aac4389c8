//! Users, vhosts, permissions and limits over HTTP, and who may ask for them.

use serde_json::{Value, json};

use crate::broker::Broker;
use crate::http::Client;

/// Makes a user with a tag, and permissions in `/` for what begins with `own`.
fn user(guest: &Client, broker: &Broker, name: &str, tags: &str) -> Client {
    let path = format!("/api/users/{name}");
    assert_eq!(guest.put(&path, &json!({ "password": "pw", "tags": tags })).status, 201);
    let own = json!({ "configure": "^own", "write": "^own", "read": "^own" });
    assert_eq!(guest.put(&format!("/api/permissions/%2F/{name}"), &own).status, 201);
    Client::user(broker.management(), name, "pw")
}

fn refused(reason: &str) -> (u16, String, Value) {
    (401, "not_authorised".to_owned(), json!(reason))
}

#[test]
fn a_user_is_made_logs_in_and_is_deleted() {
    let mut broker = Broker::start();
    let guest = Client::guest(broker.management());
    let anna = user(&guest, &broker, "anna", "management,policymaker");
    let whoami = json!({ "name": "anna", "tags": ["management", "policymaker"] });
    assert_eq!(anna.json("/api/whoami"), whoami);
    broker.restart();
    let guest = Client::guest(broker.management());
    let anna = Client::user(broker.management(), "anna", "pw");
    assert_eq!(anna.json("/api/whoami"), whoami);
    let shown = guest.json("/api/users/anna");
    assert_eq!(shown["tags"], json!(["management", "policymaker"]));
    assert!(!shown.to_string().contains("\"pw\""));
    assert_eq!(guest.put("/api/users/anna", &json!({ "password": "new", "tags": "" })).status, 204);
    assert_eq!(anna.get("/api/whoami").told().1, "not_authorized");
    let anna = Client::user(broker.management(), "anna", "new");
    assert_eq!(anna.get("/api/whoami").told(), refused("Not management user"));
    let reply = guest.put("/api/users/bob", &json!({ "password": "b" }));
    assert_eq!(reply.told(), (400, "bad_request".to_owned(), json!("tags_not_present")));
    assert_eq!(guest.delete("/api/users/anna").status, 204);
    assert_eq!(guest.delete("/api/users/anna").status, 404);
    assert_eq!(anna.get("/api/whoami").status, 401);
}

#[test]
fn a_hash_of_rabbitmqs_is_taken_and_given() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    let hash = "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR";
    let definition = json!({
        "password_hash": hash, "hashing_algorithm": "rabbit_password_hashing_sha256",
        "tags": "administrator",
    });
    assert_eq!(guest.put("/api/users/olga", &definition).status, 201);
    let olga = Client::user(broker.management(), "olga", "test12");
    assert_eq!(olga.json("/api/whoami")["name"], json!("olga"));
    assert_eq!(olga.json("/api/users/olga")["password_hash"], json!(hash));
    let broken = json!({ "password_hash": "????", "tags": "" });
    assert_eq!(guest.put("/api/users/olga", &broken).status, 400);
}

#[test]
fn tags_decide_what_is_shown_and_done() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    guest.put("/api/vhosts/secret", &json!({}));
    guest.put("/api/queues/secret/hidden", &json!({}));
    guest.put("/api/queues/%2F/own-queue", &json!({}));
    let manager = user(&guest, &broker, "manager", "management");
    let monitor = user(&guest, &broker, "monitor", "monitoring");
    let nobody = user(&guest, &broker, "nobody", "");
    for client in [&manager, &monitor] {
        let queues = client.json("/api/queues?columns=name");
        assert_eq!(queues, json!([{ "name": "own-queue" }]));
        let no_vhost = refused("User not authorised to access virtual host");
        assert_eq!(client.get("/api/queues/secret").told(), no_vhost);
        assert_eq!(client.put("/api/queues/secret/own", &json!({})).told(), no_vhost);
        let no_administrator = refused("Not administrator user");
        assert_eq!(client.get("/api/users").told(), no_administrator);
        assert_eq!(
            client.put("/api/users/manager", &json!({ "tags": "administrator" })).told(),
            no_administrator
        );
        assert_eq!(client.delete("/api/vhosts/secret").told(), no_administrator);
        assert_eq!(client.get("/api/definitions").told(), no_administrator);
        assert_eq!(client.put("/api/queues/%2F/own-other", &json!({})).status, 201);
        assert_eq!(client.delete("/api/queues/%2F/own-other").status, 204);
        let reply = client.put("/api/queues/%2F/foreign", &json!({}));
        assert_eq!((reply.status, reply.told().1.as_str()), (401, "not_authorised"));
    }
    assert_eq!(manager.get("/api/nodes").told(), refused("Not monitor user"));
    assert_eq!(monitor.get("/api/nodes").status, 200);
    assert_eq!(manager.json("/api/vhosts").as_array().unwrap().len(), 1);
    assert_eq!(monitor.json("/api/vhosts").as_array().unwrap().len(), 2);
    assert_eq!(nobody.get("/api/overview").told(), refused("Not management user"));
    assert!(manager.json("/api/overview").get("listeners").is_none());
    guest.delete("/api/permissions/%2F/manager");
    assert_eq!(manager.json("/api/queues"), json!([]));
}

#[test]
fn vhosts_permissions_and_limits_are_set_shown_and_taken_back() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    let shop =
        json!({ "description": "orders", "tags": ["a", "b"], "default_queue_type": "quorum" });
    assert_eq!(guest.put("/api/vhosts/shop", &shop).status, 201);
    assert_eq!(guest.put("/api/vhosts/shop", &json!({})).status, 204);
    let shown = guest.json("/api/vhosts/shop");
    for (field, value) in shop.as_object().unwrap() {
        assert_eq!(shown[field], *value, "{field}");
    }
    assert_eq!(guest.json("/api/permissions/shop/guest")["configure"], json!(".*"));
    guest.put("/api/queues/shop/q", &json!({}));
    assert_eq!(guest.json("/api/queues/shop/q")["type"], json!("quorum"));
    let json_post = [("content-type", "application/json")];
    let path = "/api/vhosts/shop/deletion/protection";
    assert_eq!(guest.send("POST", path, &json_post, "").status, 204);
    assert_eq!(guest.delete("/api/vhosts/shop").status, 412);
    assert_eq!(guest.delete(path).status, 204);

    let limit = json!({ "value": 3 });
    assert_eq!(guest.put("/api/vhost-limits/shop/max-queues", &limit).status, 204);
    let expected = json!([{ "vhost": "shop", "value": { "max-queues": 3 } }]);
    assert_eq!(guest.json("/api/vhost-limits/shop"), expected);
    assert_eq!(guest.put("/api/vhost-limits/shop/max-dreams", &limit).status, 400);
    assert_eq!(
        guest.put("/api/vhost-limits/shop/max-queues", &json!({ "value": "3" })).status,
        400
    );
    assert_eq!(guest.delete("/api/vhost-limits/shop/max-queues").status, 204);
    assert_eq!(guest.put("/api/user-limits/guest/max-channels", &limit).status, 204);
    assert_eq!(guest.json("/api/users/guest")["limits"], json!({ "max-channels": 3 }));

    let topic = json!({ "exchange": "amq.topic", "write": "^a", "read": "^b" });
    assert_eq!(guest.put("/api/topic-permissions/shop/guest", &topic).status, 201);
    let shown = guest.json("/api/topic-permissions/shop/guest");
    assert_eq!((&shown[0]["write"], &shown[0]["exchange"]), (&json!("^a"), &json!("amq.topic")));
    assert_eq!(guest.delete("/api/topic-permissions/shop/guest").status, 204);
    let reply = guest
        .put("/api/permissions/none/guest", &json!({ "configure": "", "write": "", "read": "" }));
    assert_eq!(reply.told(), (400, "bad_request".to_owned(), json!("vhost_or_user_not_found")));
    let reply = guest
        .put("/api/permissions/shop/guest", &json!({ "configure": "(", "write": "", "read": "" }));
    assert_eq!(reply.status, 400);
    let reply = guest.put("/api/permissions/shop/guest", &json!({ "write": "", "read": "" }));
    assert_eq!(reply.told().2, json!("[{key_missing,configure}]"));

    assert_eq!(guest.delete("/api/vhosts/shop").status, 204);
    assert_eq!(guest.get("/api/queues/shop").status, 404);
    assert_eq!(guest.get("/api/vhosts/shop").status, 404);
}
