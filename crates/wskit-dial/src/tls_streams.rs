#[cfg(feature = "rustls")]
use std::{io, sync::Arc};

#[cfg(feature = "rustls")]
use rustls::{ClientConfig, ServerConfig, pki_types::ServerName};

/// TLS over streams of type `S`, by rustls: what [`Net`](crate::Net) has for `wss://`, and what
/// `tls::Connector` and `tls::Acceptor` use.
///
/// It comes for the traits of tokio and of futures-io: `TokioRustls` and `FuturesRustls`. `()` has no TLS:
/// `wss://` is an error, as the default methods are.
pub trait Tls<S: Send> {
    /// A client's stream inside TLS.
    type Client;
    /// A server's stream inside TLS.
    type Server;

    /// Whether the methods below are implemented. If not, nothing is dialled for `wss://`.
    #[cfg(feature = "rustls")]
    const AVAILABLE: bool = false;

    /// Performs the TLS handshake as a client.
    ///
    /// # Errors
    /// The stream's, or a `rustls::Error` inside an `io::Error`.
    #[cfg(feature = "rustls")]
    fn connect(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        stream: S,
    ) -> impl Future<Output = io::Result<Self::Client>> + Send {
        let _ = (config, name, stream);
        async { Err(io::ErrorKind::Unsupported.into()) }
    }

    /// Performs the TLS handshake as the server.
    ///
    /// # Errors
    /// The stream's, or a `rustls::Error` inside an `io::Error`.
    #[cfg(feature = "rustls")]
    fn accept(
        config: Arc<ServerConfig>,
        stream: S,
    ) -> impl Future<Output = io::Result<Self::Server>> + Send {
        let _ = (config, stream);
        async { Err(io::ErrorKind::Unsupported.into()) }
    }

    /// Returns the protocol that the server chose in the TLS handshake (ALPN), if any.
    /// [`Dialer`](crate::Dialer) refuses HTTP/2, as it speaks HTTP/1.1.
    #[cfg(feature = "rustls")]
    fn alpn(stream: &Self::Client) -> Option<&[u8]> {
        let _ = stream;
        None
    }
}

impl<S: Send> Tls<S> for () {
    type Client = S;
    type Server = S;
}
