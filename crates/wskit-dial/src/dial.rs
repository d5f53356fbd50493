use std::future::Future;
use std::time::Duration;

use wskit_driver::{Timer, within};
use wskit_handshake::ClientRequest;

use crate::dial_error::DialError;

/// Supplies the stream of a connection: any stream that the runtime can read and write.
///
/// [`Dialer`](crate::Dialer) is the default of a [`Connector`](crate::Connector). Another one, set by
/// [`Connector::dial_by`](crate::Connector::dial_by), can open Unix sockets or pipes in memory, or use
/// another TLS library. The connector keeps the deadline and performs the opening handshake and redirects.
///
/// Its futures can be sent between threads, so that a program can spawn what connects, and a
/// [`Reconnect`](crate::Reconnect) can be stored and spawned.
pub trait Dial: Send + Sync {
    /// The stream that the connection will run over.
    type Stream: Send + 'static;

    /// Opens a stream on which the opening handshake for `request` can begin at once. For a request
    /// that [is secure](ClientRequest::is_secure) that is a stream inside TLS.
    ///
    /// # Errors
    /// Any that fits. `?` converts an `io::Error`, which can hold any other (`io::Error::other`), and a
    /// [`ConnectError`](crate::ConnectError), which says the stage.
    fn dial(
        &self,
        request: &ClientRequest,
    ) -> impl Future<Output = Result<Self::Stream, DialError>> + Send;

    /// Opens a stream within `limit`. Override it to name the stage in which the time was up, as
    /// [`Dialer`](crate::Dialer) does.
    ///
    /// # Errors
    /// Those of [`dial`](Dial::dial), a [timeout](crate::ConnectCause::Timeout) and [`DialError::NoTimer`].
    ///
    /// # Cancel safety
    /// That of [`dial`](Dial::dial).
    fn dial_within<C: Timer + Send>(
        &self,
        request: &ClientRequest,
        timer: C,
        limit: Duration,
    ) -> impl Future<Output = Result<Self::Stream, DialError>> + Send {
        async move { within(timer, limit, self.dial(request)).await? }
    }
}
