use async_std::io::{Read, Write};
use async_std::net::{TcpListener, TcpStream};
use wskit_dial::FuturesRustls;

use crate::{AsyncStd, Io};

wskit_dial::serve!(AsyncStd, Io, FuturesRustls, [Read + Write], TcpListener => TcpStream);

#[cfg(unix)]
mod unix {
    use std::io;

    use async_std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
    use wskit_driver::Listener;

    use crate::AsyncStd;

    impl Listener<AsyncStd> for UnixListener {
        type Stream = UnixStream;
        type Addr = SocketAddr;

        async fn accept(&mut self) -> Option<io::Result<(UnixStream, SocketAddr)>> {
            Some(UnixListener::accept(self).await)
        }
    }
}
