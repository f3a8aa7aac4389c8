//! The API under TLS, asked by a client that looks at certificates.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::json;

use crate::broker::Broker;
use crate::certificates::{Authority, BROKER, Issued, Wanted};
use crate::http::Client;
use crate::patience::until_some;

/// `Authorization` of `guest`.
const LOGIN: &str = "authorization: Basic Z3Vlc3Q6Z3Vlc3Q=";

/// A broker under TLS, and who issued its certificate.
struct Secured {
    broker: Broker,
    ca: Authority,
    folder: PathBuf,
}

impl Secured {
    fn start(name: &str, settings: &str) -> Self {
        let folder =
            std::env::temp_dir().join(format!("pillarbox-https-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let ca = Authority::new("a CA for tests");
        let (certificate, key) = ca.issue(BROKER).write(&folder);
        fs::write(folder.join("ca.pem"), ca.pem()).unwrap();
        let broker = Broker::start_with(&format!(
            "[management]\ntls_bind = [\"127.0.0.1:0\"]\n[tls]\nbind = [\"127.0.0.1:0\"]\n\
             certificate = {certificate:?}\nkey = {key:?}\n{}",
            settings.replace("CA", folder.join("ca.pem").to_str().unwrap()),
        ));
        Self { broker, ca, folder }
    }

    /// Asks as a browser would, with a certificate of its own or without.
    fn ask(&self, head: &str, own: Option<&Issued>) -> io::Result<String> {
        let config = trusting(&self.ca, own);
        let name = ServerName::try_from("localhost").unwrap();
        let session = ClientConnection::new(Arc::new(config), name).unwrap();
        let socket = TcpStream::connect(self.broker.management_tls())?;
        socket.set_read_timeout(Some(Duration::from_secs(30)))?;
        let mut stream = StreamOwned::new(session, socket);
        stream.write_all(format!("{head}\r\nconnection: close\r\n\r\n").as_bytes())?;
        let mut text = Vec::new();
        stream.read_to_end(&mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

impl Drop for Secured {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn trusting(ca: &Authority, own: Option<&Issued>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let builder = builder.with_root_certificates(roots);
    let Some(own) = own else { return builder.with_no_client_auth() };
    let certificate = CertificateDer::from_pem_slice(own.certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
    builder.with_client_auth_cert(vec![certificate], key).unwrap()
}

const WHOAMI: &str = "GET /api/whoami HTTP/1.1\r\nhost: localhost:15671";

#[test]
fn the_api_answers_under_tls_and_says_that_it_stays_there() {
    let secured = Secured::start("plain", "");
    let answer = secured.ask(&format!("{WHOAMI}\r\n{LOGIN}"), None).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"guest\""), "{answer}");
    assert!(answer.contains("strict-transport-security: max-age=31536000"), "{answer}");
    let answer = secured.ask(WHOAMI, None).unwrap();
    assert!(answer.starts_with("HTTP/1.1 401") && answer.contains("strict-transport"), "{answer}");
    // The name is in the certificate, which nobody else has.
    let elsewhere = "GET / HTTP/1.1\r\nhost: broker.example.com";
    assert!(!secured.ask(elsewhere, None).unwrap().starts_with("HTTP/1.1 421"));
    // A page without TLS is another site, also at the same address.
    let change = format!(
        "PUT /api/vhosts/v HTTP/1.1\r\nhost: localhost:15671\r\n{LOGIN}\r\n\
         content-type: application/json\r\ncontent-length: 2"
    );
    for (origin, status) in [("http", "403"), ("https", "201")] {
        let head = format!("{change}\r\norigin: {origin}://localhost:15671");
        let mut parts = head.clone();
        parts.push_str("\r\nconnection: close\r\n\r\n{}");
        let answer = secured.ask_raw(&parts);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{origin}: {answer}");
    }
    let form = "username=guest&password=guest";
    let answer = secured.ask_raw(&format!(
        "POST /api/login HTTP/1.1\r\nhost: localhost:15671\r\nconnection: close\r\ncontent-length: {}\r\n\
         content-type: application/x-www-form-urlencoded\r\n\r\n{form}",
        form.len()
    ));
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("; Secure"), "{answer}");
    let plain = Client::guest(secured.broker.management());
    assert_eq!(plain.get("/api/whoami").header("strict-transport-security"), "");
    let check = "/api/health/checks/protocol-listener/https";
    assert_eq!(plain.get(check).status, 200);
    assert_eq!(
        plain.json("/api/health/checks/certificate-expiration/1/weeks")["status"],
        json!("ok")
    );
    let soon = plain.get("/api/health/checks/certificate-expiration/1/years");
    assert_eq!((soon.status, soon.json()["reason"].clone()), (503, json!("Certificates expiring")));
    assert_eq!(soon.json()["expired"].as_array().unwrap().len(), 2, "{}", soon.text);
    for wrong in ["1/eons", "many/days", "-1/days"] {
        let path = format!("/api/health/checks/certificate-expiration/{wrong}");
        assert_eq!(plain.get(&path).status, 400, "{wrong}");
    }
}

impl Secured {
    fn ask_raw(&self, text: &str) -> String {
        let name = ServerName::try_from("localhost").unwrap();
        let session = ClientConnection::new(Arc::new(trusting(&self.ca, None)), name).unwrap();
        let socket = TcpStream::connect(self.broker.management_tls()).unwrap();
        let mut stream = StreamOwned::new(session, socket);
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }
}

#[test]
fn who_has_to_bring_a_certificate_is_asked_for_it_here_too() {
    let required = "client_certificate = \"require\"\nclient_ca = \"CA\"\n";
    let secured = Secured::start("clients", required);
    let login = format!("{WHOAMI}\r\n{LOGIN}");
    assert!(secured.ask(&login, None).is_err());
    let foreign = Authority::new("another CA").issue(Wanted { name: "anna", ..BROKER });
    assert!(secured.ask(&login, Some(&foreign)).is_err());
    let own = secured.ca.issue(Wanted { name: "anna", ..BROKER });
    assert!(secured.ask(&login, Some(&own)).unwrap().starts_with("HTTP/1.1 200"));
    // It opens the connection, but is no login.
    assert!(secured.ask(WHOAMI, Some(&own)).unwrap().starts_with("HTTP/1.1 401"));
}

#[test]
fn a_new_certificate_is_for_new_connections_here_too() {
    let mut secured = Secured::start("renewed", "");
    let login = format!("{WHOAMI}\r\n{LOGIN}");
    let next = Authority::new("the next CA");
    next.issue(BROKER).write(&secured.folder);
    let before = std::mem::replace(&mut secured.ca, next);
    assert!(secured.ask(&login, None).is_err(), "nobody was told");
    let pid = secured.broker.pid().unwrap().to_string();
    assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    let answer = until_some("the new certificate counts", || secured.ask(&login, None).ok());
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    secured.ca = before;
    assert!(secured.ask(&login, None).is_err());
}

#[test]
fn a_handshake_that_stalls_or_is_none_is_cut_off() {
    let secured = Secured::start("slow", "");
    let address: SocketAddr = secured.broker.management_tls();
    let begun = Instant::now();
    let mut stalled = TcpStream::connect(address).unwrap();
    stalled.write_all(&[0x16, 0x03, 0x01]).unwrap();
    let mut endless = TcpStream::connect(address).unwrap();
    // Records of a handshake that never ends.
    let record =
        [&[0x16, 0x03, 0x01, 0x40, 0x00][..], &[1, 0xff, 0xff, 0xff], &[0; 16380]].concat();
    for _ in 0..4 {
        let _ = endless.write_all(&record);
    }
    let mut plain = TcpStream::connect(address).unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    for socket in [&mut stalled, &mut endless, &mut plain] {
        socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut rest = Vec::new();
        // An end or a reset; whatever is said before that is TLS's.
        if let Err(error) = socket.read_to_end(&mut rest) {
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        }
        assert!(!rest.starts_with(b"HTTP"));
    }
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    let login = format!("{WHOAMI}\r\n{LOGIN}");
    assert!(secured.ask(&login, None).unwrap().starts_with("HTTP/1.1 200"));
}
