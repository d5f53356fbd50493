use std::fmt;
use std::time::Duration;

use wskit_driver::{Transport, Writer};
use wskit_proto::{CloseCode, CloseFrame, Outbox, Outcome, Outgoing, State, Utf8Bytes};

use super::shared::Shared;
use crate::error::Error;
use crate::sync::Arc;

/// A handle to a client that runs in a task of its own, from
/// [`Reconnect::spawn`](crate::Reconnect::spawn): to send on the connection that is open at the moment.
///
/// Clone it for every task that sends. A call works directly on the connection, and waits for no other
/// task. Dropping handles does nothing: the client goes on until its [`Events`](super::Events) is dropped.
pub struct Handle<T: Transport> {
    shared: Arc<Shared<Writer<T>>>,
}

/// The client has ended, and will open no further connection: it has given up, or was closed, or its
/// [`Events`](super::Events) or its task was dropped. From [`Handle::wait_connected`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ended;

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the client has ended and will not connect again")
    }
}

impl std::error::Error for Ended {}

impl From<Ended> for Error {
    fn from(_: Ended) -> Self {
        Self::Ended
    }
}

impl<T: Transport> Handle<T> {
    pub(super) fn new(shared: Arc<Shared<Writer<T>>>) -> Self {
        Self { shared }
    }

    /// Sends on the connection that is open now, and waits until the message is written; see
    /// [`Writer::send`].
    ///
    /// Nothing is kept for the next connection: a message may not fit it, and only the application knows.
    ///
    /// # Errors
    /// [`Error::NotConnected`] while no connection is open, and if it ends before the message is written
    /// (which may have arrived or not); the events say why. [`Error::Ended`] instead if there will be no
    /// other connection: the client has ended, or is being closed. [`Error::Connection`] with what
    /// [`Writer::send`] returns about the message.
    ///
    /// # Cancel safety
    /// That of [`Writer::send`].
    pub async fn send<'m>(&self, message: impl Into<Outgoing<'m>>) -> Result<(), Error> {
        let writer = self.shared.writer().ok_or_else(|| self.unconnected())?;
        match writer.send(message).await {
            Err(error) if error.is_closed() || writer.state() != State::Open => {
                Err(self.unconnected())
            }
            sent => Ok(sent?),
        }
    }

    /// Sends a value as JSON, in a text message, as [`send`](Handle::send) does.
    ///
    /// # Errors
    /// [`ConnectionError::Json`](wskit_driver::ConnectionError::Json), in [`Error::Connection`], if the
    /// value has no JSON form, whether or not a connection is open. All others are those of
    /// [`send`](Handle::send).
    ///
    /// # Cancel safety
    /// That of [`Writer::send`].
    #[cfg(feature = "json")]
    pub async fn send_json<V: serde::Serialize + ?Sized>(&self, value: &V) -> Result<(), Error> {
        let message = Outgoing::json(value)?;
        self.send(message).await
    }

    /// Returns why nothing can be sent.
    fn unconnected(&self) -> Error {
        if self.shared.is_ending() {
            Error::Ended
        } else {
            Error::NotConnected
        }
    }

    /// Closes the connection, if one is open, and waits for its end, for at most `Config::close_timeout`.
    /// Ends the client: no further connection is opened, and the events end without an error.
    ///
    /// Messages that the peer still sends are in the events, as far as there is room for them. Returns how
    /// that connection ended, also when it is called again; `None` if none was open.
    ///
    /// # Errors
    /// [`SendError::InvalidCloseCode`](wskit_proto::SendError::InvalidCloseCode) or
    /// [`SendError::ReasonTooLong`](wskit_proto::SendError::ReasonTooLong), in [`Error::Connection`]: the
    /// client goes on. [`ConnectionError::NoTimer`](wskit_driver::ConnectionError::NoTimer) where a runtime
    /// can be without one.
    ///
    /// # Cancel safety
    /// Safe: the first poll begins the close, which goes on.
    pub async fn close(
        &self,
        code: CloseCode,
        reason: impl Into<Utf8Bytes>,
    ) -> Result<Option<Outcome>, Error> {
        let close = CloseFrame::new(code, reason);
        Outbox::check_close(&close)?;
        match self.shared.close(&close) {
            Ok(Some(writer)) => Ok(Some(writer.close(close.code, close.reason).await?)),
            Ok(None) => Ok(None),
            Err(outcome) => Ok(outcome),
        }
    }

    /// Returns whether a connection is open.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.shared.writer().is_some()
    }

    /// Waits until a connection is open.
    ///
    /// # Errors
    /// [`Ended`]: there will be no connection any more.
    ///
    /// # Cancel safety
    /// Safe.
    pub async fn wait_connected(&self) -> Result<(), Ended> {
        self.shared
            .wait_connected()
            .await
            .then_some(())
            .ok_or(Ended)
    }

    /// Returns a writer of the connection that is open now: to feed, to ping, for lanes and the
    /// sub-protocol. It stays with this connection, so do not keep it for the next.
    #[must_use]
    pub fn writer(&self) -> Option<Writer<T>> {
        self.shared.writer()
    }

    /// Returns the latest round trip of a keepalive ping on the connection that is open now.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.shared.writer()?.round_trip()
    }
}

impl<T: Transport> Clone for Handle<T> {
    fn clone(&self) -> Self {
        Self {
            shared: self.shared.clone(),
        }
    }
}

impl<T: Transport> fmt::Debug for Handle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("is_connected", &self.is_connected())
            .finish_non_exhaustive()
    }
}
