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
    /// | the TLS handshake failed for any other reason, most often over a certificate | give up |
    /// | an error of the application, or its hook took too long | retry |
    /// | the request, the TLS settings, the redirect cannot be used; no timer | give up |
    #[must_use]
    pub fn of(loss: &Loss) -> Self {
        of_loss(loss, SystemTime::now())
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
        ProtocolError::MessageTooBig { .. } | ProtocolError::TooManyFragments { .. } => {
            Verdict::GiveUp
        }
        _ => Verdict::Retry,
    }
}

fn of_error(error: &Error, now: SystemTime) -> Verdict {
    match error {
        Error::Connection(error) => of_connection(error),
        Error::Open(error) => of_open(error, now),
        Error::Dial(DialError::Connect(error)) => of_connect(error, now),
        Error::Dial(_) => Verdict::GiveUp,
        Error::NotConnected => Verdict::Retry,
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
        ConnectCause::Io(error) => of_io(error),
        ConnectCause::Open(error) => of_open(error, now),
        ConnectCause::Proxy(error) => of_proxy(error),
        #[cfg(feature = "rustls")]
        ConnectCause::Tls(error) if error.may_pass() => Verdict::Retry,
        #[cfg(feature = "rustls")]
        ConnectCause::Tls(_) => Verdict::GiveUp,
    }
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
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;
    use wskit_driver::Elapsed;
    use wskit_frame::FrameError;
    use wskit_proto::{CloseFrame, TimeoutKind};

    use super::*;
    use crate::stage::Stage;

    /// Proves: R6455-7.2.3-a
    #[test]
    fn codes_are_told_apart() {
        assert_eq!(of_code(CloseCode::NORMAL), Verdict::Done);
        // 1005, an empty Close, is what proxies and servers that restart send.
        for code in [1001, 1005, 1006, 1011, 1012, 1013, 1014, 3008, 4000, 4999] {
            assert_eq!(of_code(code.into()), Verdict::Retry, "{code}");
        }
        for code in [1002, 1003, 1007, 1008, 1009, 1010, 3000, 3003] {
            assert_eq!(of_code(code.into()), Verdict::GiveUp, "{code}");
        }
    }

    /// A server that closes with 1008 while something is being sent to it has said so.
    #[test]
    fn close_behind_a_failed_write_decides() {
        let mut end = wskit_proto::Connection::server(
            std::sync::Arc::new(wskit_proto::Config::new()),
            std::time::Instant::now(),
        );
        assert_eq!(end.receive(&[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xf0]), 8);
        end.feed("lost").unwrap();
        assert!(end.outbound().write_failed(io::ErrorKind::BrokenPipe));
        let event = end.poll_event(std::time::Instant::now()).unwrap();
        assert!(event.is_some());
        let outcome = end.outcome().unwrap();
        assert_eq!(outcome.cause, Cause::Transport(io::ErrorKind::BrokenPipe));
        assert!(says_why(&outcome));
        assert_eq!(of_outcome(&outcome), Verdict::GiveUp);
    }

    /// The peer repeats our code, or chooses one of its own. That is no word on the next connection.
    #[test]
    fn answer_to_a_close_of_ours_is_no_verdict() {
        for code in [1000, 1002, 1008, 1013, 4000] {
            let received = Some(Some(CloseFrame::new(code.into(), "")));
            for cause in [Cause::Closed, Cause::Transport(io::ErrorKind::BrokenPipe)] {
                let outcome = |initiator| Outcome {
                    cause: cause.clone(),
                    initiator: Some(initiator),
                    received: received.clone(),
                    sent: Some(Some(CloseCode::TRY_AGAIN_LATER)),
                    mid_message: false,
                };
                assert_eq!(of_outcome(&outcome(Initiator::Local)), Verdict::Retry);
                assert_eq!(of_outcome(&outcome(Initiator::Peer)), of_code(code.into()));
            }
        }
    }

    #[test]
    fn statuses_are_told_apart() {
        let status = |status: u16| of_status(StatusCode::from_u16(status).unwrap());
        for may_pass in [408, 425, 429, 500, 502, 503, 504, 520] {
            assert_eq!(status(may_pass), Verdict::Retry, "{may_pass}");
        }
        for will_not in [200, 301, 307, 400, 401, 403, 404, 407, 410, 418, 426, 501] {
            assert_eq!(status(will_not), Verdict::GiveUp, "{will_not}");
        }
    }

    /// In seconds, on 28 November 2026 at 02:18:05 GMT.
    fn after(value: &str) -> Option<u64> {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_832_285);
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, value.parse().unwrap());
        retry_after(&headers, now).map(|time| time.as_secs())
    }

    #[test]
    fn retry_after_is_obeyed_for_an_hour_at_most() {
        assert_eq!(after("120"), Some(120));
        assert_eq!(after("0"), Some(0));
        assert_eq!(after("99999999999999999999999"), Some(3600));
        assert_eq!(after("315360000"), Some(3600));
        for other in ["-1", "+5", "1.5", "", "soon", "Sat, 28 Nov 2026"] {
            assert_eq!(after(other), None, "{other}");
        }
    }

    /// RFC 9110 section 5.6.7: three forms, of which two are history.
    #[test]
    fn retry_after_may_be_a_date() {
        assert_eq!(after("Sat, 28 Nov 2026 02:28:05 GMT"), Some(600));
        assert_eq!(after("Saturday, 28-Nov-26 02:28:05 GMT"), Some(600));
        assert_eq!(after("Sat Nov 28 02:28:05 2026"), Some(600));
        assert_eq!(after("Sat, 28 Nov 2026 02:18:04 GMT"), Some(0));
        assert_eq!(after("Sun, 06 Nov 1994 08:49:37 GMT"), Some(0));
        assert_eq!(after("Fri, 31 Dec 9999 23:59:59 GMT"), Some(3600));
    }

    proptest! {
        /// It is the server's: anything may come.
        #[test]
        fn retry_after_is_never_more_than_an_hour(value in "\\PC{0,40}") {
            if HeaderValue::from_str(&value).is_ok() {
                prop_assert!(after(&value).is_none_or(|secs| secs <= 3600));
            }
        }
    }

    /// `HTTP/1.1 502 ...` in the middle of the stream says nothing about the next connection. What is
    /// over a limit of ours would come again.
    #[test]
    fn broken_rule_on_a_connection_that_was_open_may_pass() {
        let verdict = |error: ProtocolError| Verdict::of(&Loss::Broken(error.into()));
        let reserved_bit = ProtocolError::Frame(FrameError::ReservedBits);
        assert_eq!(verdict(reserved_bit), Verdict::Retry);
        assert_eq!(
            verdict(ProtocolError::UnexpectedContinuation),
            Verdict::Retry
        );
        assert_eq!(verdict(ProtocolError::InvalidUtf8), Verdict::Retry);
        let too_big = ProtocolError::MessageTooBig { limit: 1 << 20 };
        assert_eq!(verdict(too_big), Verdict::GiveUp);
    }

    fn failed_at(stage: Stage, kind: io::ErrorKind) -> Error {
        ConnectError::new(stage, ConnectCause::Io(kind.into())).into()
    }

    fn timed_out_at(stage: Stage) -> Error {
        ConnectError::new(stage, ConnectCause::Timeout).into()
    }

    #[test]
    fn errors_are_told_apart() {
        let may_pass: [Error; 18] = [
            Error::other("no ticket"),
            Error::other(OnOpenError::Timeout(MOST)),
            ConnectionError::Disconnected { mid_message: true }.into(),
            ConnectionError::Timeout(TimeoutKind::Keepalive).into(),
            OpenError::Timeout.into(),
            Error::Dial(Elapsed::Timeout.into()),
            Error::Dial(OpenError::Timeout.into()),
            failed_at(Stage::Dns, io::ErrorKind::NotFound),
            failed_at(Stage::Tcp, io::ErrorKind::ConnectionRefused),
            OpenError::Io(io::ErrorKind::ConnectionReset.into()).into(),
            ConnectionError::Io(io::ErrorKind::ConnectionReset.into()).into(),
            // A firewall, or a VPN that is just being switched.
            failed_at(Stage::Tcp, io::ErrorKind::PermissionDenied),
            HandshakeError::UnexpectedEof { received: 0 }.into(),
            timed_out_at(Stage::Dns),
            timed_out_at(Stage::Proxy),
            timed_out_at(Stage::Http),
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
        let will_not: [Error; 11] = [
            Error::other(OnOpenError::ConnectionKept),
            failed_at(Stage::Dial, io::ErrorKind::InvalidInput),
            Error::Dial(DialError::from(OpenError::from(
                HandshakeError::InvalidAccept,
            ))),
            DialError::TlsUnavailable.into(),
            DialError::NoTimer(io::ErrorKind::Other.into()).into(),
            OpenError::NoTimer(io::ErrorKind::Other.into()).into(),
            ConnectionError::NoTimer(io::ErrorKind::Other.into()).into(),
            ProxyError::CredentialsRefused.into(),
            ProxyError::Status(StatusCode::FORBIDDEN).into(),
            ProxyError::Socks(SocksFailure::NotAllowed).into(),
            SendError::QueueFull.into(),
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
    fn tls_failures_are_told_apart() {
        use rustls::{AlertDescription, CertificateError, Error as Tls};
        for (error, verdict) in [
            (CertificateError::Expired.into(), Verdict::GiveUp),
            (CertificateError::UnknownIssuer.into(), Verdict::GiveUp),
            // A device without a clock of its own has not yet asked for the time.
            (CertificateError::NotValidYet.into(), Verdict::Retry),
            // RFC 8446 section 6.2: an internal error has nothing to do with the peer.
            (
                Tls::AlertReceived(AlertDescription::InternalError),
                Verdict::Retry,
            ),
            (
                Tls::AlertReceived(AlertDescription::HandshakeFailure),
                Verdict::GiveUp,
            ),
            (
                Tls::InvalidMessage(rustls::InvalidMessage::InvalidContentType),
                Verdict::GiveUp,
            ),
        ] {
            let told = format!("{error:?}");
            let failed = |error: Tls| io::Error::new(io::ErrorKind::InvalidData, error);
            let server = crate::tls::handshake_error(wskit_proto::Role::Client, failed(error));
            assert_eq!(
                Verdict::of(&Loss::NotOpened(server.into())),
                verdict,
                "{told}"
            );
        }
    }
}
