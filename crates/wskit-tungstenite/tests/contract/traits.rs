//! Auto traits, and types with their names where programs expect them. It has to compile.

use std::fmt::{Debug, Display};

use futures_util::stream::FusedStream;
use futures_util::{Sink, Stream};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use wskit_tungstenite as tokio_tungstenite;
use wskit_tungstenite::tungstenite;

fn send_sync<T: Send + Sync + Unpin + 'static>() {}
fn debug<T: Debug>() {}
fn error<T: std::error::Error + Send + Sync + Display + 'static>() {}
fn clone_eq<T: Clone + PartialEq + Eq + Debug>() {}
fn copy<T: Copy + Debug>() {}
fn duplex<T>()
where
    T: Stream<Item = tungstenite::Result<tungstenite::Message>>
        + FusedStream
        + Sink<tungstenite::Message, Error = tungstenite::Error>,
{
}
fn io<T: AsyncRead + AsyncWrite>() {}

type Tls = tokio_tungstenite::MaybeTlsStream<TcpStream>;

#[test]
fn types_have_the_traits_of_theirs() {
    send_sync::<tungstenite::WebSocket<std::net::TcpStream>>();
    send_sync::<tungstenite::protocol::WebSocketContext>();
    send_sync::<tokio_tungstenite::WebSocketStream<Tls>>();
    send_sync::<tungstenite::Message>();
    send_sync::<tokio_tungstenite::Connector>();
    debug::<tokio_tungstenite::WebSocketStream<Tls>>();
    debug::<tungstenite::WebSocket<std::net::TcpStream>>();
    debug::<tungstenite::stream::MaybeTlsStream<std::net::TcpStream>>();
    duplex::<tokio_tungstenite::WebSocketStream<Tls>>();
    io::<Tls>();
    error::<tungstenite::Error>();
    error::<tungstenite::error::ProtocolError>();
    error::<tungstenite::error::CapacityError>();
    error::<tungstenite::error::UrlError>();
    error::<tungstenite::error::TlsError>();
    error::<tungstenite::error::SubProtocolError>();
    error::<tungstenite::HandshakeError<tungstenite::ClientHandshake<std::net::TcpStream>>>();
    clone_eq::<tungstenite::Message>();
    clone_eq::<tungstenite::Utf8Bytes>();
    clone_eq::<tungstenite::protocol::CloseFrame>();
    clone_eq::<tungstenite::protocol::frame::Frame>();
    copy::<tungstenite::protocol::frame::coding::CloseCode>();
    copy::<tungstenite::protocol::Role>();
    copy::<tungstenite::protocol::WebSocketConfig>();
    copy::<tungstenite::handshake::server::NoCallback>();
}

#[test]
fn errors_are_as_small_as_theirs() {
    assert!(size_of::<tungstenite::Error>() <= size_of::<theirs::Error>());
    assert!(size_of::<tungstenite::error::TlsError>() <= 16);
    assert!(size_of::<tungstenite::error::ProtocolError>() <= 16);
}

/// The futures can be spawned.
#[test]
fn futures_are_send() {
    fn send<T: Send>(_: T) {}
    send(tokio_tungstenite::connect_async("ws://localhost"));
    send(async {
        let stream = TcpStream::connect("localhost:1").await.unwrap();
        tokio_tungstenite::accept_async(stream).await
    });
    send(async {
        let stream = TcpStream::connect("localhost:1").await.unwrap();
        tokio_tungstenite::client_async("ws://localhost", stream).await
    });
}

/// One type serves the root and the module, so that both names may be mixed.
#[test]
fn root_and_module_are_the_same() {
    let message: tungstenite::Message = tokio_tungstenite::Message::text("a");
    let _: tungstenite::Message = message;
}
