//! Who is let in, and what is refused before anything is looked at.

use serde_json::json;

use crate::broker::Broker;
use crate::http::Client;

#[test]
fn nobody_is_let_in_without_a_password() {
    let broker = Broker::start();
    let address = broker.management();
    let reply = Client::nobody(address).get("/api/whoami");
    assert_eq!((reply.status, reply.text.as_str()), (401, ""));
    assert_eq!(reply.header("www-authenticate"), "Basic realm=\"RabbitMQ Management\"");
    for (name, password) in [("guest", "wrong"), ("guest", ""), ("nobody", "guest"), ("", "")] {
        let reply = Client::user(address, name, password).get("/api/whoami");
        assert_eq!(reply.told(), (401, "not_authorized".to_owned(), json!("Login failed")));
        assert_eq!(reply.header("www-authenticate"), "Basic realm=\"RabbitMQ Management\"");
    }
    let whoami = Client::guest(address).json("/api/whoami");
    assert_eq!(whoami, json!({ "name": "guest", "tags": ["administrator"] }));
}

#[test]
fn what_is_not_there_is_said_in_rabbitmqs_words() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    let not_found = (404, "Object Not Found".to_owned(), json!("Not Found"));
    for path in ["/api/nothing", "/api", "/api/queues//", "/nothing"] {
        assert_eq!(guest.get(path).told(), not_found, "{path}");
    }
    let reply = guest.send("POST", "/api/whoami", &[("content-type", "application/json")], "{}");
    assert_eq!((reply.status, reply.header("allow")), (405, "HEAD, GET, OPTIONS"));
    let reply = guest.send("BREW", "/api/whoami", &[], "");
    assert_eq!(reply.status, 405);
    let reply = guest.send("OPTIONS", "/api/whoami", &[], "");
    assert_eq!((reply.status, reply.header("allow")), (200, "HEAD, GET, OPTIONS"));
    let reply = guest.send("HEAD", "/api/whoami", &[], "");
    assert_eq!((reply.status, reply.text.as_str()), (200, ""));
    assert_eq!(reply.header("content-type"), "application/json");
}

#[test]
fn every_answer_says_how_it_may_be_used() {
    let broker = Broker::start();
    let (guest, nobody) = (Client::guest(broker.management()), Client::nobody(broker.management()));
    for reply in [guest.get("/api/whoami"), guest.get("/api/nothing"), nobody.get("/api/whoami")] {
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
        assert_eq!(reply.header("cache-control"), "no-store");
        assert!(reply.header("content-security-policy").contains("frame-ancestors 'none'"));
        for name in ["access-control-allow-origin", "access-control-allow-credentials", "server"] {
            assert_eq!(reply.header(name), "", "{name}");
        }
    }
    let origin = ("origin", "https://example.com");
    let asked = ("access-control-request-method", "PUT");
    let reply = nobody.send("OPTIONS", "/api/whoami", &[origin, asked], "");
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (401, ""));
}

#[test]
fn a_slash_at_the_end_is_none_and_flowers_mistake_is_mended() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    assert_eq!(guest.json("/api/whoami/"), guest.json("/api/whoami"));
    let reply = guest.get("/queues/a%2Fb?columns=name");
    assert_eq!(reply.status, 307);
    assert_eq!(reply.header("location"), "/api/queues/a%2Fb?columns=name");
}

#[test]
fn a_name_that_is_no_utf_8_is_named_to_who_has_logged_in() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    let reply = guest.get("/api/queues/%2F/%FF%FE");
    assert_eq!((reply.status, reply.header("cache-control")), (400, "no-store"));
    assert!(reply.text.contains("a name in the path is no UTF-8"), "{}", reply.text);
    assert_eq!(Client::nobody(broker.management()).get("/api/queues/%2F/%FF%FE").status, 401);
}
