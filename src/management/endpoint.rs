//! Every path of the API, with its verbs, the right that each of them needs, and who answers it.
//!
//! The table in `api.rs` is the only place where a path can be added, and it has no row without a right: what is not
//! in it is answered with 404 or 405.

use axum::http::Method;

/// What is asked of a path. HEAD is GET without a body, OPTIONS is answered for all of them alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    /// Look.
    Get,
    /// Make, or change.
    Put,
    /// Do.
    Post,
    /// Take away.
    Delete,
}

impl Verb {
    pub(crate) fn of(method: &Method) -> Option<Self> {
        match *method {
            Method::GET | Method::HEAD => Some(Self::Get),
            Method::PUT => Some(Self::Put),
            Method::POST => Some(Self::Post),
            Method::DELETE => Some(Self::Delete),
            _ => None,
        }
    }

    /// As the header `Allow` spells it.
    pub(crate) fn names(self) -> &'static str {
        match self {
            Self::Get => "HEAD, GET",
            Self::Put => "PUT",
            Self::Post => "POST",
            Self::Delete => "DELETE",
        }
    }
}

/// What somebody needs for a verb of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    /// None: whoever asks need not be known. Nothing is told or changed but what they bring with them.
    Nobody,
    /// A tag that opens the API. What is shown is what the caller may see.
    Management,
    /// The same, and access to the vhost in the path.
    Vhost,
    /// The same, but administrators see what is in every vhost.
    VhostVisible,
    /// The tag `policymaker`.
    Policymaker,
    /// The same, and access to the vhost in the path, which administrators have to every one.
    VhostPolicymaker,
    /// The tag `monitoring`.
    Monitoring,
    /// The tag `administrator`.
    Administrator,
}

/// Writes down the API: `Name "/path" { Verb Right => function, Verb Right -> async function }`.
macro_rules! endpoints {
    ($($name:ident $path:literal { $($verb:ident $right:ident $arrow:tt $handler:path),+ })+) => {
        /// A path of the API.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Endpoint {
            $(#[doc = $path] $name,)+
        }

        impl Endpoint {
            /// All of them.
            pub(crate) const ALL: &[Self] = &[$(Self::$name),+];

            /// Its path below `/api`, with a name in braces for each part that varies.
            pub(crate) const fn path(self) -> &'static str {
                match self { $(Self::$name => $path,)+ }
            }

            /// What can be asked of it, and what that needs.
            pub(crate) const fn rights(self) -> &'static [($crate::endpoint::Verb, $crate::endpoint::Right)] {
                match self {
                    $(Self::$name => &[$(($crate::endpoint::Verb::$verb, $crate::endpoint::Right::$right)),+],)+
                }
            }

            /// Answers somebody who has the right to ask.
            async fn answer(
                self,
                verb: $crate::endpoint::Verb,
                request: &$crate::request::Request,
            ) -> Result<$crate::answer::Answer, $crate::failure::Failure> {
                match self {
                    $(Self::$name => {
                        $(if verb == $crate::endpoint::Verb::$verb {
                            return endpoints!(@call $arrow $handler, request);
                        })+
                    })+
                }
                Err($crate::failure::Failure::method_not_allowed(self.rights()))
            }
        }
    };
    (@call => $handler:path, $request:ident) => { $handler($request) };
    (@call -> $handler:path, $request:ident) => { $handler($request).await };
}
pub(crate) use endpoints;
