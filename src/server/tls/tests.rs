#[path = "../../../tests/certificates/mod.rs"]
mod certificates;

use std::fs;
use std::future::poll_fn;
use std::io::IoSlice;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use std::time::{Instant, SystemTime};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::ReadBuf;
use tokio::net::TcpListener;
use tokio_rustls::{TlsConnector, client};

use self::certificates::{Authority, BROKER, Issued, Wanted};
use super::*;
use crate::stream::Stream;

/// A folder with the broker's files, which goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("pillarbox-tls-{}-{count}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    /// A file of this name, with this in it.
    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path
    }

    fn options(&self, issued: &Issued) -> TlsOptions {
        let (certificate, key) = issued.write(&self.0);
        let versions = vec![TlsVersion::V12, TlsVersion::V13];
        TlsOptions { bind: Vec::new(), certificate, key, clients: None, versions }
    }

    /// The same, with clients' certificates of `ca`.
    fn with_clients(&self, issued: &Issued, ca: &Authority, is_required: bool) -> TlsOptions {
        let ca = self.file("ca.pem", ca.pem());
        let clients = ClientCertificates { ca, is_required, user_from: UserFrom::CommonName };
        TlsOptions { clients: Some(clients), ..self.options(issued) }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A client that trusts `ca`, and shows this certificate if it is asked.
fn client(ca: &Authority, own: Option<&Issued>, version: TlsVersion) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(ca.pem().as_bytes()).unwrap()).unwrap();
    let version = match version {
        TlsVersion::V12 => &rustls::version::TLS12,
        TlsVersion::V13 => &rustls::version::TLS13,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots);
    match own {
        None => builder.with_no_client_auth(),
        Some(own) => {
            let certificate = CertificateDer::from_pem_slice(own.certificate.as_bytes()).unwrap();
            let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
            builder.with_client_auth_cert(vec![certificate], key).unwrap()
        }
    }
}

/// Both ends of a new connection.
async fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let connecting = TcpStream::connect(listener.local_addr().unwrap());
    let (accepted, connected) = tokio::join!(listener.accept(), connecting);
    (accepted.unwrap().0, connected.unwrap())
}

/// What both sides of a handshake say. The client waits for one octet, as it learns only then what a server thinks of it.
async fn shake(
    tls: &Tls,
    client: ClientConfig,
) -> (Result<TlsPeer, HandshakeError>, io::Result<client::TlsStream<TcpStream>>) {
    let (accepting, connecting) = sockets().await;
    let connector = TlsConnector::from(Arc::new(client));
    let name = ServerName::try_from("localhost").unwrap();
    tokio::join!(
        async {
            let (mut stream, peer) = tls.accept(accepting).await?;
            stream.write_all(b"!").await.unwrap();
            stream.flush().await.unwrap();
            Ok(peer)
        },
        async {
            let mut stream = connector.connect(name, connecting).await?;
            stream.read_u8().await?;
            Ok(stream)
        }
    )
}

/// A connection, from both ends.
async fn pair(tls: &Tls, client: ClientConfig) -> (Stream, client::TlsStream<TcpStream>) {
    let (accepting, connecting) = sockets().await;
    let connector = TlsConnector::from(Arc::new(client));
    let name = ServerName::try_from("localhost").unwrap();
    let (accepted, connected) =
        tokio::join!(tls.accept(accepting), connector.connect(name, connecting));
    (Stream::Tls(Box::new(accepted.unwrap().0)), connected.unwrap())
}

/// Why the broker refuses this client.
async fn refusal(tls: &Tls, client: ClientConfig) -> String {
    let (refused, failed) = shake(tls, client).await;
    failed.expect_err("the client has no connection either");
    refused.expect_err("the broker refuses it").to_string()
}

#[tokio::test]
async fn both_versions_are_spoken_unless_the_settings_say_otherwise() {
    let (folder, ca) = (Folder::new(), Authority::new("ca"));
    let options = folder.options(&ca.issue(BROKER));
    let tls = Tls::load(options.clone()).unwrap();
    for (version, name) in [(TlsVersion::V12, "TLSv1.2"), (TlsVersion::V13, "TLSv1.3")] {
        let (peer, connected) = shake(&tls, client(&ca, None, version)).await;
        let peer = peer.unwrap();
        connected.unwrap();
        assert_eq!((peer.version, peer.certificate, peer.user), (name, None, None));
        assert!(peer.cipher_suite.starts_with("TLS"), "{}", peer.cipher_suite);
    }
    let newest = Tls::load(TlsOptions { versions: vec![TlsVersion::V13], ..options }).unwrap();
    let refused = refusal(&newest, client(&ca, None, TlsVersion::V12)).await;
    assert!(refused.contains("no version of TLS"), "{refused}");
}

#[tokio::test]
async fn a_client_that_does_not_trust_the_broker_says_so() {
    let (folder, ca) = (Folder::new(), Authority::new("ca"));
    let tls = Tls::load(folder.options(&ca.issue(BROKER))).unwrap();
    let foreign = Authority::new("another ca");
    let refused = refusal(&tls, client(&foreign, None, TlsVersion::V13)).await;
    assert!(refused.contains("does not know the CA"), "{refused}");

    let elsewhere = ca.issue(Wanted { hosts: &["elsewhere.example.org"], ..BROKER });
    let tls = Tls::load(folder.options(&elsewhere)).unwrap();
    let refused = refusal(&tls, client(&ca, None, TlsVersion::V12)).await;
    assert!(refused.contains("by another name"), "{refused}");

    let tls = Tls::load(folder.options(&ca.issue(Wanted { is_expired: true, ..BROKER }))).unwrap();
    let refused = refusal(&tls, client(&ca, None, TlsVersion::V13)).await;
    assert!(refused.contains("has expired"), "{refused}");
}

#[tokio::test]
async fn a_certificate_of_a_client_is_verified() {
    let (folder, ca) = (Folder::new(), Authority::new("ca"));
    let anna = Wanted { name: "anna", ..BROKER };
    for is_required in [false, true] {
        for version in [TlsVersion::V12, TlsVersion::V13] {
            let broker = ca.issue(BROKER);
            let tls = Tls::load(folder.with_clients(&broker, &ca, is_required)).unwrap();
            let (peer, connected) = shake(&tls, client(&ca, Some(&ca.issue(anna)), version)).await;
            connected.unwrap();
            let peer = peer.unwrap();
            assert_eq!(peer.user.as_deref(), Some("anna"));
            assert_eq!(peer.certificate.unwrap().subject, "CN=anna,O=Post Office");

            let foreign = Authority::new("another ca").issue(anna);
            let refused = refusal(&tls, client(&ca, Some(&foreign), version)).await;
            assert!(refused.contains("a CA that is trusted here"), "{refused}");
            let late = ca.issue(Wanted { is_expired: true, ..anna });
            let refused = refusal(&tls, client(&ca, Some(&late), version)).await;
            assert!(refused.contains("the client's certificate has expired"), "{refused}");

            let brokers = ca.issue(Wanted { is_for_brokers: true, ..anna });
            let refused = refusal(&tls, client(&ca, Some(&brokers), version)).await;
            assert!(refused.contains("certificate does not allow extended key usage"), "{refused}");

            let without = client(&ca, None, version);
            if is_required {
                let refused = refusal(&tls, without).await;
                assert!(refused.contains("no certificate, which is required"), "{refused}");
            } else {
                let (peer, connected) = shake(&tls, without).await;
                connected.unwrap();
                assert_eq!(peer.unwrap().user, None);
            }
        }
    }
}

/// Nobody is asked, and a certificate that comes all the same names nobody.
#[tokio::test]
async fn a_certificate_that_was_not_asked_for_is_worth_nothing() {
    let (folder, ca) = (Folder::new(), Authority::new("ca"));
    let tls = Tls::load(folder.options(&ca.issue(BROKER))).unwrap();
    let anna = ca.issue(Wanted { name: "anna", ..BROKER });
    let (peer, _) = shake(&tls, client(&ca, Some(&anna), TlsVersion::V13)).await;
    let peer = peer.unwrap();
    assert_eq!((peer.certificate, peer.user), (None, None));
}

#[tokio::test]
async fn a_session_is_not_resumed_where_certificates_are_looked_at() {
    let (folder, ca) = (Folder::new(), Authority::new("ca"));
    let broker = ca.issue(BROKER);
    for (options, is_resumed) in
        [(folder.options(&broker), true), (folder.with_clients(&broker, &ca, false), false)]
    {
        let tls = Tls::load(options).unwrap();
        let client = client(&ca, None, TlsVersion::V13);
        let mut kind = None;
        for _ in 0..2 {
            let (peer, connected) = shake(&tls, client.clone()).await;
            peer.unwrap();
            kind = connected.unwrap().get_ref().1.handshake_kind();
        }
        assert_eq!(kind == Some(rustls::HandshakeKind::Resumed), is_resumed, "{kind:?}");
    }
}

#[test]
fn a_file_that_is_wrong_is_named_with_the_reason() {
    let (folder, ca) = (Folder::new(), Authority::new("ca"));
    let issued = ca.issue(BROKER);
    let right = folder.with_clients(&issued, &ca, true);
    Tls::load(right.clone()).unwrap();
    let clients = |ca| Some(ClientCertificates { ca, ..right.clients.clone().unwrap() });
    let missing = folder.0.join("missing.pem");
    let empty = folder.file("empty.pem", "");
    let cut = folder.file("cut.pem", &issued.certificate[..100]);
    let no_base64 = folder.file("no-base64.pem", issued.certificate.replacen("MII", "M*I", 1));
    let nonsense = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let nonsense = folder.file("nonsense.pem", nonsense);
    let other_key = folder.file("other-key.pem", ca.issue(BROKER).key);
    let no_key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let no_key = folder.file("no-key.pem", no_key);
    let locked = issued.key.replace("PRIVATE", "ENCRYPTED PRIVATE");
    let locked = folder.file("locked.pem", locked);
    let (what, key, ca) = ("certificate", "private key", "CA of clients");
    for (options, what, path, reason) in [
        (
            TlsOptions { certificate: missing.clone(), ..right.clone() },
            what,
            &missing,
            "No such file",
        ),
        (TlsOptions { certificate: empty.clone(), ..right.clone() }, what, &empty, "no PEM block"),
        (TlsOptions { certificate: cut.clone(), ..right.clone() }, what, &cut, "has no end"),
        (
            TlsOptions { certificate: no_base64.clone(), ..right.clone() },
            what,
            &no_base64,
            "base64",
        ),
        (TlsOptions { certificate: nonsense.clone(), ..right.clone() }, what, &nonsense, "invalid"),
        (
            TlsOptions { certificate: folder.0.clone(), ..right.clone() },
            what,
            &folder.0,
            "directory",
        ),
        (TlsOptions { key: missing.clone(), ..right.clone() }, key, &missing, "No such file"),
        (TlsOptions { key: empty.clone(), ..right.clone() }, key, &empty, "no PEM block"),
        (
            TlsOptions { key: other_key.clone(), ..right.clone() },
            key,
            &other_key,
            "does not belong to",
        ),
        (TlsOptions { key: no_key.clone(), ..right.clone() }, key, &no_key, "cannot be used"),
        (TlsOptions { key: locked.clone(), ..right.clone() }, key, &locked, "it is encrypted"),
        (
            TlsOptions { clients: clients(missing.clone()), ..right.clone() },
            ca,
            &missing,
            "No such file",
        ),
        (
            TlsOptions { clients: clients(empty.clone()), ..right.clone() },
            ca,
            &empty,
            "no PEM block",
        ),
        (
            TlsOptions { clients: clients(nonsense.clone()), ..right.clone() },
            ca,
            &nonsense,
            "invalid",
        ),
    ] {
        let said = Tls::load(options).unwrap_err().to_string();
        let begins = format!("TLS cannot use the {what} in {}: ", path.display());
        assert!(said.starts_with(&begins) && said.contains(reason), "{said}");
        let secret = issued.key.lines().nth(1).unwrap();
        assert!(!said.contains(secret), "{said}");
    }
}

/// The certificate that a new client is shown.
async fn shown(tls: &Tls, ca: &Authority) -> CertificateDer<'static> {
    let (_, connected) = shake(tls, client(ca, None, TlsVersion::V13)).await;
    let connected = connected.unwrap();
    connected.get_ref().1.peer_certificates().unwrap()[0].clone().into_owned()
}

#[tokio::test]
async fn files_are_read_again_and_a_bad_one_changes_nothing() {
    let (folder, ca) = (Folder::new(), Authority::new("ca"));
    let tls = Tls::load(folder.options(&ca.issue(BROKER))).unwrap();
    let first = shown(&tls, &ca).await;
    tls.look();
    assert_eq!(shown(&tls, &ca).await, first, "nothing has changed");

    let second = ca.issue(BROKER);
    second.write(&folder.0);
    assert_eq!(shown(&tls, &ca).await, first, "nobody has looked");
    tls.reload();
    let second = CertificateDer::from_pem_slice(second.certificate.as_bytes()).unwrap();
    assert_eq!(shown(&tls, &ca).await, second);

    // The certificate of a third pair, whose key is still on its way.
    let third = ca.issue(BROKER);
    folder.file("broker.pem", &third.certificate);
    tls.look();
    assert_eq!(shown(&tls, &ca).await, second);
    folder.file("broker-key.pem", &third.key);
    tls.look();
    let third = CertificateDer::from_pem_slice(third.certificate.as_bytes()).unwrap();
    assert_eq!(shown(&tls, &ca).await, third);
}

/// A file that was replaced by one of the same length, whose time was set back, is another file.
#[test]
fn a_replaced_file_looks_different() {
    let (folder, ca) = (Folder::new(), Authority::new("ca"));
    let options = folder.options(&ca.issue(BROKER));
    let before = Fingerprint::of(&options);
    assert_eq!(before, Fingerprint::of(&options));
    let modified = fs::metadata(&options.key).unwrap().modified().unwrap();
    let next = folder.file("next.pem", fs::read(&options.key).unwrap());
    fs::File::open(&next).unwrap().set_modified(modified).unwrap();
    fs::rename(&next, &options.key).unwrap();
    assert_ne!(before, Fingerprint::of(&options));
    let touched = Fingerprint::of(&options);
    fs::File::open(&options.certificate).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    assert_ne!(touched, Fingerprint::of(&options));
}

#[tokio::test(start_paused = true)]
async fn a_changed_file_is_noticed_within_a_minute() {
    let (folder, ca) = (Folder::new(), Authority::new("ca"));
    let tls = Arc::new(Tls::load(folder.options(&ca.issue(BROKER))).unwrap());
    let first = Arc::clone(&tls.current.lock());
    let stop = CancellationToken::new();
    let watching = tokio::spawn(Arc::clone(&tls).watch(stop.clone()));
    ca.issue(BROKER).write(&folder.0);
    let began = tokio::time::Instant::now();
    while Arc::ptr_eq(&first, &tls.current.lock()) {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(began.elapsed() <= Duration::from_secs(65));
    }
    stop.cancel();
    watching.await.unwrap();
}

/// What the broker makes of a client that says this, and then nothing.
async fn beginning(said: &[u8]) -> HandshakeError {
    let (folder, ca) = (Folder::new(), Authority::new("ca"));
    let tls = Tls::load(folder.options(&ca.issue(BROKER))).unwrap();
    let (accepting, mut connecting) = sockets().await;
    connecting.write_all(said).await.unwrap();
    let refused = tls.accept(accepting).await.map(|(_, peer)| peer);
    refused.expect_err("this is no handshake")
}

#[tokio::test]
async fn who_speaks_something_else_is_told_apart() {
    for (said, hint) in [
        (b"AMQP\x00\x00\x09\x01".as_slice(), "amqps:// instead of amqp://"),
        (b"AMQP", "amqps:// instead of amqp://"),
        (b"GET / HTTP/1.1\r\n\r\n", "https:// instead of http://"),
        (b"\0\0\0\0\0\0\0\0", "something else"),
    ] {
        let refused = beginning(said).await.to_string();
        assert!(
            refused.starts_with("this port speaks TLS only") && refused.contains(hint),
            "{refused}"
        );
    }
    let refused = beginning(b"\x16\x03\x01\x00\x04abcd").await;
    assert!(matches!(refused, HandshakeError::Failed(_)), "{refused}");
}

#[tokio::test]
async fn who_goes_away_is_no_trouble() {
    let (folder, ca) = (Folder::new(), Authority::new("ca"));
    let tls = Tls::load(folder.options(&ca.issue(BROKER))).unwrap();
    for said in [b"".as_slice(), b"\x16\x03\x01\x02"] {
        let (accepting, mut connecting) = sockets().await;
        connecting.write_all(said).await.unwrap();
        drop(connecting);
        let refused = tls.accept(accepting).await.map(|(_, peer)| peer);
        assert_eq!(refused, Err(HandshakeError::Gone));
    }
}

#[tokio::test(start_paused = true)]
async fn a_handshake_has_five_seconds() {
    for said in [b"".as_slice(), b"\x16\x03\x01\x02\x00\x01"] {
        let began = tokio::time::Instant::now();
        assert_eq!(beginning(said).await, HandshakeError::TooSlow);
        assert!((4..=5).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn a_handshake_has_16_kib() {
    // Records with parts of a client hello, which claims to be as long as can be.
    let mut said = b"\x16\x03\x01\x20\x00\x01\x00\xFF\xFF".to_vec();
    said.resize(5 + 0x2000, 0);
    for _ in 0..7 {
        said.extend(b"\x16\x03\x01\x20\x00");
        said.resize(said.len() + 0x2000, 0);
    }
    let began = Instant::now();
    let refused = beginning(&said).await.to_string();
    assert!(refused.contains("more than a handshake takes"), "{refused}");
    assert!(began.elapsed() < Duration::from_secs(4), "it is not waited for");
}

#[tokio::test]
async fn what_the_socket_does_not_take_goes_with_the_flush() {
    let (folder, ca) = (Folder::new(), Authority::new("ca"));
    let tls = Tls::load(folder.options(&ca.issue(BROKER))).unwrap();
    let (mut stream, mut client) = pair(&tls, client(&ca, None, TlsVersion::V13)).await;
    let portion = vec![7; 100_000];
    let mut taken = 0;
    poll_fn(|cx| {
        let slices = [IoSlice::new(&portion[..1]), IoSlice::new(&portion)];
        while let Poll::Ready(count) = stream.poll_write_vectored(cx, &slices) {
            taken += count.unwrap();
        }
        Poll::Ready(())
    })
    .await;
    assert!(!stream.is_flushed(), "the client has read nothing of {taken} octets");
    let mut read = vec![0; taken];
    let done =
        async { tokio::join!(poll_fn(|cx| stream.poll_flush(cx)), client.read_exact(&mut read)) };
    let (flushed, whole) = tokio::time::timeout(Duration::from_secs(30), done).await.unwrap();
    flushed.unwrap();
    whole.unwrap();
    assert!(stream.is_flushed() && read.iter().all(|&octet| octet == 7));
}

#[tokio::test]
async fn an_end_is_an_end_with_a_goodbye_or_without() {
    let (folder, ca) = (Folder::new(), Authority::new("ca"));
    let tls = Tls::load(folder.options(&ca.issue(BROKER))).unwrap();
    // Under 1.2 nothing is unread that would make a reset of the end.
    let config = client(&ca, None, TlsVersion::V12);
    // A client that gets no goodbye takes the end for an attack.
    let (mut stream, mut client) = pair(&tls, config.clone()).await;
    poll_fn(|cx| {
        stream.say_goodbye(cx);
        Poll::Ready(())
    })
    .await;
    drop(stream);
    assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 0);
    for says_goodbye in [true, false] {
        let (mut stream, mut client) = pair(&tls, config.clone()).await;
        if says_goodbye {
            client.shutdown().await.unwrap();
        }
        drop(client);
        let mut bytes = [0; 8];
        let mut read = ReadBuf::new(&mut bytes);
        poll_fn(|cx| stream.poll_read(cx, &mut read)).await.unwrap();
        assert!(read.filled().is_empty());
    }
}

#[test]
fn no_key_shows() {
    let (folder, ca) = (Folder::new(), Authority::new("ca"));
    let issued = ca.issue(BROKER);
    let shown = format!("{:?}", Tls::load(folder.options(&issued)).unwrap());
    assert!(shown.starts_with("Tls { options: TlsOptions"), "{shown}");
    assert!(!shown.to_lowercase().contains("signing"), "{shown}");
    let _: &Path = &folder.0;
}
