//! Clients that send too much, too slowly, or nothing.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::broker::Broker;
use crate::http::{Client, base64};
use crate::patience::until;

/// `Authorization` of `guest`.
const LOGIN: &str = "authorization: Basic Z3Vlc3Q6Z3Vlc3Q=";

fn send(address: SocketAddr, text: &str) -> TcpStream {
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    socket.write_all(text.as_bytes()).unwrap();
    socket
}

fn answer(socket: &mut TcpStream) -> String {
    let mut text = Vec::new();
    // Whoever is cut off may see a reset instead of an end.
    let _ = socket.read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

#[test]
fn a_body_that_is_too_long_is_refused_however_it_comes() {
    let broker = Broker::start();
    let address = broker.management();
    let head = format!(
        "PUT /api/vhosts/long HTTP/1.1\r\nhost: localhost\r\n{LOGIN}\r\nconnection: close\r\n\
         content-type: application/json\r\n"
    );
    let mut socket = send(address, &format!("{head}content-length: 1048577\r\n\r\n"));
    let piece = " ".repeat(64 * 1024);
    for _ in 0..17 {
        // It may be refused before all of it is sent.
        let _ = socket.write_all(piece.as_bytes());
    }
    assert!(answer(&mut socket).starts_with("HTTP/1.1 413"));
    let mut socket = send(address, &format!("{head}transfer-encoding: chunked\r\n\r\n"));
    for _ in 0..17 {
        let _ = socket.write_all(format!("10000\r\n{piece}\r\n").as_bytes());
    }
    assert!(answer(&mut socket).starts_with("HTTP/1.1 413"));
    assert_eq!(Client::guest(address).get("/api/vhosts/long").status, 404);
}

#[test]
fn a_head_that_is_too_long_is_refused() {
    let broker = Broker::start();
    let address = broker.management();
    let long = "x".repeat(128 * 1024);
    let mut socket =
        send(address, &format!("GET /api/whoami HTTP/1.1\r\nhost: localhost\r\nx: {long}"));
    assert!(answer(&mut socket).starts_with("HTTP/1.1 431"));
    let many = (0..100).map(|number| format!("x-{number}: y\r\n")).collect::<String>();
    let mut socket =
        send(address, &format!("GET /api/whoami HTTP/1.1\r\nhost: localhost\r\n{many}\r\n"));
    assert!(answer(&mut socket).starts_with("HTTP/1.1 431"));
}

#[test]
fn who_is_slow_is_cut_off() {
    let broker = Broker::start();
    let address = broker.management();
    let begun = Instant::now();
    let mut half_a_head = send(address, "GET /api/whoami HTTP/1.1\r\nhost: localhost\r\n");
    let mut half_a_body = send(
        address,
        &format!(
            "PUT /api/vhosts/x HTTP/1.1\r\nhost: localhost\r\n{LOGIN}\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: 10\r\n\r\n{{"
        ),
    );
    assert!(answer(&mut half_a_body).starts_with("HTTP/1.1 408"));
    let head = answer(&mut half_a_head);
    assert!(head.is_empty() || head.starts_with("HTTP/1.1 408"), "{head}");
    assert!(begun.elapsed() < Duration::from_secs(25));
}

#[test]
fn many_that_say_nothing_keep_nobody_out() {
    let broker = Broker::start();
    let address = broker.management();
    let mut silent = Vec::new();
    for _ in 0..900 {
        silent.push(send(address, "GET /api/whoami HTTP/1.1\r\n"));
    }
    let begun = Instant::now();
    assert_eq!(Client::guest(address).get("/api/whoami").status, 200);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

/// Each of them keeps a place busy while its password is looked at.
#[test]
fn many_wrong_passwords_keep_nobody_out_who_has_logged_in() {
    let broker = Broker::start();
    let address = broker.management();
    let guest = Client::guest(address);
    assert_eq!(guest.get("/api/whoami").status, 200);
    let flood = "GET /api/whoami HTTP/1.1\r\nhost: localhost\r\nauthorization: Basic ";
    let guess =
        |login: &str| send(address, &format!("{flood}{}\r\n\r\n", base64(login.as_bytes())));
    let guesses: Vec<TcpStream> =
        (0..1200).map(|number| guess(&format!("guest:{number}"))).collect();
    let begun = Instant::now();
    for _ in 0..20 {
        assert_eq!(guest.get("/api/whoami").status, 200);
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    drop(guesses);
}

/// Opens so many connections that say nothing, and sees whether somebody else is served.
#[test]
fn five_thousand_half_open_connections_keep_nobody_out() {
    let broker = Broker::start();
    let address = broker.management();
    let mut silent = Vec::new();
    for number in 0..5000 {
        // This process may have fewer files than that: the oldest are long closed at the other end.
        if silent.len() == 800 {
            silent.clear();
        }
        silent.push(TcpStream::connect(address).unwrap());
        if number % 1000 == 0 {
            assert_eq!(Client::guest(address).get("/api/whoami").status, 200);
        }
    }
    let begun = Instant::now();
    assert_eq!(Client::guest(address).get("/api/whoami").status, 200);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}

/// What a process has in memory, in bytes.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() * 1024
}

/// They ask for everything there is, and take nothing of it.
#[test]
fn slow_readers_of_long_lists_hold_little_in_all() {
    let broker = Broker::start_with("[store]\ndurability = \"os\"\n");
    let address = broker.management();
    let guest = Client::guest(address);
    let name = |number: usize| format!("{number:06}{}", "x".repeat(200));
    let queues: Vec<_> = (0..6000)
        .map(|number| json!({ "name": name(number), "vhost": "/", "durable": false }))
        .collect();
    let reply = guest.post("/api/definitions", &json!({ "queues": queues }));
    assert_eq!(reply.status, 204, "{}", reply.text);
    let all = guest.json("/api/queues?columns=name");
    assert_eq!(all.as_array().unwrap().len(), 6000);
    let before = resident(broker.pid().unwrap());
    let lists = format!("GET /api/queues HTTP/1.1\r\nhost: localhost\r\n{LOGIN}\r\n\r\n");
    let scrapes = "GET /metrics/per-object HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let mut readers: Vec<TcpStream> = (0..150).map(|_| send(address, &lists)).collect();
    let mut scrapers: Vec<TcpStream> = (0..60).map(|_| send(broker.metrics(), scrapes)).collect();
    let mut refused = 0;
    for reader in readers.iter_mut().chain(&mut scrapers) {
        let mut status = [0; 12];
        reader.read_exact(&mut status).unwrap();
        match &status {
            b"HTTP/1.1 200" => {}
            b"HTTP/1.1 503" => {
                let mut rest = [0; 1024];
                let count = reader.read(&mut rest).unwrap();
                let rest = String::from_utf8_lossy(&rest[..count]).into_owned();
                assert!(rest.contains("too many long answers are being sent"), "{rest}");
                refused += 1;
            }
            other => panic!("{}", String::from_utf8_lossy(other)),
        }
    }
    let grown = resident(broker.pid().unwrap()).saturating_sub(before);
    assert!(refused > 40, "{refused} were refused");
    assert!(grown < 192 << 20, "{grown} bytes");
    assert_eq!(guest.get("/api/whoami").status, 200, "short answers are not concerned");
    drop(readers);
    until("the memory is given back", || guest.get("/api/queues").status == 200);
}
