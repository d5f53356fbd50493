use std::error::Error;
use std::io;
use std::net::SocketAddr;

use smol::io::{AsyncRead, AsyncWrite};
#[cfg(unix)]
use smol::net::unix::{SocketAddr as UnixAddr, UnixListener, UnixStream};
use smol::net::{TcpListener, TcpStream};
use wskit_dial::{FuturesRustls, MaybeTls};
use wskit_driver::{Listener, ServeRuntime};

use crate::{Io, Smol};

/// The stream of a connection that [`Server::serve`](wskit_driver::Server::serve) accepted, with TLS or without,
/// from a listener for streams of type `S`; see [`wskit_dial::MaybeTls`].
pub type ServerStream<S = TcpStream> = MaybeTls<S, FuturesRustls>;

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> ServeRuntime<S> for Smol {
    type Stream = ServerStream<S>;
    type Io = Io<ServerStream<S>>;

    fn is_disconnect(error: &(dyn Error + 'static)) -> Option<bool> {
        wskit_dial::is_disconnect(error)
    }

    fn redacted(error: &(dyn Error + 'static)) -> Option<String> {
        wskit_dial::redacted(error)
    }
}

impl Listener<Smol> for TcpListener {
    type Stream = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> Option<io::Result<(TcpStream, SocketAddr)>> {
        Some(TcpListener::accept(self).await)
    }
}

#[cfg(unix)]
impl Listener<Smol> for UnixListener {
    type Stream = UnixStream;
    type Addr = UnixAddr;

    async fn accept(&mut self) -> Option<io::Result<(UnixStream, UnixAddr)>> {
        Some(UnixListener::accept(self).await)
    }
}
