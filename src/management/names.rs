//! By which names this server may be called.
//!
//! A page of another site can let its own name lead to this machine, and then counts for a browser as a page of this
//! server. So a request has to call the server by an address, by `localhost`, by the name of the machine, or by a name
//! that the settings give it: none of them leads here because somebody else says so.

use std::net::IpAddr;

use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri, header};

use crate::failure::Failure;

/// The names besides addresses.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    /// In lower case.
    known: Vec<String>,
    /// Whether any name will do: whoever sets that answers for it.
    is_any: bool,
}

impl Names {
    /// Those of the settings, and of the machine.
    pub(crate) fn of(settings: &[String], machine: &str) -> Self {
        let of_machine = [machine, machine.split('.').next().unwrap_or_default()];
        let all = settings.iter().map(String::as_str).chain(of_machine);
        let known = all.filter(|name| !name.is_empty()).map(str::to_ascii_lowercase).collect();
        Self { known, is_any: settings.iter().any(|name| name == "*") }
    }

    /// Checks how a request calls the server. One that does not say comes from no browser.
    ///
    /// # Errors
    /// 421 that says what would be right.
    pub(crate) fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Failure> {
        if self.is_any {
            return Ok(());
        }
        if let Some(authority) = uri.authority() {
            self.check_one(authority)?;
        }
        for host in headers.get_all(header::HOST) {
            let authority = Authority::try_from(host.as_bytes());
            self.check_one(&authority.map_err(|_| Failure::misdirected("that it was called by"))?)?;
        }
        Ok(())
    }

    fn check_one(&self, authority: &Authority) -> Result<(), Failure> {
        let host = authority.host().to_ascii_lowercase();
        let name = host.strip_suffix('.').unwrap_or(&host);
        let address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
        let is_address = address.unwrap_or(name).parse::<IpAddr>().is_ok();
        let is_local = name == "localhost" || name.ends_with(".localhost");
        if is_address || is_local || self.known.iter().any(|known| known == name) {
            return Ok(());
        }
        Err(Failure::misdirected(&format!("'{name}'")))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn is_taken(names: &Names, hosts: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(header::HOST, HeaderValue::from_str(host).unwrap());
        }
        names.check(&Uri::from_static("/api/whoami"), &headers).is_ok()
    }

    #[test]
    fn only_names_that_lead_here_are_taken() {
        let names = Names::of(&["Broker.example.com".to_owned()], "post.office.example");
        for (host, expected) in [
            ("127.0.0.1:15672", true),
            ("10.0.0.7", true),
            ("[::1]:15672", true),
            ("localhost:15672", true),
            ("LOCALHOST", true),
            ("a.localhost:1", true),
            ("post", true),
            ("post.office.example:15672", true),
            ("broker.example.com:443", true),
            ("broker.example.com.", true),
            ("evil.example", false),
            ("evil.example:15672", false),
            ("localhost.evil.example", false),
            ("notlocalhost", false),
            ("127.0.0.1.evil.example", false),
            ("x.broker.example.com", false),
            ("evil.example@", false),
            ("[evil.example]", false),
            ("", false),
        ] {
            assert_eq!(is_taken(&names, &[host]), expected, "{host}");
        }
        assert!(is_taken(&names, &[]), "who does not say is no browser");
        assert!(!is_taken(&names, &["localhost", "evil.example"]));
        let uri = Uri::from_static("http://evil.example/api/whoami");
        assert!(names.check(&uri, &HeaderMap::new()).is_err());
    }

    #[test]
    fn any_name_is_taken_only_where_that_is_said() {
        assert!(is_taken(&Names::of(&["*".to_owned()], ""), &["evil.example"]));
        assert!(!is_taken(&Names::of(&[], ""), &["evil.example"]));
    }
}
