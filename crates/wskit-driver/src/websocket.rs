use std::future::{Future, poll_fn};
use std::net::SocketAddr;
#[cfg(feature = "metrics")]
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

#[cfg(feature = "deflate")]
use wskit_proto::deflate;
use wskit_proto::{
    CloseCode, CloseFrame, Config, Event, Message, Outbox, Outcome, Outgoing, Piece, SendError,
    Span, State, Utf8Bytes,
};

use crate::engine::Engine;
use crate::error::ConnectionError;
use crate::link::Whole;
#[cfg(feature = "metrics")]
use crate::observe::{PeerName, TelemetryConfig};
use crate::parts::Terms;
use crate::permit::Permit;
use crate::rare::Rare;
use crate::recv::{RecvPiece, RecvRef};
use crate::shutdown::Shutdown;
use crate::tasks::Tasks;
use crate::transport::{TlsSession, Transport};

/// A WebSocket connection over a transport, for one task.
///
/// # When is what I send written?
/// [`send`](WebSocket::send) writes before it returns. What [`feed`](WebSocket::feed) and the outbox
/// of [`recv_ref`](WebSocket::recv_ref) queue is written with the next `send` or `flush`, when 256 KiB
/// are queued (`Config::write_high_water`), and **whenever a receive would have to wait**: a loop
/// that answers what it receives costs one read and one write a burst, not a message.
///
/// # When are pings answered?
/// While any call is awaited: each call that receives, sends or closes also answers pings and the
/// peer's Close. A call that sends reads control frames up to the first message, which it keeps for
/// the next receive. While no call is awaited nothing happens, so an owner that has nothing to send
/// should be receiving.
///
/// # What happens on drop?
/// Dropping a `WebSocket` drops the transport: queued bytes are lost and the peer sees the end of the
/// stream without a Close (1006). Use [`close`](WebSocket::close).
///
/// # Cancel safety
/// Every future may be dropped at any point. Receives lose nothing; a dropped `send` or `feed` has
/// queued all of its message or nothing.
pub struct WebSocket<T: Transport> {
    pub(crate) engine: Engine<T::Timer>,
    pub(crate) link: Whole<T>,
    /// Boxed, because most connections agree on nothing and stay in memory for long.
    pub(crate) terms: Rare<Terms>,
    /// The tasks that use it as a `Stream` and as a `Sink`.
    pub(crate) tasks: Tasks,
}

impl<T: Transport> WebSocket<T> {
    /// Sets the observer of this connection, which is told at once that the connection is open. For
    /// connections over a transport whose handshake is done.
    #[cfg(feature = "metrics")]
    #[must_use]
    pub fn observer(mut self, observer: Arc<dyn crate::Observer>) -> Self {
        let observer = Some(observer);
        self.watched(&TelemetryConfig { observer }, &PeerName::NONE);
        self
    }

    /// Returns the counters of the connection, for both directions. They may be kept and read at any
    /// time, also after a split.
    #[cfg(feature = "metrics")]
    pub fn counters(&self) -> &Arc<wskit_proto::Counters> {
        self.engine.telemetry.counters()
    }

    /// Returns the compression agreed on; `None` when messages are not compressed.
    #[cfg(feature = "deflate")]
    pub fn deflate(&self) -> Option<deflate::Params> {
        self.terms.as_ref()?.agreed.deflate
    }

    /// Receives an owned message; `None` after a clean close.
    ///
    /// # Errors
    /// Once, when the connection ended in any other way; then `None`.
    ///
    /// # Cancel safety
    /// Safe: no message is lost when the future is dropped.
    pub fn recv(&mut self) -> impl Future<Output = Result<Option<Message>, ConnectionError>> {
        poll_fn(move |cx| self.poll_recv(cx))
    }

    /// Polls for what [`recv`](WebSocket::recv) returns.
    ///
    /// # Errors
    /// As [`recv`](WebSocket::recv).
    #[inline]
    pub fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Message>, ConnectionError>> {
        self.engine.poll_recv(cx, &mut self.link)
    }

    /// Receives a message without allocating: lends it together with the [`Outbox`] to answer into,
    /// until the next call. After a split there is no outbox to lend, and
    /// [`Reader::recv_ref`](crate::Reader::recv_ref) returns the message alone.
    ///
    /// ```no_run
    /// # async fn echo<T: wskit_driver::Transport>(mut ws: wskit_driver::WebSocket<T>) -> Result<(), wskit_driver::ConnectionError> {
    /// while let Some((message, out)) = ws.recv_ref().await? {
    ///     out.feed(message)?; // leaves when there is nothing more to receive for now
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// As [`recv`](WebSocket::recv).
    ///
    /// # Cancel safety
    /// Safe: no message is lost when the future is dropped.
    pub fn recv_ref(&mut self) -> RecvRef<'_, Self> {
        RecvRef::new(self)
    }

    /// Receives messages, pings and pongs. Of those that came during calls that send, answered pings are
    /// left out, and so are all pongs but the latest.
    ///
    /// # Errors
    /// As [`recv`](WebSocket::recv).
    ///
    /// # Cancel safety
    /// Safe.
    pub fn recv_event(
        &mut self,
    ) -> impl Future<Output = Result<Option<Event<Message>>, ConnectionError>> {
        poll_fn(move |cx| self.engine.poll_event(cx, &mut self.link))
    }

    /// Receives the next piece of a message as it comes, even inside a frame, in memory that does not
    /// grow with the message; `None` at the end of the connection.
    ///
    /// A receive of whole messages after an unfinished message skips the rest of it. A message that
    /// begins during a call that sends is put together and is one piece.
    ///
    /// # Errors
    /// As [`recv`](WebSocket::recv).
    ///
    /// # Cancel safety
    /// Safe: no piece is lost when the future is dropped.
    pub fn recv_piece(&mut self) -> RecvPiece<'_, Self> {
        RecvPiece::new(self)
    }

    /// Queues a message and writes everything queued.
    ///
    /// # Errors
    /// [`SendError`] when the message cannot be sent; else how the connection ended.
    ///
    /// # Cancel safety
    /// A dropped `send` has queued all of its message or nothing; queued bytes are written with the next
    /// call. To know which, use [`reserve`](WebSocket::reserve).
    pub fn send<'m>(
        &mut self,
        message: impl Into<Outgoing<'m>>,
    ) -> impl Future<Output = Result<(), ConnectionError>> {
        let mut message = Some(message.into());
        poll_fn(move |cx| {
            ready!(self.poll_feed(cx, &mut message))?;
            self.poll_flush(cx)
        })
    }

    /// Queues a message, waiting only while the queue is over its high-water mark.
    ///
    /// # Errors
    /// As [`send`](WebSocket::send).
    ///
    /// # Cancel safety
    /// As [`send`](WebSocket::send).
    pub fn feed<'m>(
        &mut self,
        message: impl Into<Outgoing<'m>>,
    ) -> impl Future<Output = Result<(), ConnectionError>> {
        let mut message = Some(message.into());
        poll_fn(move |cx| self.poll_feed(cx, &mut message))
    }

    #[inline]
    fn poll_feed(
        &mut self,
        cx: &mut Context<'_>,
        message: &mut Option<Outgoing<'_>>,
    ) -> Poll<Result<(), ConnectionError>> {
        if message.is_some() {
            self.engine.stop_answering();
            if self.link.outbox.is_over_high_water() {
                ready!(self.engine.poll_room(cx, &mut self.link))?;
            }
        }
        if let Some(message) = message.take() {
            if let Err(error) = self.link.outbox.feed(message) {
                return Poll::Ready(Err(self.send_error(error)));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Waits until a message can be queued, and reserves its place.
    ///
    /// # Errors
    /// How the connection ended, or [`SendError::Closed`].
    ///
    /// # Cancel safety
    /// Safe: nothing is queued before [`Permit::send`].
    pub async fn reserve(&mut self) -> Result<Permit<&mut Self>, ConnectionError> {
        poll_fn(|cx| self.engine.poll_room(cx, &mut self.link)).await?;
        match self.link.outbox.check() {
            Ok(()) => Ok(Permit::new(self)),
            Err(error) => Err(self.send_error(error)),
        }
    }

    /// Writes everything queued.
    ///
    /// # Errors
    /// How the connection ended, unless it ended cleanly.
    ///
    /// # Cancel safety
    /// Safe.
    pub fn flush(&mut self) -> impl Future<Output = Result<(), ConnectionError>> {
        poll_fn(move |cx| self.poll_flush(cx))
    }

    /// Polls for what [`flush`](WebSocket::flush) returns.
    ///
    /// # Errors
    /// As [`flush`](WebSocket::flush).
    #[inline]
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        self.engine.poll_flush(cx, &mut self.link)
    }

    /// Sends a ping with up to 125 bytes. [`recv_event`](WebSocket::recv_event) returns the pong.
    ///
    /// # Errors
    /// As [`send`](WebSocket::send).
    ///
    /// # Cancel safety
    /// As [`send`](WebSocket::send).
    pub fn ping(&mut self, payload: &[u8]) -> impl Future<Output = Result<(), ConnectionError>> {
        let mut payload = Some(payload);
        poll_fn(move |cx| {
            if let Some(payload) = payload.take() {
                if let Err(error) = self.link.outbox.ping(payload) {
                    return Poll::Ready(Err(self.send_error(error)));
                }
            }
            self.poll_flush(cx)
        })
    }

    /// Sends a Close after everything queued, then waits for the peer's Close and the end of the
    /// transport, for at most `Config::close_timeout` (RFC 6455 §7.1.2). **Messages that still come are
    /// thrown away**; to have them, call [`start_close`](WebSocket::start_close) and receive until
    /// `None`.
    ///
    /// On a connection that is already closing or closed, only waits for the end.
    ///
    /// # Errors
    /// [`SendError::InvalidCloseCode`] or [`SendError::ReasonTooLong`]. Any other
    /// failure is in the [`Outcome`].
    ///
    /// # Cancel safety
    /// Safe: the first poll queues the Close, and another call waits again.
    pub fn close(
        &mut self,
        code: CloseCode,
        reason: impl Into<Utf8Bytes>,
    ) -> impl Future<Output = Result<Outcome, ConnectionError>> {
        let mut close = Some(CloseFrame::new(code, reason));
        poll_fn(move |cx| {
            if let Some(close) = close.take() {
                self.link.outbox.close(Some(close))?;
            }
            self.engine.poll_end(cx, &mut self.link)
        })
    }

    /// Queues a Close and returns: receive until `None` to complete the closing handshake without
    /// losing what the peer still sends. The close deadline counts from the next call on.
    ///
    /// # Errors
    /// As [`close`](WebSocket::close).
    pub fn start_close(
        &mut self,
        code: CloseCode,
        reason: impl Into<Utf8Bytes>,
    ) -> Result<(), ConnectionError> {
        let close = CloseFrame::new(code, reason);
        Ok(self.link.outbox.close(Some(close))?)
    }

    /// Returns the queue, to send without waiting.
    pub fn outbox(&mut self) -> &mut Outbox {
        self.engine.stop_answering();
        self.link.outbox.outbox()
    }

    /// Returns whether the connection is open, closing or closed.
    pub fn state(&self) -> State {
        self.link.outbox.state()
    }

    /// Returns how the connection ended; `None` until it has.
    pub fn outcome(&self) -> Option<Outcome> {
        self.link.outbox.outcome()
    }

    /// Returns the settings of the connection.
    pub fn config(&self) -> &Config {
        self.link.outbox.config()
    }

    /// Returns the sub-protocol agreed on (RFC 6455 §1.9).
    pub fn protocol(&self) -> Option<&str> {
        self.terms.as_ref()?.protocol.as_deref()
    }

    /// Returns the latest round-trip time of a keepalive ping.
    pub fn round_trip(&self) -> Option<Duration> {
        self.engine.inbound.round_trip()
    }

    /// Returns how many bytes are queued and not written.
    pub fn queued(&self) -> usize {
        self.link.outbox.queued()
    }

    /// Returns the bytes of heap that buffers hold now: 0 when idle. Shared buffers count in full.
    pub fn buffer_bytes(&self) -> usize {
        self.engine.inbound.buffer_bytes() + self.link.outbox.buffer_bytes()
    }

    /// Returns the transport.
    pub fn get_ref(&self) -> &T {
        &self.link.io
    }

    /// Returns the address of the peer, if the transport is a connection over IP: TCP, or TLS over TCP.
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.link.io.peer_addr()
    }

    /// Returns the address of this end, as [`peer_addr`](WebSocket::peer_addr) does that of the peer.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.link.io.local_addr()
    }

    /// Returns what is known of the TLS session, if the transport is TLS by rustls over TCP. Each call
    /// copies the certificates. For everything else about a session there is
    /// [`get_ref`](WebSocket::get_ref).
    pub fn tls_session(&self) -> Option<TlsSession> {
        self.link.io.tls_session()
    }

    /// Returns the transport. Reading from it or writing to it breaks the connection.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.link.io
    }

    /// Makes this connection follow a shutdown, instead of the one before if there was one. Its halves
    /// follow it after a split.
    pub fn track<C>(&mut self, shutdown: &Shutdown<C>) {
        self.engine.track(shutdown);
    }

    /// Splits the connection into a [`Reader`](crate::Reader) for one task and a
    /// [`Writer`](crate::Writer) for many. Queued and received bytes are kept.
    /// [`Reader::reunite`](crate::Reader::reunite) is the reverse.
    #[must_use]
    pub fn split(self) -> (crate::Reader<T>, crate::Writer<T>)
    where
        T: 'static,
    {
        crate::split::split(self.engine, self.link, self.terms)
    }

    /// Returns what one of two tasks may change that the other waits for.
    pub(crate) fn signs(&self) -> (State, [bool; 3]) {
        let outbox = &self.link.outbox;
        let (full, empty) = (outbox.is_over_high_water(), outbox.is_empty());
        (outbox.state(), [self.engine.has_message(), full, empty])
    }

    pub(crate) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        self.engine.poll_room(cx, &mut self.link)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.engine.is_over()
    }

    /// Returns the engine and what it works on.
    #[inline]
    pub(crate) fn parts(&mut self) -> (&mut Engine<T::Timer>, &mut Whole<T>) {
        (&mut self.engine, &mut self.link)
    }

    pub(crate) fn piece(&self, item: Span) -> Piece<'_> {
        self.engine.inbound.piece(item)
    }

    /// Queues a message for a sink that was ready.
    pub(crate) fn feed_now(&mut self, message: Outgoing<'_>) -> Result<(), ConnectionError> {
        let fed = self.link.outbox.feed_reserved(message);
        fed.map_err(|error| self.send_error(error))
    }

    /// Returns how the connection ended, once; after that, only that it is closed.
    #[cold]
    pub(crate) fn send_error(&mut self, error: SendError) -> ConnectionError {
        let ended = match error {
            SendError::Closed => self.engine.closed_error(&mut self.link),
            _ => None,
        };
        ended.unwrap_or_else(|| error.into())
    }
}

/// Nothing in a connection is pinned.
impl<T: Transport> Unpin for WebSocket<T> {}

debug! {
    [T: Transport] WebSocket<T>, this =>
    role: this.link.outbox.role(), state: this.state(), protocol: this.protocol()
}
