//! The scenarios on real sockets.
#![cfg(feature = "rustls-ring")]
#![allow(clippy::unwrap_used, reason = "a test")]

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use wskit_tokio::tls::server::TlsStream;
use wskit_tokio::{Io, Tokio};

wskit_suite::sockets!(OnSockets {
    net: Tokio,
    io: Io,
    tcp: TcpStream,
    listener: TcpListener,
    tls: TlsStream,
    run: |test| {
        let runtime = Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(test);
    },
});

wskit_suite::socket_suite!(OnSockets, wskit_tokio);

#[cfg(feature = "native-tls")]
wskit_suite::tls_layer_suite!(native_tls, OnSockets, |pem| {
    use wskit_tokio::native_tls::{TlsConnector, native_tls};

    let root = native_tls::Certificate::from_pem(pem.as_bytes()).unwrap();
    let library = native_tls::TlsConnector::builder()
        .add_root_certificate(root)
        .build();
    TlsConnector::from(library.unwrap())
});

/// A listener for Unix sockets is served.
#[cfg(unix)]
#[test]
fn served_unix_connections_talk() {
    let path = std::env::temp_dir().join(format!("wskit-tokio-{}.sock", std::process::id()));
    let to = path.clone();
    wskit_suite::sockets::scenarios::served_unix_connections_talk::<OnSockets, _>(
        async { tokio::net::UnixListener::bind(&path).unwrap() },
        move || wskit_suite::sockets::talk_to_unix(&to),
    );
    let _ = std::fs::remove_file(path);
}

/// TCP is recognised in the stream that is served: its halves need no lock, and it sends at once.
#[test]
fn served_tcp_is_recognised_as_tcp() {
    use wskit_driver::{Runtime, SplitHalf, Transport};
    use wskit_suite::sockets::Sockets;
    OnSockets::run(async {
        let (listener, port) = OnSockets::listen().await;
        let client = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        let (tcp, _) = OnSockets::accept(&listener).await;
        tcp.set_nodelay(false).unwrap();
        let io = Tokio::wrap(wskit_tokio::ServerStream::from(tcp));
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
