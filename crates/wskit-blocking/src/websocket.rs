use std::fmt;
use std::time::{Duration, Instant};

use wskit_driver::ConnectionError;
use wskit_proto::{
    CloseCode, Event, Message, MessageRef, Outbox, Outcome, Outgoing, State, Utf8Bytes,
};

use crate::error::RecvTimeout;
use crate::park::{Until, block_on, block_on_from, by, once};
use crate::runtime::Io;
use crate::split::{Reader, Writer};

/// The connection whose methods are futures, which [`block_on`](crate::block_on) runs.
pub type AsyncWebSocket = wskit_driver::WebSocket<Io>;

/// A WebSocket connection for one thread. [`split`](WebSocket::split) makes halves for several.
///
/// From [`connect`](crate::connect()) or a [`Listener`](crate::Listener). As an iterator it yields the messages that it
/// receives, until the connection ends: an error is the last item, and a clean close has none.
///
/// # When is what I send written?
/// [`send`](WebSocket::send) writes before it returns. What [`feed`](WebSocket::feed) queues is written with the next
/// `send` or `flush`, when `Config::write_high_water` bytes are queued, and whenever a receive has to wait.
///
/// # When are pings answered?
/// During each call that receives, sends or closes. Between calls nothing happens: there is no hidden thread.
/// A connection that mostly waits should wait in a receive.
///
/// # What happens on drop?
/// What is queued is lost, and the peer sees the end of the stream without a Close (1006). Use
/// [`close`](WebSocket::close).
pub struct WebSocket {
    ws: AsyncWebSocket,
    /// Until when the next receive may wait in its first read, if there is nothing else to wait for.
    alone: Option<Until>,
}

impl WebSocket {
    /// Receives a message, and waits until there is one; `None` after a clean close.
    ///
    /// # Errors
    /// Once, when the connection ended in any other way; then `None`.
    pub fn recv(&mut self) -> Result<Option<Message>, ConnectionError> {
        self.keep_or_clear(None);
        block_on_from(self.ws.recv(), &mut self.alone)
    }

    /// Receives a message, and waits at most for `limit`. A message that has come in part is kept for the next call.
    ///
    /// # Errors
    /// [`RecvTimeout::Elapsed`] when the time has passed; else those of [`recv`](WebSocket::recv).
    pub fn recv_timeout(&mut self, limit: Duration) -> Result<Option<Message>, RecvTimeout> {
        // Without such a deadline it waits for ever.
        let deadline = Instant::now().checked_add(limit);
        self.keep_or_clear(deadline);
        match block_on_from(by(deadline, self.ws.recv()), &mut self.alone) {
            Some(received) => Ok(received?),
            None => Err(RecvTimeout::Elapsed),
        }
    }

    /// Receives a message if there is one, or enough has arrived; it does not wait.
    ///
    /// # Errors
    /// [`RecvTimeout::Elapsed`] if there is none; else those of [`recv`](WebSocket::recv).
    pub fn try_recv(&mut self) -> Result<Option<Message>, RecvTimeout> {
        match once(self.ws.recv()) {
            Some(received) => Ok(received?),
            None => Err(RecvTimeout::Elapsed),
        }
    }

    /// Receives a message without copying it: lends it, together with the [`Outbox`] to answer into, until the next
    /// call.
    ///
    /// ```no_run
    /// # fn echo(mut ws: wskit_blocking::WebSocket) -> Result<(), wskit_blocking::ConnectionError> {
    /// while let Some((message, out)) = ws.recv_ref()? {
    ///     out.feed(message)?; // leaves when there is nothing more to receive for now
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of [`recv`](WebSocket::recv).
    pub fn recv_ref(&mut self) -> Result<Option<(MessageRef<'_>, &mut Outbox)>, ConnectionError> {
        self.keep_or_clear(None);
        block_on_from(self.ws.recv_ref(), &mut self.alone)
    }

    /// Receives messages, pings and pongs; see [`wskit_driver::WebSocket::recv_event`].
    ///
    /// # Errors
    /// Those of [`recv`](WebSocket::recv).
    pub fn recv_event(&mut self) -> Result<Option<Event<Message>>, ConnectionError> {
        self.keep_or_clear(None);
        block_on_from(self.ws.recv_event(), &mut self.alone)
    }

    /// Receives a message and returns the value that it holds as JSON.
    ///
    /// # Errors
    /// `ConnectionError::Json` for a message that is not JSON of this type, after which the connection goes on. All
    /// others are those of [`recv`](WebSocket::recv).
    #[cfg(feature = "json")]
    pub fn recv_json<V: serde::de::DeserializeOwned>(
        &mut self,
    ) -> Result<Option<V>, ConnectionError> {
        self.keep_or_clear(None);
        block_on_from(self.ws.recv_json(), &mut self.alone)
    }

    /// Sends a message: queues it and writes everything queued.
    ///
    /// # Errors
    /// `SendError` when the message cannot be sent; else how the connection ended.
    pub fn send<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), ConnectionError> {
        block_on(self.ws.send(message))
    }

    /// Queues a message. It waits only while `Config::write_high_water` bytes are queued.
    ///
    /// # Errors
    /// Those of [`send`](WebSocket::send).
    pub fn feed<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), ConnectionError> {
        block_on(self.ws.feed(message))
    }

    /// Writes everything queued.
    ///
    /// # Errors
    /// How the connection ended, unless it ended cleanly.
    pub fn flush(&mut self) -> Result<(), ConnectionError> {
        block_on(self.ws.flush())
    }

    /// Sends a ping with up to 125 bytes. [`recv_event`](WebSocket::recv_event) returns the pong.
    ///
    /// # Errors
    /// Those of [`send`](WebSocket::send).
    pub fn ping(&mut self, payload: &[u8]) -> Result<(), ConnectionError> {
        block_on(self.ws.ping(payload))
    }

    /// Sends a Close after everything queued, then waits for the peer's Close and the end of the transport, for at most
    /// `Config::close_timeout`. Messages that still come are thrown away.
    ///
    /// # Errors
    /// If the code or the reason cannot be sent. Any other failure is in the [`Outcome`].
    pub fn close(
        &mut self,
        code: CloseCode,
        reason: impl Into<Utf8Bytes>,
    ) -> Result<Outcome, ConnectionError> {
        block_on(self.ws.close(code, reason))
    }

    /// Queues a Close and returns: receive until `None` to lose nothing of what the peer still sends.
    ///
    /// # Errors
    /// Those of [`close`](WebSocket::close).
    pub fn start_close(
        &mut self,
        code: CloseCode,
        reason: impl Into<Utf8Bytes>,
    ) -> Result<(), ConnectionError> {
        self.ws.start_close(code, reason)
    }

    /// Splits the connection into a half that receives and halves that send, each for a thread of its own.
    #[must_use]
    pub fn split(self) -> (Reader, Writer) {
        let (reader, writer) = self.ws.split();
        (reader.into(), writer.into())
    }

    /// Returns the connection as it is underneath: for its state, addresses, TLS session and settings.
    #[must_use]
    pub fn get_ref(&self) -> &AsyncWebSocket {
        &self.ws
    }

    /// Returns the connection as it is underneath, for methods that this type does not have: run what they return by
    /// [`block_on`](crate::block_on).
    pub fn get_mut(&mut self) -> &mut AsyncWebSocket {
        self.alone = None;
        &mut self.ws
    }

    /// Returns the connection as it is underneath.
    #[must_use]
    pub fn into_inner(self) -> AsyncWebSocket {
        self.ws
    }

    /// Returns whether the connection is open, closing or closed.
    #[must_use]
    pub fn state(&self) -> State {
        self.ws.state()
    }

    /// Returns how the connection ended; `None` until it has.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        self.ws.outcome()
    }

    /// Keeps the time until which a read may wait, but at most to `deadline`, if a receive has nothing to do before it
    /// reads.
    fn keep_or_clear(&mut self, deadline: Option<Instant>) {
        let is_idle = self.ws.state() == State::Open && self.ws.queued() == 0;
        self.alone = self
            .alone
            .filter(|_| is_idle)
            .map(|until| match (until, deadline) {
                (Some(until), Some(deadline)) => Some(until.min(deadline)),
                (until, deadline) => until.or(deadline),
            });
    }
}

impl Iterator for WebSocket {
    type Item = Result<Message, ConnectionError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.recv().transpose()
    }
}

impl From<AsyncWebSocket> for WebSocket {
    fn from(ws: AsyncWebSocket) -> Self {
        Self { ws, alone: None }
    }
}

impl fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ws.fmt(f)
    }
}
