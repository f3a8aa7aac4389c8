//! The names that clients give to things, as types that cannot be mixed up.
//!
//! Each is a shared string: a clone costs one counter. Whoever makes one from a client's bytes has checked that they
//! are UTF-8 and at most 255 of them, as a shortstr carries.

use std::borrow::Borrow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self(Arc::from(name))
            }
        }

        impl From<String> for $name {
            fn from(name: String) -> Self {
                Self(Arc::from(name))
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self(Arc::from(""))
            }
        }

        impl PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                *self.0 == *other
            }
        }

        impl PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                *self.0 == **other
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }
    };
}

name!(
    /// A virtual host: a name space of its own for exchanges, queues and permissions.
    VhostName
);
name!(
    /// An exchange; the default exchange has the empty name.
    ExchangeName
);
name!(
    /// A queue.
    QueueName
);
name!(
    /// A user, as the client logs in.
    UserName
);
name!(
    /// A consumer's tag, unique on its channel only.
    ConsumerTag
);
name!(
    /// A policy, unique among those of its kind in its vhost.
    PolicyName
);
name!(
    /// A parameter of the whole node.
    ParameterName
);

impl ExchangeName {
    /// Whether this is the default exchange, which routes to the queue named by the routing key.
    pub fn is_default(&self) -> bool {
        self.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn a_name_is_found_by_its_text() {
        let map = HashMap::from([(QueueName::from("orders"), 1)]);
        assert_eq!(map.get("orders"), Some(&1));
        assert_eq!(map.get("order"), None);
    }

    #[test]
    fn it_shows_as_its_text() {
        let vhost = VhostName::from("/");
        assert_eq!(vhost.to_string(), "/");
        assert_eq!(format!("{vhost:?}"), "\"/\"");
        assert!(vhost == "/");
        assert!(ExchangeName::default().is_default());
    }
}
