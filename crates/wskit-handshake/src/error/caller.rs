//! Errors of the caller, found before anything is sent.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;

use http::header::HeaderName;

use crate::error::ExtensionError;
use crate::http::token::is_token_byte;

/// Why a header of the caller cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderError {
    /// The name is not a token, or is longer than 65534 bytes.
    InvalidName {
        /// The beginning of the name, with what is not printable ASCII escaped.
        name: String,
        /// The first byte that is not allowed, from 0. `None` if the name is
        /// empty or too long.
        position: Option<usize>,
    },
    /// There are more headers than an `http::HeaderMap` can hold.
    TooMany,
    /// The value contains CR, LF, NUL or another control character, or the
    /// value of `Host` is not a host with an optional port.
    InvalidValue,
    /// The handshake writes this header itself. If it can be configured, it has
    /// a method of its own.
    Reserved(HeaderName),
}

impl HeaderError {
    /// Returns the error for a header name that is not a token, or too long.
    #[must_use]
    pub fn invalid_name(name: &[u8]) -> Self {
        let start = name.get(..NAME_SHOWN).unwrap_or(name);
        let cut = if name.len() > NAME_SHOWN { "..." } else { "" };
        Self::InvalidName {
            name: format!("{}{cut}", start.escape_ascii()),
            position: name.iter().position(|byte| !is_token_byte(*byte)),
        }
    }
}

/// How many bytes of a header name are in the text of an error.
const NAME_SHOWN: usize = 64;

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidName { name, .. } if name.is_empty() => {
                f.write_str("the header name is empty")
            }
            Self::InvalidName { name, position } => {
                write!(f, "invalid header name \"{name}\": ")?;
                match position {
                    Some(at) => write!(f, "byte {at} is not allowed in a name"),
                    None => f.write_str("it is too long"),
                }
            }
            Self::TooMany => f.write_str("too many headers"),
            Self::InvalidValue => f.write_str("invalid header value"),
            Self::Reserved(name) => write!(f, "the header {name} is set by the handshake"),
        }
    }
}

impl Error for HeaderError {}

/// Why a client request cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum RequestError {
    /// The URL does not begin with `ws://` or `wss://`.
    Scheme,
    /// The URL has no host.
    EmptyHost,
    /// The host is not an IPv6 address although it has brackets, or cannot be
    /// used where it is needed: in a certificate, or with a proxy.
    InvalidHost,
    /// The host is not ASCII. Pass its IDNA form (`xn--...`) (§11.1).
    NonAsciiHost,
    /// The port is not a number from 1 to 65535.
    InvalidPort,
    /// The URL has a fragment, which WebSocket URLs do not have (§3). Write a
    /// literal `#` as `%23`.
    Fragment,
    /// The URL has a blank, a control character, a `%` without two hexadecimal
    /// digits, a character that is not allowed in a host, a character in the
    /// user name or password that must be percent-encoded, or a backslash in a
    /// `Location`.
    InvalidCharacter {
        /// The character. `None` if it belongs to the user name or the password,
        /// which are secrets.
        character: Option<char>,
        /// Its position in the URL in bytes, from 0. A `Location` that is not
        /// absolute counts from the beginning of the URL that it leads to.
        position: usize,
    },
    /// The user name contains a colon or a control character, or the password
    /// contains a control character. HTTP basic authentication does not support
    /// them.
    InvalidCredentials,
    /// The method of the given `http::Request` is not GET.
    Method,
    /// The version of the given `http::Request` is not HTTP/1.1.
    Version,
    /// A header cannot be sent.
    Header(HeaderError),
    /// A subprotocol is not a token.
    InvalidProtocol,
    /// A subprotocol is offered twice (§4.1 item 10).
    RepeatedProtocol,
    /// An extension offer breaks the grammar of §9.1.
    Extension(ExtensionError),
    /// A redirect from `wss` to `ws`.
    InsecureRedirect,
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scheme => f.write_str("the URL must begin with ws:// or wss://"),
            Self::EmptyHost => f.write_str("the URL has no host"),
            Self::InvalidHost => f.write_str("the host is neither a usable name nor an address"),
            Self::NonAsciiHost => f.write_str("the host is not ASCII; use its IDNA form"),
            Self::InvalidPort => f.write_str("the port in the URL is not a number from 1 to 65535"),
            Self::Fragment => f.write_str("a WebSocket URL has no fragment; write # as %23"),
            Self::InvalidCharacter {
                character,
                position,
            } => match character {
                Some(character) => {
                    write!(
                        f,
                        "the character {character:?} at byte {position} of the URL is not allowed there"
                    )?;
                    match character {
                        '%' => f.write_str("; a literal % in a path or query is %25"),
                        _ => Ok(()),
                    }
                }
                None => write!(
                    f,
                    "byte {position} of the URL, in its user name or password, must be \
                     percent-encoded"
                ),
            },
            Self::InvalidCredentials => {
                f.write_str("basic authentication does not support these credentials")
            }
            Self::Method => f.write_str("the method must be GET"),
            Self::Version => f.write_str("the version must be HTTP/1.1"),
            Self::Header(error) => error.fmt(f),
            Self::InvalidProtocol => f.write_str("a subprotocol must be a token"),
            Self::RepeatedProtocol => f.write_str("a subprotocol is offered twice"),
            Self::Extension(error) => write!(f, "invalid extension offer: {error}"),
            Self::InsecureRedirect => f.write_str("refused to redirect from wss to ws"),
        }
    }
}

impl Error for RequestError {}

impl From<HeaderError> for RequestError {
    fn from(error: HeaderError) -> Self {
        Self::Header(error)
    }
}

impl From<ExtensionError> for RequestError {
    fn from(error: ExtensionError) -> Self {
        Self::Extension(error)
    }
}

// For `impl TryInto<ClientRequest>`, which `ClientRequest` implements too.
impl From<Infallible> for RequestError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// Why a server's response cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuildError {
    /// A header cannot be sent.
    Header(HeaderError),
    /// The client did not offer this subprotocol (§4.2.2 item 5.5).
    ProtocolNotOffered,
    /// The client did not offer this extension (§4.2.2 item 5.6).
    ExtensionNotOffered,
    /// The extension was already accepted.
    ExtensionRepeated,
    /// The extension breaks the grammar of §9.1.
    Extension(ExtensionError),
    /// The status is 1xx, which cannot refuse a request.
    InterimStatus,
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(error) => error.fmt(f),
            Self::ProtocolNotOffered => f.write_str("the client did not offer this subprotocol"),
            Self::ExtensionNotOffered => f.write_str("the client did not offer this extension"),
            Self::ExtensionRepeated => f.write_str("the extension was already accepted"),
            Self::Extension(error) => write!(f, "invalid extension: {error}"),
            Self::InterimStatus => f.write_str("a rejection requires a status of 200 or above"),
        }
    }
}

impl Error for BuildError {}

impl From<HeaderError> for BuildError {
    fn from(error: HeaderError) -> Self {
        Self::Header(error)
    }
}

impl From<ExtensionError> for BuildError {
    fn from(error: ExtensionError) -> Self {
        Self::Extension(error)
    }
}
