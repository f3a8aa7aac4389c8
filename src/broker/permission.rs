//! Who may do what: three patterns a user and vhost.

use std::fmt;

/// What is done to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// Declare or delete it.
    Configure,
    /// Publish to it, bind it as a destination.
    Write,
    /// Consume or purge it, bind to it as a source.
    Read,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Configure => "configure",
            Self::Write => "write",
            Self::Read => "read",
        })
    }
}
