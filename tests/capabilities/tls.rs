//! TLS: the same broker for whoever trusts its certificate, and logins by certificates of clients.

use std::{
    fmt::Write as _,
    fs,
    net::SocketAddr,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::StreamExt as _;
use lapin::{BasicProperties, options::BasicPublishOptions};
use rustls::{
    ClientConfig, RootCertStore, SupportedProtocolVersion,
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
    version::{TLS12, TLS13},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, split},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{
    certificates::{Authority, BROKER, Issued, Wanted},
    client::{Client, PATIENCE, Running, broker_with, check_refused, eventually},
    tool::{Scratch, command},
};

/// A broker with a certificate of a CA, and what is needed to speak to it.
struct Secured {
    broker: Arc<Running>,
    ca: Authority,
    folder: Scratch,
}

impl Secured {
    /// Starts it with these lines in `[tls]`, and others behind; `None` if the tests ask another broker.
    fn start(settings: &str, more: &str) -> Option<Self> {
        let (folder, ca) = (Scratch::new(), Authority::new("a CA"));
        ca.issue(BROKER).write(&folder.join(""));
        fs::write(folder.join("ca.pem"), ca.pem()).unwrap();
        let mut toml = "[tls]\nbind = [\"127.0.0.1:0\"]\n".to_owned();
        for (setting, file) in [("certificate", "broker.pem"), ("key", "broker-key.pem")] {
            writeln!(toml, "{setting} = {:?}", folder.join(file)).unwrap();
        }
        if settings.contains("client_certificate") {
            writeln!(toml, "client_ca = {:?}", folder.join("ca.pem")).unwrap();
        }
        let broker = broker_with(&format!("{toml}{settings}\n{more}"))?;
        Some(Self { broker, ca, folder })
    }

    /// A client that trusts this broker.
    fn trusting(&self, own: Option<&Issued>) -> ClientConfig {
        trusting(&self.ca, own, &TLS13)
    }

    /// Connects as a client of lapin's, through a tunnel that speaks TLS.
    async fn login(&self, config: ClientConfig, login: &str) -> lapin::Result<Client> {
        let tunnel = tunnel(self.broker.tls_addr(), config).await;
        let uri = match login {
            "EXTERNAL" => format!("amqp://{tunnel}/%2f?auth_mechanism=external"),
            login => format!("amqp://{login}@{tunnel}/%2f"),
        };
        Client::login(&self.broker, &uri).await
    }

    async fn eventually_logs(&self, text: &str) {
        let is_logged = async || self.broker.log_text().contains(text);
        eventually(&format!("the log says {text}"), is_logged).await;
    }

    fn hang_up(&self) {
        let pid = self.broker.pid().unwrap().to_string();
        assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    }
}

fn trusting(
    ca: &Authority,
    own: Option<&Issued>,
    version: &'static SupportedProtocolVersion,
) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots);
    let Some(own) = own else { return builder.with_no_client_auth() };
    let certificate = CertificateDer::from_pem_slice(own.certificate.as_bytes()).unwrap();
    let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
    builder.with_client_auth_cert(vec![certificate], key).unwrap()
}

async fn connect(
    broker: SocketAddr,
    config: ClientConfig,
) -> std::io::Result<TlsStream<TcpStream>> {
    let socket = TcpStream::connect(broker).await?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, socket).await
}

/// A port without TLS, behind which the broker's is with it: for a client that need not know of it.
async fn tunnel(broker: SocketAddr, config: ClientConfig) -> SocketAddr {
    tunnel_with(broker, config, watch::channel(false).1).await
}

/// The same, which takes nothing from the broker while `is_stopped`.
async fn tunnel_with(
    broker: SocketAddr,
    config: ClientConfig,
    is_stopped: watch::Receiver<bool>,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            let (config, mut is_stopped) = (config.clone(), is_stopped.clone());
            tokio::spawn(async move {
                let (mut from_far, mut to_far) = split(connect(broker, config).await?);
                let (mut from_near, mut to_near) = near.into_split();
                tokio::spawn(async move {
                    tokio::io::copy(&mut from_near, &mut to_far).await?;
                    to_far.shutdown().await
                });
                let mut bytes = vec![0; 16 * 1024];
                loop {
                    // It goes on if nobody is left who could say so.
                    let _ = is_stopped.wait_for(|is_stopped| !is_stopped).await;
                    match from_far.read(&mut bytes).await? {
                        0 => return to_near.shutdown().await,
                        count => to_near.write_all(&bytes[..count]).await?,
                    }
                }
            });
        }
    });
    addr
}

/// What the HTTP API answers to `guest`.
fn ask(api: SocketAddr, path: &str) -> serde_json::Value {
    let reply = ureq::get(format!("http://{api}/api/{path}"))
        .header("authorization", "Basic Z3Vlc3Q6Z3Vlc3Q=")
        .call();
    serde_json::from_str(&reply.unwrap().body_mut().read_to_string().unwrap()).unwrap()
}

/// What a client that does not read holds up is not lost, also not the last of it.
#[tokio::test]
async fn a_client_that_reads_late_gets_everything() {
    let Some(secured) = Secured::start("", "") else { return };
    let (stop, is_stopped) = watch::channel(false);
    let config = secured.trusting(None);
    let tunnel = tunnel_with(secured.broker.tls_addr(), config, is_stopped).await;
    let uri = format!("amqp://guest:guest@{tunnel}/%2f");
    let late = Client::login(&secured.broker, &uri).await.unwrap();
    let queue = late.queue([]).await;
    let consumer = late.consume(&queue).await;
    late.barrier().await.unwrap();
    stop.send(true).unwrap();
    let publisher = Client::connect_to(&secured.broker).await;
    publisher.confirm_select().await;
    let body = "x".repeat(1_000_000);
    for _ in 0..30 {
        publisher.publish("", &queue, &body, BasicProperties::default()).await;
    }
    publisher.channel.wait_for_confirms().await.unwrap();
    // More than the sockets take is with the broker still.
    let api = secured.broker.management();
    eventually("something waits to be sent", async || {
        let connections =
            tokio::task::spawn_blocking(move || ask(api, "connections")).await.unwrap();
        connections.as_array().unwrap().iter().any(|seen| seen["send_pend"].as_u64() > Some(0))
    })
    .await;
    stop.send(false).unwrap();
    let received = consumer.take(30).map(|delivery| delivery.unwrap().data.len());
    let received = tokio::time::timeout(PATIENCE, received.collect::<Vec<_>>()).await;
    assert_eq!(received.expect("all of them come"), vec![1_000_000; 30]);
}

/// A user `anna` who has no password, and for each other way to be named a user as well.
const USERS: &str = r#"
[[users]]
name = "guest"
password = "guest"
tags = ["administrator"]
permissions = [{ vhost = "/", configure = ".*", write = ".*", read = ".*" }]
[[users]]
name = "anna"
password = ""
permissions = [{ vhost = "/", configure = ".*", write = ".*", read = ".*" }]
[[users]]
name = "CN=anna,O=Post Office"
password = ""
permissions = [{ vhost = "/" }]
[[users]]
name = "anna.example.org"
password = ""
permissions = [{ vhost = "/" }]
[[users]]
name = "anna@example.org"
password = ""
permissions = [{ vhost = "/" }]
"#;

const ANNA: Wanted<'static> = Wanted {
    name: "anna",
    hosts: &["anna.example.org"],
    email: Some("anna@example.org"),
    is_expired: false,
    is_for_brokers: false,
};

/// Small bodies, which are copied together, and large ones, which are sent by reference, more than a socket takes.
#[tokio::test]
async fn messages_of_every_size_pass_both_ways() {
    let Some(secured) = Secured::start("", "") else { return };
    for (version, name) in [(&TLS12, "TLSv1.2"), (&TLS13, "TLSv1.3")] {
        let config = trusting(&secured.ca, None, version);
        let client = secured.login(config, "guest:guest").await.unwrap();
        let queue = client.queue([]).await;
        let sizes = [0, 1, 100, 4_000, 8_192, 9_000, 16_384, 70_000, 131_072, 1_000_000];
        let body = |index: usize| -> Vec<u8> {
            let size = sizes[index % sizes.len()];
            (0..size).map(|at| (at * 7 + index).to_le_bytes()[0]).collect()
        };
        client.confirm_select().await;
        let consumer = client.consume(&queue).await;
        for index in 0..60 {
            let (properties, options) =
                (BasicProperties::default(), BasicPublishOptions::default());
            let key = queue.as_str().into();
            let body = body(index);
            let sent = client.channel.basic_publish("".into(), key, options, &body, properties);
            drop(sent.await.unwrap());
        }
        client.channel.wait_for_confirms().await.unwrap();
        let received: Vec<_> = consumer.take(60).map(|delivery| delivery.unwrap()).collect().await;
        for (index, delivery) in received.iter().enumerate() {
            assert!(delivery.data == body(index), "message {index} under {name}");
        }
        secured.eventually_logs(&format!("tls=\"{name}\"")).await;
        client.close().await;
    }
    let client = Client::connect_to(&secured.broker).await;
    client.close().await;
    let opened = secured.broker.log_text();
    let opened = opened.lines().filter(|line| line.contains("connection opened"));
    assert_eq!(opened.filter(|line| !line.contains("tls=")).count(), 1, "one came without TLS");
}

#[tokio::test]
async fn a_certificate_is_a_login() {
    for (user_from, user) in [
        ("cn", "anna"),
        ("dn", "CN=anna,O=Post Office"),
        ("san_dns", "anna.example.org"),
        ("san_email", "anna@example.org"),
    ] {
        let settings = format!("client_certificate = \"request\"\nuser_from = \"{user_from}\"");
        let Some(secured) = Secured::start(&settings, USERS) else { return };
        let anna = secured.ca.issue(ANNA);
        let client = secured.login(secured.trusting(Some(&anna)), "EXTERNAL").await.unwrap();
        secured.eventually_logs(&format!("user=\"{user}\"")).await;
        client.close().await;
    }
}

#[tokio::test]
async fn an_operator_sees_who_speaks_tls() {
    let settings = "client_certificate = \"request\"\nuser_from = \"cn\"";
    let Some(secured) = Secured::start(settings, USERS) else { return };
    let anna = secured.ca.issue(ANNA);
    let client = secured.login(secured.trusting(Some(&anna)), "EXTERNAL").await.unwrap();
    let api = secured.broker.management();
    let asked = tokio::task::spawn_blocking(move || {
        let get = |path| ask(api, path);
        (get("connections"), get("health/checks/protocol-listener/amqps"), get("nodes"))
    });
    let (connections, health, nodes) = asked.await.unwrap();
    let seen = &connections[0];
    assert_eq!(seen["ssl"], true);
    assert_eq!(seen["ssl_protocol"], "tlsv1.3");
    assert_eq!(seen["peer_cert_subject"], "CN=anna,O=Post Office");
    assert_eq!(seen["auth_mechanism"], "EXTERNAL");
    assert_eq!(health["status"], "ok");
    assert_eq!(nodes[0]["auth_mechanisms"][2]["enabled"], true);
    client.close().await;
}

#[tokio::test]
async fn a_certificate_lets_nobody_in_who_is_not_a_user() {
    let settings = "client_certificate = \"request\"\nuser_from = \"cn\"";
    let Some(secured) = Secured::start(settings, USERS) else { return };
    let nobody = secured.ca.issue(Wanted { name: "nobody", ..ANNA });
    let refused = secured.login(secured.trusting(Some(&nobody)), "EXTERNAL").await;
    let text = "ACCESS_REFUSED - Login was refused using authentication mechanism EXTERNAL. For details see the broker logfile.";
    check_refused(refused, 403, text);
    secured.eventually_logs("login refused: there is no such user").await;
    // A user without a password has none to give, also to who has the certificate; others may use theirs.
    let anna = secured.trusting(Some(&secured.ca.issue(ANNA)));
    assert!(secured.login(anna.clone(), "anna:").await.is_err());
    secured.login(anna, "guest:guest").await.unwrap().close().await;
    secured.login(secured.trusting(None), "guest:guest").await.unwrap().close().await;
}

/// The mechanisms that the broker offers to a client.
async fn offered(broker: SocketAddr, config: ClientConfig) -> std::io::Result<String> {
    let mut stream = connect(broker, config).await?;
    stream.write_all(b"AMQP\x00\x00\x09\x01").await?;
    let mut read = Vec::new();
    while !read.windows(5).any(|bytes| bytes == b"en_US") {
        if stream.read_buf(&mut read).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    let text = String::from_utf8_lossy(&read);
    let from = text.find("PLAIN").expect("it is always offered");
    Ok(text[from..].split('\0').next().unwrap().trim().to_owned())
}

#[tokio::test]
async fn external_is_offered_to_who_has_a_certificate() {
    let settings = "client_certificate = \"request\"\nuser_from = \"san_email\"";
    let Some(secured) = Secured::start(settings, USERS) else { return };
    let addr = secured.broker.tls_addr();
    let anna = secured.trusting(Some(&secured.ca.issue(ANNA)));
    assert_eq!(offered(addr, anna).await.unwrap(), "PLAIN AMQPLAIN EXTERNAL");
    assert_eq!(offered(addr, secured.trusting(None)).await.unwrap(), "PLAIN AMQPLAIN");
    let nameless = secured.trusting(Some(&secured.ca.issue(Wanted { email: None, ..ANNA })));
    assert_eq!(offered(addr, nameless).await.unwrap(), "PLAIN AMQPLAIN");
    secured.eventually_logs("the client's certificate names no user").await;
    // A name in a certificate of somebody else's CA is worth nothing.
    let foreign = secured.trusting(Some(&Authority::new("another CA").issue(ANNA)));
    assert!(offered(addr, foreign).await.is_err());
    secured.eventually_logs("does not come from a CA that is trusted here").await;
}

#[tokio::test]
async fn a_certificate_may_be_required() {
    let Some(secured) = Secured::start("client_certificate = \"require\"", "") else { return };
    let addr = secured.broker.tls_addr();
    assert!(offered(addr, secured.trusting(None)).await.is_err());
    secured.eventually_logs("no certificate, which is required").await;
    let late = secured.ca.issue(Wanted { is_expired: true, ..ANNA });
    assert!(offered(addr, secured.trusting(Some(&late))).await.is_err());
    secured.eventually_logs("the client's certificate has expired").await;
    offered(addr, secured.trusting(Some(&secured.ca.issue(ANNA)))).await.unwrap();
}

#[tokio::test]
async fn a_new_certificate_is_for_new_connections() {
    let Some(secured) = Secured::start("", "") else { return };
    let old = secured.login(secured.trusting(None), "guest:guest").await.unwrap();
    let next = Authority::new("the next CA");
    next.issue(BROKER).write(&secured.folder.join(""));
    let with_next = || trusting(&next, None, &TLS13);
    assert!(offered(secured.broker.tls_addr(), with_next()).await.is_err(), "nobody was told");
    secured.hang_up();
    secured.eventually_logs("TLS has read its files again").await;
    offered(secured.broker.tls_addr(), with_next()).await.unwrap();
    assert!(offered(secured.broker.tls_addr(), secured.trusting(None)).await.is_err());

    fs::write(secured.folder.join("broker.pem"), "no certificate").unwrap();
    secured.hang_up();
    let why = "TLS goes on with the files that it has: TLS cannot use the certificate in";
    secured.eventually_logs(why).await;
    offered(secured.broker.tls_addr(), with_next()).await.unwrap();
    old.barrier().await.expect("a connection goes on as it began");
    old.close().await;
}

#[tokio::test]
async fn who_comes_to_the_wrong_port_is_told_apart() {
    let Some(secured) = Secured::start("", "") else { return };
    assert!(offered(secured.broker.addr(), secured.trusting(None)).await.is_err());
    secured.eventually_logs("this is TLS, which another port speaks").await;
    let mut plain = TcpStream::connect(secured.broker.tls_addr()).await.unwrap();
    plain.write_all(b"AMQP\x00\x00\x09\x01").await.unwrap();
    let answer = tokio::time::timeout(PATIENCE, plain.read(&mut [0; 8])).await.unwrap();
    assert!(matches!(answer, Ok(0) | Err(_)), "{answer:?}");
    secured.eventually_logs("this is AMQP without TLS: use amqps://").await;
}

#[tokio::test]
async fn handshakes_that_stall_hold_up_nobody_and_end() {
    let Some(secured) = Secured::start("", "") else { return };
    let addr = secured.broker.tls_addr();
    let began = Instant::now();
    let mut stalled = Vec::new();
    for index in 0..300 {
        let mut socket = TcpStream::connect(addr).await.unwrap();
        // Some say nothing, some the beginning of a client hello.
        let said = &b"\x16\x03\x01\x02\x00\x01\x00\x01\xFC"[..index % 10];
        socket.write_all(said).await.unwrap();
        stalled.push(socket);
    }
    secured.login(secured.trusting(None), "guest:guest").await.unwrap().close().await;
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}: nobody waits", began.elapsed());
    for mut socket in stalled {
        let end = tokio::time::timeout(Duration::from_secs(20), socket.read(&mut [0; 64])).await;
        assert!(matches!(end, Ok(Ok(0) | Err(_))), "{end:?}");
    }
    assert!(
        began.elapsed() > Duration::from_secs(4),
        "{:?}: they have their time",
        began.elapsed()
    );
    secured.eventually_logs("the TLS handshake took too long").await;
}

#[test]
fn a_broker_with_wrong_files_does_not_start_and_says_why() {
    let (folder, ca) = (Scratch::new(), Authority::new("a CA"));
    let (certificate, _) = ca.issue(BROKER).write(&folder.join(""));
    let other_key = folder.join("other-key.pem");
    fs::write(&other_key, ca.issue(BROKER).key).unwrap();
    for (toml, reason) in [
        (
            "bind = [\"127.0.0.1:0\"]".to_owned(),
            "[tls] bind needs a certificate and a key".to_owned(),
        ),
        (
            format!("certificate = {certificate:?}\nkey = {other_key:?}"),
            format!(
                "TLS cannot use the private key in {}: it does not belong to",
                other_key.display()
            ),
        ),
        (
            format!("certificate = \"missing.pem\"\nkey = {other_key:?}"),
            "TLS cannot use the certificate in missing.pem: No such file".to_owned(),
        ),
    ] {
        let settings = folder.join("broker.toml");
        fs::write(&settings, format!("[tls]\n{toml}\n")).unwrap();
        let mut serve = command(["--memory-only", "--port", "0", "--config"]);
        let said = crate::tool::Said::from(serve.arg(settings).output().unwrap()).expect(1);
        assert!(said.err.contains(&reason), "{}", said.err);
    }
}

#[tokio::test]
async fn certificates_for_a_try_are_made_and_serve() {
    let folder = Scratch::new();
    let dir = folder.join("made");
    let made = || -> crate::tool::Said {
        let mut make = command(["tls", "self-signed", "--client", "anna", "--dir"]);
        make.arg(&dir).output().unwrap().into()
    };
    let said = made().expect(0);
    let mode = |name: &str| fs::metadata(dir.join(name)).unwrap().permissions().mode() & 0o777;
    for (name, expected) in [
        ("ca.pem", 0o644),
        ("server.pem", 0o644),
        ("server-key.pem", 0o600),
        ("client-anna.pem", 0o644),
        ("client-anna-key.pem", 0o600),
    ] {
        assert_eq!(mode(name), expected, "{name}");
    }
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 5, "the key of the CA is nowhere");

    let (settings, _) = said.out.split_once("\n\n").expect("the settings come first");
    let settings = settings.replace("127.0.0.1:5671", "127.0.0.1:0");
    let Some(broker) = broker_with(&format!("{settings}\n{USERS}")) else { return };
    let read = |name: &str| fs::read(dir.join(name)).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(&read("ca.pem")).unwrap()).unwrap();
    let chain = vec![CertificateDer::from_pem_slice(&read("client-anna.pem")).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(&read("client-anna-key.pem")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder = builder.with_safe_default_protocol_versions().unwrap();
    let config = builder.with_root_certificates(roots).with_client_auth_cert(chain, key).unwrap();
    let tunnel = tunnel(broker.tls_addr(), config).await;
    let uri = format!("amqp://{tunnel}/%2f?auth_mechanism=external");
    Client::login(&broker, &uri).await.unwrap().close().await;

    let before = read("server-key.pem");
    let again = made().expect(1);
    assert!(again.err.contains("ca.pem is there already"), "{}", again.err);
    assert_eq!(read("server-key.pem"), before);
}

#[test]
fn certificates_for_a_try_have_names_that_can_be() {
    let folder = Scratch::new();
    for (arguments, says) in [
        (["--client", "../anna"], "--client ../anna: letters, digits"),
        (["--client", ""], "letters, digits"),
        (["--host", "näme"], "--host has something that is no name"),
        (["--days", "4000"], "4000"),
    ] {
        let mut make = command(["tls", "self-signed"]);
        let made = make.args(arguments).current_dir(folder.join("")).output().unwrap();
        let said = crate::tool::Said::from(made);
        assert!(said.code != Some(0) && said.err.contains(says), "{arguments:?}: {}", said.err);
    }
    assert_eq!(files_in(&folder.join("")), 0, "nothing is made of it");
}

fn files_in(folder: &Path) -> usize {
    let made = folder.join("tls");
    fs::read_dir(made).map_or(0, Iterator::count)
}
