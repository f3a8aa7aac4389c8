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

/// A page of another site can let its own name lead to this machine: then its origin is that of the server.
#[test]
fn a_name_that_somebody_else_could_have_is_refused() {
    let broker = Broker::start_with("[management]\nnames = [\"broker.example.com\"]\n");
    let (guest, scraper) = (Client::guest(broker.management()), Client::nobody(broker.metrics()));
    let body = [("content-type", "application/json")];
    for (host, is_taken) in [
        ("evil.example:15672", false),
        ("localhost.evil.example", false),
        ("broker.example.com", true),
        ("localhost:15672", true),
        ("127.0.0.1", true),
    ] {
        let origin = format!("http://{host}");
        let named = [("host", host), ("origin", &*origin), body[0]];
        let reply = guest.send("PUT", "/api/vhosts/made", &named, "{}");
        assert_eq!(reply.status < 300, is_taken, "{host}: {}", reply.text);
        let page = Client::nobody(broker.management()).send("GET", "/", &[("host", host)], "");
        let metrics = scraper.send("GET", "/metrics", &[("host", host)], "");
        if is_taken {
            // The page may not be built in, which is another answer.
            assert_ne!(page.status, 421, "{host}");
            assert_eq!(metrics.status, 200, "{host}");
            assert_eq!(guest.delete("/api/vhosts/made").status, 204);
        } else {
            assert_eq!((reply.status, page.status, metrics.status), (421, 421, 421), "{host}");
            let reason = reply.told().2;
            assert!(reason.as_str().unwrap().contains("`names` of [management]"), "{reason}");
        }
    }
}

/// What a browser does for a page of another site that knows neither name nor password.
#[test]
fn another_site_cannot_change_anything() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    let address = format!("http://{}", broker.management());
    let ours = [("origin", &*address), ("content-type", "application/json")];
    assert_eq!(guest.send("PUT", "/api/vhosts/ours", &ours, "{}").status, 201);
    let json = ("content-type", "application/json");
    for origin in ["https://example.com", "http://localhost:1", "null", "file://"] {
        for (method, path) in [
            ("PUT", "/api/vhosts/theirs"),
            ("DELETE", "/api/vhosts/ours"),
            ("POST", "/api/definitions"),
        ] {
            let reply = guest.send(method, path, &[("origin", origin), json], "{}");
            assert_eq!((reply.status, reply.told().1.as_str()), (403, "forbidden"), "{origin}");
            assert_eq!(reply.header("access-control-allow-origin"), "");
        }
    }
    // What a form can send without asking first.
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"] {
        let reply =
            guest.send("PUT", "/api/vhosts/theirs", &[("content-type", content_type)], "{}");
        assert_eq!(reply.status, 415, "{content_type}");
        // Nor without a body, which a form has a type for all the same.
        let reply =
            guest.send("POST", "/api/rebalance/queues", &[("content-type", content_type)], "");
        assert_eq!(reply.status, 415, "{content_type}");
    }
    let theirs = ("origin", "https://example.com");
    assert_eq!(guest.send("POST", "/api/rebalance/queues", &[theirs], "").status, 403);
    assert_eq!(guest.send("POST", "/api/rebalance/queues", &[], "").status, 204);
    assert_eq!(guest.get("/api/vhosts/theirs").status, 404);
    assert_eq!(guest.get("/api/vhosts/ours").status, 200);
    // A connection cannot be turned into another protocol's.
    let upgrade = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("origin", "https://example.com"),
    ];
    for path in ["/", "/ws", "/api/whoami"] {
        assert_ne!(guest.send("GET", path, &upgrade, "").status, 101, "{path}");
    }
}

/// Whatever is in a name stays in its place in the answer.
#[test]
fn a_name_cannot_end_a_header() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    guest.put("/api/queues/%2F/q", &json!({}));
    let key = "a\u{e9} b/?&#\"<>~%0d%0ax:y";
    let binding = json!({ "routing_key": key });
    let reply = guest.post("/api/bindings/%2F/e/amq.topic/q/q", &binding);
    assert_eq!((reply.status, reply.header("x")), (201, ""), "{}", reply.text);
    let location = reply.header("location").to_owned();
    assert!(location.bytes().all(|byte| byte.is_ascii_graphic()), "{location}");
    let path = format!("/api/bindings/%2F/e/amq.topic/q/{location}");
    assert_eq!(guest.json(&path)["routing_key"], json!(key));
    for path in ["/queues/a%0d%0ax:y", "/queues/%0d%0a%0d%0a%3Cscript%3E"] {
        let reply = guest.get(path);
        assert_eq!((reply.status, reply.header("x")), (307, ""));
        assert_eq!(reply.header("location"), format!("/api{path}"));
    }
    let split = json!({ "routing_key": "a\r\nx: y" });
    assert_eq!(guest.post("/api/bindings/%2F/e/amq.topic/q/q", &split).status, 400);
}
