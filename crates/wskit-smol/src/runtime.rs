use std::io;
use std::net::{IpAddr, SocketAddr};

use smol::net::{TcpStream, resolve};
use wskit_dial::{FuturesRustls, MaybeTls, Net, async_io::connect_from};
use wskit_driver::{AsyncIoTimer, FuturesRuntime, Spawn};

use crate::Io;

/// smol, for code that is generic over the runtime.
#[derive(Clone, Copy, Debug)]
pub enum Smol {}

/// The stream of a client's connection; see [`wskit_dial::MaybeTls`].
pub type ClientStream = MaybeTls<TcpStream, FuturesRustls>;

impl FuturesRuntime for Smol {
    type Tcp = TcpStream;
    type Timer = AsyncIoTimer;

    fn tcp<S: 'static>(stream: &S) -> Option<&TcpStream> {
        ClientStream::tcp_of(stream)
    }

    fn into_tcp<S: 'static>(stream: S) -> Result<TcpStream, S> {
        ClientStream::into_tcp(stream)
    }

    fn set_nodelay(tcp: &TcpStream) -> io::Result<()> {
        tcp.set_nodelay(true)
    }

    fn unacknowledged(tcp: &TcpStream) -> Option<usize> {
        wskit_driver::unacknowledged(tcp)
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

    async fn connect_tcp(to: SocketAddr, from: Option<IpAddr>) -> io::Result<ClientStream> {
        let tcp = match from {
            None => TcpStream::connect(to).await?,
            Some(from) => connect_from(from, to).await?.into(),
        };
        tcp.set_nodelay(true)?;
        Ok(tcp.into())
    }
}
