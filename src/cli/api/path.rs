//! Paths of the API out of names that may hold anything.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What needs no escape in a part of a path.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// `/queues/%2F/a%20name` of these parts.
pub(crate) fn path(parts: &[&str]) -> String {
    let mut path = String::new();
    for part in parts {
        path.push('/');
        // Two dots are the folder above for some that see the path on its way.
        match *part {
            "." | ".." => path.push_str(&part.replace('.', "%2E")),
            part => path.extend(utf8_percent_encode(part, ESCAPED)),
        }
    }
    path
}

/// `path?name=value&…`; those without a value are left out.
pub(crate) fn query(path: &str, parameters: &[(&str, Option<&str>)]) -> String {
    let mut query = path.to_owned();
    let mut before = '?';
    for (name, value) in parameters {
        if let Some(value) = value {
            query.push(before);
            query.push_str(name);
            query.push('=');
            query.extend(utf8_percent_encode(value, ESCAPED));
            before = '&';
        }
    }
    query
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_one_part_whatever_is_in_them() {
        assert_eq!(path(&["queues", "/", "a b/ü?#%"]), "/queues/%2F/a%20b%2F%C3%BC%3F%23%25");
        assert_eq!(path(&["queues", "..", "."]), "/queues/%2E%2E/%2E");
        assert_eq!(
            query("/queues", &[("columns", Some("a,b")), ("name", None)]),
            "/queues?columns=a%2Cb"
        );
        assert_eq!(query("/q", &[("a", Some("&")), ("b", Some("="))]), "/q?a=%26&b=%3D");
    }
}
