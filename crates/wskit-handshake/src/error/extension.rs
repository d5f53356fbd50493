//! The error of a list of extensions.

use std::error::Error;
use std::fmt;

/// Why a list of extensions is invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExtensionError {
    /// The list has no element.
    Empty,
    /// The name of an extension is missing or not a token.
    Name,
    /// The name of a parameter is missing or not a token.
    ParamName,
    /// The value after `=` is missing or, unquoted, is not a token.
    ParamValue,
    /// A quoted value has no closing quote.
    UnclosedQuote,
    /// A name or value is followed by something other than `,` or `;`.
    Separator,
}

impl fmt::Display for ExtensionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "empty list of extensions",
            Self::Name => "invalid extension name",
            Self::ParamName => "invalid parameter name",
            Self::ParamValue => "invalid parameter value",
            Self::UnclosedQuote => "quoted value is not closed",
            Self::Separator => "missing comma or semicolon",
        })
    }
}

impl Error for ExtensionError {}
