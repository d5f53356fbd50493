use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::task::Poll;

use futures_io::{AsyncRead, AsyncWrite};
use wskit_dial::FuturesRustls;

use crate::park::wait_for;
use crate::runtime::{Blocking, Io};
use crate::socket::Socket;

wskit_dial::serve!(Blocking, Io, FuturesRustls, [AsyncRead + AsyncWrite], TcpListener => Socket);

/// A TCP port for [`wskit_driver::Server::serve`], which gives each connection a thread of its own.
///
/// A [`Listener`](crate::Listener) is simpler where the program has its own threads.
///
/// ```no_run
/// use wskit_blocking::{ConnectionError, OriginPolicy, Server, TcpListener, WebSocket, block_on};
///
/// # fn main() -> std::io::Result<()> {
/// let server = Server::new(OriginPolicy::SameOrigin);
/// let serving = server.serve(TcpListener::bind("127.0.0.1:9001")?, |ws, _peer| async move {
///     let mut ws = WebSocket::from(ws);
///     while let Some(message) = ws.recv()? {
///         ws.send(message)?; // this thread may wait: it serves no other connection
///     }
///     Ok::<_, ConnectionError>(())
/// });
/// block_on(serving.max_connections(1000))
/// # }
/// ```
#[derive(Debug)]
pub struct TcpListener(Socket);

impl TcpListener {
    /// Listens on an address.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn bind(address: impl ToSocketAddrs) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(Self(Socket::from_mode(listener.into())))
    }

    /// Returns the address.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0
            .local_addr()
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Waits for a connection.
    ///
    /// # Errors
    /// Those of the operating system.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn accept(&self) -> io::Result<(Socket, SocketAddr)> {
        let (socket, peer) = poll_fn(|cx| match self.0.get_ref().accept() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                wait_for(self.0.readable(), cx);
                Poll::Pending
            }
            accepted => Poll::Ready(accepted),
        })
        .await?;
        let peer = peer.as_socket().ok_or(io::ErrorKind::InvalidData)?;
        Ok((Socket::new(socket)?, peer))
    }
}
