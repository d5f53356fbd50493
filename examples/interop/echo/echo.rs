//! The echo server of the interop checks, on any runtime: its settings and its connections.

use std::net::SocketAddr;
use std::sync::Arc;

#[cfg(feature = "tls")]
use wskit::dial::{Net, Tls, tls::Acceptor};
use wskit::driver::{Runtime, Server};
use wskit::{CloseCode, Config, Error, OriginPolicy, PreparedMessage};

#[path = "../compression.rs"]
mod compression;

/// The settings that the command line asks for.
pub(crate) struct Echo<R> {
    server: Server<R>,
    scheme: &'static str,
    #[cfg(feature = "tls")]
    tls: Option<Acceptor<R>>,
}

impl<R> Echo<R> {
    /// Returns the server that the command line asks for.
    ///
    /// # Errors
    /// The part of the command line that is wrong, or why no certificate could be made.
    pub(crate) fn from_arguments() -> Result<Arc<Self>, Box<dyn std::error::Error>> {
        // Pages of any origin may use the echo: it holds no secrets.
        let mut server = Server::new(OriginPolicy::Any)
            .config(Config::new().max_message_size(64 << 20))
            .protocols(["echo"]);
        if let Some(config) = compression::from_arguments(wskit::deflate::Config::server())? {
            server = server.deflate(config);
        }
        #[cfg(feature = "tls")]
        let tls = acceptor()?;
        #[cfg(not(feature = "tls"))]
        let tls = None::<()>;
        Ok(Arc::new(Self {
            server,
            scheme: if tls.is_some() { "wss" } else { "ws" },
            #[cfg(feature = "tls")]
            tls,
        }))
    }

    /// Prints where the server listens.
    pub(crate) fn announce(&self, address: SocketAddr) {
        println!("listening on {}://{address}", self.scheme);
    }

    /// Serves one connection, and prints how it ended if not cleanly.
    #[cfg(feature = "tls")]
    pub(crate) async fn serve<S: Send + 'static>(self: Arc<Self>, stream: S, peer: SocketAddr)
    where
        R: Net<Tls: Tls<S, Server: 'static>> + Runtime<S> + Runtime<<R::Tls as Tls<S>>::Server>,
    {
        let result = match &self.tls {
            Some(tls) => match tls.accept(stream).await {
                Ok(stream) => echo(&self.server, stream).await,
                Err(error) => Err(error.into()),
            },
            None => echo(&self.server, stream).await,
        };
        wskit_examples::report(peer, result);
    }

    /// Serves one connection, and prints how it ended if not cleanly.
    #[cfg(not(feature = "tls"))]
    pub(crate) async fn serve<S: Send + 'static>(self: Arc<Self>, stream: S, peer: SocketAddr)
    where
        R: Runtime<S>,
    {
        wskit_examples::report(peer, echo(&self.server, stream).await);
    }
}

/// Echoes every message of one connection.
///
/// # Errors
/// How it ended, if not cleanly.
async fn echo<R: Runtime<S>, S: 'static>(server: &Server<R>, stream: S) -> Result<(), Error> {
    let mut ws = server.accept(stream).await?;
    while let Some((message, out)) = ws.recv_ref().await? {
        if message.as_text() == Some("close me") {
            ws.start_close(CloseCode::new(4002), "as you wish")?;
            continue;
        }
        // Encoded and compressed without reference to earlier messages.
        if let Some(text) = message
            .as_text()
            .and_then(|text| text.strip_prefix("prepare "))
        {
            out.feed(&PreparedMessage::text(text))?;
            continue;
        }
        out.feed(message)?;
    }
    Ok(())
}

/// Returns settings with a new certificate, if `--tls` is among the arguments.
#[cfg(feature = "tls")]
fn acceptor<R>() -> Result<Option<Acceptor<R>>, Box<dyn std::error::Error>> {
    if !std::env::args().any(|argument| argument == "--tls") {
        return Ok(None);
    }
    let (chain, key) = wskit_examples::certificate()?;
    Ok(Some(Acceptor::from_pem(chain, key)?))
}
