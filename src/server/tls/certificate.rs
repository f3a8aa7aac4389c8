//! What a certificate says: whose it is, by whom, until when, and which user it names.

use std::fmt::Write as _;
use std::time::SystemTime;

use broker::Timestamp;
use rustls::pki_types::CertificateDer;
use x509_parser::asn1_rs::{Any, Tag};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::X509Name;

use super::options::UserFrom;

/// A certificate as people see it. Only the certificates of the broker and verified ones of clients become this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Whose it is, as RabbitMQ spells it.
    pub subject: String,
    /// Who says so.
    pub issuer: String,
    /// From when on it is valid.
    pub not_before: Timestamp,
    /// Until when it is valid.
    pub not_after: Timestamp,
}

impl Certificate {
    /// What a certificate says; `None` if that cannot be read.
    pub(super) fn of(der: &CertificateDer<'_>) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(der).ok()?;
        let seconds =
            |seconds: i64| Timestamp(u64::try_from(seconds).unwrap_or(0).wrapping_mul(1000));
        Some(Self {
            subject: distinguished_name(parsed.subject()),
            issuer: distinguished_name(parsed.issuer()),
            not_before: seconds(parsed.validity().not_before.timestamp()),
            not_after: seconds(parsed.validity().not_after.timestamp()),
        })
    }

    /// For how many days it is still valid; fewer than none if it has expired.
    pub(super) fn days_left(&self) -> i64 {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let now_ms = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        let end_ms = i64::try_from(self.not_after.as_ms()).unwrap_or(i64::MAX);
        end_ms.saturating_sub(now_ms).div_euclid(24 * 60 * 60 * 1000)
    }
}

/// The user that a certificate names; `None` if it names none in this way.
pub(super) fn user_of(der: &CertificateDer<'_>, user_from: UserFrom) -> Option<String> {
    let (_, parsed) = X509Certificate::from_der(der).ok()?;
    let user = match user_from {
        UserFrom::DistinguishedName => distinguished_name(parsed.subject()),
        UserFrom::CommonName => common_name(parsed.subject())?,
        UserFrom::DnsName | UserFrom::EmailAddress => {
            let names = parsed.subject_alternative_name().ok()??;
            names.value.general_names.iter().find_map(|name| match (name, user_from) {
                (GeneralName::DNSName(name), UserFrom::DnsName)
                | (GeneralName::RFC822Name(name), UserFrom::EmailAddress) => {
                    Some((*name).to_owned())
                }
                _ => None,
            })?
        }
    };
    Some(user).filter(|user| !user.is_empty())
}

/// RabbitMQ joins several by commas, which is ambiguous; but so the users of its broker are called.
fn common_name(name: &X509Name<'_>) -> Option<String> {
    let names: Option<Vec<_>> = name
        .iter_common_name()
        .map(|attribute| String::from_utf8(text_of(attribute.attr_value())).ok())
        .collect();
    names.filter(|names| !names.is_empty()).map(|names| names.join(","))
}

/// The name as RabbitMQ spells it, which is RFC 4514 with names of its own: the last part first, and everything but
/// printable ASCII in hexadecimal.
fn distinguished_name(name: &X509Name<'_>) -> String {
    let parts: Vec<_> = name.iter().collect();
    let mut text = String::new();
    for (index, part) in parts.into_iter().rev().enumerate() {
        for (index_in_part, attribute) in part.iter().enumerate() {
            match (index, index_in_part) {
                (0, 0) => {}
                (_, 0) => text.push(','),
                _ => text.push('+'),
            }
            let oid = attribute.attr_type().to_id_string();
            text.push_str(short_name(&oid).unwrap_or(&oid));
            text.push('=');
            escape(&text_of(attribute.attr_value()), &mut text);
        }
    }
    text
}

/// RabbitMQ's names of attributes; it knows no other.
fn short_name(oid: &str) -> Option<&'static str> {
    Some(match oid {
        "2.5.4.3" => "CN",
        "2.5.4.4" => "SN",
        "2.5.4.5" => "SERIALNUMBER",
        "2.5.4.6" => "C",
        "2.5.4.7" => "L",
        "2.5.4.8" => "ST",
        "2.5.4.10" => "O",
        "2.5.4.11" => "OU",
        "2.5.4.12" => "TITLE",
        "2.5.4.42" => "GIVENNAME",
        "2.5.4.43" => "INITIALS",
        "2.5.4.44" => "GENERATIONQUALIFIER",
        "2.5.4.65" => "PSEUDONYM",
        "0.9.2342.19200300.100.1.1" => "UID",
        "0.9.2342.19200300.100.1.25" => "DC",
        "1.2.840.113549.1.9.1" => "EMAILADDRESS",
        _ => return None,
    })
}

/// The octets of a text in UTF-8. All kinds of strings but one are ASCII or UTF-8 already.
fn text_of(value: &Any<'_>) -> Vec<u8> {
    if value.tag() != Tag::BmpString {
        return value.data.to_vec();
    }
    let units: Vec<u16> =
        value.data.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
    String::from_utf16_lossy(&units).into_bytes()
}

fn escape(value: &[u8], text: &mut String) {
    for (index, &byte) in value.iter().enumerate() {
        let (is_first, is_last) = (index == 0, index + 1 == value.len());
        match byte {
            b' ' if is_first || is_last => text.push_str("\\ "),
            b'#' if is_first => text.push_str("\\#"),
            b'"' | b'+' | b',' | b';' | b'<' | b'>' | b'\\' => {
                text.push('\\');
                text.push(char::from(byte));
            }
            b' '..=b'}' => text.push(char::from(byte)),
            _ => write!(text, "\\{byte:02X}").expect("a string takes all that is written"),
        }
    }
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::pem::PemObject as _;

    use super::*;

    fn with_every_name() -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(include_bytes!("fixtures/names.pem")).unwrap()
    }

    /// What RabbitMQ 3.10.8 makes of the same certificate, by `rabbit_cert_info:subject/1`.
    const AS_RABBITMQ_SPELLS_IT: &str = concat!(
        r"PSEUDONYM=Ps+2.5.4.9=High St,2.5.4.46=q,TITLE=Dr,SERIALNUMBER=7,GIVENNAME=Zo,SN=Smith,DC=example,UID=zs,",
        r"EMAILADDRESS=zoe@example.org,CN=second,CN=\#Zo\C3\AB\7E Smith\ ,OU=\ lead #1\ ,",
        r#"O=Post\, \"Office\" \+ Co\; \<x\>\\y,L=Dunedin,ST=Otago,C=NZ"#,
    );

    #[test]
    fn a_subject_is_spelt_as_rabbitmq_spells_it() {
        let certificate = Certificate::of(&with_every_name()).unwrap();
        assert_eq!(certificate.subject, AS_RABBITMQ_SPELLS_IT);
        assert_eq!(certificate.issuer, certificate.subject);
        assert!(certificate.not_before < certificate.not_after);
        assert!(certificate.days_left() > 10_000);
    }

    #[test]
    fn each_way_names_its_own_user() {
        for (user_from, user) in [
            (UserFrom::DistinguishedName, AS_RABBITMQ_SPELLS_IT),
            (UserFrom::CommonName, "#Zoë~ Smith ,second"),
            (UserFrom::DnsName, "worker1.example.org"),
            (UserFrom::EmailAddress, "zoe@example.org"),
        ] {
            assert_eq!(user_of(&with_every_name(), user_from).as_deref(), Some(user));
        }
    }

    #[test]
    fn a_certificate_may_name_nobody() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut nameless = rcgen::CertificateParams::default();
        nameless.distinguished_name = rcgen::DistinguishedName::new();
        let nameless = nameless.self_signed(&key).unwrap();
        for user_from in [
            UserFrom::DistinguishedName,
            UserFrom::CommonName,
            UserFrom::DnsName,
            UserFrom::EmailAddress,
        ] {
            assert_eq!(user_of(nameless.der(), user_from), None, "{user_from:?}");
        }
    }

    #[test]
    fn what_is_no_certificate_says_nothing() {
        let whole = with_every_name();
        for len in 0..whole.len() {
            let cut = CertificateDer::from(&whole[..len]);
            assert_eq!(Certificate::of(&cut), None, "{len}");
            assert_eq!(user_of(&cut, UserFrom::CommonName), None, "{len}");
        }
    }
}
