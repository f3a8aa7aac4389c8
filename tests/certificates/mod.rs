//! A CA for tests, and the certificates that it issues.
//!
//! Put `#[path = "…/certificates/mod.rs"] mod certificates;` into the test.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, SanType,
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Who issues certificates.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// What a certificate is to be.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// The common name, and beside it the organization "Post Office".
    pub(crate) name: &'a str,
    /// DNS names and addresses.
    pub(crate) hosts: &'a [&'a str],
    pub(crate) email: Option<&'a str>,
    pub(crate) is_expired: bool,
    /// Whether it is good for a broker alone, and not for a client.
    pub(crate) is_for_brokers: bool,
}

/// What a broker is known by.
pub(crate) const BROKER: Wanted<'static> = Wanted {
    name: "the broker",
    hosts: &["localhost", "127.0.0.1"],
    email: None,
    is_expired: false,
    is_for_brokers: false,
};

/// A certificate and its key, as PEM.
pub(crate) struct Issued {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    /// A CA that nobody trusts so far.
    pub(crate) fn new(name: &str) -> Self {
        let key = KeyPair::generate().expect("keys can be made");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, key).expect("a CA can be made"))
    }

    /// Its own certificate, as PEM.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// Issues a certificate.
    pub(crate) fn issue(&self, wanted: Wanted<'_>) -> Issued {
        let hosts: Vec<_> = wanted.hosts.iter().map(|&host| host.to_owned()).collect();
        let mut params = CertificateParams::new(hosts).expect("the hosts are well-formed");
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::OrganizationName, "Post Office");
        params.distinguished_name.push(DnType::CommonName, wanted.name);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        if !wanted.is_for_brokers {
            params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
        }
        if let Some(email) = wanted.email {
            let email = email.try_into().expect("the address is ASCII");
            params.subject_alt_names.push(SanType::Rfc822Name(email));
        }
        let now = SystemTime::now();
        params.not_before = (now - 10 * DAY).into();
        params.not_after = (if wanted.is_expired { now - DAY } else { now + 100 * DAY }).into();
        let key = KeyPair::generate().expect("keys can be made");
        let certificate = params.signed_by(&key, &self.0).expect("a certificate can be made");
        Issued { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

impl Issued {
    /// Writes it to the files where a broker looks for its own.
    pub(crate) fn write(&self, folder: &Path) -> (PathBuf, PathBuf) {
        let (certificate, key) = (folder.join("broker.pem"), folder.join("broker-key.pem"));
        fs::write(&certificate, &self.certificate).expect("it can be written");
        fs::write(&key, &self.key).expect("it can be written");
        (certificate, key)
    }
}
