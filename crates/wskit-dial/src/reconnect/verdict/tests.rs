use http::HeaderValue;
use proptest::prelude::*;
use wskit_driver::Elapsed;
use wskit_frame::FrameError;
use wskit_handshake::RequestError;
use wskit_proto::{CloseFrame, TimeoutKind};

use super::*;

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
    let mut end = wskit_proto::Connection::server(
        std::sync::Arc::new(wskit_proto::Config::new()),
        std::time::Instant::now(),
    );
    end.receive_eof();
    let mut outcome = end.outcome().unwrap();
    for code in [1000, 1002, 1008, 1013, 4000] {
        outcome.received = Some(Some(CloseFrame::new(code.into(), "")));
        for cause in [Cause::Closed, Cause::Transport(io::ErrorKind::BrokenPipe)] {
            outcome.cause = cause;
            outcome.initiator = Some(Initiator::Local);
            assert_eq!(of_outcome(&outcome), Verdict::Retry);
            outcome.initiator = Some(Initiator::Peer);
            assert_eq!(of_outcome(&outcome), of_code(code.into()));
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
    let will_not: [Error; 13] = [
        Error::other(OnOpenError::ConnectionKept),
        failed_at(Stage::Dial, io::ErrorKind::InvalidInput),
        Error::Dial(DialError::from(OpenError::from(
            HandshakeError::InvalidAccept,
        ))),
        DialError::TlsUnavailable.into(),
        DialError::NoTimer(io::ErrorKind::Other.into()).into(),
        OpenError::NoTimer(io::ErrorKind::Other.into()).into(),
        ConnectionError::NoTimer(io::ErrorKind::Other.into()).into(),
        ProxyError::TlsUnavailable.into(),
        ProxyError::Host(RequestError::InvalidHost).into(),
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

/// The answer to a login, which another server, or the same one a moment later, may give as expected.
#[cfg(feature = "json")]
#[test]
fn json_of_another_shape_may_pass() {
    let json = || wskit_proto::Message::text("x").json::<u8>().unwrap_err();
    for error in [Error::from(json()), Error::other(json())] {
        assert_eq!(Verdict::of(&Loss::NotOpened(error)), Verdict::Retry);
    }
}

/// Other TLS libraries report an `io::Error` that holds their own error, which holds one of the operating
/// system if the network failed.
#[test]
fn failures_of_other_tls_libraries_are_told_apart() {
    #[derive(Debug)]
    struct Library(Option<io::Error>);
    impl std::fmt::Display for Library {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("certificate verify failed")
        }
    }
    impl std::error::Error for Library {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            match &self.0 {
                Some(error) => Some(error),
                None => None,
            }
        }
    }
    let verdict = |stage, error| {
        let error = ConnectError::new(stage, ConnectCause::Io(error));
        Verdict::of(&Loss::NotOpened(error.into()))
    };
    let other = |inner| io::Error::other(Library(inner));
    let invalid = io::Error::new(io::ErrorKind::InvalidData, Library(None));
    assert_eq!(verdict(Stage::Tls, other(None)), Verdict::GiveUp);
    assert_eq!(verdict(Stage::Tls, invalid), Verdict::GiveUp);
    assert_eq!(verdict(Stage::Tcp, other(None)), Verdict::Retry);
    let reset = io::Error::from_raw_os_error(104);
    assert_eq!(verdict(Stage::Tls, other(Some(reset))), Verdict::Retry);
    let reset = io::Error::from(io::ErrorKind::ConnectionReset);
    assert_eq!(verdict(Stage::Tls, other(Some(reset))), Verdict::Retry);
    let end = io::Error::from(io::ErrorKind::UnexpectedEof);
    assert_eq!(verdict(Stage::Tls, end), Verdict::Retry);
    let wrapped = io::Error::other(other(Some(io::Error::from_raw_os_error(104))));
    assert_eq!(verdict(Stage::Tls, wrapped), Verdict::Retry);
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
