//! The scenarios on real sockets; what differs between the runtimes is this file.
#![cfg(feature = "rustls-ring")]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::future::Future;
use std::net::SocketAddr;

use async_std::net::{TcpListener, TcpStream};
use async_std::task::block_on;
use wskit_async_std::tls::server::TlsStream;
use wskit_async_std::{AsyncStd, Io};
use wskit_suite::sockets::Sockets;

struct OnSockets;

impl Sockets for OnSockets {
    type Net = AsyncStd;
    type Tcp = TcpStream;
    type Tls = TlsStream<TcpStream>;
    type TcpIo = Io<TcpStream>;
    type TlsIo = Io<TlsStream<TcpStream>>;
    type Listener = TcpListener;

    fn run(test: impl Future<Output = ()>) {
        block_on(test);
    }

    async fn listen() -> (TcpListener, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    }

    async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
        listener.accept().await.unwrap()
    }
}

wskit_suite::socket_suite!(OnSockets);

/// A listener for Unix sockets is served.
#[cfg(unix)]
#[test]
fn served_unix_connections_talk() {
    let path = std::env::temp_dir().join(format!("wskit-async-std-{}.sock", std::process::id()));
    let to = path.clone();
    wskit_suite::sockets::scenarios::served_unix_connections_talk::<OnSockets, _>(
        async {
            async_std::os::unix::net::UnixListener::bind(&path)
                .await
                .unwrap()
        },
        move || wskit_suite::sockets::talk_to_unix(&to),
    );
    let _ = std::fs::remove_file(path);
}

/// TCP is recognised in the stream that is served: its halves need no lock, and it sends at once.
#[test]
fn served_tcp_is_recognised_as_tcp() {
    use wskit_driver::{Runtime, SplitHalf, Transport};
    OnSockets::run(async {
        let (listener, port) = OnSockets::listen().await;
        let client = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        let (tcp, _) = OnSockets::accept(&listener).await;
        tcp.set_nodelay(false).unwrap();
        let io = AsyncStd::wrap(wskit_async_std::ServerStream::from(tcp));
        assert!(io.get_ref().tcp().nodelay().unwrap());
        if cfg!(target_os = "linux") {
            assert_eq!(wskit_driver::PollWrite::unacknowledged(&io), Some(0));
        }
        assert!(matches!(
            io.into_split(),
            (SplitHalf::Owned(_), SplitHalf::Owned(_))
        ));
        drop(client);
    });
}

/// A connector's future can go to another thread.
#[test]
fn connecting_can_be_spawned() {
    fn is_send<T: Send>(_: T) {}
    is_send(wskit_async_std::connect("ws://127.0.0.1:1/"));
    is_send(async {
        wskit_async_std::Connector::new()
            .connect("wss://localhost:1/")
            .await
    });
}

/// `wss://` by the operating system's TLS library.
#[cfg(feature = "native-tls")]
mod native_tls {
    use wskit_async_std::native_tls::{Certificate, TlsConnector};
    use wskit_suite::sockets::scenarios;

    use super::OnSockets;

    fn trusting(pem: &str) -> TlsConnector {
        let root = Certificate::from_pem(pem.as_bytes()).unwrap();
        TlsConnector::new().add_root_certificate(root)
    }

    #[test]
    fn client_trusts_whom_the_library_trusts() {
        scenarios::client_trusts_whom_the_library_trusts::<OnSockets, _>(trusting);
    }

    #[test]
    fn server_that_dies_inside_tls_is_a_disconnect() {
        scenarios::server_that_dies_inside_the_layer_is_a_disconnect::<OnSockets, _>(trusting);
    }
}
