use std::any::Any;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::task::Poll;
use std::thread;

use rustix::io::Errno;
use socket2::{Domain, Protocol, Type};
use wskit_dial::{FuturesRustls, MaybeTls, Net};
use wskit_driver::{FuturesRuntime, SocketOptions, Spawn, TlsSession};

use crate::alarm::ThreadTimer;
use crate::park::{block_on, wait_for};
use crate::socket::Socket;

/// Threads that wait by themselves, for code that is generic over the runtime.
#[derive(Clone, Copy, Debug)]
pub enum Blocking {}

/// The stream of a connection, with TLS or without; see [`wskit_dial::MaybeTls`].
pub type Stream = MaybeTls<Socket, FuturesRustls>;

/// The transport of a connection.
pub type Io<S = Stream> = wskit_driver::Io<S, Blocking>;

impl FuturesRuntime for Blocking {
    type Tcp = Socket;
    type Timer = ThreadTimer;

    fn tcp(stream: &dyn Any) -> Option<&Socket> {
        Stream::tcp_of(stream)
    }

    fn into_tcp<S: 'static>(stream: S) -> Result<Socket, S> {
        Stream::into_tcp(stream)
    }

    fn from_tcp<S: 'static>(tcp: Socket) -> Result<S, Socket> {
        Stream::from_tcp(tcp)
    }

    fn set_nodelay(socket: &Socket) -> io::Result<()> {
        match socket.peer_addr() {
            Some(_) => socket.get_ref().set_tcp_nodelay(true),
            None => Ok(()),
        }
    }

    fn set_options(socket: &Socket, options: &SocketOptions) {
        options.apply(socket.get_ref());
    }

    #[cfg(unix)]
    fn unacknowledged(socket: &Socket) -> Option<usize> {
        wskit_driver::unacknowledged(socket.get_ref())
    }

    fn peer_addr(socket: &Socket) -> Option<SocketAddr> {
        socket.peer_addr()
    }

    fn local_addr(socket: &Socket) -> Option<SocketAddr> {
        socket.local_addr()
    }

    fn tls_session(stream: &dyn Any) -> Option<TlsSession> {
        Stream::tls_session_of(stream)
    }
}

impl Spawn for Blocking {
    /// Runs it on a thread of its own. This crate does so nowhere by itself.
    fn spawn<F: Future<Output = ()> + Send + 'static>(future: F) {
        thread::spawn(|| block_on(future));
    }
}

impl Net for Blocking {
    type Stream = Stream;
    type Io = Io;
    type Tls = FuturesRustls;
    type Timer = ThreadTimer;

    /// Waits in the operating system's resolver, which knows no deadline but its own.
    async fn lookup(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok((host, port).to_socket_addrs()?.collect())
    }

    async fn connect_tcp(
        to: SocketAddr,
        from: Option<IpAddr>,
        options: SocketOptions,
    ) -> io::Result<Stream> {
        let socket =
            socket2::Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
        if let Some(from) = from {
            socket.bind(&SocketAddr::from((from, 0)).into())?;
        }
        options.apply(&socket);
        socket.set_tcp_nodelay(true)?;
        socket.set_nonblocking(true)?;
        let socket = Socket::from_mode(socket);
        match socket.get_ref().connect(&to.into()) {
            // The socket reports the outcome when it becomes writable.
            Err(error) if error.raw_os_error() == Some(Errno::INPROGRESS.raw_os_error()) => {}
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => return Err(error),
            _ => {}
        }
        poll_fn(|cx| match socket.get_ref().take_error() {
            Err(error) | Ok(Some(error)) => Poll::Ready(Err(error)),
            Ok(None) if socket.get_ref().peer_addr().is_ok() => Poll::Ready(Ok(())),
            Ok(None) => {
                wait_for(socket.writable(), cx);
                Poll::Pending
            }
        })
        .await?;
        socket.set_mode()?;
        Ok(socket.into())
    }

    fn tunnel(to_proxy: Stream) -> Stream {
        to_proxy.into_tunnel()
    }
}
