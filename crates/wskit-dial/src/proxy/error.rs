use std::error::Error;
use std::fmt;
use std::io;

use http::StatusCode;
use wskit_handshake::RequestError;

use crate::connect_error::{ConnectCause, ConnectError};
use crate::dial_error::DialError;
use crate::stage::Stage;

/// Why the proxy did not connect to the server. Nothing has been sent to the server.
#[derive(Debug)]
#[non_exhaustive]
pub enum ProxyError {
    /// The proxy's URL, from the caller or the environment, is not valid.
    Url(ProxyUrlError),
    /// The proxy cannot be asked for this host, or the name of an `https://` proxy cannot be that of a
    /// certificate: the caller's fault.
    Host(RequestError),
    /// The proxy cannot be reached. Check that it runs, and its address.
    Unreachable(io::Error),
    /// The TLS handshake with the proxy failed, most often over its certificate.
    #[cfg(feature = "rustls")]
    Tls(crate::tls::TlsError),
    /// An `https://` proxy needs TLS, and the binding was built without it. Nothing was dialled.
    TlsUnavailable,
    /// The TLS settings for an `https://` proxy cannot be used. Nothing was dialled.
    #[cfg(feature = "rustls")]
    TlsConfig(crate::tls::TlsConfigError),
    /// The connection to the proxy failed before it answered.
    Io(io::Error),
    /// The proxy closed the connection before it answered.
    Closed,
    /// The answer is not one of the protocol: most often no proxy, or one of another kind, is on that port.
    Malformed(&'static str),
    /// The answer is longer than the limit.
    AnswerTooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// The proxy requires a user name and a password, and none were given.
    CredentialsRequired,
    /// The proxy refuses the user name or the password.
    CredentialsRefused,
    /// SOCKS5: the proxy requires a method of authentication that is not supported here.
    NoMethod,
    /// HTTP: the proxy answered CONNECT with this status. 403: its rules forbid the server or the port;
    /// 502, 503, 504: it could not reach the server.
    Status(StatusCode),
    /// SOCKS5: the proxy does not connect.
    Socks(SocksFailure),
}

/// Why a SOCKS5 proxy does not connect (RFC 1928 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SocksFailure {
    /// The proxy gives no reason.
    General,
    /// Its rules forbid the server or the port.
    NotAllowed,
    /// It cannot reach the network.
    NetworkUnreachable,
    /// It cannot reach the server, or does not know the name.
    HostUnreachable,
    /// The server refuses the connection.
    ConnectionRefused,
    /// The time to live of a packet expired.
    TtlExpired,
    /// It does not support CONNECT.
    CommandNotSupported,
    /// It does not support names, or this kind of address.
    AddressNotSupported,
    /// A number that RFC 1928 does not assign.
    Other(u8),
}

/// A proxy URL or an environment variable that is not valid. Holds no credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyUrlError {
    pub(super) variable: Option<String>,
    pub(super) fault: &'static str,
}

impl ProxyUrlError {
    /// Returns the environment variable that the URL came from.
    pub fn variable(&self) -> Option<&str> {
        self.variable.as_deref()
    }
}

impl SocksFailure {
    pub(super) fn from_code(code: u8) -> Self {
        match code {
            1 => Self::General,
            2 => Self::NotAllowed,
            3 => Self::NetworkUnreachable,
            4 => Self::HostUnreachable,
            5 => Self::ConnectionRefused,
            6 => Self::TtlExpired,
            7 => Self::CommandNotSupported,
            8 => Self::AddressNotSupported,
            other => Self::Other(other),
        }
    }
}

impl ProxyError {
    /// Returns what an error of the connection to the proxy itself is, seen from the server that was asked for.
    pub(crate) fn of_reaching(error: DialError) -> DialError {
        match error {
            DialError::Connect(error) => match error.into_cause() {
                ConnectCause::Io(error) => Self::Unreachable(error).into(),
                #[cfg(feature = "rustls")]
                ConnectCause::Tls(error) => Self::Tls(error).into(),
                cause => ConnectError::new(Stage::Proxy, cause).into(),
            },
            DialError::TlsUnavailable => Self::TlsUnavailable.into(),
            #[cfg(feature = "rustls")]
            DialError::TlsConfig(error) => Self::TlsConfig(error).into(),
            DialError::Request(error) => Self::Host(error).into(),
            other => other,
        }
    }
}

impl fmt::Display for ProxyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Url(error) => error.fmt(f),
            Self::Host(error) => write!(f, "the proxy cannot be asked: {error}"),
            Self::Unreachable(error) => write!(f, "the proxy cannot be reached: {error}"),
            #[cfg(feature = "rustls")]
            Self::Tls(error) if error.peer_lacks_tls() => {
                f.write_str("the proxy does not speak TLS on this port; is it http://?")
            }
            #[cfg(feature = "rustls")]
            Self::Tls(error) => write!(f, "the TLS handshake with the proxy failed: {error}"),
            Self::TlsUnavailable => f.write_str(
                "an https:// proxy needs TLS: enable the features rustls-ring and webpki-roots, or use \
                 http://",
            ),
            #[cfg(feature = "rustls")]
            Self::TlsConfig(error) => {
                write!(f, "the TLS settings for the proxy cannot be used: {error}")
            }
            Self::Io(error) => write!(f, "the connection to the proxy failed: {error}"),
            Self::Closed => f.write_str("the proxy closed the connection without an answer"),
            Self::Malformed(what) => {
                write!(f, "not a proxy, or one of another kind: {what}")
            }
            Self::AnswerTooLong { limit } => {
                write!(f, "the proxy's answer is longer than {limit} bytes")
            }
            Self::CredentialsRequired => {
                f.write_str("the proxy requires a user name and a password")
            }
            Self::CredentialsRefused => f.write_str("the proxy refuses the user name or password"),
            Self::NoMethod => f.write_str("the proxy requires another method of authentication"),
            Self::Status(status) => write!(f, "the proxy answered CONNECT with {status}"),
            Self::Socks(failure) => write!(f, "the proxy did not connect: {failure}"),
        }
    }
}

impl fmt::Display for SocksFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::General => "it gives no reason",
            Self::NotAllowed => "its rules forbid it",
            Self::NetworkUnreachable => "network unreachable",
            Self::HostUnreachable => "host unreachable",
            Self::ConnectionRefused => "connection refused",
            Self::TtlExpired => "TTL expired",
            Self::CommandNotSupported => "it does not know CONNECT",
            Self::AddressNotSupported => "it does not know this kind of address",
            Self::Other(code) => return write!(f, "unknown failure {code}"),
        })
    }
}

impl fmt::Display for ProxyUrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.variable {
            Some(name) => write!(f, "the variable {name} cannot be used: {}", self.fault),
            None => write!(f, "the proxy's URL cannot be used: {}", self.fault),
        }
    }
}

/// `Display` includes the inner error, so the source is that error's own.
impl Error for ProxyError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Url(error) => error.source(),
            Self::Host(error) => error.source(),
            Self::Unreachable(error) | Self::Io(error) => error.source(),
            #[cfg(feature = "rustls")]
            Self::Tls(error) => error.source(),
            #[cfg(feature = "rustls")]
            Self::TlsConfig(error) => error.source(),
            _ => None,
        }
    }
}

impl Error for ProxyUrlError {}
impl Error for SocksFailure {}

impl From<ProxyUrlError> for ProxyError {
    fn from(error: ProxyUrlError) -> Self {
        Self::Url(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The URL of the server is in order.
    #[test]
    fn what_is_wrong_with_the_proxy_names_the_proxy() {
        let told = |error| ProxyError::of_reaching(error).to_string();
        for error in [
            DialError::TlsUnavailable,
            RequestError::InvalidHost.into(),
            io::Error::from(io::ErrorKind::ConnectionRefused).into(),
            #[cfg(feature = "rustls")]
            crate::tls::TlsConfigError::NoRoots.into(),
        ] {
            let text = told(error);
            assert!(text.contains("proxy"), "{text}");
        }
        let timeout = ConnectError::new(Stage::Dial, ConnectCause::Timeout);
        assert_eq!(told(timeout.into()), "timed out waiting for the proxy");
        let no_timer = DialError::NoTimer(io::ErrorKind::Other.into());
        assert!(matches!(
            ProxyError::of_reaching(no_timer),
            DialError::NoTimer(_)
        ));
    }
}
