use std::io;
use std::net::{IpAddr, SocketAddr};

use tokio::net::{TcpSocket, TcpStream, lookup_host};
use wskit_dial::{MaybeTls, Net, TokioRustls};
use wskit_driver::SocketOptions;

use crate::{Io, Tokio, TokioTimer};

/// The stream of a client's connection; see [`wskit_dial::MaybeTls`].
pub type ClientStream = MaybeTls<TcpStream, TokioRustls>;

impl Net for Tokio {
    type Stream = ClientStream;
    type Io = Io<ClientStream>;
    type Tls = TokioRustls;
    type Timer = TokioTimer;

    async fn lookup(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok(lookup_host((host, port)).await?.collect())
    }

    async fn connect_tcp(
        to: SocketAddr,
        from: Option<IpAddr>,
        options: SocketOptions,
    ) -> io::Result<ClientStream> {
        let socket = match to {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        if let Some(from) = from {
            socket.bind((from, 0).into())?;
        }
        socket.set_nodelay(true)?;
        options.apply(&socket);
        Ok(socket.connect(to).await?.into())
    }

    fn tunnel(to_proxy: ClientStream) -> ClientStream {
        to_proxy.into_tunnel()
    }
}

impl From<Io<ClientStream>> for ClientStream {
    fn from(io: Io<ClientStream>) -> Self {
        io.into_inner()
    }
}
