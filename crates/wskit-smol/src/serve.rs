use smol::io::{AsyncRead, AsyncWrite};
use smol::net::{TcpListener, TcpStream};
use wskit_dial::FuturesRustls;

use crate::{Io, Smol};

wskit_dial::serve!(Smol, Io, FuturesRustls, [AsyncRead + AsyncWrite], TcpListener => TcpStream);

#[cfg(unix)]
mod unix {
    use std::io;

    use smol::net::unix::{SocketAddr, UnixListener, UnixStream};
    use wskit_driver::Listener;

    use crate::Smol;

    impl Listener<Smol> for UnixListener {
        type Stream = UnixStream;
        type Addr = SocketAddr;

        async fn accept(&mut self) -> Option<io::Result<(UnixStream, SocketAddr)>> {
            Some(UnixListener::accept(self).await)
        }
    }
}
