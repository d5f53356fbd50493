//! What stands in front of the servers of pages: TLS with a certificate made on the spot, or nothing.

use std::error::Error;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// The door, as the command line asks for it: `--tls` among the arguments is TLS.
#[derive(Clone, Debug)]
pub struct Door {
    #[cfg(feature = "tls")]
    tls: Option<wskit::tls::Acceptor>,
}

impl Door {
    /// Reads the arguments; makes a certificate if one is needed.
    ///
    /// # Errors
    /// No certificate can be made, or TLS was not compiled in.
    pub fn from_arguments() -> Result<Self, Box<dyn Error>> {
        let secure = std::env::args().any(|argument| argument == "--tls");
        #[cfg(not(feature = "tls"))]
        return if secure {
            Err("--tls wants the feature tls".into())
        } else {
            Ok(Self {})
        };
        #[cfg(feature = "tls")]
        {
            let mut tls = None;
            if secure {
                let (chain, key) = crate::echo::certificate()?;
                tls = Some(wskit::tls::Acceptor::from_pem(chain, key)?);
            }
            Ok(Self { tls })
        }
    }

    /// Says where the server is.
    pub fn announce(&self, address: std::net::SocketAddr) {
        #[cfg(feature = "tls")]
        let s = if self.tls.is_some() { "s" } else { "" };
        #[cfg(not(feature = "tls"))]
        let s = "";
        println!("listening on ws{s}://{address}");
        println!("open http{s}://{address} in two tabs");
    }

    /// Lets a connection in; its TLS handshake is done then.
    ///
    /// # Errors
    /// [`wskit::Error::Tls`] and what else a handshake can end with.
    #[cfg_attr(
        not(feature = "tls"),
        allow(clippy::unused_async, reason = "only TLS waits")
    )]
    pub async fn enter(&self, stream: TcpStream) -> Result<Stream, wskit::Error> {
        stream.set_nodelay(true)?; // nobody can see behind the box that this is TCP
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return Ok(Stream(Box::new(tls.accept(stream).await?)));
        }
        Ok(Stream(Box::new(stream)))
    }
}

/// A connection that was let in, inside TLS or not.
pub struct Stream(Box<dyn Both>);

trait Both: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Both for S {}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stream")
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
