use std::fmt::{self, Display};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use wskit_driver::{ConnectionError, OpenError};
use wskit_handshake::{ClientRequest, HandshakeError, Refusal};

use crate::lookup_failure::LookupFailure;
use crate::progress::Tried;
use crate::proxy::ProxyError;
use crate::stage::Stage;

/// An attempt to connect that failed on the way to an open connection: where, in which stage, and why.
///
/// Its text names the server, and the proxy if that is where it failed; never the path or credentials:
/// `cannot connect to feed.example:443 (TCP, 3 addresses): Connection refused (os error 111)`.
#[derive(Debug)]
pub struct ConnectError {
    stage: Stage,
    cause: ConnectCause,
    server: Option<Server>,
    /// The host and the port of the proxy, if one was asked.
    pub(crate) proxy: Option<(String, u16)>,
    /// The time that the whole attempt was given.
    limit: Option<Limit>,
    pub(crate) tried: Vec<Tried>,
}

/// How long an attempt may take. Its text is that of a `Duration` down to milliseconds, in less code.
#[derive(Clone, Copy)]
struct Limit(Duration);

impl Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, millis) = (self.0.as_secs(), self.0.subsec_millis());
        match (seconds, millis) {
            (0, millis) => write!(f, "{millis}ms"),
            (seconds, 0) => write!(f, "{seconds}s"),
            (seconds, millis) if millis % 100 == 0 => write!(f, "{seconds}.{}s", millis / 100),
            (seconds, millis) => write!(f, "{seconds}.{millis:03}s"),
        }
    }
}

impl fmt::Debug for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

/// The server of an attempt.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    host: String,
    port: u16,
    secure: bool,
}

impl Server {
    pub(crate) fn of(request: &ClientRequest) -> Self {
        Self {
            host: request.host().to_owned(),
            port: request.port(),
            secure: request.is_secure(),
        }
    }
}

/// Why an attempt to connect failed; from [`ConnectError::cause`].
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectCause {
    /// The operating system, or the stream, reported an error. In the stage [`Stage::Dns`] see
    /// [`ConnectError::lookup_failure`]; in the stage [`Stage::Tcp`] it is the error of the address that
    /// failed last, see [`ConnectError::addresses`].
    Io(io::Error),
    /// The time was up: `Config::handshake_timeout`, or that of a TLS acceptor.
    Timeout,
    /// The proxy did not open the way to the server.
    Proxy(ProxyError),
    /// The TLS handshake failed, most often over the peer's certificate.
    #[cfg(feature = "rustls")]
    Tls(crate::tls::TlsError),
    /// The server was reached, and the opening handshake failed. A timeout and an error of the stream are
    /// [`Timeout`](ConnectCause::Timeout) and [`Io`](ConnectCause::Io) in this stage too.
    Open(OpenError),
}

impl ConnectError {
    /// Makes an error, for a [`Dial`](crate::Dial) or [`TlsLayer`](crate::TlsLayer) of one's own. The
    /// [`Connector`](crate::Connector) adds the server.
    #[must_use]
    pub fn new(stage: Stage, cause: ConnectCause) -> Self {
        Self {
            stage,
            cause,
            server: None,
            proxy: None,
            limit: None,
            tried: Vec::new(),
        }
    }

    /// Returns how far the attempt had come.
    #[must_use]
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// Returns why it failed.
    #[must_use]
    pub fn cause(&self) -> &ConnectCause {
        &self.cause
    }

    /// Returns why it failed, as a value.
    #[must_use]
    pub fn into_cause(self) -> ConnectCause {
        self.cause
    }

    /// Returns the host of the server, without the brackets of an IPv6 address. After a redirect it is that
    /// of the server that was redirected to. `None` for a TLS handshake without a connector.
    #[must_use]
    pub fn host(&self) -> Option<&str> {
        self.server.as_ref().map(|server| server.host.as_str())
    }

    /// Returns the port of the server; `None` if there is no [`host`](ConnectError::host).
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        self.server.as_ref().map(|server| server.port)
    }

    /// Returns the addresses that were tried, in this order, each with the error of its TCP connection. An
    /// address without an error was connected, or given up when the time was up.
    ///
    /// With a proxy they are the proxy's. There are none in the stages [`Stage::Dns`], [`Stage::Http`] and
    /// [`Stage::Dial`].
    pub fn addresses(&self) -> impl Iterator<Item = (SocketAddr, Option<&io::Error>)> {
        let tried = self.tried.iter();
        tried.map(|tried| (tried.address, tried.error.as_ref()))
    }

    /// Returns why the server's name was not found; `None` if something else failed.
    #[must_use]
    pub fn lookup_failure(&self) -> Option<LookupFailure> {
        match &self.cause {
            ConnectCause::Io(error) if self.stage == Stage::Dns => Some(LookupFailure::of(error)),
            _ => None,
        }
    }

    /// Returns the server's answer if it was something other than 101: status, headers and the beginning of
    /// the body.
    #[must_use]
    pub fn refusal(&self) -> Option<&Refusal> {
        match &self.cause {
            ConnectCause::Open(error) => error.refusal(),
            _ => None,
        }
    }

    /// Returns whether the time was up.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self.cause, ConnectCause::Timeout)
    }

    /// Returns whether the server or the network went away or cannot be reached.
    #[must_use]
    pub fn is_disconnect(&self) -> bool {
        match &self.cause {
            ConnectCause::Open(error) => error.is_disconnect(),
            ConnectCause::Io(error) => ConnectionError::is_disconnect_io(error),
            _ => false,
        }
    }

    /// Returns the kind of the error as an `io::Error`.
    pub(crate) fn kind(&self) -> io::ErrorKind {
        match &self.cause {
            ConnectCause::Io(error) => error.kind(),
            ConnectCause::Timeout => io::ErrorKind::TimedOut,
            ConnectCause::Open(error) => error.kind(),
            _ => io::ErrorKind::Other,
        }
    }

    /// Sets the stage if the error has none.
    pub(crate) fn set_stage(&mut self, stage: Stage) {
        if self.stage == Stage::Dial {
            self.stage = stage;
        }
    }

    /// Sets the time that was given, for the text of a timeout.
    #[must_use]
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = Some(Limit(limit));
        self
    }

    /// Adds what the connector knows: the server, and the time that the whole attempt was given, unless the
    /// error says which time was up.
    pub(crate) fn set_attempt(&mut self, server: &Server, limit: Duration) {
        self.limit.get_or_insert(Limit(limit));
        self.server = Some(server.clone());
    }

    /// Returns whether the server closed the connection without an answer.
    fn is_without_answer(&self) -> bool {
        matches!(
            self.cause,
            ConnectCause::Open(OpenError::Handshake(HandshakeError::UnexpectedEof {
                received: 0
            }))
        )
    }

    /// Returns whether the server closed the connection during the TLS handshake.
    fn is_end_in_tls(&self) -> bool {
        matches!(&self.cause, ConnectCause::Io(error)
            if self.stage == Stage::Tls && error.kind() == io::ErrorKind::UnexpectedEof)
    }

    /// Writes the time that is up, and what it was spent on.
    fn fmt_timeout(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("timed out")?;
        if let Some(limit) = self.limit {
            write!(f, " after {limit}")?;
        }
        match self.stage {
            Stage::Dial => Ok(()),
            Stage::Proxy => f.write_str(" waiting for the proxy"),
            Stage::Tcp => {
                f.write_str(" waiting for ")?;
                self.fmt_addresses(f)
            }
            stage => write!(f, " during {stage}"),
        }
    }

    /// Writes what TCP was opened to: the address, or the number of them.
    fn fmt_addresses(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TCP")?;
        match self.tried.as_slice() {
            [] => Ok(()),
            // Not again what was said as the host.
            [one] if self.host().and_then(|host| host.parse().ok()) == Some(one.address.ip()) => {
                Ok(())
            }
            [one] => write!(f, ", {}", one.address.ip()),
            all => write!(f, ", {} addresses", all.len()),
        }
    }

    /// Writes the errors of the addresses: one for all, or each with its address.
    fn fmt_tcp(&self, last: &io::Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed = || {
            self.addresses()
                .filter_map(|(to, error)| Some((to, error?)))
        };
        let last_text = last.to_string();
        if failed().all(|(_, error)| error.to_string() == last_text) {
            return f.write_str(&last_text);
        }
        for (nth, (address, error)) in failed().take(MOST_TOLD).enumerate() {
            let comma = if nth == 0 { "" } else { "; " };
            write!(f, "{comma}{}: {error}", address.ip())?;
        }
        Ok(())
    }

    /// Writes the cause, behind the server or alone.
    fn fmt_cause(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            ConnectCause::Timeout => self.fmt_timeout(f),
            ConnectCause::Io(error) => match self.stage {
                Stage::Dns => write!(f, "{} (DNS): {error}", LookupFailure::of(error)),
                Stage::Tcp => self.fmt_tcp(error, f),
                Stage::Tls if self.is_end_in_tls() => {
                    f.write_str("the peer closed the connection during the TLS handshake")
                }
                Stage::Http => write!(f, "the stream failed during the opening handshake: {error}"),
                _ => error.fmt(f),
            },
            ConnectCause::Proxy(error) => error.fmt(f),
            #[cfg(feature = "rustls")]
            ConnectCause::Tls(error) => error.fmt(f),
            ConnectCause::Open(_) if self.is_without_answer() => {
                f.write_str("the server closed the connection without an answer")?;
                match &self.server {
                    Some(server) if !server.secure => f.write_str("; is it wss://?"),
                    _ => Ok(()),
                }
            }
            ConnectCause::Open(error) => error.fmt(f),
        }
    }
}

impl Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_tls = self.stage == Stage::Tls && !self.is_timeout() && !self.is_end_in_tls();
        match &self.server {
            Some(Server { host, port, .. }) => {
                f.write_str("cannot connect to ")?;
                fmt_authority(host, *port, f)?;
                if let (Stage::Proxy, Some((host, port))) = (self.stage, &self.proxy) {
                    f.write_str(" by the proxy ")?;
                    fmt_authority(host, *port, f)?;
                }
                if self.stage == Stage::Tcp && !self.is_timeout() {
                    f.write_str(" (")?;
                    self.fmt_addresses(f)?;
                    f.write_str(")")?;
                } else if is_tls {
                    f.write_str(" (TLS)")?;
                }
                f.write_str(": ")?;
            }
            None if is_tls => f.write_str("the TLS handshake failed: ")?,
            None => {}
        }
        self.fmt_cause(f)
    }
}

/// Writes a host and a port as in a URL.
fn fmt_authority(host: &str, port: u16, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if host.contains(':') {
        write!(f, "[{host}]:{port}")
    } else {
        write!(f, "{host}:{port}")
    }
}

/// `Display` includes the cause, so the source is that error's own.
impl std::error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.cause {
            ConnectCause::Io(error) => error.source(),
            ConnectCause::Proxy(error) => error.source(),
            #[cfg(feature = "rustls")]
            ConnectCause::Tls(error) => error.source(),
            ConnectCause::Open(error) => error.source(),
            ConnectCause::Timeout => None,
        }
    }
}

/// The most addresses whose errors are told.
const MOST_TOLD: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the text of an attempt at these addresses, of which each failed with its text.
    fn text(url: &str, tried: &[(&str, Option<&str>)]) -> String {
        let mut error = ConnectError::new(Stage::Tcp, ConnectCause::Timeout);
        for (address, fault) in tried {
            let address = address.parse().unwrap();
            let fault = fault.map(|fault| io::Error::new(io::ErrorKind::ConnectionRefused, fault));
            if let Some(fault) = &fault {
                error.cause = ConnectCause::Io(io::Error::other(fault.to_string()));
            }
            error.tried.push(Tried {
                address,
                error: fault,
            });
        }
        error.set_attempt(
            &Server::of(&url.try_into().unwrap()),
            Duration::from_millis(1500),
        );
        error.to_string()
    }

    /// A dialler of one's own with a limit of its own, which was up before that of the whole attempt.
    #[test]
    fn limit_that_was_set_is_kept() {
        let own = ConnectError::new(Stage::Dial, ConnectCause::Timeout);
        let mut error = own.within(Duration::from_millis(250));
        error.set_attempt(
            &Server::of(&"ws://h/".try_into().unwrap()),
            Duration::from_secs(10),
        );
        let told = "cannot connect to h:80: timed out after 250ms";
        assert_eq!(error.to_string(), told);
    }

    #[test]
    fn addresses_are_told_if_they_say_more() {
        for (url, tried, told) in [
            (
                "ws://192.0.2.1/",
                &[("192.0.2.1:80", Some("refused"))][..],
                "cannot connect to 192.0.2.1:80 (TCP): refused",
            ),
            (
                "ws://[::1]:9/",
                &[("[::1]:9", Some("refused"))],
                "cannot connect to [::1]:9 (TCP): refused",
            ),
            (
                "wss://h/",
                &[("192.0.2.1:443", Some("refused"))],
                "cannot connect to h:443 (TCP, 192.0.2.1): refused",
            ),
            (
                "wss://h/",
                &[
                    ("[::1]:443", Some("refused")),
                    ("192.0.2.1:443", Some("refused")),
                ],
                "cannot connect to h:443 (TCP, 2 addresses): refused",
            ),
            (
                "wss://h/",
                &[
                    ("[::1]:443", Some("no route")),
                    ("192.0.2.1:443", Some("refused")),
                ],
                "cannot connect to h:443 (TCP, 2 addresses): ::1: no route; 192.0.2.1: refused",
            ),
            (
                "wss://h/",
                &[("192.0.2.1:443", None), ("192.0.2.2:443", None)],
                "cannot connect to h:443: timed out after 1.5s waiting for TCP, 2 addresses",
            ),
        ] {
            assert_eq!(text(url, tried), told);
        }
    }
}
