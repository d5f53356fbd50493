use std::any::Any;
use std::io;
use std::net::{IpAddr, Shutdown, SocketAddr};

use async_std::net::{TcpStream, ToSocketAddrs};
#[cfg(unix)]
use async_std::os::unix::net::UnixStream;
use wskit_dial::{FuturesRustls, MaybeTls, Net, connect_with};
use wskit_driver::{AsyncIoTimer, FuturesRuntime, SocketOptions, Spawn, TlsSession};

use crate::Io;

/// async-std, for code that is generic over the runtime.
#[derive(Clone, Copy, Debug)]
pub enum AsyncStd {}

/// The stream of a client's connection; see [`wskit_dial::MaybeTls`].
pub type ClientStream = MaybeTls<TcpStream, FuturesRustls>;

impl FuturesRuntime for AsyncStd {
    type Tcp = TcpStream;
    type Timer = AsyncIoTimer;

    fn tcp(stream: &dyn Any) -> Option<&TcpStream> {
        ClientStream::tcp_of(stream)
    }

    fn into_tcp<S: 'static>(stream: S) -> Result<TcpStream, S> {
        ClientStream::into_tcp(stream)
    }

    fn from_tcp<S: 'static>(tcp: TcpStream) -> Result<S, TcpStream> {
        ClientStream::from_tcp(tcp)
    }

    fn set_nodelay(tcp: &TcpStream) -> io::Result<()> {
        tcp.set_nodelay(true)
    }

    fn set_options(tcp: &TcpStream, options: &SocketOptions) {
        options.apply(tcp);
    }

    // async-std's sockets only flush when they are closed.
    fn shutdown(stream: &dyn Any) -> io::Result<()> {
        #[cfg(unix)]
        if let Some(unix) = MaybeTls::<UnixStream, FuturesRustls>::tcp_of(stream) {
            return unix.shutdown(Shutdown::Write);
        }
        Self::tcp(stream).map_or(Ok(()), |tcp| tcp.shutdown(Shutdown::Write))
    }

    fn unacknowledged(tcp: &TcpStream) -> Option<usize> {
        wskit_driver::unacknowledged(tcp)
    }

    fn peer_addr(tcp: &TcpStream) -> Option<SocketAddr> {
        tcp.peer_addr().ok()
    }

    fn local_addr(tcp: &TcpStream) -> Option<SocketAddr> {
        tcp.local_addr().ok()
    }

    fn tls_session(stream: &dyn Any) -> Option<TlsSession> {
        ClientStream::tls_session_of(stream)
    }
}

impl Spawn for AsyncStd {
    fn spawn<F: Future<Output = ()> + Send + 'static>(future: F) {
        drop(async_std::task::spawn(future)); // the task goes on
    }
}

impl Net for AsyncStd {
    type Stream = ClientStream;
    type Io = Io<ClientStream>;
    type Tls = FuturesRustls;
    type Timer = AsyncIoTimer;

    async fn lookup(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok((host, port).to_socket_addrs().await?.collect())
    }

    async fn connect_tcp(
        to: SocketAddr,
        from: Option<IpAddr>,
        options: SocketOptions,
    ) -> io::Result<ClientStream> {
        let tcp = if from.is_none() && options.is_empty() {
            TcpStream::connect(to).await?
        } else {
            connect_with(to, from, options).await?.into_inner()?.into()
        };
        tcp.set_nodelay(true)?;
        Ok(tcp.into())
    }

    fn tunnel(to_proxy: ClientStream) -> ClientStream {
        to_proxy.into_tunnel()
    }
}
