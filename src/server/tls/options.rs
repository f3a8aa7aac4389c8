//! What TLS is set to.

use std::net::SocketAddr;
use std::path::PathBuf;

/// How TLS is spoken, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsOptions {
    /// Where to listen for AMQP under TLS; port 0 takes a free one. May be empty: what else is served can use the rest.
    pub bind: Vec<SocketAddr>,
    /// A PEM file: the broker's certificate, and behind it those of the CAs between it and what clients trust.
    pub certificate: PathBuf,
    /// A PEM file: the certificate's private key.
    pub key: PathBuf,
    /// The certificates of clients; `None`: they are not asked for.
    pub clients: Option<ClientCertificates>,
    /// What is spoken; at least one.
    pub versions: Vec<TlsVersion>,
}

/// What is done about the certificates of clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificates {
    /// A PEM file: the certificates of the CAs that clients' certificates may come from.
    pub ca: PathBuf,
    /// Whether a client without one is turned away.
    pub is_required: bool,
    /// What of a certificate names the user.
    pub user_from: UserFrom,
}

/// What of a client's certificate is the name of its user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserFrom {
    /// The whole subject, spelt as RabbitMQ spells it: `CN=anna,O=Post Office,C=NZ`.
    DistinguishedName,
    /// The common name of the subject; several are joined by commas, as RabbitMQ does.
    CommonName,
    /// The first DNS name among the subject's alternative names.
    DnsName,
    /// The first e-mail address among the subject's alternative names.
    EmailAddress,
}

/// A version of TLS. There are older ones, which rustls does not speak, for good reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsVersion {
    /// TLS 1.2
    V12,
    /// TLS 1.3
    V13,
}
