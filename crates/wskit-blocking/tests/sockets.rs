//! The scenarios on real sockets: servers, proxies and clients on one thread, that waits for all of them.
#![cfg(feature = "rustls-ring")]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::future::Future;
use std::net::SocketAddr;

use wskit_blocking::dial::ReadAhead;
use wskit_blocking::{Blocking, Io, Socket, TcpListener, block_on};
use wskit_suite::sockets::Sockets;

struct OnThreads;

type TlsStream<S> = futures_rustls::server::TlsStream<ReadAhead<S>>;

impl Sockets for OnThreads {
    type Net = Blocking;
    type Tcp = Socket;
    type Tls = TlsStream<Socket>;
    type TcpIo = Io<Socket>;
    type TlsIo = Io<TlsStream<Socket>>;
    type Listener = TcpListener;

    fn run(test: impl Future<Output = ()>) {
        block_on(test);
    }

    async fn listen() -> (TcpListener, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        (listener, port)
    }

    async fn accept(listener: &TcpListener) -> (Socket, SocketAddr) {
        listener.accept().await.unwrap()
    }
}

wskit_suite::socket_suite!(OnThreads, wskit_blocking);
