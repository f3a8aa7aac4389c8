//! `pillarbox tls self-signed`: a CA and certificates of it, so that TLS can be tried in a minute.
//!
//! The key of the CA is never written: nobody can issue further certificates that its clients would trust, and so a CA
//! that was made for a try is no danger on a laptop.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, ensure};
use clap::{Args, Subcommand};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
};

/// Make certificates for a try.
#[derive(Args, Debug)]
pub struct Tls {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    SelfSigned(SelfSigned),
}

/// Make a CA, and certificates of it for a broker on this machine and for its clients.
///
/// Prints the lines for broker.toml, and how a client connects. What is in the folder already is left as it is, and the
/// command fails.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  pillarbox tls self-signed                                  for clients on this machine, in the folder \"tls\"
  pillarbox tls self-signed --host broker.example.org        for clients elsewhere, which know the broker by this name
  pillarbox tls self-signed --client anna --client worker    with certificates for two clients")]
struct SelfSigned {
    /// The folder for the files; made if there is none
    #[arg(long, value_name = "DIR", default_value = "tls")]
    dir: PathBuf,
    /// A name or an address by which clients know the broker; may be given more than once [default: localhost, 127.0.0.1
    /// and ::1]
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
    /// A client that gets a certificate with this common name; may be given more than once
    #[arg(long, value_name = "NAME")]
    client: Vec<String>,
    /// For how many days the certificates are valid; 0 are expired at once, to see what comes of that
    #[arg(long, value_name = "DAYS", default_value_t = 365)]
    #[arg(value_parser = clap::value_parser!(u16).range(0..=3650))]
    days: u16,
}

/// How browsers, and people, find out where a certificate comes from.
const ORGANIZATION: &str = "Pillarbox self-signed";

/// A clock that is a little behind is no reason to fail.
const BEFORE: Duration = Duration::from_secs(60 * 60);

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Who may read a file.
#[derive(Clone, Copy)]
enum Readers {
    Everybody,
    OwnerAlone,
}

type Authority = CertifiedIssuer<'static, KeyPair>;

/// Does it.
///
/// # Errors
/// Whatever kept it from being done.
pub(crate) fn run(tls: Tls) -> anyhow::Result<()> {
    let Command::SelfSigned(request) = tls.command;
    let mut hosts = request.host.clone();
    if hosts.is_empty() {
        hosts.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
    }
    for name in &request.client {
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte);
        let is_file = name.bytes().all(is_plain) && !name.is_empty() && !name.starts_with('.');
        ensure!(
            is_file,
            "--client {name}: letters, digits and any of - _ . @, as it is in the name of a file"
        );
    }
    let files = Files::planned(&request);
    let made = files.make(&hosts, request.days)?;
    // The settings are read from anywhere, and so name the folder from the root.
    let dir = make_folder(&request.dir)?;
    for made in &made {
        let path = dir.join(&made.name);
        let is_there =
            path.try_exists().with_context(|| format!("cannot look for {}", path.display()))?;
        ensure!(!is_there, "{} is there already: name another folder with --dir", path.display());
    }
    for made in &made {
        made.write(&dir)?;
    }
    files.explain(&dir, &hosts[0]).context("cannot print what was made")
}

fn authority(days: u16) -> anyhow::Result<Authority> {
    let mut params = params("Pillarbox CA for a try", &[], days)?;
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate().context("cannot make a key")?;
    CertifiedIssuer::self_signed(params, key).context("cannot make a CA")
}

/// A certificate that is to be issued.
struct Wanted<'a> {
    name: &'a str,
    hosts: &'a [String],
    usage: ExtendedKeyUsagePurpose,
}

fn params(name: &str, hosts: &[String], days: u16) -> anyhow::Result<CertificateParams> {
    let mut params = CertificateParams::new(hosts)
        .with_context(|| format!("--host has something that is no name: {}", hosts.join(", ")))?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::OrganizationName, ORGANIZATION);
    params.distinguished_name.push(DnType::CommonName, name);
    let now = SystemTime::now();
    params.not_before = (now - BEFORE).into();
    // A certificate is valid up to this second.
    params.not_after = (now + DAY * u32::from(days) - Duration::from_secs(1)).into();
    Ok(params)
}

/// Makes the folder, if there is none, and gives its whole path.
fn make_folder(dir: &Path) -> anyhow::Result<PathBuf> {
    let made = DirBuilder::new().recursive(true).mode(0o755).create(dir);
    let path = made.and_then(|()| fs::canonicalize(dir));
    path.with_context(|| format!("cannot make the folder {}", dir.display()))
}

/// A file that is to be written.
struct Made {
    name: String,
    text: String,
    readers: Readers,
}

impl Made {
    /// Writes it; it must not be there yet.
    fn write(&self, dir: &Path) -> anyhow::Result<()> {
        let path = dir.join(&self.name);
        let mode = match self.readers {
            Readers::Everybody => 0o644,
            Readers::OwnerAlone => 0o600,
        };
        let create = || -> io::Result<()> {
            let mut file: File =
                OpenOptions::new().write(true).create_new(true).mode(mode).open(&path)?;
            file.write_all(self.text.as_bytes())
        };
        create().with_context(|| format!("cannot write {}", path.display()))
    }
}

/// The names of a certificate's file and of its key's.
struct Pair {
    certificate: String,
    key: String,
}

/// The names of the files that are made.
struct Files {
    ca: &'static str,
    server: Pair,
    clients: Vec<(String, Pair)>,
}

impl Files {
    fn planned(request: &SelfSigned) -> Self {
        let pair = |name: &str| Pair {
            certificate: format!("{name}.pem"),
            key: format!("{name}-key.pem"),
        };
        let clients = request.client.iter();
        Self {
            ca: "ca.pem",
            server: pair("server"),
            clients: clients.map(|name| (name.clone(), pair(&format!("client-{name}")))).collect(),
        }
    }

    /// Makes all of them, in memory.
    fn make(&self, hosts: &[String], days: u16) -> anyhow::Result<Vec<Made>> {
        let authority = authority(days)?;
        let ca =
            Made { name: self.ca.to_owned(), text: authority.pem(), readers: Readers::Everybody };
        let mut made = vec![ca];
        let server = Wanted { name: &hosts[0], hosts, usage: ExtendedKeyUsagePurpose::ServerAuth };
        made.extend(issue(&authority, &server, days, &self.server)?);
        for (name, pair) in &self.clients {
            let usage = ExtendedKeyUsagePurpose::ClientAuth;
            made.extend(issue(&authority, &Wanted { name, hosts: &[], usage }, days, pair)?);
        }
        Ok(made)
    }

    /// Prints what goes into broker.toml, and how a client connects.
    fn explain(&self, dir: &Path, host: &str) -> io::Result<()> {
        let quoted = |name: &str| toml_string(&dir.join(name).display().to_string());
        let mut out = io::stdout().lock();
        writeln!(out, "# For broker.toml; \"0.0.0.0:5671\" lets other machines in.\n[tls]")?;
        writeln!(out, "bind = [\"127.0.0.1:5671\"]")?;
        writeln!(
            out,
            "certificate = {}\nkey = {}",
            quoted(&self.server.certificate),
            quoted(&self.server.key)
        )?;
        let mut credentials = "";
        if let Some((name, Pair { certificate, key })) = self.clients.first() {
            writeln!(out, "client_certificate = \"request\"\nclient_ca = {}", quoted(self.ca))?;
            writeln!(out, "user_from = \"cn\"")?;
            writeln!(
                out,
                "\n# A client in Python that logs in by its certificate, as the user {name}, who has to exist:"
            )?;
            writeln!(out, "import pika, ssl\n")?;
            writeln!(out, "context = ssl.create_default_context(cafile={})", quoted(self.ca))?;
            writeln!(out, "context.load_cert_chain({}, {})", quoted(certificate), quoted(key))?;
            credentials = ", credentials=pika.credentials.ExternalCredentials()";
        } else {
            writeln!(out, "\n# A client in Python:\nimport pika, ssl\n")?;
            writeln!(out, "context = ssl.create_default_context(cafile={})", quoted(self.ca))?;
        }
        let host = toml_string(host);
        writeln!(out, "options = pika.SSLOptions(context, {host})")?;
        writeln!(
            out,
            "connection = pika.BlockingConnection(pika.ConnectionParameters({host}, 5671, ssl_options=options{credentials}))"
        )
    }
}

/// Makes a key and a certificate for it.
fn issue(
    authority: &Authority,
    wanted: &Wanted<'_>,
    days: u16,
    names: &Pair,
) -> anyhow::Result<[Made; 2]> {
    let mut params = params(wanted.name, wanted.hosts, days)?;
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![wanted.usage.clone()];
    let key = KeyPair::generate().context("cannot make a key")?;
    let certificate = params.signed_by(&key, authority).context("cannot make a certificate")?;
    let certificate = Made {
        name: names.certificate.clone(),
        text: certificate.pem(),
        readers: Readers::Everybody,
    };
    let key =
        Made { name: names.key.clone(), text: key.serialize_pem(), readers: Readers::OwnerAlone };
    Ok([key, certificate])
}

/// A text in quotes, for TOML and for Python.
fn toml_string(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
