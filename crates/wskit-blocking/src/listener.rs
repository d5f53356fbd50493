use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::thread;
use std::time::Duration;

use wskit_dial::Error;

use crate::park::block_on;
use crate::runtime::{Blocking, Io, Stream};
use crate::socket::Socket;
use crate::websocket::WebSocket;

/// The settings of a server: whose pages may connect, sub-protocols, limits, compression; see
/// [`wskit_driver::Server`].
pub type Server = wskit_driver::Server<Blocking>;

/// A request that a server received, for a WebSocket or for ordinary HTTP; see [`wskit_driver::Request`]. Run the
/// methods that are futures by [`block_on`].
pub type Request = wskit_driver::Request<Io>;

/// A port that is listened on.
///
/// ```no_run
/// use std::thread;
/// use wskit_blocking::{Error, Listener, OriginPolicy, Server};
///
/// # fn main() -> std::io::Result<()> {
/// let listener = Listener::bind("127.0.0.1:9001", Server::new(OriginPolicy::SameOrigin))?;
/// for incoming in listener.incoming() {
///     thread::spawn(move || -> Result<(), Error> {
///         let mut ws = incoming.accept()?; // here, so that a slow client holds up no other
///         while let Some(message) = ws.recv()? {
///             ws.send(message)?;
///         }
///         Ok(())
///     });
/// }
/// # Ok(()) }
/// ```
pub struct Listener {
    socket: socket2::Socket,
    server: Server,
    #[cfg(feature = "rustls")]
    tls: Option<crate::tls::Acceptor>,
}

impl Listener {
    /// Listens on an address.
    ///
    /// # Errors
    /// Those of the operating system.
    pub fn bind(address: impl ToSocketAddrs, server: Server) -> io::Result<Self> {
        Ok(Self::new(std::net::TcpListener::bind(address)?, server))
    }

    /// Takes a socket that listens, TCP's or Unix's. Whether `accept` waits is the socket's own setting.
    #[must_use]
    pub fn new(listener: impl Into<socket2::Socket>, server: Server) -> Self {
        Self {
            socket: listener.into(),
            server,
            #[cfg(feature = "rustls")]
            tls: None,
        }
    }

    /// Expects TLS of every connection.
    #[cfg(feature = "rustls")]
    #[must_use]
    pub fn tls(mut self, acceptor: crate::tls::Acceptor) -> Self {
        self.tls = Some(acceptor);
        self
    }

    /// Returns the address; `None` for Unix sockets.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.socket.local_addr().ok()?.as_socket()
    }

    /// Waits for a connection. Its opening handshake is yet to come: [`Incoming::accept`].
    ///
    /// # Errors
    /// Those of the operating system, such as too many open files, after which a wait is due: the next call fails
    /// at once. A connection that has ended already, and a signal, are none.
    pub fn accept(&self) -> io::Result<Incoming> {
        let (socket, peer) = loop {
            match self.socket.accept() {
                Err(error) if is_passing(&error) => {}
                accepted => break accepted?,
            }
        };
        Ok(Incoming {
            socket: Socket::new(socket)?,
            peer: peer.as_socket(),
            server: self.server.clone(),
            #[cfg(feature = "rustls")]
            tls: self.tls.clone(),
        })
    }

    /// Returns an iterator over the connections. When an accept fails it waits for a tenth of a second, in which
    /// the program may close files, and tries again: [`accept`](Listener::accept) tells errors. It ends when the
    /// socket does not listen any more.
    pub fn incoming(&self) -> impl Iterator<Item = Incoming> + '_ {
        std::iter::from_fn(|| {
            loop {
                match self.accept() {
                    Ok(incoming) => return Some(incoming),
                    // What Unix answers on a socket that was shut down.
                    Err(error) if error.kind() == io::ErrorKind::InvalidInput => return None,
                    Err(_) => thread::sleep(PAUSE),
                }
            }
        })
    }
}

/// The pause after an accept that failed.
const PAUSE: Duration = Duration::from_millis(100);

/// Whether only this connection, or only this call, has failed.
fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::Interrupted
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener")
            .field("local_addr", &self.local_addr())
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

/// A connection that was accepted, before its handshakes. Dropping it ends it.
#[must_use = "dropping it ends the connection"]
pub struct Incoming {
    socket: Socket,
    peer: Option<SocketAddr>,
    server: Server,
    #[cfg(feature = "rustls")]
    tls: Option<crate::tls::Acceptor>,
}

impl Incoming {
    /// Returns the address of the peer; `None` for Unix sockets.
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// Performs the TLS handshake, if the listener expects one, and the opening handshake, and waits until the
    /// connection is open: for at most `Config::handshake_timeout` each.
    ///
    /// # Errors
    /// Those of TLS and of [`wskit_driver::Server::accept`].
    pub fn accept(self) -> Result<WebSocket, Error> {
        let server = self.server.clone();
        Ok(block_on(async move {
            server
                .accept(self.stream().await?)
                .await
                .map_err(Error::from)
        })?
        .into())
    }

    /// Receives the request, to look at it before it is accepted: its path, headers and cookies.
    ///
    /// # Errors
    /// Those of TLS and of [`wskit_driver::Server::receive`].
    pub fn receive(self) -> Result<Request, Error> {
        let server = self.server.clone();
        block_on(async move {
            server
                .receive(self.stream().await?)
                .await
                .map_err(Error::from)
        })
    }

    #[cfg(feature = "rustls")]
    async fn stream(self) -> Result<Stream, Error> {
        match self.tls {
            Some(acceptor) => Ok(acceptor.accept(self.socket).await?.into()),
            None => Ok(self.socket.into()),
        }
    }

    #[cfg(not(feature = "rustls"))]
    #[allow(clippy::unused_async, reason = "with TLS it waits")]
    async fn stream(self) -> Result<Stream, Error> {
        Ok(self.socket.into())
    }
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming")
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}
