//! `[tls]`: where TLS is spoken, with which certificate, and what clients' certificates are good for.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use server::tls::{ClientCertificates, TlsOptions, TlsVersion, UserFrom};

/// The port of AMQP under TLS.
const AMQPS_PORT: u16 = 5671;

/// `[tls]`
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TlsConfig {
    /// Addresses with a port, or without one for 5671.
    bind: Vec<String>,
    certificate: PathBuf,
    key: PathBuf,
    client_ca: PathBuf,
    client_certificate: ClientCertificate,
    user_from: NameSource,
    versions: Vec<Version>,
}

/// Whether clients are to bring a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ClientCertificate {
    /// They are not asked.
    None,
    /// They may.
    Request,
    /// They must.
    Require,
}

/// What of a certificate is the user's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum NameSource {
    Dn,
    Cn,
    SanDns,
    SanEmail,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum Version {
    #[serde(rename = "1.2")]
    V12,
    #[serde(rename = "1.3")]
    V13,
}

impl Default for TlsConfig {
    fn default() -> Self {
        Self {
            bind: Vec::new(),
            certificate: PathBuf::new(),
            key: PathBuf::new(),
            client_ca: PathBuf::new(),
            client_certificate: ClientCertificate::None,
            user_from: NameSource::Dn,
            versions: vec![Version::V12, Version::V13],
        }
    }
}

impl TlsConfig {
    /// What TLS is set to; `None` if there is none.
    ///
    /// # Errors
    /// Names the first setting that is wrong. The files are read later.
    pub(super) fn options(&self) -> Result<Option<TlsOptions>> {
        let is_set = |path: &PathBuf| !path.as_os_str().is_empty();
        let clients = self.clients()?;
        if !is_set(&self.certificate) && !is_set(&self.key) {
            ensure!(
                self.bind.is_empty(),
                "[tls] bind needs a certificate and a key: `pillarbox tls self-signed` makes them for a try"
            );
            ensure!(clients.is_none(), "[tls] client_ca needs a certificate and a key");
            return Ok(None);
        }
        ensure!(is_set(&self.certificate), "[tls] key needs a certificate");
        ensure!(is_set(&self.key), "[tls] certificate needs a key");
        ensure!(
            !self.versions.is_empty(),
            "[tls] versions is empty: name \"1.2\", \"1.3\" or both"
        );
        let versions = self.versions.iter().map(|version| match version {
            Version::V12 => TlsVersion::V12,
            Version::V13 => TlsVersion::V13,
        });
        Ok(Some(TlsOptions {
            bind: self.bind.iter().map(|text| parse_address(text)).collect::<Result<_>>()?,
            certificate: self.certificate.clone(),
            key: self.key.clone(),
            clients,
            versions: versions.collect(),
        }))
    }

    fn clients(&self) -> Result<Option<ClientCertificates>> {
        let has_ca = !self.client_ca.as_os_str().is_empty();
        if self.client_certificate == ClientCertificate::None {
            // Who names a CA believes that it makes a difference.
            ensure!(
                !has_ca,
                "[tls] client_ca has no effect while client_certificate is \"none\": make it \"request\" or \"require\""
            );
            return Ok(None);
        }
        ensure!(
            has_ca,
            "[tls] client_certificate needs client_ca, a file with the CAs that clients' certificates come from"
        );
        Ok(Some(ClientCertificates {
            ca: self.client_ca.clone(),
            is_required: self.client_certificate == ClientCertificate::Require,
            user_from: match self.user_from {
                NameSource::Dn => UserFrom::DistinguishedName,
                NameSource::Cn => UserFrom::CommonName,
                NameSource::SanDns => UserFrom::DnsName,
                NameSource::SanEmail => UserFrom::EmailAddress,
            },
        }))
    }
}

/// `0.0.0.0:5671`, `[::]:5671`, or an address alone.
fn parse_address(text: &str) -> Result<SocketAddr> {
    let address = text.parse();
    address
        .or_else(|_| text.parse::<IpAddr>().map(|ip| SocketAddr::new(ip, AMQPS_PORT)))
        .with_context(|| {
            format!("[tls] bind has '{text}': an address such as \"0.0.0.0:5671\" or \"[::]:5671\"")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(toml: &str) -> Result<Option<TlsOptions>> {
        toml::from_str::<TlsConfig>(toml).unwrap().options()
    }

    #[test]
    fn by_default_there_is_none() {
        assert_eq!(options("").unwrap(), None);
    }

    #[test]
    fn everything_can_be_set() {
        let all = "bind = ['127.0.0.1:1', '[::1]:2', '::']\ncertificate = 'c'\nkey = 'k'\nclient_ca = 'a'\n\
            client_certificate = 'require'\nuser_from = 'san_email'\nversions = ['1.3']";
        let expected = TlsOptions {
            bind: vec![
                "127.0.0.1:1".parse().unwrap(),
                "[::1]:2".parse().unwrap(),
                "[::]:5671".parse().unwrap(),
            ],
            certificate: "c".into(),
            key: "k".into(),
            clients: Some(ClientCertificates {
                ca: "a".into(),
                is_required: true,
                user_from: UserFrom::EmailAddress,
            }),
            versions: vec![TlsVersion::V13],
        };
        assert_eq!(options(all).unwrap(), Some(expected));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (toml, says) in [
            ("bind = ['127.0.0.1']", "[tls] bind needs a certificate"),
            ("certificate = 'c'", "[tls] certificate needs a key"),
            ("key = 'k'", "[tls] key needs a certificate"),
            ("certificate = 'c'\nkey = 'k'\nversions = []", "[tls] versions is empty"),
            (
                "certificate = 'c'\nkey = 'k'\nbind = ['localhost:5671']",
                "[tls] bind has 'localhost:5671'",
            ),
            ("certificate = 'c'\nkey = 'k'\nclient_ca = 'a'", "[tls] client_ca has no effect"),
            ("certificate = 'c'\nkey = 'k'\nclient_certificate = 'require'", "needs client_ca"),
            (
                "client_ca = 'a'\nclient_certificate = 'request'",
                "[tls] client_ca needs a certificate",
            ),
        ] {
            let said = format!("{:#}", options(toml).unwrap_err());
            assert!(said.contains(says), "{toml}: {said}");
        }
        for unknown in
            ["versions = ['1.1']", "user_from = 'uid'", "client_certificate = 'maybe'", "ca = 'x'"]
        {
            assert!(toml::from_str::<TlsConfig>(unknown).is_err(), "{unknown}");
        }
    }
}
