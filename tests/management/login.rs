//! Programs that log in with a form before they ask for anything.

use serde_json::json;

use crate::broker::Broker;
use crate::http::{Client, Reply, base64};

const PATH: &str = "/api/login";

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

fn log_in(address: std::net::SocketAddr, form: &str) -> Reply {
    Client::nobody(address).send("POST", PATH, &[FORM], form)
}

#[test]
fn name_and_password_are_checked_and_handed_back() {
    let broker = Broker::start();
    let address = broker.management();
    let reply = log_in(address, "username=guest&password=guest");
    assert_eq!((reply.status, reply.json()), (200, json!("ok")));
    let login = base64(b"guest:guest");
    let cookie = format!("auth={login}; Path=/api/login; HttpOnly; SameSite=Strict");
    assert_eq!(reply.header("set-cookie"), cookie);
    assert_eq!(reply.header("cache-control"), "no-store");
    // A program takes the login from there; the cookie by itself opens nothing.
    let nobody = Client::nobody(address);
    let basic = format!("Basic {login}");
    assert_eq!(nobody.send("GET", "/api/whoami", &[("authorization", &basic)], "").status, 200);
    let cookie = format!("auth={login}");
    for path in ["/api/whoami", "/api/overview"] {
        assert_eq!(nobody.send("GET", path, &[("cookie", &cookie)], "").status, 401);
    }
    assert_eq!(nobody.send("DELETE", "/api/vhosts/%2F", &[("cookie", &cookie)], "").status, 401);
    // A form writes some octets in another way.
    let guest = Client::guest(address);
    let user = json!({ "password": "a+b &=%ä:", "tags": "management" });
    assert_eq!(guest.put("/api/users/an%20na", &user).status, 201);
    let form = "password=a%2Bb+%26%3D%25%C3%A4%3A&username=an+na&more=1";
    let reply = log_in(address, form);
    assert_eq!(reply.status, 200, "{}", reply.text);
    let login = base64("an na:a+b &=%ä:".as_bytes());
    assert!(reply.header("set-cookie").starts_with(&format!("auth={login};")));
}

#[test]
fn whoever_is_nobody_is_told_so() {
    let broker = Broker::start();
    let address = broker.management();
    let failed = (401, "not_authorized".to_owned(), json!("Login failed"));
    for form in [
        "username=guest&password=wrong",
        "username=nobody&password=guest",
        "username=guest",
        "password=guest",
        "username=&password=",
        "xyz",
        "",
    ] {
        let reply = log_in(address, form);
        assert_eq!(reply.told(), failed, "{form}");
        assert_eq!(reply.header("www-authenticate"), "Basic realm=\"RabbitMQ Management\"");
        assert_eq!(reply.header("set-cookie"), "", "{form}");
    }
    // The header says nothing here, right or wrong.
    let guest = Client::guest(address);
    assert_eq!(guest.send("POST", PATH, &[FORM], "").told(), failed);
    assert_eq!(guest.send("POST", PATH, &[], "").told(), failed);
    for (tag, reason) in [
        ("", "Not management user"),
        ("impersonator", "Not management user"),
        ("management", ""),
        ("policymaker", ""),
        ("monitoring", ""),
    ] {
        let user = json!({ "password": "pw", "tags": tag });
        assert!(guest.put("/api/users/eve", &user).status < 300);
        let reply = log_in(address, "username=eve&password=pw");
        if reason.is_empty() {
            assert_eq!(reply.status, 200, "{tag}");
        } else {
            let refused = (401, "not_authorised".to_owned(), json!(reason));
            assert_eq!((reply.told(), reply.header("set-cookie")), (refused, ""), "{tag}");
        }
    }
}

#[test]
fn a_page_of_another_site_logs_nobody_in_or_out() {
    let broker = Broker::start();
    let address = broker.management();
    let nobody = Client::nobody(address);
    let form = "username=guest&password=guest";
    let ours = format!("http://{address}");
    assert_eq!(nobody.send("POST", PATH, &[FORM, ("origin", &ours)], form).status, 200);
    for foreign in [
        ("origin", "https://example.com"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        for (verb, body) in [("POST", form), ("DELETE", "")] {
            let reply = nobody.send(verb, PATH, &[FORM, foreign], body);
            assert_eq!((reply.status, reply.header("set-cookie")), (403, ""), "{verb} {foreign:?}");
        }
    }
    // Other types cannot be sent by a page without asking, or not by anybody who means a login.
    for (content_type, body) in [
        ("application/json", "{\"username\":\"guest\",\"password\":\"guest\"}"),
        ("text/plain", form),
    ] {
        let reply = nobody.send("POST", PATH, &[("content-type", content_type)], body);
        assert_eq!((reply.status, reply.header("set-cookie")), (415, ""), "{content_type}");
        assert!(reply.text.contains("x-www-form-urlencoded"), "{}", reply.text);
    }
    // Everywhere else a form is what it was.
    let guest = Client::guest(address);
    assert_eq!(guest.send("PUT", "/api/vhosts/v", &[FORM], form).status, 415);
    let long = format!("{form}&more={}", "x".repeat(4096));
    assert_eq!(log_in(address, &long).status, 413);
    let named = [FORM, ("host", "evil.example")];
    assert_eq!(nobody.send("POST", PATH, &named, form).status, 421);
}

#[test]
fn logging_out_has_a_browser_forget_the_cookie() {
    let broker = Broker::start();
    let nobody = Client::nobody(broker.management());
    let reply = nobody.delete(PATH);
    let cookie = "auth=; Path=/api/login; HttpOnly; SameSite=Strict; Max-Age=0";
    assert_eq!((reply.status, reply.header("set-cookie")), (204, cookie));
    let reply = nobody.get(PATH);
    assert_eq!((reply.status, reply.header("allow")), (405, "POST, DELETE, OPTIONS"));
}
