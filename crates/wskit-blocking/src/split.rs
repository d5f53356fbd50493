use std::fmt;
use std::time::{Duration, Instant};

use wskit_driver::{Batched, ConnectionError, LaneConfig, Pushed, ReuniteError};
use wskit_proto::{
    CloseCode, Event, Message, MessageRef, Outcome, Outgoing, PreparedMessage, SendError, State,
    Utf8Bytes,
};

use crate::error::RecvTimeout;
use crate::park::{block_on, by, once};
use crate::runtime::Io;
use crate::websocket::WebSocket;

type AsyncReader = wskit_driver::Reader<Io>;
type AsyncWriter = wskit_driver::Writer<Io>;
type AsyncLane = wskit_driver::Lane<Io>;

/// The receiving half of a split connection, for one thread. It also answers pings and the peer's Close, and writes
/// what others have queued, so keep it receiving.
///
/// As an iterator it yields the messages, as [`WebSocket`] does. Dropping it does not end the connection: what comes
/// is thrown away.
pub struct Reader(AsyncReader);

impl Reader {
    /// Receives a message; see [`WebSocket::recv`].
    ///
    /// # Errors
    /// Once, when the connection ended in any other way than cleanly; then `None`.
    pub fn recv(&mut self) -> Result<Option<Message>, ConnectionError> {
        block_on(self.0.recv())
    }

    /// Receives a message, and waits at most for `limit`; see [`WebSocket::recv_timeout`].
    ///
    /// # Errors
    /// [`RecvTimeout::Elapsed`] when the time has passed; else those of [`recv`](Reader::recv).
    pub fn recv_timeout(&mut self, limit: Duration) -> Result<Option<Message>, RecvTimeout> {
        let deadline = Instant::now().checked_add(limit);
        match block_on(by(deadline, self.0.recv())) {
            Some(received) => Ok(received?),
            None => Err(RecvTimeout::Elapsed),
        }
    }

    /// Receives a message if there is one, or enough has arrived; it does not wait.
    ///
    /// # Errors
    /// [`RecvTimeout::Elapsed`] if there is none; else those of [`recv`](Reader::recv).
    pub fn try_recv(&mut self) -> Result<Option<Message>, RecvTimeout> {
        match once(self.0.recv()) {
            Some(received) => Ok(received?),
            None => Err(RecvTimeout::Elapsed),
        }
    }

    /// Receives a message without copying it: lends it until the next call.
    ///
    /// # Errors
    /// Those of [`recv`](Reader::recv).
    pub fn recv_ref(&mut self) -> Result<Option<MessageRef<'_>>, ConnectionError> {
        block_on(self.0.recv_ref())
    }

    /// Receives messages, pings and pongs; see [`wskit_driver::WebSocket::recv_event`].
    ///
    /// # Errors
    /// Those of [`recv`](Reader::recv).
    pub fn recv_event(&mut self) -> Result<Option<Event<Message>>, ConnectionError> {
        block_on(self.0.recv_event())
    }

    /// Returns a new sending half.
    #[must_use]
    pub fn writer(&self) -> Writer {
        self.0.writer().into()
    }

    /// Puts the halves together again.
    ///
    /// # Errors
    /// The halves, as they are underneath, if they are of two connections or there are other writers.
    pub fn reunite(self, writer: Writer) -> Result<WebSocket, ReuniteError<Io>> {
        self.0.reunite(writer.0).map(WebSocket::from)
    }

    /// Returns the half as it is underneath: for its state, addresses, TLS session and settings.
    #[must_use]
    pub fn get_ref(&self) -> &wskit_driver::Reader<Io> {
        &self.0
    }

    /// Returns the half as it is underneath, for methods that this type does not have: run what they return by
    /// [`block_on`](crate::block_on).
    pub fn get_mut(&mut self) -> &mut wskit_driver::Reader<Io> {
        &mut self.0
    }

    /// Returns how the connection ended; `None` until it has.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        self.0.outcome()
    }
}

impl Iterator for Reader {
    type Item = Result<Message, ConnectionError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.recv().transpose()
    }
}

/// A sending half of a split connection. Clone it for each thread that sends; messages leave whole and in order.
///
/// `send` returns when the message is written. While a [`Reader`] receives, it also writes what is queued.
#[derive(Clone)]
pub struct Writer(AsyncWriter);

impl Writer {
    /// Sends a message: queues it and writes everything queued up to it.
    ///
    /// # Errors
    /// `SendError` when the message cannot be sent; else how the connection ended.
    pub fn send<'m>(&self, message: impl Into<Outgoing<'m>>) -> Result<(), ConnectionError> {
        block_on(self.0.send(message))
    }

    /// Sends a value as JSON, in a text message.
    ///
    /// # Errors
    /// `ConnectionError::Json` if the value has no JSON form; else those of [`send`](Writer::send).
    #[cfg(feature = "json")]
    pub fn send_json<V: serde::Serialize + ?Sized>(
        &self,
        value: &V,
    ) -> Result<(), ConnectionError> {
        block_on(self.0.send_json(value))
    }

    /// Queues a message. It waits only while `Config::write_high_water` bytes are queued.
    ///
    /// # Errors
    /// Those of [`send`](Writer::send).
    pub fn feed<'m>(&self, message: impl Into<Outgoing<'m>>) -> Result<(), ConnectionError> {
        block_on(self.0.feed(message))
    }

    /// Queues a message if there is room; it does not wait.
    ///
    /// # Errors
    /// `SendError::QueueFull`, or why it cannot be sent.
    pub fn try_feed<'m>(&self, message: impl Into<Outgoing<'m>>) -> Result<(), SendError> {
        self.0.try_feed(message)
    }

    /// Queues messages as long as there is room, and writes what the socket takes at once; see
    /// [`wskit_driver::Writer::batch`].
    ///
    /// # Errors
    /// `SendError::Closed`.
    pub fn batch(&self, messages: &[&PreparedMessage]) -> Result<Batched, SendError> {
        self.0.batch(messages)
    }

    /// Writes everything that is queued now, of all writers.
    ///
    /// # Errors
    /// How the connection ended, unless it ended cleanly.
    pub fn flush(&self) -> Result<(), ConnectionError> {
        block_on(self.0.flush())
    }

    /// Sends a ping with up to 125 bytes.
    ///
    /// # Errors
    /// Those of [`send`](Writer::send).
    pub fn ping(&self, payload: &[u8]) -> Result<(), ConnectionError> {
        block_on(self.0.ping(payload))
    }

    /// Queues a Close after all queued messages, and waits for the end of the connection, for at most
    /// `Config::close_timeout`.
    ///
    /// # Errors
    /// If the code or the reason cannot be sent. Any other failure is in the [`Outcome`].
    pub fn close(
        &self,
        code: CloseCode,
        reason: impl Into<Utf8Bytes>,
    ) -> Result<Outcome, ConnectionError> {
        block_on(self.0.close(code, reason))
    }

    /// Queues a Close, and returns.
    ///
    /// # Errors
    /// Those of [`close`](Writer::close).
    pub fn start_close(
        &self,
        code: CloseCode,
        reason: impl Into<Utf8Bytes>,
    ) -> Result<(), ConnectionError> {
        self.0.start_close(code, reason)
    }

    /// Makes a queue of its own in this connection; see [`wskit_driver::Lane`].
    #[must_use]
    pub fn lane(&self, config: LaneConfig) -> Lane {
        Lane(self.0.lane(config))
    }

    /// Returns whether the connection is open, closing or closed.
    #[must_use]
    pub fn state(&self) -> State {
        self.0.state()
    }

    /// Returns how the connection ended; `None` until it has.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        self.0.outcome()
    }

    /// Returns the half as it is underneath: for methods that this type does not have. Run what they return by
    /// [`block_on`](crate::block_on).
    #[must_use]
    pub fn get_ref(&self) -> &wskit_driver::Writer<Io> {
        &self.0
    }
}

/// A queue for one sender, with a priority, a bound, and a rule for messages that do not fit; see
/// [`wskit_driver::Lane`].
pub struct Lane(AsyncLane);

impl Lane {
    /// Queues a message by the rule of the lane, and writes what the socket takes at once. It never waits.
    ///
    /// # Errors
    /// Those of [`wskit_driver::Lane::push`].
    pub fn push<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<Pushed, SendError> {
        self.0.push(message)
    }

    /// Sends a message, and waits until it is written.
    ///
    /// # Errors
    /// Those of [`Writer::send`].
    pub fn send<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), ConnectionError> {
        block_on(self.0.send(message))
    }

    /// Writes everything that the lane has queued.
    ///
    /// # Errors
    /// Those of [`Writer::flush`].
    pub fn flush(&mut self) -> Result<(), ConnectionError> {
        block_on(self.0.flush())
    }

    /// Returns how many messages the lane's rule has dropped.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.dropped()
    }
}

impl From<AsyncReader> for Reader {
    fn from(reader: AsyncReader) -> Self {
        Self(reader)
    }
}

impl From<AsyncWriter> for Writer {
    fn from(writer: AsyncWriter) -> Self {
        Self(writer)
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
