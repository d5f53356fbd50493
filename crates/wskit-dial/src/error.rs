use std::fmt;
use std::io;

use wskit_driver::{ConnectionError, Elapsed, OpenError};
use wskit_handshake::{BuildError, HandshakeError, Refusal, RequestError};
use wskit_proto::{ProtocolError, SendError};

use crate::connect_error::ConnectError;
use crate::dial_error::DialError;
use crate::proxy::{ProxyError, ProxyUrlError};
use crate::reconnect::Ended;

/// Any error of a WebSocket program: `?` converts the errors of every call into it.
///
/// Each call returns the type of its own verb: [`ConnectionError`] on an open connection,
/// [`OpenError`] from the opening handshake over a stream, [`DialError`] from connecting to a URL.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// Receiving, sending or closing failed.
    Connection(ConnectionError),
    /// The opening handshake over a stream failed.
    Open(OpenError),
    /// Connecting to a URL, or a TLS handshake, failed.
    Dial(DialError),
    /// A [`Reconnect`](crate::Reconnect) has no connection at the moment. The message is not kept.
    NotConnected,
    /// A [`Reconnect`](crate::Reconnect) has ended, and opens no further connection: it has given up, or
    /// was closed, or its events or its task were dropped. The message is not kept.
    Ended,
    /// An error of the application, from the closure that opens connections for a
    /// [`Reconnect`](crate::Reconnect), or from a hook on them. [`Error::other`] makes one.
    Other(Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// Makes an error of any other: [`Error::Other`], or the variant for it if it is one of this crate's
    /// or an `io::Error`.
    ///
    /// ```
    /// # async fn fetch_token() -> Result<String, std::fmt::Error> { Ok(String::new()) }
    /// # async fn doc() -> Result<(), wskit_dial::Error> {
    /// let token = fetch_token().await.map_err(wskit_dial::Error::other)?;
    /// # drop(token); Ok(()) }
    /// ```
    pub fn other(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        error.into().into()
    }

    /// Returns the error of the application inside [`Error::Other`], if it is a `T`.
    #[must_use]
    pub fn downcast_ref<T: std::error::Error + 'static>(&self) -> Option<&T> {
        match self {
            Self::Other(error) => error.downcast_ref(),
            _ => None,
        }
    }

    /// Returns whether the peer or the network went away: an error that a server need not log.
    #[must_use]
    pub fn is_disconnect(&self) -> bool {
        match self {
            Self::Connection(error) => error.is_disconnect(),
            Self::Open(error) => error.is_disconnect(),
            Self::Dial(error) => error.is_disconnect(),
            Self::NotConnected | Self::Ended | Self::Other(_) => false,
        }
    }

    /// Returns the server's answer to the opening handshake if it was something other than 101: status,
    /// headers and the beginning of the body.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Open(error) => error.refusal(),
            Self::Dial(error) => error.refusal(),
            Self::Connection(_) | Self::NotConnected | Self::Ended | Self::Other(_) => None,
        }
    }

    /// Returns whether sending failed only because the connection is closing or closed.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        matches!(self, Self::Connection(error) if error.is_closed())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connection(error) => error.fmt(f),
            Self::Open(error) => error.fmt(f),
            Self::Dial(error) => error.fmt(f),
            Self::NotConnected => f.write_str("there is no connection at the moment"),
            Self::Ended => Ended.fmt(f),
            Self::Other(error) => error.fmt(f),
        }
    }
}

/// `Display` is the inner error's, so the source is that error's own.
impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Connection(error) => error.source(),
            Self::Open(error) => error.source(),
            Self::Dial(error) => error.source(),
            Self::NotConnected | Self::Ended => None,
            Self::Other(error) => error.source(),
        }
    }
}

/// For code that only knows stream errors. The error of the call is the inner error, unless it is an
/// `io::Error` itself.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Connection(error) => error.into(),
            Error::Open(error) => error.into(),
            Error::Dial(error) => error.into(),
            Error::NotConnected | Error::Ended => Self::new(io::ErrorKind::NotConnected, error),
            Error::Other(error) => Self::other(error),
        }
    }
}

/// One `From` for each error that `?` meets, by way of the error of its verb, and one for all of them in a
/// box.
macro_rules! from {
    ($($variant:ident: $($(#[$cfg:meta])? $error:ty),*;)*) => {
        $($(
            $(#[$cfg])?
            impl From<$error> for Error {
                #[cold]
                #[inline(never)]
                fn from(error: $error) -> Self {
                    Self::$variant(error.into())
                }
            }
        )*)*

        /// Takes a boxed error as the variant that `?` would have made of it unboxed; any other is
        /// [`Error::Other`].
        impl From<Box<dyn std::error::Error + Send + Sync>> for Error {
            fn from(error: Box<dyn std::error::Error + Send + Sync>) -> Self {
                let error = match error.downcast::<Self>() {
                    Ok(error) => return *error,
                    Err(error) => error,
                };
                $($(
                    $(#[$cfg])?
                    let error = match error.downcast::<$error>() {
                        Ok(error) => return (*error).into(),
                        Err(error) => error,
                    };
                )*)*
                Self::Other(error)
            }
        }
    };
}

from! {
    Connection: ConnectionError, ProtocolError, SendError, io::Error,
        #[cfg(feature = "json")] wskit_proto::JsonError;
    Open: OpenError, HandshakeError, BuildError, Elapsed;
    Dial: DialError, ConnectError, RequestError, ProxyError, ProxyUrlError,
        #[cfg(feature = "rustls")] crate::tls::TlsError,
        #[cfg(feature = "rustls")] crate::tls::TlsConfigError;
}

#[cfg(test)]
mod tests {
    use wskit_proto::TimeoutKind;

    use super::*;
    use crate::connect_error::{ConnectCause, Server};
    use crate::proxy::SocksFailure;
    use crate::reconnect::{GaveUp, Loss};
    use crate::redirect::RedirectError;
    use crate::stage::Stage;
    use crate::told_once::{check, every_variant};

    fn refused() -> io::Error {
        io::Error::new(io::ErrorKind::ConnectionRefused, "the port is closed")
    }

    #[test]
    fn io_errors_keep_their_kind() {
        let passed_through = [Error::from(refused()), OpenError::Io(refused()).into()];
        for error in passed_through {
            let error = io::Error::from(error);
            assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
            let inner = error.get_ref().expect("the text");
            assert!(!inner.is::<OpenError>());
        }
        for (error, kind) in [
            (DialError::from(refused()), io::ErrorKind::ConnectionRefused),
            (
                OpenError::Io(refused()).into(),
                io::ErrorKind::ConnectionRefused,
            ),
            (OpenError::Timeout.into(), io::ErrorKind::TimedOut),
            (Elapsed::Timeout.into(), io::ErrorKind::TimedOut),
            (
                OpenError::from(HandshakeError::InvalidAccept).into(),
                io::ErrorKind::InvalidData,
            ),
            (RequestError::Scheme.into(), io::ErrorKind::InvalidInput),
            (DialError::TlsUnavailable, io::ErrorKind::Other),
        ] {
            let error = io::Error::from(Error::Dial(error));
            assert_eq!(error.kind(), kind);
            let inner = error.get_ref().expect("the error itself");
            assert!(inner.is::<DialError>());
        }
        for error in [Error::from(Elapsed::Timeout), OpenError::Timeout.into()] {
            assert_eq!(io::Error::from(error).kind(), io::ErrorKind::TimedOut);
        }
        for error in [Error::NotConnected, Error::Ended] {
            assert_eq!(io::Error::from(error).kind(), io::ErrorKind::NotConnected);
        }
    }

    #[test]
    fn every_error_says_everything_once() {
        every_variant! { Error:
            Error::Connection(_) => refused().into(),
            Error::Open(_) => OpenError::Io(refused()).into(),
            Error::Dial(_) => ProxyError::Io(refused()).into(),
            Error::NotConnected => Error::NotConnected,
            Error::Ended => Error::Ended,
            Error::Other(_) => Error::other(GaveUp {
                loss: Loss::NotOpened(refused().into()),
                exhausted: true,
            }),
        }
        every_variant! { DialError:
            DialError::Connect(_) => ProxyError::Host(RequestError::InvalidHost).into(),
            DialError::Redirect(_) => RedirectError::Location(RequestError::InvalidHost).into(),
            DialError::TlsUnavailable => DialError::TlsUnavailable,
            #[cfg(feature = "rustls")]
            DialError::TlsConfig(_) => crate::tls::TlsConfigError::Pem("no key".to_owned()).into(),
            DialError::Request(_) => RequestError::InvalidHost.into(),
            DialError::NoTimer(_) => DialError::NoTimer(refused()),
        }
        every_variant! { RedirectError:
            RedirectError::TooMany { .. } => RedirectError::TooMany { limit: 3 },
            RedirectError::Location(_) => RedirectError::Location(RequestError::InvalidHost),
        }
    }

    /// A hook returns `Box<dyn Error>`, into which `?` puts everything.
    #[test]
    fn boxed_error_is_what_it_was_before() {
        type Boxed = Box<dyn std::error::Error + Send + Sync>;
        let closed: Boxed = SendError::Closed.into();
        assert!(matches!(
            Error::from(closed),
            Error::Connection(ConnectionError::Send(SendError::Closed))
        ));
        let no_tls: Boxed = DialError::TlsUnavailable.into();
        assert!(matches!(
            Error::from(no_tls),
            Error::Dial(DialError::TlsUnavailable)
        ));
        let again: Boxed = Error::NotConnected.into();
        assert!(matches!(Error::from(again), Error::NotConnected));
        let io: Boxed = io::Error::from(io::ErrorKind::TimedOut).into();
        assert!(matches!(
            Error::other(io),
            Error::Connection(ConnectionError::Io(_))
        ));
    }

    /// In a box or not.
    #[test]
    fn every_error_that_converts_is_unboxed() {
        fn same<E: std::error::Error + Send + Sync + 'static>(make: impl Fn() -> E)
        where
            Error: From<E>,
        {
            let boxed: Box<dyn std::error::Error + Send + Sync> = make().into();
            let plain: Error = make().into();
            let unboxed = Error::other(boxed);
            assert_eq!(format!("{unboxed:?}"), format!("{plain:?}"));
        }
        same(|| Error::NotConnected);
        same(|| ConnectionError::Timeout(TimeoutKind::Keepalive));
        same(|| ProtocolError::InvalidUtf8);
        same(|| SendError::Closed);
        same(refused);
        #[cfg(feature = "json")]
        same(|| {
            let json = wskit_proto::Message::text("x").json::<u8>();
            json.expect_err("no number")
        });
        same(|| OpenError::Timeout);
        same(|| HandshakeError::InvalidAccept);
        same(|| BuildError::ProtocolNotOffered);
        same(|| Elapsed::Timeout);
        same(|| DialError::TlsUnavailable);
        same(|| ConnectError::new(Stage::Tcp, ConnectCause::Timeout));
        same(|| RequestError::Scheme);
        same(|| ProxyError::Closed);
        same(|| crate::Proxy::new("ftp://h").expect_err("no proxy"));
        #[cfg(feature = "rustls")]
        same(|| crate::tls::TlsConfigError::NoRoots);
        #[cfg(feature = "rustls")]
        same(|| match not_tls() {
            ConnectCause::Tls(error) => error,
            cause => panic!("{cause:?}"),
        });
    }

    #[test]
    fn error_of_the_application_can_be_had_back() {
        let error = Error::other(fmt::Error);
        assert!(matches!(&error, Error::Other(_)), "{error:?}");
        assert_eq!(error.downcast_ref(), Some(&fmt::Error));
        assert!(error.downcast_ref::<io::Error>().is_none());
        assert_eq!(error.to_string(), fmt::Error.to_string());
        let io = io::Error::from(error);
        assert!(io.get_ref().unwrap().is::<fmt::Error>());
        assert_eq!(Error::other("no ticket").to_string(), "no ticket");
    }

    /// Each cause in each stage, as one line with the server and without.
    #[test]
    fn every_cause_is_told_once_in_every_stage() {
        use Stage::{Dial, Dns, Http, Proxy, Tcp, Tls};

        for stage in [Dial, Dns, Tcp, Proxy, Tls, Http] {
            every_variant! { ConnectCause:
                ConnectCause::Io(_) => ConnectCause::Io(refused()),
                ConnectCause::Timeout => ConnectCause::Timeout,
                ConnectCause::Proxy(_) => ConnectCause::Proxy(ProxyError::Unreachable(refused())),
                #[cfg(feature = "rustls")]
                ConnectCause::Tls(_) => not_tls(),
                ConnectCause::Open(_) =>
                    ConnectCause::Open(HandshakeError::UnexpectedEof { received: 0 }.into()),
                => |cause| {
                    let request = "ws://feed.example/".try_into().expect("a URL");
                    let limit = std::time::Duration::from_secs(3);
                    let mut error = ConnectError::new(stage, cause);
                    error.set_attempt(&Server::of(&request), limit);
                    check(error);
                }
            }
        }
    }

    #[test]
    fn every_error_of_a_proxy_says_everything_once() {
        every_variant! { ProxyError:
            ProxyError::Url(_) => crate::Proxy::new("ftp://h").expect_err("no proxy").into(),
            ProxyError::Host(_) => ProxyError::Host(RequestError::InvalidHost),
            ProxyError::Unreachable(_) => ProxyError::Unreachable(refused()),
            #[cfg(feature = "rustls")]
            ProxyError::Tls(_) => match not_tls() {
                ConnectCause::Tls(error) => ProxyError::Tls(error),
                _ => ProxyError::Closed,
            },
            ProxyError::TlsUnavailable => ProxyError::TlsUnavailable,
            #[cfg(feature = "rustls")]
            ProxyError::TlsConfig(_) => ProxyError::TlsConfig(crate::tls::TlsConfigError::Pem("no key".to_owned())),
            ProxyError::Io(_) => ProxyError::Io(refused()),
            ProxyError::Closed => ProxyError::Closed,
            ProxyError::Malformed(_) => ProxyError::Malformed("a blank"),
            ProxyError::AnswerTooLong { .. } => ProxyError::AnswerTooLong { limit: 1 },
            ProxyError::CredentialsRequired => ProxyError::CredentialsRequired,
            ProxyError::CredentialsRefused => ProxyError::CredentialsRefused,
            ProxyError::NoMethod => ProxyError::NoMethod,
            ProxyError::Status(_) => ProxyError::Status(http::StatusCode::BAD_GATEWAY),
            ProxyError::Socks(_) => ProxyError::Socks(SocksFailure::General),
        }
        every_variant! { SocksFailure:
            SocksFailure::General => SocksFailure::General,
            SocksFailure::NotAllowed => SocksFailure::NotAllowed,
            SocksFailure::NetworkUnreachable => SocksFailure::NetworkUnreachable,
            SocksFailure::HostUnreachable => SocksFailure::HostUnreachable,
            SocksFailure::ConnectionRefused => SocksFailure::ConnectionRefused,
            SocksFailure::TtlExpired => SocksFailure::TtlExpired,
            SocksFailure::CommandNotSupported => SocksFailure::CommandNotSupported,
            SocksFailure::AddressNotSupported => SocksFailure::AddressNotSupported,
            SocksFailure::Other(_) => SocksFailure::Other(9),
        }
    }

    #[test]
    fn reason_to_give_up_says_everything_once() {
        let timeout = || ConnectionError::Timeout(TimeoutKind::Keepalive);
        for loss in [
            Loss::NotOpened(ProxyError::Io(refused()).into()),
            Loss::Broken(timeout().into()),
        ] {
            check(GaveUp {
                loss,
                exhausted: true,
            });
        }
    }

    #[cfg(feature = "rustls")]
    fn not_tls() -> ConnectCause {
        let rustls = rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType);
        let error = io::Error::new(io::ErrorKind::InvalidData, rustls);
        match crate::tls::handshake_error(wskit_proto::Role::Client, error) {
            DialError::Connect(error) => error.into_cause(),
            error => panic!("{error:?}"),
        }
    }
}
