use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use wskit_dial::TokioRustls;

use crate::{Io, Tokio};

wskit_dial::serve!(Tokio, Io, TokioRustls, [AsyncRead + AsyncWrite], TcpListener => TcpStream);

#[cfg(unix)]
mod unix {
    use std::io;
    use std::sync::Arc;

    use tokio::net::{UnixListener, UnixStream, unix::SocketAddr};
    use wskit_driver::Listener;

    use crate::Tokio;

    impl Listener<Tokio> for UnixListener {
        type Stream = UnixStream;
        type Addr = Arc<SocketAddr>; // it cannot be cloned

        async fn accept(&mut self) -> Option<io::Result<(UnixStream, Self::Addr)>> {
            let accepted = UnixListener::accept(self).await;
            Some(accepted.map(|(stream, peer)| (stream, peer.into())))
        }
    }
}
