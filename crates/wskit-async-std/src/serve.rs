use std::error::Error;
use std::io;
use std::net::SocketAddr;

use async_std::io::{Read, Write};
use async_std::net::{TcpListener, TcpStream};
#[cfg(unix)]
use async_std::os::unix::net::{SocketAddr as UnixAddr, UnixListener, UnixStream};
use wskit_dial::{FuturesRustls, MaybeTls};
use wskit_driver::{Listener, ServeRuntime};

use crate::{AsyncStd, Io};

/// The stream of a connection that [`Server::serve`](wskit_driver::Server::serve) accepted, with TLS or without,
/// from a listener for streams of type `S`; see [`wskit_dial::MaybeTls`].
pub type ServerStream<S = TcpStream> = MaybeTls<S, FuturesRustls>;

impl<S: Read + Write + Send + Unpin + 'static> ServeRuntime<S> for AsyncStd {
    type Stream = ServerStream<S>;
    type Io = Io<ServerStream<S>>;

    fn is_disconnect(error: &(dyn Error + 'static)) -> Option<bool> {
        wskit_dial::is_disconnect(error)
    }

    fn redacted(error: &(dyn Error + 'static)) -> Option<String> {
        wskit_dial::redacted(error)
    }
}

impl Listener<AsyncStd> for TcpListener {
    type Stream = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> Option<io::Result<(TcpStream, SocketAddr)>> {
        Some(TcpListener::accept(self).await)
    }
}

#[cfg(unix)]
impl Listener<AsyncStd> for UnixListener {
    type Stream = UnixStream;
    type Addr = UnixAddr;

    async fn accept(&mut self) -> Option<io::Result<(UnixStream, UnixAddr)>> {
        Some(UnixListener::accept(self).await)
    }
}
