//! What is wrong with the files that TLS needs, and with the clients that use it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};

/// A file that TLS cannot be set up with.
#[derive(Debug, thiserror::Error)]
#[error("TLS cannot use the {what} in {}: {reason}", path.display())]
pub struct TlsError {
    /// What the file is to hold.
    pub what: TlsFile,
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsFile {
    /// The broker's certificate.
    Certificate,
    /// Its private key.
    Key,
    /// The CAs of clients.
    ClientCa,
}

impl TlsFile {
    /// What is wrong with the file that this is in.
    pub(super) fn wrong(self, path: &Path, reason: impl fmt::Display) -> TlsError {
        TlsError { what: self, path: path.to_owned(), reason: reason.to_string() }
    }
}

impl fmt::Display for TlsFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate => "certificate",
            Self::Key => "private key",
            Self::ClientCa => "CA of clients",
        })
    }
}

/// Why a client has no TLS connection.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum HandshakeError {
    /// It went away without a word, as health checks do.
    #[error("the client went away")]
    Gone,
    /// It took too long.
    #[error("the TLS handshake took too long")]
    TooSlow,
    /// It does not speak TLS.
    #[error("this port speaks TLS only: {0}")]
    Foreign(&'static str),
    /// They could not agree, or one does not trust the other.
    #[error("the TLS handshake failed: {0}")]
    Failed(String),
}

impl From<io::Error> for HandshakeError {
    fn from(error: io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(error) => Self::Failed(explain(error)),
            None if error.kind() == io::ErrorKind::Other => Self::Failed(error.to_string()),
            None => Self::Gone,
        }
    }
}

/// An error of TLS in words that say what to do about it, where it is one that people meet.
#[expect(clippy::wildcard_enum_match_arm, reason = "there are dozens, and more to come")]
fn explain(error: &Error) -> String {
    use AlertDescription as Alert;
    use CertificateError as Certificate;
    let text = match error {
        Error::AlertReceived(Alert::UnknownCA) => {
            "the client does not know the CA of the broker's certificate: give it that CA, or a chain that leads to it"
        }
        Error::AlertReceived(Alert::CertificateExpired) => {
            "the client says that the broker's certificate has expired"
        }
        Error::AlertReceived(Alert::BadCertificate | Alert::CertificateUnknown) => {
            "the client does not accept the broker's certificate: it may know another CA, or connect by another name"
        }
        Error::NoCertificatesPresented => "the client has no certificate, which is required here",
        Error::InvalidCertificate(Certificate::UnknownIssuer) => {
            "the client's certificate does not come from a CA that is trusted here"
        }
        Error::InvalidCertificate(Certificate::Expired | Certificate::ExpiredContext { .. }) => {
            "the client's certificate has expired"
        }
        Error::PeerIncompatible(
            PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig
            | PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::SupportedVersionsExtensionRequired,
        ) => "the client speaks no version of TLS that is spoken here",
        _ => return error.to_string(),
    };
    text.to_owned()
}
