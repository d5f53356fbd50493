//! How a client's connection comes about, up to where the opening handshake begins.

mod connect;
mod dialer;
mod error;
mod eyeballs;
mod no_proxy;
mod proxy;
mod proxy_handshake;
mod race;
mod socks5;
mod stage;
mod tls_dialer;
mod zone;

use std::future::Future;

use wskit_handshake::ClientRequest;

use crate::error::Error;

pub use dialer::Dialer;
pub use error::{ProxyError, ProxyUrlError, SocksFailure};
pub use proxy::Proxy;
pub use proxy_handshake::ProxyHandshake;
#[doc(hidden)]
pub use stage::Stage;
pub use tls_dialer::{TlsDialer, TlsLayer};
#[cfg(feature = "rustls")]
pub(crate) use zone::split_zone;

/// Supplies the stream of a connection: anything that a runtime can read and write.
///
/// [`Dialer`] is the one that a [`Connector`](crate::Connector) has from the beginning; another one,
/// given to [`Connector::dial_by`](crate::Connector::dial_by), takes its place: for Unix sockets, for
/// pipes in memory, for another TLS library. Deadline, opening handshake and redirects stay with the
/// connector.
///
/// The future of `Connector::connect` can be sent between threads if this one's can.
pub trait Dial {
    /// What the connection will run over.
    type Stream: 'static;

    /// Opens a stream on which the opening handshake for `request` can begin at once: for a request
    /// that [is secure](ClientRequest::is_secure) that is one inside TLS.
    ///
    /// # Errors
    /// Whatever fits; [`Error::Io`] holds anything (`io::Error::other`).
    fn dial(&self, request: &ClientRequest) -> impl Future<Output = Result<Self::Stream, Error>>;

    /// As [`dial`](Dial::dial), saying on the way whom it waits for, so that a deadline that passes can
    /// be put down to a proxy.
    #[doc(hidden)]
    fn dial_in_stages(
        &self,
        request: &ClientRequest,
        _: &Stage,
    ) -> impl Future<Output = Result<Self::Stream, Error>> {
        self.dial(request)
    }
}
