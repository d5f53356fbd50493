use std::fmt;
use std::io;

use wskit_driver::{ConnectionError, Elapsed, OpenError};
use wskit_handshake::RequestError;

use crate::proxy::{ProxyError, ProxyUrlError};
use crate::redirect::RedirectError;

/// Why there is no connection to a URL; from [`Connector::connect`](crate::Connector::connect).
#[derive(Debug)]
#[non_exhaustive]
pub enum DialError {
    /// The opening handshake with the server failed; the stream to it was open.
    Open(OpenError),
    /// The proxy did not open the way to the server.
    Proxy(ProxyError),
    /// A redirect of the server could not be followed (`Connector::redirects`).
    Redirect(RedirectError),
    /// `wss://` was asked for, and the binding was built without TLS.
    TlsUnavailable,
    /// The TLS handshake failed, most often over the peer's certificate.
    #[cfg(feature = "rustls")]
    Tls(crate::tls::TlsError),
    /// The TLS settings cannot be used.
    #[cfg(feature = "rustls")]
    TlsConfig(crate::tls::TlsConfigError),
    /// The request is not valid. Nothing was dialled.
    Request(RequestError),
    /// The name is unknown, the server cannot be reached, or the stream failed before the opening
    /// handshake.
    Io(io::Error),
    /// No stream to the server was ready in time (`Config::handshake_timeout`), or a TLS handshake took
    /// too long.
    Timeout,
    /// The runtime has no timer, and dialling needs one. Enable the runtime's timer.
    NoTimer(io::Error),
}

impl DialError {
    /// Returns whether the server or the network went away or cannot be reached.
    #[must_use]
    pub fn is_disconnect(&self) -> bool {
        match self {
            Self::Open(error) => error.is_disconnect(),
            Self::Io(error) => ConnectionError::is_disconnect_io(error),
            _ => false,
        }
    }
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(error) => error.fmt(f),
            Self::Proxy(error) => error.fmt(f),
            Self::Redirect(error) => error.fmt(f),
            Self::TlsUnavailable => {
                f.write_str("wss:// needs TLS: enable the features rustls-ring and webpki-roots")
            }
            #[cfg(feature = "rustls")]
            Self::Tls(error) => write!(f, "the TLS handshake failed: {error}"),
            #[cfg(feature = "rustls")]
            Self::TlsConfig(error) => write!(f, "the TLS settings cannot be used: {error}"),
            Self::Request(error) => write!(f, "the request cannot be built: {error}"),
            Self::Io(error) => write!(
                f,
                "the transport failed before the opening handshake: {error}"
            ),
            Self::Timeout => f.write_str("no transport was ready in time"),
            Self::NoTimer(error) => write!(f, "the runtime has no timer: {error}"),
        }
    }
}

/// `Display` includes the inner error, so the source is that error's own.
impl std::error::Error for DialError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Open(error) => error.source(),
            Self::Proxy(error) => error.source(),
            Self::Redirect(error) => error.source(),
            #[cfg(feature = "rustls")]
            Self::Tls(error) => error.source(),
            #[cfg(feature = "rustls")]
            Self::TlsConfig(error) => error.source(),
            Self::Request(error) => error.source(),
            Self::Io(error) | Self::NoTimer(error) => error.source(),
            Self::TlsUnavailable | Self::Timeout => None,
        }
    }
}

/// For code that only knows stream errors. The [`DialError`] is the inner error, unless it is an
/// `io::Error` itself.
impl From<DialError> for io::Error {
    fn from(error: DialError) -> Self {
        let kind = match error {
            DialError::Io(error) => return error,
            DialError::Open(error) => return error.into(),
            DialError::Timeout => io::ErrorKind::TimedOut,
            DialError::Request(_) => io::ErrorKind::InvalidInput,
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

impl From<OpenError> for DialError {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

impl From<ProxyError> for DialError {
    fn from(error: ProxyError) -> Self {
        Self::Proxy(error)
    }
}

impl From<ProxyUrlError> for DialError {
    fn from(error: ProxyUrlError) -> Self {
        Self::Proxy(error.into())
    }
}

impl From<RedirectError> for DialError {
    fn from(error: RedirectError) -> Self {
        Self::Redirect(error)
    }
}

#[cfg(feature = "rustls")]
impl From<crate::tls::TlsConfigError> for DialError {
    fn from(error: crate::tls::TlsConfigError) -> Self {
        Self::TlsConfig(error)
    }
}

impl From<RequestError> for DialError {
    fn from(error: RequestError) -> Self {
        Self::Request(error)
    }
}

impl From<io::Error> for DialError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Elapsed> for DialError {
    fn from(error: Elapsed) -> Self {
        match error {
            Elapsed::Timeout => Self::Timeout,
            Elapsed::NoTimer(error) => Self::NoTimer(error),
        }
    }
}
