//! The scenarios on real sockets.
#![cfg(feature = "rustls-ring")]
#![allow(clippy::unwrap_used, reason = "a test")]

use async_std::net::{TcpListener, TcpStream};
use async_std::task::block_on;
use wskit_async_std::tls::server::TlsStream;
use wskit_async_std::{AsyncStd, Io};

wskit_suite::sockets!(OnSockets {
    net: AsyncStd,
    io: Io,
    tcp: TcpStream,
    listener: TcpListener,
    tls: TlsStream,
    run: |test| block_on(test),
});

wskit_suite::socket_suite!(OnSockets, wskit_async_std);

#[cfg(feature = "native-tls")]
wskit_suite::tls_layer_suite!(native_tls, OnSockets, |pem| {
    use wskit_async_std::native_tls::{Certificate, TlsConnector};

    let root = Certificate::from_pem(pem.as_bytes()).unwrap();
    TlsConnector::new().add_root_certificate(root)
});
