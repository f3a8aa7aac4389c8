//! The files that TLS is set up with, read and checked as a whole: what does not fit together is found here, and not by
//! the first client.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig, version};
use tracing::{info, warn};

use super::certificate::Certificate;
use super::error::{TlsError, TlsFile};
use super::options::{ClientCertificates, TlsOptions, TlsVersion};

/// From so many days before its end on, the start and every reload says that the certificate expires.
const EXPIRES_SOON_DAYS: i64 = 14;

/// Reads everything, and makes of it what connections are accepted with; and what can be read of the certificate.
///
/// # Errors
/// [`TlsError`], which names the first file that is wrong.
pub(super) fn read(options: &TlsOptions) -> Result<(ServerConfig, Option<Certificate>), TlsError> {
    let provider = Arc::new(ring::default_provider());
    let chain = certificates(TlsFile::Certificate, &options.certificate)?;
    let key = private_key(&options.key)?;
    let own = chain.first().and_then(Certificate::of);
    let versions: Vec<_> = options
        .versions
        .iter()
        .map(|version| match version {
            TlsVersion::V12 => &version::TLS12,
            TlsVersion::V13 => &version::TLS13,
        })
        .collect();
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions)
        .map_err(|error| TlsFile::Certificate.wrong(&options.certificate, error))?;
    let builder = match &options.clients {
        None => builder.with_no_client_auth(),
        Some(clients) => builder.with_client_cert_verifier(verifier(clients, provider)?),
    };
    let config = builder.with_single_cert(chain, key);
    let mut config = config.map_err(|error| wrong_pair(options, &error))?;
    if options.clients.is_some() {
        // A resumed session would not look at the client's certificate again, which may have expired since.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    tell(options, own.as_ref());
    Ok((config, own))
}

/// What is wrong with a certificate and a key that can be read, but do not go together.
#[expect(clippy::wildcard_enum_match_arm, reason = "whatever else it says is about the key")]
fn wrong_pair(options: &TlsOptions, error: &rustls::Error) -> TlsError {
    match error {
        rustls::Error::InconsistentKeys(_) => {
            let certificate = options.certificate.display();
            let reason = format!("it does not belong to the certificate in {certificate}");
            TlsFile::Key.wrong(&options.key, reason)
        }
        rustls::Error::InvalidCertificate(_) => {
            TlsFile::Certificate.wrong(&options.certificate, error)
        }
        _ => TlsFile::Key.wrong(&options.key, format!("it cannot be used: {error}")),
    }
}

/// Says what TLS goes on with, and what an operator should do about it.
fn tell(options: &TlsOptions, own: Option<&Certificate>) {
    let file = options.certificate.display();
    if let Some(own) = own {
        let (subject, days_left) = (own.subject.as_str(), own.days_left());
        info!(%file, subject, days_left, "TLS has its certificate");
        if days_left < 0 {
            warn!(%file, "the certificate has expired: clients that check it will not connect");
        } else if days_left < EXPIRES_SOON_DAYS {
            warn!(%file, days_left, "the certificate expires soon");
        }
    }
    let mode = fs::metadata(&options.key).map(|metadata| metadata.permissions().mode());
    if mode.is_ok_and(|mode| mode & 0o007 != 0) {
        let file = options.key.display();
        warn!(%file, "everybody on this machine may read the private key: take that right away");
    }
}

fn verifier(
    clients: &ClientCertificates,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(TlsFile::ClientCa, &clients.ca)? {
        roots.add(certificate).map_err(|error| TlsFile::ClientCa.wrong(&clients.ca, error))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = if clients.is_required { builder } else { builder.allow_unauthenticated() };
    builder.build().map_err(|error| TlsFile::ClientCa.wrong(&clients.ca, error))
}

/// All certificates of a file, of which there is one at least.
fn certificates(what: TlsFile, path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let bytes = fs::read(path).map_err(|error| what.wrong(path, error))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    let certificates = certificates.map_err(|error| what.wrong(path, no_pem(&error)))?;
    if certificates.is_empty() {
        return Err(what.wrong(path, "there is no PEM block of a certificate in it"));
    }
    Ok(certificates)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    const LOCKED: &[u8] = b"ENCRYPTED";
    let bytes = fs::read(path).map_err(|error| TlsFile::Key.wrong(path, error))?;
    if bytes.windows(LOCKED.len()).any(|window| window == LOCKED) {
        let reason = "it is encrypted, and there is nobody to ask for the password: write it without one, as by \
            `openssl pkey -in KEY -out KEY.open`, and let nobody else read it";
        return Err(TlsFile::Key.wrong(path, reason));
    }
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| {
        let has_none = matches!(error, pem::Error::NoItemsFound);
        let reason =
            if has_none { "there is no PEM block of a private key in it" } else { no_pem(&error) };
        TlsFile::Key.wrong(path, reason)
    })
}

/// What is wrong with a PEM file. Not the crate's own words, which may repeat a line of it.
#[expect(clippy::wildcard_enum_match_arm, reason = "there may be more to come")]
fn no_pem(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::MissingSectionEnd { .. } => "a PEM block in it has no end",
        pem::Error::IllegalSectionStart { .. } => "a PEM block in it does not begin as it should",
        pem::Error::Base64Decode(_) => "a PEM block in it is not in base64",
        _ => "it is no PEM file",
    }
}

/// What tells that files were replaced. None of it is read from the files themselves, which takes a minute's look.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fingerprint(Vec<Option<(SystemTime, u64, u64)>>);

impl Fingerprint {
    pub(super) fn of(options: &TlsOptions) -> Self {
        let ca = options.clients.as_ref().map(|clients| clients.ca.as_path());
        let files = [Some(options.certificate.as_path()), Some(options.key.as_path()), ca];
        let look = |path: &Path| {
            let metadata = fs::metadata(path).ok()?;
            Some((metadata.modified().ok()?, metadata.len(), metadata.ino()))
        };
        Self(files.into_iter().flatten().map(look).collect())
    }
}
