use std::any::Any;
use std::io;
use std::net::{IpAddr, SocketAddr};

use smol::net::{TcpStream, resolve};
use wskit_dial::{FuturesRustls, MaybeTls, Net, connect_with};
use wskit_driver::{AsyncIoTimer, FuturesRuntime, SocketOptions, Spawn, TlsSession};

use crate::Io;

/// smol, for code that is generic over the runtime.
#[derive(Clone, Copy, Debug)]
pub enum Smol {}

/// The stream of a client's connection; see [`wskit_dial::MaybeTls`].
pub type ClientStream = MaybeTls<TcpStream, FuturesRustls>;

impl FuturesRuntime for Smol {
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

impl Spawn for Smol {
    /// Runs it on the executor of the crate `smol`, whose threads are those that `SMOL_THREADS` says.
    fn spawn<F: Future<Output = ()> + Send + 'static>(future: F) {
        smol::spawn(future).detach();
    }
}

impl Net for Smol {
    type Stream = ClientStream;
    type Io = Io<ClientStream>;
    type Tls = FuturesRustls;
    type Timer = AsyncIoTimer;

    async fn lookup(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        resolve((host, port)).await
    }

    async fn connect_tcp(
        to: SocketAddr,
        from: Option<IpAddr>,
        options: SocketOptions,
    ) -> io::Result<ClientStream> {
        let tcp = if from.is_none() && options.is_empty() {
            TcpStream::connect(to).await?
        } else {
            connect_with(to, from, options).await?.into()
        };
        tcp.set_nodelay(true)?;
        Ok(tcp.into())
    }

    fn tunnel(to_proxy: ClientStream) -> ClientStream {
        to_proxy.into_tunnel()
    }
}
