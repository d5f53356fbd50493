use std::fmt;
use std::io;
use std::time::Duration;

use wskit_driver::{Elapsed, OpenError};
use wskit_handshake::{Refusal, RequestError};

use crate::connect_error::{ConnectCause, ConnectError, Server};
use crate::proxy::{ProxyError, ProxyUrlError};
use crate::redirect::RedirectError;
use crate::stage::Stage;

/// Why there is no connection to a URL; from [`Connector::connect`](crate::Connector::connect).
///
/// ```no_run
/// # async fn doc<R: wskit_dial::Net>(connector: wskit_dial::Connector<R>) -> Result<(), wskit_dial::DialError> {
/// use wskit_dial::{DialError, Stage};
///
/// match connector.connect("wss://feed.example/").await {
///     Err(error) if error.refusal().is_some_and(|refusal| refusal.status == 401) => println!("log in"),
///     Err(DialError::Connect(error)) if error.stage() == Stage::Dns => println!("a typing error? {error}"),
///     Err(DialError::Connect(error)) if error.is_timeout() => println!("try again later: {error}"),
///     Err(error) => return Err(error),
///     Ok((ws, _)) => println!("{ws:?}"),
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum DialError {
    /// The attempt failed on the way to an open connection: name lookup, TCP, proxy, TLS, opening handshake.
    /// Holds the server, the stage and the cause. TLS handshakes by themselves report it too.
    Connect(Box<ConnectError>),
    /// A redirect of the server could not be followed (`Connector::redirects`).
    Redirect(RedirectError),
    /// `wss://` was asked for, and the binding was built without TLS. Nothing was dialled.
    TlsUnavailable,
    /// The TLS settings cannot be used. Nothing was dialled.
    #[cfg(feature = "rustls")]
    TlsConfig(crate::tls::TlsConfigError),
    /// The request is not valid. Nothing was dialled.
    Request(RequestError),
    /// The runtime has no timer, and dialling needs one. Enable the runtime's timer.
    NoTimer(io::Error),
}

impl DialError {
    /// Returns the server's answer if it was something other than 101: status, headers and the beginning of
    /// the body.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Connect(error) => error.refusal(),
            _ => None,
        }
    }

    /// Returns how far the attempt had come; `None` if nothing was dialled.
    #[must_use]
    pub fn stage(&self) -> Option<Stage> {
        match self {
            Self::Connect(error) => Some(error.stage()),
            Self::Redirect(_) => Some(Stage::Http),
            _ => None,
        }
    }

    /// Returns why the attempt failed, in any stage: the [`cause`](ConnectError::cause) of a
    /// [`Connect`](DialError::Connect).
    #[must_use]
    pub fn cause(&self) -> Option<&ConnectCause> {
        match self {
            Self::Connect(error) => Some(error.cause()),
            _ => None,
        }
    }

    /// Returns whether the time was up.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Connect(error) if error.is_timeout())
    }

    /// Returns whether the server or the network went away or cannot be reached.
    #[must_use]
    pub fn is_disconnect(&self) -> bool {
        matches!(self, Self::Connect(error) if error.is_disconnect())
    }

    /// Adds the server of an attempt that was given so much time.
    pub(crate) fn of_attempt(mut self, server: &Server, limit: Duration) -> Self {
        if let Self::Connect(error) = &mut self {
            error.set_attempt(server, limit);
        }
        self
    }
}

impl fmt::Display for DialError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => error.fmt(f),
            Self::Redirect(error) => error.fmt(f),
            Self::TlsUnavailable => {
                f.write_str("wss:// needs TLS: enable the features rustls-ring and webpki-roots")
            }
            #[cfg(feature = "rustls")]
            Self::TlsConfig(error) => write!(f, "the TLS settings cannot be used: {error}"),
            Self::Request(error) => write!(f, "the request cannot be built: {error}"),
            Self::NoTimer(error) => write!(f, "the runtime has no timer: {error}"),
        }
    }
}

/// `Display` includes the inner error, so the source is that error's own.
impl std::error::Error for DialError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Connect(error) => error.source(),
            Self::Redirect(error) => error.source(),
            #[cfg(feature = "rustls")]
            Self::TlsConfig(error) => error.source(),
            Self::Request(error) => error.source(),
            Self::NoTimer(error) => error.source(),
            Self::TlsUnavailable => None,
        }
    }
}

/// For code that only knows stream errors. The kind is that of the cause, and the [`DialError`] is the inner
/// error.
impl From<DialError> for io::Error {
    fn from(error: DialError) -> Self {
        let kind = match &error {
            DialError::Connect(error) => error.kind(),
            DialError::Request(_) => io::ErrorKind::InvalidInput,
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

impl From<ConnectError> for DialError {
    fn from(error: ConnectError) -> Self {
        Self::Connect(Box::new(error))
    }
}

/// A timeout and an error of the stream become causes of their own.
impl From<OpenError> for DialError {
    fn from(error: OpenError) -> Self {
        let cause = match error {
            OpenError::Request(error) => return Self::Request(error),
            OpenError::NoTimer(error) => return Self::NoTimer(error),
            OpenError::Timeout => ConnectCause::Timeout,
            OpenError::Io(error) => ConnectCause::Io(error),
            error => ConnectCause::Open(error),
        };
        ConnectError::new(Stage::Http, cause).into()
    }
}

impl From<ProxyError> for DialError {
    fn from(error: ProxyError) -> Self {
        ConnectError::new(Stage::Proxy, ConnectCause::Proxy(error)).into()
    }
}

impl From<ProxyUrlError> for DialError {
    fn from(error: ProxyUrlError) -> Self {
        ProxyError::from(error).into()
    }
}

impl From<RedirectError> for DialError {
    fn from(error: RedirectError) -> Self {
        Self::Redirect(error)
    }
}

#[cfg(feature = "rustls")]
impl From<crate::tls::TlsError> for DialError {
    fn from(error: crate::tls::TlsError) -> Self {
        ConnectError::new(Stage::Tls, ConnectCause::Tls(error)).into()
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

/// For a [`Dial`](crate::Dial) of one's own: the stage is [`Stage::Dial`].
impl From<io::Error> for DialError {
    fn from(error: io::Error) -> Self {
        ConnectError::new(Stage::Dial, ConnectCause::Io(error)).into()
    }
}

impl From<Elapsed> for DialError {
    fn from(error: Elapsed) -> Self {
        match error {
            Elapsed::Timeout => ConnectError::new(Stage::Dial, ConnectCause::Timeout).into(),
            Elapsed::NoTimer(error) => Self::NoTimer(error),
        }
    }
}
