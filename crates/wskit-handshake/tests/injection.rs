//! No value of a caller can add a header line.

mod wire;

use proptest::prelude::*;
use wire::{NONCE, REQUEST, upgrade};
use wskit_handshake::{
    BuildError, ClientHandshake, ClientRequest, HeadLimits, HeaderError, OriginPolicy, Rejection,
    RequestError,
};

const EVIL: [&str; 6] = [
    "a\r\nX: y",
    "a\nX: y",
    "a\rX: y",
    "a\0b",
    "\r\n\r\n",
    "a\u{7f}b",
];
const BAD_NAMES: [&str; 7] = ["", "a b", "a:b", "a\r\nb", "a\0", "é", "a\""];

fn new() -> ClientRequest {
    ClientRequest::new("ws://h/").unwrap()
}

/// Proves: R6455-4.1-i, R6455-4.1-v, R6455-4.1-q
#[test]
fn client_refuses_to_write_lines_of_others() {
    for evil in EVIL {
        let value = RequestError::Header(HeaderError::InvalidValue);
        assert_eq!(new().header("x", evil).unwrap_err(), value, "{evil:?}");
        assert_eq!(
            new().header("x", evil.as_bytes()).unwrap_err(),
            value,
            "{evil:?}"
        );
        assert_eq!(new().origin(evil).unwrap_err(), value);
        assert_eq!(
            new().protocol(evil).unwrap_err(),
            RequestError::InvalidProtocol
        );
        assert!(matches!(
            new().extension(evil, []),
            Err(RequestError::Extension(_))
        ));
        assert!(matches!(
            new().extensions(&format!("a; b=\"{evil}\"")),
            Err(RequestError::Extension(_))
        ));
        assert_eq!(
            new().basic_auth(evil, "x").unwrap_err(),
            RequestError::InvalidCredentials
        );
        assert_eq!(
            new().basic_auth("x", evil).unwrap_err(),
            RequestError::InvalidCredentials
        );
        for url in [
            format!("ws://h/{evil}"),
            format!("ws://{evil}/"),
            format!("ws://h/?{evil}"),
            format!("{evil}://h/"),
        ] {
            assert!(ClientRequest::new(&url).is_err(), "{url:?}");
        }
        assert!(new().redirected_to(&format!("/{evil}")).is_err());
    }
    for name in BAD_NAMES {
        let error = new().header(name, "x").unwrap_err();
        assert!(
            matches!(error, RequestError::Header(HeaderError::InvalidName { .. })),
            "{name:?}"
        );
    }
}

/// Proves: R6455-4.2.2-k, R6455-4.2.2-d
#[test]
fn server_refuses_to_write_lines_of_others() {
    let accept = || upgrade(REQUEST).check(&OriginPolicy::Any).unwrap().accept();
    for evil in EVIL {
        let value = BuildError::Header(HeaderError::InvalidValue);
        assert_eq!(accept().header("x", evil).map(drop).unwrap_err(), value);
        assert_eq!(accept().cookie(evil).map(drop).unwrap_err(), value);
        assert_eq!(
            accept().protocol(evil).map(drop).unwrap_err(),
            BuildError::ProtocolNotOffered
        );
        assert!(accept().extension("x-echo", [(evil, None)]).is_err());
        assert_eq!(Rejection::forbidden().header("x", evil).unwrap_err(), value);
        assert_eq!(Rejection::unauthorized(evil).unwrap_err(), value);
    }
    for name in BAD_NAMES {
        for error in [
            accept().header(name, "x").map(drop).unwrap_err(),
            Rejection::forbidden().header(name, "x").unwrap_err(),
        ] {
            assert!(matches!(
                error,
                BuildError::Header(HeaderError::InvalidName { .. })
            ));
        }
    }
}

/// Data of the client is not echoed in a refusal.
///
/// Proves: R6455-4.2.2-d
#[test]
fn server_does_not_echo_the_request() {
    let text = REQUEST.replace("websocket\r\n", "<script>\r\n");
    let (error, _) = wire::refused(text);
    let bytes = error.rejection().unwrap().to_bytes();
    assert!(!bytes.windows(7).any(|window| window == b"<script"));
}

proptest! {
    /// Proves: R6455-4.1-i, R6455-4.1-v
    #[test]
    fn client_requests_have_the_lines_asked_for(
        name in "[a-zA-Z:\r\n é-]{0,6}", value in "[a-z:\r\n \t\0é]{0,12}", protocol in "[a-z,\r\n ]{0,4}",
    ) {
        let mut request = new();
        let mut lines = 6;
        if let Ok(more) = request.clone().header(&*name, &*value) {
            request = more;
            lines += 1;
        }
        if let Ok(more) = request.clone().protocol(&protocol) {
            request = more;
            lines += 1;
        }
        let handshake = ClientHandshake::new(request, NONCE, HeadLimits::default());
        let bytes = handshake.request_bytes();
        let text = String::from_utf8_lossy(bytes);
        let feeds = text.matches('\n').count();
        let returns = text.matches('\r').count();
        prop_assert_eq!((feeds, returns), (lines + 1, lines + 1));
        prop_assert_eq!(upgrade(bytes).headers().count(), lines - 1);
    }
}
