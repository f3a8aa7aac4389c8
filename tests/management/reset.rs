//! Forgetting what rates are made of.

use serde_json::json;

use crate::broker::Broker;
use crate::http::Client;
use crate::patience::until;
use crate::session::Session;

#[test]
fn rates_are_forgotten_and_nothing_else_is() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    let node = guest.json("/api/overview")["node"].as_str().unwrap().to_owned();
    assert_eq!(guest.put("/api/queues/%2F/q", &json!({})).status, 201);
    let session = Session::open(&broker.uri());
    let rate = |path: &str| {
        let stats = &guest.json(path)["message_stats"];
        stats["publish_details"]["rate"].as_f64().unwrap()
    };
    let (queue, overview) = ("/api/queues/%2F/q", "/api/overview");
    for (round, path) in ["/api/reset".to_owned(), format!("/api/reset/{node}")].iter().enumerate()
    {
        session.publish_all("q", &vec![b"x".to_vec(); 200], 1);
        until("rates are seen", || rate(queue) > 0.0 && rate(overview) > 0.0);
        let reply = guest.delete(path);
        assert_eq!((reply.status, reply.text.as_str()), (204, ""), "{path}");
        assert_eq!((rate(queue), rate(overview)), (0.0, 0.0), "{path}");
        let shown = guest.json(queue);
        let count = 200 * (round + 1);
        assert_eq!(shown["message_stats"]["publish"], json!(count));
        assert_eq!(shown["messages_ready"], json!(count));
        assert_eq!(guest.json(overview)["message_stats"]["publish"], json!(count));
    }
}

#[test]
fn only_an_administrator_does_that() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    let node = guest.json("/api/overview")["node"].as_str().unwrap().to_owned();
    for tag in ["", "management", "policymaker", "monitoring"] {
        let user = json!({ "password": "pw", "tags": tag });
        assert!(guest.put("/api/users/eve", &user).status < 300);
        let eve = Client::user(broker.management(), "eve", "pw");
        for path in ["/api/reset", &format!("/api/reset/{node}")] {
            assert_eq!(eve.delete(path).status, 401, "{tag} {path}");
        }
    }
    let not_found = (404, "Object Not Found".to_owned(), json!("Not Found"));
    assert_eq!(guest.delete("/api/reset/other@node").told(), not_found);
    let reply = guest.get("/api/reset");
    assert_eq!((reply.status, reply.header("allow")), (405, "DELETE, OPTIONS"));
}
