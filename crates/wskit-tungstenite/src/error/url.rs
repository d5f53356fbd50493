use std::fmt;

/// What is wrong with a URL.
#[derive(Debug, PartialEq, Eq)]
pub enum UrlError {
    /// A `wss` URL, and no TLS: none of the features is on, or `Connector::Plain` was given.
    TlsFeatureNotEnabled,
    /// There is no host in it.
    NoHostName,
    /// None of the host's addresses accepted a connection.
    UnableToConnect(String),
    /// The scheme is neither `ws` nor `wss`.
    UnsupportedUrlScheme,
    /// The host is empty.
    EmptyHostName,
    /// There is no path in it.
    NoPathOrQuery,
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TlsFeatureNotEnabled => "TLS support not compiled in",
            Self::NoHostName => "No host name in the URL",
            Self::UnableToConnect(url) => return write!(f, "Unable to connect to {url}"),
            Self::UnsupportedUrlScheme => "URL scheme not supported",
            Self::EmptyHostName => "URL contains empty host name",
            Self::NoPathOrQuery => "No path/query in URL",
        })
    }
}

impl std::error::Error for UrlError {}

/// An error of TLS. The variants are there with the features that can cause them.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// An error of the operating system's TLS library.
    #[cfg(feature = "native-tls")]
    Native(Box<native_tls_crate::Error>),
    /// An error of rustls.
    #[cfg(feature = "__rustls-tls")]
    Rustls(Box<rustls::Error>),
    /// The host is neither a DNS name nor an IP address.
    #[cfg(feature = "__rustls-tls")]
    InvalidDnsName,
}

impl fmt::Display for TlsError {
    #[allow(unused_variables, reason = "without TLS there is no variant")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            #[cfg(feature = "native-tls")]
            Self::Native(ref error) => write!(f, "native-tls error: {error}"),
            #[cfg(feature = "__rustls-tls")]
            Self::Rustls(ref error) => write!(f, "rustls error: {error}"),
            #[cfg(feature = "__rustls-tls")]
            Self::InvalidDnsName => f.write_str("Invalid DNS name"),
        }
    }
}

impl std::error::Error for TlsError {}

#[cfg(feature = "native-tls")]
impl From<native_tls_crate::Error> for TlsError {
    fn from(error: native_tls_crate::Error) -> Self {
        Self::Native(error.into())
    }
}

#[cfg(feature = "__rustls-tls")]
impl From<rustls::Error> for TlsError {
    fn from(error: rustls::Error) -> Self {
        Self::Rustls(error.into())
    }
}
