use std::fmt;
use std::io;

use wskit_driver::{ConnectionError, Elapsed, OpenError};
use wskit_handshake::{BuildError, HandshakeError, RequestError};
use wskit_proto::{ProtocolError, SendError};

use crate::dial_error::DialError;
use crate::proxy::{ProxyError, ProxyUrlError};

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
            Self::NotConnected | Self::Other(_) => false,
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
            Self::NotConnected => None,
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
            Error::NotConnected => Self::new(io::ErrorKind::NotConnected, error),
            Error::Other(error) => Self::other(error),
        }
    }
}

/// One `From` for each error that `?` meets, by way of the error of its verb.
macro_rules! from {
    ($($variant:ident: $($(#[$cfg:meta])? $error:ty),*;)*) => {$($(
        $(#[$cfg])?
        impl From<$error> for Error {
            #[cold]
            #[inline(never)]
            fn from(error: $error) -> Self {
                Self::$variant(error.into())
            }
        }
    )*)*};
}

from! {
    Connection: ConnectionError, ProtocolError, SendError, io::Error;
    Open: OpenError, HandshakeError, BuildError, Elapsed;
    Dial: DialError, RequestError, ProxyError, ProxyUrlError,
        #[cfg(feature = "rustls")] crate::tls::TlsConfigError;
}

/// Takes a boxed error as the variant that `?` would have made of it unboxed; any other is
/// [`Error::Other`].
impl From<Box<dyn std::error::Error + Send + Sync>> for Error {
    fn from(error: Box<dyn std::error::Error + Send + Sync>) -> Self {
        macro_rules! unbox {
            ($error:ident: $($ty:ty),*) => {{
                let error = $error;
                $(let error = match error.downcast::<$ty>() {
                    Ok(error) => return (*error).into(),
                    Err(error) => error,
                };)*
                error
            }};
        }
        let error = unbox!(error: Self, ConnectionError, ProtocolError, SendError, io::Error, OpenError,
            HandshakeError, BuildError, Elapsed, DialError, RequestError, ProxyError, ProxyUrlError);
        #[cfg(feature = "rustls")]
        let error = unbox!(error: crate::tls::TlsConfigError);
        Self::Other(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconnect::{GaveUp, Loss};
    use crate::redirect::RedirectError;

    #[test]
    fn io_errors_pass_through_and_others_are_inside() {
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        for error in [
            Error::from(refused()),
            DialError::Io(refused()).into(),
            OpenError::Io(refused()).into(),
        ] {
            let error = io::Error::from(error);
            assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
            assert!(error.get_ref().is_none());
        }
        let timeouts = [
            DialError::Timeout.into(),
            DialError::Open(OpenError::Timeout).into(),
            Error::from(Elapsed::Timeout),
        ];
        for error in timeouts {
            let error = io::Error::from(error);
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            assert!(error.get_ref().is_some());
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
        let timeout: Boxed = DialError::Timeout.into();
        assert!(matches!(
            Error::from(timeout),
            Error::Dial(DialError::Timeout)
        ));
        let again: Boxed = Error::NotConnected.into();
        assert!(matches!(Error::from(again), Error::NotConnected));
        let io: Boxed = io::Error::from(io::ErrorKind::TimedOut).into();
        assert!(matches!(
            Error::other(io),
            Error::Connection(ConnectionError::Io(_))
        ));
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

    /// A log that prints the whole chain says everything once.
    #[test]
    fn no_text_is_told_again_by_its_source() {
        let refused = || io::Error::new(io::ErrorKind::ConnectionRefused, "the port is closed");
        let errors = [
            refused().into(),
            ConnectionError::NoTimer(refused()).into(),
            DialError::Io(refused()).into(),
            DialError::NoTimer(refused()).into(),
            OpenError::Io(refused()).into(),
            ProxyError::Unreachable(refused()).into(),
            ProxyError::Io(refused()).into(),
            ProxyError::Host(RequestError::InvalidHost).into(),
            DialError::from(RedirectError::Location(RequestError::InvalidHost)).into(),
            Error::from(RequestError::InvalidHost),
            Error::other(DialError::Io(refused())),
            Error::other(GaveUp {
                loss: Loss::NotOpened(refused().into()),
                exhausted: true,
            }),
            Error::from(ProtocolError::InvalidUtf8),
            Error::from(SendError::Closed),
            Error::from(HandshakeError::UnexpectedEof { received: 0 }),
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
}
