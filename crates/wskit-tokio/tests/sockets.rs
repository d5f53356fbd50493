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
