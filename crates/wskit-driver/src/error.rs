use std::fmt;
use std::io;

use wskit_handshake::{BuildError, HandshakeError, RequestError};
use wskit_proto::{Cause, Outcome, ProtocolError, SendError, TimeoutKind};

use crate::dial::{ProxyError, ProxyUrlError};
use crate::redirect::RedirectError;

/// Why an operation failed, by whose fault it was.
///
/// Each ending is reported once; later calls to receive answer `None`, later calls to send answer
/// [`SendError::Closed`]. [`WebSocket::outcome`](crate::WebSocket::outcome) tells it again.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The peer broke a rule. It has been told by a Close with the fitting code.
    Protocol(ProtocolError),
    /// The caller asked for something that cannot be sent; the connection is as it was.
    Send(SendError),
    /// The peer ended the transport without a Close (RFC 6455 §7.1.5: code 1006): its process or
    /// network went away. Common with real clients; [`is_disconnect`](Error::is_disconnect) tells it
    /// from what deserves a look.
    Disconnected {
        /// Whether a message was cut; what had come of it is lost.
        mid_message: bool,
    },
    /// The peer did not do in time what it had to.
    Timeout(TimeoutKind),
    /// The transport failed.
    Io(io::Error),
    /// The opening handshake failed.
    Handshake(HandshakeError),
    /// The opening handshake was not completed in time (`Config::handshake_timeout`).
    HandshakeTimeout,
    /// A page of an origin that the server does not let in asked for a WebSocket; it was told 403.
    OriginRefused,
    /// The server answered the offer of compression with what was not offered (RFC 7692 §7).
    #[cfg(feature = "deflate")]
    Deflate(wskit_proto::deflate::ResponseError),
    /// The request to connect with cannot be built.
    Request(RequestError),
    /// The response to accept with cannot be built.
    Response(BuildError),
    /// A [`Reconnect`](crate::Reconnect) has no connection at the moment; what was to be sent is not kept.
    NotConnected,
    /// The runtime has no timer, and a deadline is configured. Enable the runtime's timer, or switch
    /// off what needs one.
    NoTimer(io::Error),
    /// The proxy did not open the way to the server.
    Proxy(ProxyError),
    /// The server sent us elsewhere, and we did not arrive (`Connector::redirects`).
    Redirect(RedirectError),
    /// `wss://` was asked for, and no TLS was compiled in or configured.
    TlsUnavailable,
    /// The TLS handshake failed, most often over the peer's certificate.
    #[cfg(feature = "rustls")]
    Tls(crate::tls::TlsError),
    /// The TLS settings cannot be used.
    #[cfg(feature = "rustls")]
    TlsConfig(crate::tls::TlsConfigError),
}

/// Why an operation on an open connection failed.
pub type ConnectionError = Error;

impl Error {
    /// Whether the peer or the network simply went away: what a server that logs errors may skip.
    /// A host or network that cannot be reached (any more) is among it.
    #[must_use]
    pub fn is_disconnect(&self) -> bool {
        match self {
            Self::Disconnected { .. }
            | Self::Timeout(TimeoutKind::Keepalive)
            | Self::Handshake(HandshakeError::UnexpectedEof { .. }) => true,
            Self::Io(error) => is_lost(error),
            _ => false,
        }
    }

    /// What an ending that is not clean is called; `None` for a clean one.
    pub(crate) fn of_outcome(outcome: &Outcome) -> Option<Self> {
        match &outcome.cause {
            Cause::Protocol(error) => Some(error.clone().into()),
            Cause::Timeout(kind) => Some(Self::Timeout(*kind)),
            Cause::Disconnected => Some(Self::Disconnected {
                mid_message: outcome.mid_message,
            }),
            Cause::Transport(kind) => Some(Self::Io((*kind).into())),
            _ => None,
        }
    }

    /// Whether sending failed only because the connection is closing or closed.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        matches!(self, Self::Send(SendError::Closed))
    }
}

/// Whether the peer, or the network on the way to it, has gone.
fn is_lost(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::NotConnected
            | io::ErrorKind::TimedOut
            | io::ErrorKind::UnexpectedEof
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
    ) || error
        .raw_os_error()
        .is_some_and(|code| LOST.contains(&code))
}

/// ENETRESET and EHOSTDOWN, for which there is no [`io::ErrorKind`], as numbers of the systems on which
/// they are known. Elsewhere such an error is an ordinary one.
const LOST: &[i32] = if cfg!(windows) {
    &[10_052, 10_064]
} else if cfg!(any(
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly"
)) {
    &[52, 64]
} else if cfg!(all(
    any(target_os = "linux", target_os = "android"),
    any(
        target_arch = "x86",
        target_arch = "x86_64",
        target_arch = "arm",
        target_arch = "aarch64",
        target_arch = "riscv64",
        target_arch = "powerpc64",
        target_arch = "s390x",
        target_arch = "loongarch64"
    )
)) {
    &[102, 112]
} else {
    &[]
};

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol(error) => error.fmt(f),
            Self::Send(error) => error.fmt(f),
            Self::Disconnected { mid_message: true } => {
                f.write_str("the peer went away in the middle of a message")
            }
            Self::Disconnected { mid_message: false } => {
                f.write_str("the peer went away without a Close")
            }
            Self::Timeout(kind) => kind.fmt(f),
            Self::Io(error) => write!(f, "the transport failed: {error}"),
            Self::Handshake(error) => write!(f, "the opening handshake failed: {error}"),
            Self::HandshakeTimeout => {
                f.write_str("the opening handshake was not completed in time")
            }
            Self::OriginRefused => {
                f.write_str("a page of an origin that is not let in was refused")
            }
            #[cfg(feature = "deflate")]
            Self::Deflate(error) => error.fmt(f),
            Self::Request(error) => write!(f, "the request cannot be built: {error}"),
            Self::Response(error) => write!(f, "the response cannot be built: {error}"),
            Self::NotConnected => f.write_str("there is no connection at the moment"),
            Self::NoTimer(error) => write!(f, "the runtime has no timer: {error}"),
            Self::Proxy(error) => error.fmt(f),
            Self::Redirect(error) => error.fmt(f),
            Self::TlsUnavailable => {
                f.write_str("wss:// needs TLS: enable a TLS feature or pass a connector")
            }
            #[cfg(feature = "rustls")]
            Self::Tls(error) => write!(f, "the TLS handshake failed: {error}"),
            #[cfg(feature = "rustls")]
            Self::TlsConfig(error) => write!(f, "the TLS settings cannot be used: {error}"),
        }
    }
}

/// The cause is in the text already, so what comes next is the cause's own.
impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Protocol(error) => error.source(),
            Self::Send(error) => error.source(),
            Self::Io(error) | Self::NoTimer(error) => error.source(),
            #[cfg(feature = "rustls")]
            Self::Tls(error) => error.source(),
            #[cfg(feature = "rustls")]
            Self::TlsConfig(error) => error.source(),
            #[cfg(feature = "deflate")]
            Self::Deflate(error) => error.source(),
            Self::Handshake(error) => error.source(),
            Self::Request(error) => error.source(),
            Self::Response(error) => error.source(),
            Self::Proxy(error) => error.source(),
            Self::Redirect(error) => error.source(),
            Self::Disconnected { .. }
            | Self::Timeout(_)
            | Self::HandshakeTimeout
            | Self::OriginRefused
            | Self::NotConnected
            | Self::TlsUnavailable => None,
        }
    }
}

impl From<ProtocolError> for Error {
    fn from(error: ProtocolError) -> Self {
        Self::Protocol(error)
    }
}

impl From<SendError> for Error {
    fn from(error: SendError) -> Self {
        Self::Send(error)
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<HandshakeError> for Error {
    fn from(error: HandshakeError) -> Self {
        Self::Handshake(error)
    }
}

impl From<RequestError> for Error {
    fn from(error: RequestError) -> Self {
        Self::Request(error)
    }
}

#[cfg(feature = "rustls")]
impl From<crate::tls::TlsConfigError> for Error {
    fn from(error: crate::tls::TlsConfigError) -> Self {
        Self::TlsConfig(error)
    }
}

impl From<ProxyError> for Error {
    fn from(error: ProxyError) -> Self {
        Self::Proxy(error)
    }
}

impl From<ProxyUrlError> for Error {
    fn from(error: ProxyUrlError) -> Self {
        Self::Proxy(ProxyError::Url(error))
    }
}

impl From<BuildError> for Error {
    fn from(error: BuildError) -> Self {
        Self::Response(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconnect::{GaveUp, Loss};

    /// A log that prints the whole chain says everything once.
    #[test]
    fn no_text_is_told_again_by_its_source() {
        let refused = || io::Error::new(io::ErrorKind::ConnectionRefused, "the port is closed");
        let errors = [
            Error::Io(refused()),
            Error::NoTimer(refused()),
            ProxyError::Unreachable(refused()).into(),
            ProxyError::Io(refused()).into(),
            ProxyError::Host(RequestError::InvalidHost).into(),
            Error::Request(RequestError::InvalidHost),
            Error::Protocol(ProtocolError::InvalidUtf8),
            Error::Send(SendError::Closed),
            Error::Handshake(HandshakeError::UnexpectedEof { received: 0 }),
        ];
        for error in errors {
            let error = GaveUp {
                loss: Loss::NotOpened(error),
                exhausted: true,
            };
            let mut texts = vec![error.to_string()];
            let mut next = std::error::Error::source(&error);
            while let Some(source) = next {
                texts.push(source.to_string());
                next = source.source();
            }
            for (at, text) in texts.iter().enumerate() {
                assert!(
                    !texts[..at].iter().any(|told| told.contains(text)),
                    "{texts:?}"
                );
            }
        }
    }

    /// What a read answers when the Wi-Fi, the route or the host goes: in order ENETDOWN, ENETUNREACH,
    /// ENETRESET, EHOSTDOWN and EHOSTUNREACH.
    #[cfg(target_os = "linux")]
    #[test]
    fn lost_network_is_a_disconnect() {
        for errno in [100, 101, 102, 112, 113] {
            let error = Error::from(io::Error::from_raw_os_error(errno));
            assert!(error.is_disconnect(), "{error}");
        }
        for errno in [1, 13, 24, 111] {
            let error = Error::from(io::Error::from_raw_os_error(errno));
            assert!(!error.is_disconnect(), "{error}");
        }
    }

    #[test]
    fn lost_network_is_a_disconnect_by_its_kind_too() {
        for kind in [
            io::ErrorKind::HostUnreachable,
            io::ErrorKind::NetworkUnreachable,
            io::ErrorKind::NetworkDown,
        ] {
            assert!(Error::from(io::Error::from(kind)).is_disconnect(), "{kind}");
        }
    }
}
