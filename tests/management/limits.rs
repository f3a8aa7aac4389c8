//! Clients that send too much, too slowly, or nothing.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::broker::Broker;
use crate::http::Client;

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
        "PUT /api/vhosts/long HTTP/1.1\r\nhost: x\r\n{LOGIN}\r\nconnection: close\r\n\
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
    let mut socket = send(address, &format!("GET /api/whoami HTTP/1.1\r\nhost: x\r\nx: {long}"));
    assert!(answer(&mut socket).starts_with("HTTP/1.1 431"));
    let many = (0..100).map(|number| format!("x-{number}: y\r\n")).collect::<String>();
    let mut socket = send(address, &format!("GET /api/whoami HTTP/1.1\r\n{many}\r\n"));
    assert!(answer(&mut socket).starts_with("HTTP/1.1 431"));
}

#[test]
fn who_is_slow_is_cut_off() {
    let broker = Broker::start();
    let address = broker.management();
    let begun = Instant::now();
    let mut half_a_head = send(address, "GET /api/whoami HTTP/1.1\r\nhost: x\r\n");
    let mut half_a_body = send(
        address,
        &format!(
            "PUT /api/vhosts/x HTTP/1.1\r\nhost: x\r\n{LOGIN}\r\nconnection: close\r\n\
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
