//! What stands in front of the servers of pages: TLS with a certificate made on the spot, or nothing.

use std::error::Error;

use tokio::io::{AsyncRead, AsyncWrite};
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
        stream.set_nodelay(true)?; // from outside the box it cannot be seen that this is TCP
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return Ok(Box::new(tls.accept(stream).await?));
        }
        Ok(Box::new(stream))
    }
}

/// A connection that was let in, inside TLS or not.
pub type Stream = Box<dyn Bytes>;

/// What a connection runs over.
pub trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Bytes for S {}
