//! Lists: columns, order, pages, live numbers, and how they are packed.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::broker::Broker;
use crate::http::Client;
use crate::scene::Scene;

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect()
}

#[test]
fn what_flower_asks_for_is_answered_live() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    let scene = Scene::play(&broker.uri());
    for path in ["/api/queues/", "/api/queues/%2F", "/api/queues/%2f/"] {
        let queues = guest.json(path);
        assert_eq!(names(&queues), ["classic", "exclusive", "quorum"], "{path}");
    }
    for count in 1..5 {
        scene.publish("exclusive", b"one more");
        let queues = guest.json("/api/queues/%2F");
        let exclusive = &queues[1];
        assert_eq!(exclusive["messages"], json!(20 + count));
        assert_eq!(exclusive["messages_ready"], json!(20 + count));
        assert_eq!(exclusive["messages_unacknowledged"], json!(0));
        assert_eq!(exclusive["consumers"], json!(0));
    }
    guest.wait_until_idle("/api/queues/%2F/exclusive");
    let since = guest.json("/api/queues/%2F")[1]["idle_since"].as_str().unwrap().to_owned();
    assert_eq!((since.len(), &since[23..]), (29, "+00:00"), "{since}");
}

#[test]
fn a_list_is_cut_and_ordered_as_asked() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    let _scene = Scene::play(&broker.uri());
    let picked = guest.json("/api/queues?columns=name,message_stats.publish");
    assert_eq!(picked[0], json!({ "name": "classic", "message_stats": { "publish": 20 } }));
    let sorted = guest.json("/api/queues?sort=name&sort_reverse=true&columns=name");
    assert_eq!(names(&sorted), ["quorum", "exclusive", "classic"]);
    let page = guest.json("/api/queues?page=1&page_size=2&name=U&columns=name");
    assert_eq!(
        page,
        json!({
            "filtered_count": 2, "item_count": 2, "page": 1, "page_count": 1, "page_size": 2,
            "total_count": 3, "items": [{ "name": "exclusive" }, { "name": "quorum" }],
        })
    );
    let reply = guest.get("/api/queues?page=0");
    let reason = json!("Invalid pagination parameters: page number 0, page size undefined");
    assert_eq!(reply.told(), (400, "invalid_pagination_parameters".to_owned(), reason));
}

#[test]
fn long_answers_are_packed_for_whoever_unpacks_them() {
    let broker = Broker::start();
    let mut socket = TcpStream::connect(broker.management()).unwrap();
    let request = "GET /api/exchanges HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\
                   accept-encoding: gzip\r\nauthorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\n\r\n";
    socket.write_all(request.as_bytes()).unwrap();
    let mut reply = Vec::new();
    socket.read_to_end(&mut reply).unwrap();
    let text = String::from_utf8_lossy(&reply).to_ascii_lowercase();
    assert!(text.contains("content-encoding: gzip"), "{text}");
    let plain = Client::guest(broker.management()).get("/api/exchanges");
    assert_eq!(plain.header("content-encoding"), "");
    assert!(reply.len() < plain.text.len());
}

#[test]
fn what_is_there_is_shown_alone_as_well() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    let _scene = Scene::play(&broker.uri());
    let connection = guest.json("/api/connections")[0]["name"].as_str().unwrap().to_owned();
    let escaped = connection.replace(' ', "%20").replace('>', "%3E");
    let shown = guest.json(&format!("/api/connections/{escaped}"));
    assert_eq!(shown["user"], json!("guest"));
    let channels = guest.json(&format!("/api/connections/{escaped}/channels"));
    assert_eq!(channels.as_array().unwrap().len(), 1);
    let channel = guest.json(&format!("/api/channels/{escaped}%20(1)"));
    assert_eq!(channel["confirm"], json!(true));
    assert_eq!(channel["consumer_details"][0]["consumer_tag"], json!("reader"));
    let queue = guest.json("/api/queues/%2F/quorum");
    assert_eq!(queue["consumer_details"][0]["queue"], json!({ "name": "quorum", "vhost": "/" }));
    assert_eq!(queue["type"], json!("quorum"));
    let exchange = guest.json("/api/exchanges/%2F/amq.default");
    assert_eq!(exchange["name"], json!(""));
    for path in ["queues/%2F/none", "exchanges/%2F/none", "connections/none", "channels/none"] {
        assert_eq!(guest.get(&format!("/api/{path}")).status, 404, "{path}");
    }
}

#[test]
fn a_connection_is_closed_with_the_reason_that_is_given() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    let scene = Scene::play(&broker.uri());
    let connection = guest.json("/api/connections")[0]["name"].as_str().unwrap().to_owned();
    let path = format!("/api/connections/{}", connection.replace(' ', "%20").replace('>', "%3E"));
    assert_eq!(guest.send("DELETE", &path, &[("x-reason", "moving house")], "").status, 204);
    let begun = std::time::Instant::now();
    // It is listed until its client has taken its leave.
    while scene.is_connected() || guest.get(&path).status != 404 {
        assert!(begun.elapsed().as_secs() < 10, "it is still connected");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(guest.delete(&path).status, 404);
    assert!(broker.log_text().contains("moving house"));
}

#[test]
fn columns_are_bounded_and_each_is_looked_for_once() {
    let broker = Broker::start();
    let guest = Client::guest(broker.management());
    let twice = guest.json("/api/exchanges?columns=name,name,type,name");
    assert_eq!(twice[0], json!({ "name": "", "type": "direct" }));
    let many: Vec<String> = (0..101).map(|number| format!("c{number}")).collect();
    let reply = guest.get(&format!("/api/exchanges?columns={}", many.join(",")));
    assert_eq!(reply.status, 400);
    assert!(reply.text.contains("100 columns at most"), "{}", reply.text);
}
