//! What is worth another attempt. Sans-I/O: a loss goes in, a verdict comes out.

use std::io;
use std::time::{Duration, SystemTime};

use http::StatusCode;
use http::header::{HeaderMap, RETRY_AFTER};
use wskit_driver::{ConnectionError, OpenError};
use wskit_handshake::HandshakeError;
use wskit_proto::{Cause, CloseCode, Initiator, Outcome, ProtocolError, SendError};

use super::loss::Loss;
use super::on_open::OnOpenError;
use crate::connect_error::{ConnectCause, ConnectError};
use crate::dial_error::DialError;
use crate::error::Error;
use crate::proxy::{ProxyError, SocksFailure};
use crate::stage::Stage;

/// What to do about a [`Loss`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The cause may pass: try again after the next delay of the backoff.
    Retry,
    /// The cause may pass: try again after the next delay, and not before this time.
    RetryAfter(Duration),
    /// The cause will not pass: end with [`GaveUp`](super::GaveUp).
    GiveUp,
    /// The connection ended as it should: end without an error.
    Done,
}

impl Verdict {
    /// Returns the default verdict, used unless [`classify`](crate::Reconnect::classify) is set.
    ///
    /// | what happened | verdict |
    /// |---|---|
    /// | closed by this end (too slow, idle, by a call on the connection), whatever the peer answers | retry |
    /// | closed by the peer with 1000 | done |
    /// | closed by the peer with 1001, 1011, 1012, 1013, 1014, without a code, or with a code that says nothing to us | retry |
    /// | closed by the peer with 1002, 1003, 1007, 1008, 1009, 1010, 3000, 3003 | give up |
    /// | what came was no WebSocket frame, not UTF-8, or did not decompress | retry |
    /// | a message was larger than `Config` allows, or had more fragments | give up |
    /// | gone without a Close (1006), silent, the transport failed | retry |
    /// | no name, no route, forbidden, refused, reset, no answer in time | retry |
    /// | refused with any status and `Retry-After` | retry, after that time (an hour at most) |
    /// | refused with 408, 425, 429, 5xx but 501 | retry |
    /// | refused with any other status; not a WebSocket server | give up |
    /// | the proxy refuses: 5xx, or a failure of the network behind it | retry |
    /// | the proxy refuses for any other reason | give up |
    /// | a certificate is not yet valid (or the clock of this machine is not yet set) | retry |
    /// | the TLS peer reports an internal error | retry |
    /// | the network failed during the TLS handshake | retry |
    /// | the TLS handshake failed for any other reason, most often over a certificate | give up |
    /// | an answer to a hook is not the expected JSON | retry |
    /// | an error of the application, or its hook took too long | retry |
    /// | the request, the TLS settings, the redirect cannot be used; no timer | give up |
    #[must_use]
    pub fn of(loss: &Loss) -> Self {
        of_loss(loss, SystemTime::now())
    }

    /// Returns the default verdict on an error of opening a connection, or of one that was open: whether another
    /// attempt may help.
    ///
    /// ```
    /// use wskit_dial::{Error, reconnect::Verdict};
    ///
    /// let error = Error::other("the token has expired");
    /// assert_eq!(Verdict::of_error(&error), Verdict::Retry);
    /// ```
    #[must_use]
    pub fn of_error(error: &Error) -> Self {
        of_error(error, SystemTime::now())
    }

    /// Returns the default verdict, but tries again after a Close with 1000 too: for a feed without an end
    /// of its own, behind proxies that end idle connections that way.
    ///
    /// ```no_run
    /// # fn doc<R: wskit_dial::Net>(feed: wskit_dial::Reconnect<R>) {
    /// use wskit_dial::reconnect::Verdict;
    ///
    /// let feed = feed.classify(Verdict::never_done);
    /// # }
    /// ```
    #[must_use]
    pub fn never_done(loss: &Loss) -> Self {
        match Self::of(loss) {
            Self::Done => Self::Retry,
            other => other,
        }
    }
}

/// Returns the verdict on a loss. `now` is for dates in `Retry-After`.
fn of_loss(loss: &Loss, now: SystemTime) -> Verdict {
    match loss {
        Loss::Closed(outcome) => of_outcome(outcome),
        Loss::NotOpened(error) | Loss::Broken(error) => of_error(error, now),
    }
}

fn of_outcome(outcome: &Outcome) -> Verdict {
    match &outcome.cause {
        Cause::Protocol(error) => of_broken_rule(error),
        // The peer has only answered to our Close.
        _ if outcome.initiator == Some(Initiator::Local) => Verdict::Retry,
        Cause::Closed => of_code(outcome.code()),
        _ if says_why(outcome) => of_code(outcome.code()),
        _ => Verdict::Retry,
    }
}

/// Returns whether the peer sent a Close with its reason, although a write failed before it was read.
pub(super) fn says_why(outcome: &Outcome) -> bool {
    matches!(outcome.cause, Cause::Transport(_)) && outcome.received.is_some()
}

fn of_code(code: CloseCode) -> Verdict {
    match code.get() {
        1000 => Verdict::Done,
        // The client is at fault or not allowed (3000 and 3003: unauthorized and forbidden, IANA
        // registry): the next connection would end the same way.
        1002 | 1003 | 1007..=1010 | 3000 | 3003 => Verdict::GiveUp,
        // Proxies and restarting servers send an empty Close (1005). 3xxx and 4xxx are defined by the
        // application.
        _ => Verdict::Retry,
    }
}

/// Returns the verdict on a broken rule. The connection had been open, so the server speaks the protocol:
/// the cause is most often on the way, such as a proxy that writes its error page into the stream. A
/// message over a limit comes from the server, and will come again.
fn of_broken_rule(error: &ProtocolError) -> Verdict {
    match error {
        ProtocolError::MessageTooBig { .. }
        | ProtocolError::FrameTooBig { .. }
        | ProtocolError::TooManyFragments { .. } => Verdict::GiveUp,
        _ => Verdict::Retry,
    }
}

fn of_error(error: &Error, now: SystemTime) -> Verdict {
    match error {
        Error::Connection(error) => of_connection(error),
        Error::Open(error) => of_open(error, now),
        Error::Dial(DialError::Connect(error)) => of_connect(error, now),
        Error::Dial(_) => Verdict::GiveUp,
        Error::NotConnected | Error::Ended => Verdict::Retry,
        // A hook that keeps the connection will keep the next one too. About errors of the application
        // nothing is known.
        Error::Other(error) => match error.downcast_ref() {
            Some(OnOpenError::ConnectionKept) => Verdict::GiveUp,
            _ => Verdict::Retry,
        },
    }
}

fn of_connection(error: &ConnectionError) -> Verdict {
    match error {
        ConnectionError::Disconnected { .. }
        | ConnectionError::Timeout(_)
        // The connection ended while something was being sent on it.
        | ConnectionError::Send(SendError::Closed) => Verdict::Retry,
        // What a hook was answered, which another server may answer as expected.
        #[cfg(feature = "json")]
        ConnectionError::Json(_) => Verdict::Retry,
        ConnectionError::Io(error) => of_io(error),
        ConnectionError::Protocol(error) => of_broken_rule(error),
        _ => Verdict::GiveUp,
    }
}

fn of_open(error: &OpenError, now: SystemTime) -> Verdict {
    match error {
        OpenError::Timeout | OpenError::Handshake(HandshakeError::UnexpectedEof { .. }) => {
            Verdict::Retry
        }
        OpenError::Handshake(HandshakeError::Refused(refusal)) => {
            match retry_after(&refusal.headers, now) {
                Some(time) => Verdict::RetryAfter(time),
                None => of_status(refusal.status),
            }
        }
        OpenError::Io(error) => of_io(error),
        _ => Verdict::GiveUp,
    }
}

fn of_connect(error: &ConnectError, now: SystemTime) -> Verdict {
    match error.cause() {
        ConnectCause::Timeout => Verdict::Retry,
        ConnectCause::Io(failed) if error.stage() == Stage::Tls && !is_of_network(failed) => {
            Verdict::GiveUp
        }
        ConnectCause::Io(error) => of_io(error),
        ConnectCause::Open(error) => of_open(error, now),
        ConnectCause::Proxy(error) => of_proxy(error),
        #[cfg(feature = "rustls")]
        ConnectCause::Tls(error) if error.may_pass() => Verdict::Retry,
        #[cfg(feature = "rustls")]
        ConnectCause::Tls(_) => Verdict::GiveUp,
    }
}

/// Returns whether an I/O error of a TLS library of the caller's is one of the network, or holds one. If not,
/// it is the library's own, and that is most often about a certificate.
fn is_of_network(error: &io::Error) -> bool {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        let io = error.downcast_ref::<io::Error>();
        let is_own = |io: &io::Error| {
            io.raw_os_error().is_none()
                && matches!(io.kind(), io::ErrorKind::Other | io::ErrorKind::InvalidData)
        };
        if io.is_some_and(|io| !is_own(io)) {
            return true;
        }
        // What is inside of an `io::Error` is not its source, but in the place of it.
        next = match io.and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    false
}

fn of_proxy(error: &ProxyError) -> Verdict {
    match error {
        ProxyError::Unreachable(_)
        | ProxyError::Io(_)
        | ProxyError::Closed
        | ProxyError::Socks(
            SocksFailure::General
            | SocksFailure::NetworkUnreachable
            | SocksFailure::HostUnreachable
            | SocksFailure::ConnectionRefused
            | SocksFailure::TtlExpired,
        ) => Verdict::Retry,
        ProxyError::Status(status) => of_status(*status),
        #[cfg(feature = "rustls")]
        ProxyError::Tls(error) if error.may_pass() => Verdict::Retry,
        _ => Verdict::GiveUp,
    }
}

fn of_io(error: &io::Error) -> Verdict {
    match error.kind() {
        // The request itself cannot be carried out.
        io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported => Verdict::GiveUp,
        // Also EACCES and EPERM: firewalls, and systems while a VPN is switched.
        _ => Verdict::Retry,
    }
}

fn of_status(status: StatusCode) -> Verdict {
    let may_pass = matches!(
        status,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
    ) || (status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED);
    if may_pass {
        Verdict::Retry
    } else {
        Verdict::GiveUp
    }
}

/// Returns the delay of `Retry-After` (RFC 9110 §10.2.3): seconds, or a date (one in the past is no delay).
/// At most [`MOST`], because the server chooses it.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let time = if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number that does not fit is a long time.
        Duration::from_secs(value.parse().unwrap_or(u64::MAX))
    } else {
        let date = httpdate::parse_http_date(value).ok()?;
        date.duration_since(now).unwrap_or_default()
    };
    Some(time.min(MOST))
}

/// The longest `Retry-After` that is obeyed.
const MOST: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests;
