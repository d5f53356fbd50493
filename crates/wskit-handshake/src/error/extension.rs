//! The error of a list of extensions.

use std::error::Error;
use std::fmt;

/// What is wrong with a list of extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExtensionError {
    /// The list has no element.
    Empty,
    /// The name of an extension is missing or not a token.
    Name,
    /// The name of a parameter is missing or not a token.
    ParamName,
    /// A value is missing after `=` or is, unquoted, not a token.
    ParamValue,
    /// A quoted value does not end.
    UnclosedQuote,
    /// Something other than `,` or `;` follows a name or value.
    Separator,
}

impl fmt::Display for ExtensionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "no extension in the list",
            Self::Name => "invalid extension name",
            Self::ParamName => "invalid parameter name",
            Self::ParamValue => "invalid parameter value",
            Self::UnclosedQuote => "quoted value without an end",
            Self::Separator => "a comma or semicolon is missing",
        })
    }
}

impl Error for ExtensionError {}
