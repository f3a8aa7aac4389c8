//! What is wrong with an argument's value, shown as the Erlang term that RabbitMQ prints.

use std::fmt;

/// Why a value was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArgumentFault {
    /// Below zero.
    Negative(i64),
    /// Zero where at least one is needed.
    Zero,
    /// More than [`DURATION_MS_MAX`](super::DURATION_MS_MAX).
    TooLarge(i64),
    /// More than the greatest value of this one argument.
    MaxExceeded(i64),
    /// Not a type that the argument takes.
    UnacceptableType(&'static str),
    /// A sentence; it shows in quotes.
    Sentence(String),
    /// Any other Erlang term, shown as it is.
    Term(String),
}

impl ArgumentFault {
    /// A fault that is one Erlang atom.
    pub(super) fn atom(atom: &str) -> Self {
        Self::Term(atom.to_owned())
    }
}

impl fmt::Display for ArgumentFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Negative(value) => write!(f, "{{value_negative,{value}}}"),
            Self::Zero => f.write_str("{value_zero,0}"),
            Self::TooLarge(value) => write!(f, "{{value_too_large,{value}}}"),
            Self::MaxExceeded(value) => write!(f, "{{max_value_exceeded,{value}}}"),
            Self::UnacceptableType(name) => write!(f, "{{unacceptable_type,{name}}}"),
            Self::Sentence(text) => write!(f, "\"{text}\""),
            Self::Term(term) => f.write_str(term),
        }
    }
}
