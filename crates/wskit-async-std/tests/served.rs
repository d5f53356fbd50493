//! Connections of other listeners than TCP's: what is below them is found.
#![cfg(feature = "rustls-ring")]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::future::Future;
use std::time::Duration;

use async_std::channel::unbounded;
use async_std::net::{TcpListener, TcpStream};
use async_std::task::{block_on, spawn};
use wskit_async_std::{Connector, Server, ServerStream, StreamListener, WebSocket, tls};
use wskit_handshake::OriginPolicy;
use wskit_suite::sockets::Authority;

/// What a handler gets of a listener that does TLS itself.
type Served = WebSocket<ServerStream<tls::server::TlsStream<TcpStream>>>;

async fn bounded<F: Future>(future: F) -> F::Output {
    let limit = Duration::from_secs(20);
    async_std::future::timeout(limit, future).await.unwrap()
}

/// The client keeps its side open: it goes when it has seen the end.
#[cfg(unix)]
#[test]
fn ordinary_request_over_a_unix_socket_sees_the_end_of_the_answer() {
    use async_std::os::unix::net::{UnixListener, UnixStream};
    use futures_util::io::{AsyncReadExt, AsyncWriteExt};
    use wskit_proto::Config;

    let path = std::env::temp_dir().join(format!("wskit-served-{}", std::process::id()));
    block_on(bounded(async {
        let listener = UnixListener::bind(&path).await.unwrap();
        let config = Config::new().close_timeout(Duration::from_secs(60));
        let server = Server::new(OriginPolicy::Any).config(config);
        let serving = server.serve(listener, |_, _| async {});
        spawn(async move { serving.await.unwrap() });
        let mut client = UnixStream::connect(&path).await.unwrap();
        let request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        client.write_all(request).await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 426 "), "{answer}");
    }));
    std::fs::remove_file(path).unwrap();
}

#[test]
fn tls_streams_of_a_listener_have_their_session_address_and_nodelay() {
    block_on(bounded(async {
        let authority = Authority::new();
        let acceptor: tls::Acceptor = authority.acceptor("localhost", |_| ());
        let tcp = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("wss://localhost:{}/", tcp.local_addr().unwrap().port());
        let streams = futures_util::stream::once(Box::pin(async move {
            let (tcp, peer) = tcp.accept().await?;
            let stream = acceptor.accept(tcp).await.map_err(std::io::Error::other)?;
            Ok::<_, std::io::Error>((stream, peer))
        }));
        let (tell, told) = unbounded();
        let handler = move |ws: Served, peer| async move {
            let ServerStream::Tcp(tls) = ws.get_ref().get_ref() else {
                unreachable!("served without TLS of its own");
            };
            let nodelay = tls.get_ref().0.get_ref().nodelay().unwrap();
            let name = ws.tls_session().unwrap().server_name;
            assert_eq!(ws.peer_addr(), Some(peer));
            tell.send((name, nodelay)).await.unwrap();
        };
        let serving = Server::new(OriginPolicy::Any).serve(StreamListener::new(streams), handler);
        spawn(async move { serving.await.unwrap() });
        let connector = Connector::new().tls(tls::Connector::trusting(authority.pem()).unwrap());
        let _ws = connector.connect(url).await.unwrap();
        let (name, nodelay) = told.recv().await.unwrap();
        assert_eq!(name.as_deref(), Some("localhost"));
        assert!(nodelay);
    }));
}
