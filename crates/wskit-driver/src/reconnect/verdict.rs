use std::io;
use std::time::Duration;

use http::StatusCode;
use http::header::{HeaderMap, RETRY_AFTER};
use wskit_handshake::HandshakeError;
use wskit_proto::{Cause, CloseCode, Outcome, SendError};

use super::loss::Loss;
use crate::dial::{ProxyError, SocksFailure};
use crate::error::Error;

/// What to do about a [`Loss`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// It may pass: try again, after the next delay of the backoff.
    Retry,
    /// The same, and no sooner than after this time.
    RetryAfter(Duration),
    /// It will not pass: say so and end.
    GiveUp,
    /// It was the end that was wanted: end, without an error.
    Done,
}

impl Verdict {
    /// What is done unless [`classify`](crate::Reconnect::classify) says otherwise.
    ///
    /// | what happened | verdict |
    /// |---|---|
    /// | closed with 1000 or without a code | done |
    /// | closed with 1001, 1011, 1012, 1013, 1014, or a code that says nothing to us | retry |
    /// | closed with 1002, 1003, 1007, 1008, 1009, 1010, 3000, 3003 | give up |
    /// | the peer broke a rule | as closed with the code that it was told |
    /// | gone without a Close (1006), silent, the transport failed | retry |
    /// | no name, no route, refused, reset, no answer in time | retry |
    /// | refused with 408, 425, 429, 5xx | retry, after `Retry-After` (in seconds; an hour at most) |
    /// | refused with any other status; not a WebSocket server | give up |
    /// | the proxy refuses: 5xx, or a failure of the network behind it | retry |
    /// | the proxy refuses for any other reason | give up |
    /// | the TLS handshake failed, most often over a certificate | give up |
    /// | the request, the TLS settings, the redirect cannot be used; no timer | give up |
    #[must_use]
    pub fn of(loss: &Loss) -> Self {
        match loss {
            Loss::Closed(outcome) => of_outcome(outcome),
            Loss::NotOpened(error) | Loss::Broken(error) => of_error(error),
        }
    }
}

fn of_outcome(outcome: &Outcome) -> Verdict {
    match &outcome.cause {
        Cause::Closed => of_code(outcome.code()),
        Cause::Protocol(error) => of_code(error.close_code()),
        _ => Verdict::Retry,
    }
}

fn of_code(code: CloseCode) -> Verdict {
    match code.get() {
        1000 | 1005 => Verdict::Done,
        // What was sent is wrong, or we are not wanted (3000 and 3003: unauthorized and forbidden,
        // IANA registry): the next connection would end the same way.
        1002 | 1003 | 1007..=1010 | 3000 | 3003 => Verdict::GiveUp,
        // 3xxx and 4xxx are the application's: only it knows better.
        _ => Verdict::Retry,
    }
}

fn of_error(error: &Error) -> Verdict {
    match error {
        Error::Disconnected { .. }
        | Error::Timeout(_)
        | Error::HandshakeTimeout
        | Error::NotConnected
        | Error::Handshake(HandshakeError::UnexpectedEof { .. })
        // The connection ended while something was being sent on it.
        | Error::Send(SendError::Closed)
        | Error::Proxy(
            ProxyError::Unreachable(_)
            | ProxyError::Timeout
            | ProxyError::Io(_)
            | ProxyError::Closed
            | ProxyError::Socks(
                SocksFailure::General
                | SocksFailure::NetworkUnreachable
                | SocksFailure::HostUnreachable
                | SocksFailure::ConnectionRefused
                | SocksFailure::TtlExpired,
            ),
        ) => Verdict::Retry,
        Error::Io(error) => of_io(error),
        Error::Protocol(error) => of_code(error.close_code()),
        Error::Handshake(HandshakeError::Refused(refusal)) => {
            of_status(refusal.status, Some(&refusal.headers))
        }
        Error::Proxy(ProxyError::Status(status)) => of_status(*status, None),
        _ => Verdict::GiveUp,
    }
}

fn of_io(error: &io::Error) -> Verdict {
    match error.kind() {
        // Nothing went wrong outside: what was asked for cannot be done.
        io::ErrorKind::InvalidInput
        | io::ErrorKind::Unsupported
        | io::ErrorKind::PermissionDenied => Verdict::GiveUp,
        _ => Verdict::Retry,
    }
}

fn of_status(status: StatusCode, headers: Option<&HeaderMap>) -> Verdict {
    let may_pass = matches!(
        status,
        StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_EARLY | StatusCode::TOO_MANY_REQUESTS
    ) || (status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED);
    if !may_pass {
        return Verdict::GiveUp;
    }
    match headers.and_then(retry_after) {
        Some(time) => Verdict::RetryAfter(time),
        None => Verdict::Retry,
    }
}

/// RFC 9110 §10.2.3, where it is a number. A server's word, so only up to [`MOST`].
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    // So many digits that they do not fit are a long time too.
    is_number.then(|| Duration::from_secs(value.parse().unwrap_or(u64::MAX)).min(MOST))
}

/// Whoever says to come back in ten years is not obeyed.
const MOST: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use wskit_proto::TimeoutKind;

    use super::*;

    /// Proves: R6455-7.2.3-a
    #[test]
    fn codes_are_told_apart() {
        for code in [1000, 1005] {
            assert_eq!(of_code(code.into()), Verdict::Done, "{code}");
        }
        for code in [1001, 1006, 1011, 1012, 1013, 1014, 3008, 4000, 4999] {
            assert_eq!(of_code(code.into()), Verdict::Retry, "{code}");
        }
        for code in [1002, 1003, 1007, 1008, 1009, 1010, 3000, 3003] {
            assert_eq!(of_code(code.into()), Verdict::GiveUp, "{code}");
        }
    }

    #[test]
    fn statuses_are_told_apart() {
        let status = |status: u16| of_status(StatusCode::from_u16(status).unwrap(), None);
        for may_pass in [408, 425, 429, 500, 502, 503, 504, 520] {
            assert_eq!(status(may_pass), Verdict::Retry, "{may_pass}");
        }
        for will_not in [200, 301, 307, 400, 401, 403, 404, 407, 410, 426, 501] {
            assert_eq!(status(will_not), Verdict::GiveUp, "{will_not}");
        }
    }

    #[test]
    fn retry_after_is_obeyed_for_an_hour_at_most() {
        let after = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, value.parse().unwrap());
            of_status(StatusCode::SERVICE_UNAVAILABLE, Some(&headers))
        };
        let secs = |secs| Verdict::RetryAfter(Duration::from_secs(secs));
        assert_eq!(after("120"), secs(120));
        assert_eq!(after("0"), secs(0));
        assert_eq!(after("99999999999999999999999"), secs(3600));
        assert_eq!(after("315360000"), secs(3600));
        for other in ["Wed, 21 Oct 2026 07:28:00 GMT", "-1", "+5", "1.5", ""] {
            assert_eq!(after(other), Verdict::Retry, "{other}");
        }
    }

    #[test]
    fn errors_are_told_apart() {
        let io = |kind: io::ErrorKind| Error::Io(kind.into());
        let may_pass = [
            Error::Disconnected { mid_message: true },
            Error::Timeout(TimeoutKind::Keepalive),
            Error::HandshakeTimeout,
            io(io::ErrorKind::NotFound),
            io(io::ErrorKind::ConnectionRefused),
            io(io::ErrorKind::ConnectionReset),
            Error::Handshake(HandshakeError::UnexpectedEof { received: 0 }),
            ProxyError::Timeout.into(),
            ProxyError::Status(StatusCode::BAD_GATEWAY).into(),
            ProxyError::Socks(SocksFailure::HostUnreachable).into(),
        ];
        for error in may_pass {
            let text = format!("{error:?}");
            assert_eq!(
                Verdict::of(&Loss::NotOpened(error)),
                Verdict::Retry,
                "{text}"
            );
        }
        let will_not = [
            io(io::ErrorKind::InvalidInput),
            Error::Handshake(HandshakeError::InvalidAccept),
            Error::TlsUnavailable,
            Error::NoTimer(io::ErrorKind::Other.into()),
            ProxyError::CredentialsRefused.into(),
            ProxyError::Status(StatusCode::FORBIDDEN).into(),
            ProxyError::Socks(SocksFailure::NotAllowed).into(),
            Error::Send(SendError::QueueFull),
        ];
        for error in will_not {
            let text = format!("{error:?}");
            assert_eq!(
                Verdict::of(&Loss::NotOpened(error)),
                Verdict::GiveUp,
                "{text}"
            );
        }
    }

    #[cfg(feature = "rustls")]
    #[test]
    fn certificate_that_is_refused_is_no_reason_to_try_again() {
        use rustls::{CertificateError, Error as Tls};
        let tls = Tls::InvalidCertificate(CertificateError::Expired);
        let error = crate::tls::handshake_error(io::Error::new(io::ErrorKind::InvalidData, tls));
        assert_eq!(Verdict::of(&Loss::NotOpened(error)), Verdict::GiveUp);
    }
}
