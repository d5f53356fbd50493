//! Each error type that is in a variant of another one has a name at the root, so that a program can keep it
//! in a struct or take it as an argument. Those of TLS are in `wskit::tls`, of compression in
//! `wskit::deflate`.

use wskit::{
    BuildError, ConnectCause, ConnectError, ConnectionError, DialError, Error, ExtensionError,
    FrameError, HandshakeError, HeadFault, HeaderError, NotHttp, OpenError, ProtocolError,
    ProxyError, ProxyUrlError, RedirectError, Refusal, RequestError, SendError, SocksFailure,
    TimeoutKind,
};

/// Takes the constructors of variants, each with the type that it holds.
macro_rules! holds {
    ($($outer:ident::$variant:ident($inner:ty)),+ $(,)?) => {$(
        let _: fn($inner) -> $outer = $outer::$variant;
    )+};
}

#[test]
fn error_in_a_variant_has_a_name_at_the_root() {
    holds! {
        Error::Connection(ConnectionError),
        Error::Open(OpenError),
        Error::Dial(DialError),
        ConnectionError::Protocol(ProtocolError),
        ConnectionError::Send(SendError),
        ConnectionError::Timeout(TimeoutKind),
        ProtocolError::Frame(FrameError),
        OpenError::Handshake(HandshakeError),
        OpenError::Request(RequestError),
        OpenError::Response(BuildError),
        HandshakeError::Malformed(HeadFault),
        HandshakeError::InvalidExtensions(ExtensionError),
        HandshakeError::NotHttp(NotHttp),
        HandshakeError::Refused(Box<Refusal>),
        BuildError::Header(HeaderError),
        BuildError::Extension(ExtensionError),
        DialError::Connect(Box<ConnectError>),
        DialError::Redirect(RedirectError),
        DialError::Request(RequestError),
        RedirectError::Location(RequestError),
        ConnectCause::Proxy(ProxyError),
        ConnectCause::Open(OpenError),
        ProxyError::Url(ProxyUrlError),
        ProxyError::Host(RequestError),
        ProxyError::Socks(SocksFailure),
    }
}
