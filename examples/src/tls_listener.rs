//! A listener for the servers of pages: plain TCP, or TLS with a certificate made on the spot.

use std::error::Error;
use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

/// A listener whose connections speak TLS if `--tls` is among the arguments.
#[derive(Debug)]
pub struct TlsListener {
    tcp: TcpListener,
    #[cfg(feature = "tls")]
    tls: Option<wskit::tls::Acceptor>,
}

impl TlsListener {
    /// Listens at the address of the arguments, makes a certificate if one is needed, and prints where
    /// the server is.
    ///
    /// # Errors
    /// The address is not free, no certificate can be made, or TLS was not compiled in.
    pub async fn from_arguments() -> Result<Self, Box<dyn Error>> {
        let tcp = TcpListener::bind(crate::address()).await?;
        let secure = std::env::args().any(|argument| argument == "--tls");
        #[cfg(not(feature = "tls"))]
        if secure {
            return Err("--tls needs the feature tls".into());
        }
        #[cfg(feature = "tls")]
        let tls = if secure {
            let (chain, key) = crate::certificate()?;
            Some(wskit::tls::Acceptor::from_pem(chain, key)?)
        } else {
            None
        };
        let (s, address) = (if secure { "s" } else { "" }, tcp.local_addr()?);
        println!("listening on ws{s}://{address}");
        println!("open http{s}://{address} in two tabs");
        Ok(Self {
            tcp,
            #[cfg(feature = "tls")]
            tls,
        })
    }

    /// Accepts a TCP connection; its TLS handshake is still to be done.
    ///
    /// # Errors
    /// Those of [`TcpListener::accept`].
    pub async fn accept(&self) -> io::Result<(Incoming, SocketAddr)> {
        let (tcp, peer) = self.tcp.accept().await?;
        let incoming = Incoming {
            tcp,
            #[cfg(feature = "tls")]
            tls: self.tls.clone(),
        };
        Ok((incoming, peer))
    }
}

/// A connection before its TLS handshake, if it has one.
#[derive(Debug)]
pub struct Incoming {
    tcp: TcpStream,
    #[cfg(feature = "tls")]
    tls: Option<wskit::tls::Acceptor>,
}

impl Incoming {
    /// Does the TLS handshake. Call it in the connection's own task: a client may be slow.
    ///
    /// # Errors
    /// [`wskit::DialError::Connect`] in the stage [`wskit::Stage::Tls`].
    #[cfg_attr(
        not(feature = "tls"),
        allow(clippy::unused_async, reason = "only TLS waits")
    )]
    pub async fn handshake(self) -> Result<Stream, wskit::Error> {
        self.tcp.set_nodelay(true)?; // wskit does not see that the box holds TCP
        #[cfg(feature = "tls")]
        if let Some(tls) = &self.tls {
            return Ok(Box::new(tls.accept(self.tcp).await?));
        }
        Ok(Box::new(self.tcp))
    }
}

/// A connection, inside TLS or not.
pub type Stream = Box<dyn Bytes>;

/// The traits of a [`Stream`].
pub trait Bytes: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Bytes for S {}
