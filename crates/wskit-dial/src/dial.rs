use std::future::Future;
use std::time::Duration;

use wskit_driver::Timer;
use wskit_handshake::ClientRequest;

use crate::dial_error::DialError;

/// Supplies the stream of a connection: any stream that the runtime can read and write.
///
/// [`Dialer`](crate::Dialer) is the default of a [`Connector`](crate::Connector). Another one, set by
/// [`Connector::dial_by`](crate::Connector::dial_by), can open Unix sockets or pipes in memory, or use
/// another TLS library. The connector keeps the deadline and performs the opening handshake and redirects.
///
/// The future of `Connector::connect` can be sent between threads if this one's can.
pub trait Dial {
    /// The stream that the connection will run over.
    type Stream: 'static;

    /// Opens a stream on which the opening handshake for `request` can begin at once. For a request
    /// that [is secure](ClientRequest::is_secure) that is a stream inside TLS.
    ///
    /// # Errors
    /// Any that fits. `?` converts an `io::Error`, which can hold any other (`io::Error::other`), and a
    /// [`ConnectError`](crate::ConnectError), which says the stage.
    fn dial(
        &self,
        request: &ClientRequest,
    ) -> impl Future<Output = Result<Self::Stream, DialError>>;

    /// Opens a stream within `limit`. Override it to name the stage in which the time was up, as
    /// [`Dialer`](crate::Dialer) does.
    ///
    /// # Errors
    /// Those of [`dial`](Dial::dial), a [timeout](crate::ConnectCause::Timeout) and [`DialError::NoTimer`].
    ///
    /// # Cancel safety
    /// That of [`dial`](Dial::dial).
    fn dial_within<C: Timer>(
        &self,
        request: &ClientRequest,
        timer: C,
        limit: Duration,
    ) -> impl Future<Output = Result<Self::Stream, DialError>> {
        async move { timer.within(limit, self.dial(request)).await? }
    }
}
