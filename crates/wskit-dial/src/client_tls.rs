#[cfg(feature = "rustls")]
use crate::{dial_error::DialError, tls::Connector};

/// TLS for a client's stream of type `S`: what [`Net`](crate::Net) asks for `wss://`.
///
/// [`MaybeTls`](crate::MaybeTls) comes with implementations; [`NoTls`] has no TLS.
pub trait ClientTls<S: Send> {
    /// Whether there is TLS, so that [`secure`](ClientTls::secure) can succeed.
    #[cfg(feature = "rustls")]
    const AVAILABLE: bool = false;

    /// Puts a stream inside TLS, as a client of `host`. The stream may be inside TLS already: `wss://`
    /// through an `https://` proxy.
    ///
    /// # Errors
    /// Those of [`Connector::connect`]; [`DialError::TlsUnavailable`] if there is no TLS.
    #[cfg(feature = "rustls")]
    fn secure<R>(
        tls: &Connector<R>,
        host: &str,
        stream: S,
    ) -> impl Future<Output = Result<S, DialError>> + Send {
        let _ = (tls, host, stream);
        std::future::ready(Err(DialError::TlsUnavailable))
    }

    /// Returns the protocol that the server chose in the TLS handshake (ALPN), if any.
    /// [`Dialer`](crate::Dialer) refuses HTTP/2, as it speaks HTTP/1.1.
    #[cfg(feature = "rustls")]
    fn alpn(stream: &S) -> Option<&[u8]> {
        let _ = stream;
        None
    }
}

/// No TLS: `wss://` is an error.
#[derive(Clone, Copy, Debug)]
pub enum NoTls {}

impl<S: Send> ClientTls<S> for NoTls {}
