//! The scenarios on real sockets.
#![cfg(feature = "rustls-ring")]
#![allow(clippy::unwrap_used, reason = "a test")]

use smol::block_on;
use smol::net::{TcpListener, TcpStream};
use wskit_smol::tls::server::TlsStream;
use wskit_smol::{Io, Smol};

wskit_suite::sockets!(OnSockets {
    net: Smol,
    io: Io,
    tcp: TcpStream,
    listener: TcpListener,
    tls: TlsStream,
    run: |test| block_on(test),
});

wskit_suite::socket_suite!(OnSockets, wskit_smol);

#[cfg(feature = "native-tls")]
wskit_suite::tls_layer_suite!(native_tls, OnSockets, |pem| {
    use wskit_smol::native_tls::{Certificate, TlsConnector};

    let root = Certificate::from_pem(pem.as_bytes()).unwrap();
    TlsConnector::new().add_root_certificate(root)
});
