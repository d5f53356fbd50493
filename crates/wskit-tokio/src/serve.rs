use std::error::Error;
use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
#[cfg(unix)]
use tokio::net::{UnixListener, UnixStream, unix};
use wskit_dial::{MaybeTls, TokioRustls};
use wskit_driver::{Listener, ServeRuntime};

use crate::{Io, Tokio};

/// The stream of a connection that [`Server::serve`](wskit_driver::Server::serve) accepted, with TLS or without,
/// from a listener for streams of type `S`; see [`wskit_dial::MaybeTls`].
pub type ServerStream<S = TcpStream> = MaybeTls<S, TokioRustls>;

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> ServeRuntime<S> for Tokio {
    type Stream = ServerStream<S>;
    type Io = Io<ServerStream<S>>;

    fn is_disconnect(error: &(dyn Error + 'static)) -> Option<bool> {
        wskit_dial::is_disconnect(error)
    }

    fn redacted(error: &(dyn Error + 'static)) -> Option<String> {
        wskit_dial::redacted(error)
    }
}

impl Listener<Tokio> for TcpListener {
    type Stream = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> Option<io::Result<(TcpStream, SocketAddr)>> {
        Some(TcpListener::accept(self).await)
    }
}

#[cfg(unix)]
impl Listener<Tokio> for UnixListener {
    type Stream = UnixStream;
    type Addr = std::sync::Arc<unix::SocketAddr>;

    async fn accept(&mut self) -> Option<io::Result<(UnixStream, Self::Addr)>> {
        let accepted = UnixListener::accept(self).await;
        Some(accepted.map(|(stream, peer)| (stream, peer.into())))
    }
}
