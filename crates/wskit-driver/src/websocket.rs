use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
#[cfg(feature = "deflate")]
use wskit_proto::deflate;
use wskit_proto::{
    CloseCode, CloseFrame, Config, Connection, Message, MessageRef, Outbox, Outcome, Outgoing,
    Piece, Role, SendError, Span, State, Utf8Bytes,
};

use crate::engine::{Engine, Way};
use crate::error::ConnectionError;
use crate::extensions::Agreed;
use crate::keys::secure_keys;
use crate::link::Whole;
use crate::observe::TelemetryConfig;
use crate::shutdown::Shutdown;
use crate::tasks::{Side, Tasks};
use crate::transport::{Timer, Transport};
use wskit_proto::Event;

/// A WebSocket connection over a transport, in one task's hands.
///
/// # When does what I send leave?
/// [`send`](WebSocket::send) writes before it returns. What [`feed`](WebSocket::feed) and the outbox
/// of [`recv_ref`](WebSocket::recv_ref) queue leaves with the next `send` or `flush`, when 256 KiB
/// are queued (`Config::write_high_water`), and **whenever a receive would have to wait**: a loop
/// that answers what it receives costs one read and one write a burst, not a message.
///
/// # Who answers pings?
/// Whatever call is being awaited: each one that receives, sends or closes also answers pings, and
/// the peer's Close, on the way. A call that sends reads control frames up to the first message,
/// which it keeps for the next receive. While no call is awaited nothing happens; if the owner has
/// nothing to send for long, it should be receiving.
///
/// # What does dropping do?
/// Dropping a `WebSocket` drops the transport: queued bytes are lost and the peer sees the end of the
/// stream without a Close (1006). Use [`close`](WebSocket::close).
///
/// # Cancel safety
/// Every future may be dropped at any point. Those that receive lose nothing; a `send` or `feed` that
/// is dropped has queued its message wholly or not at all.
pub struct WebSocket<T: Transport> {
    engine: Engine<T::Timer>,
    link: Whole<T>,
    /// Apart, because most connections agree on nothing, and all of them lie in memory for long.
    terms: Option<Box<Terms>>,
    /// Who uses it as a `Stream` and as a `Sink`.
    tasks: Tasks,
}

/// What the opening handshake came to, beyond the connection.
struct Terms {
    protocol: Option<Box<str>>,
    agreed: Agreed,
}

impl<T: Transport> WebSocket<T> {
    /// A connection over a transport whose opening handshake is done.
    ///
    /// `leftover` is what came behind the handshake in the same reads: the start of the frames.
    #[must_use]
    pub fn from_parts(io: T, role: Role, leftover: Bytes, config: impl Into<Arc<Config>>) -> Self {
        Self::build(io, role, leftover, config.into(), |connection| connection)
    }

    /// As [`from_parts`](WebSocket::from_parts), with compression as it was agreed on in that
    /// handshake (RFC 7692).
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn from_parts_with_deflate(
        io: T,
        role: Role,
        leftover: Bytes,
        config: impl Into<Arc<Config>>,
        agreed: deflate::Params,
        deflate: &deflate::Config,
    ) -> Self {
        let ws = Self::build(io, role, leftover, config.into(), |connection| {
            connection.with_deflate(agreed, deflate)
        });
        ws.opened(
            None,
            Agreed {
                deflate: Some(agreed),
            },
            &TelemetryConfig::default(),
        )
    }

    pub(crate) fn build(
        io: T,
        role: Role,
        leftover: Bytes,
        config: Arc<Config>,
        with: impl FnOnce(Connection) -> Connection,
    ) -> Self {
        let auto_pong = config.get_auto_pong();
        let timer = io.timer();
        let now = timer.now();
        let connection = match role {
            Role::Client => Connection::client(config, secure_keys(), now),
            Role::Server => Connection::server(config, now),
        };
        let (inbound, outbox) = with(connection).split();
        Self {
            engine: Engine::new(inbound, timer, leftover, auto_pong),
            link: Whole {
                io,
                outbox,
                dirty: false,
            },
            terms: None,
            tasks: Tasks::default(),
        }
    }

    /// Notes what the opening handshake came to.
    pub(crate) fn opened(
        mut self,
        protocol: Option<String>,
        agreed: Agreed,
        telemetry: &TelemetryConfig,
    ) -> Self {
        if protocol.is_some() || agreed.is_compressed() {
            let protocol = protocol.map(String::into_boxed_str);
            self.terms = Some(Box::new(Terms { protocol, agreed }));
        }
        self.watched(telemetry);
        self
    }

    fn watched(&mut self, telemetry: &TelemetryConfig) {
        let terms = self.terms.as_deref();
        self.engine.telemetry.opened(
            telemetry,
            self.link.outbox.role(),
            terms.and_then(|terms| terms.protocol.as_deref()),
            terms.is_some_and(|terms| terms.agreed.is_compressed()),
            &self.engine.timer,
        );
    }

    /// Tells an observer of this connection, from now on: for one that was made of a transport whose
    /// handshake was done. It is told that the connection is open.
    #[cfg(feature = "metrics")]
    #[must_use]
    pub fn observer(mut self, observer: Arc<dyn crate::Observer>) -> Self {
        self.watched(&TelemetryConfig {
            observer: Some(observer),
        });
        self
    }

    /// What has gone through the connection, both ways: to keep, and to read whenever one likes, also
    /// after a split.
    #[cfg(feature = "metrics")]
    #[must_use]
    pub fn counters(&self) -> &Arc<crate::Counters> {
        self.engine.telemetry.counters()
    }

    /// What was agreed on about compression; `None` when messages go uncompressed.
    #[cfg(feature = "deflate")]
    #[must_use]
    pub fn deflate(&self) -> Option<deflate::Params> {
        self.terms.as_ref()?.agreed.deflate
    }

    /// Receives a message to keep; `None` after a clean close.
    ///
    /// # Errors
    /// Once, when the connection ended in any other way; then `None`.
    ///
    /// # Cancel safety
    /// Safe: no message is lost when the future is dropped.
    pub fn recv(&mut self) -> impl Future<Output = Result<Option<Message>, ConnectionError>> {
        poll_fn(move |cx| self.poll_recv(cx))
    }

    /// The poll function behind [`recv`](WebSocket::recv).
    ///
    /// # Errors
    /// As [`recv`](WebSocket::recv).
    #[inline]
    pub fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Message>, ConnectionError>> {
        if let Some(item) = self.engine.next_plain(Way::Own, &self.link) {
            return Poll::Ready(Ok(Some(
                self.engine.inbound.fast_message(item).into_owned(),
            )));
        }
        let item = ready!(self.engine.poll_whole(Way::Own, cx, &mut self.link))?;
        Poll::Ready(Ok(
            item.map(|item| self.engine.inbound.message(item).into_owned())
        ))
    }

    /// Receives a message without allocating: lends it together with the [`Outbox`] to answer into,
    /// until the next call.
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
    pub fn recv_ref(&mut self) -> RecvRef<'_, T> {
        RecvRef { ws: Some(self) }
    }

    /// Receives messages, pings and pongs. Of what came while only sending was going on, pings that
    /// were answered are not told again, and of several pongs only the latest is.
    ///
    /// # Errors
    /// As [`recv`](WebSocket::recv).
    ///
    /// # Cancel safety
    /// Safe.
    pub fn recv_event(
        &mut self,
    ) -> impl Future<Output = Result<Option<Event<Message>>, ConnectionError>> {
        poll_fn(move |cx| {
            self.engine.stop_answering();
            self.engine.poll_event(cx, &mut self.link)
        })
    }

    /// Receives the next piece of a message as it comes, even inside a frame, in memory that does not
    /// grow with the message; `None` at the end of the connection.
    ///
    /// A receive of whole messages after an unfinished message skips what is left of it. A message
    /// that begins to come while only sending is going on is put together, and is one piece then.
    ///
    /// # Errors
    /// As [`recv`](WebSocket::recv).
    ///
    /// # Cancel safety
    /// Safe: no piece is lost when the future is dropped.
    pub fn recv_piece(&mut self) -> RecvPiece<'_, T> {
        RecvPiece { ws: Some(self) }
    }

    /// Queues a message and writes everything queued.
    ///
    /// # Errors
    /// [`SendError`] when the message cannot be sent; else how the connection ended.
    ///
    /// # Cancel safety
    /// A dropped `send` has queued its message wholly or not at all; what is queued leaves with the
    /// next call. To know which, use [`reserve`](WebSocket::reserve).
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

    /// Queues a message, waiting only while the queue is over its mark.
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

    fn poll_feed(
        &mut self,
        cx: &mut Context<'_>,
        message: &mut Option<Outgoing<'_>>,
    ) -> Poll<Result<(), ConnectionError>> {
        if message.is_some() {
            ready!(self.engine.poll_room(cx, &mut self.link))?;
        }
        if let Some(message) = message.take() {
            if let Err(error) = self.link.outbox.feed(message) {
                return Poll::Ready(Err(self.send_error(error)));
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Waits until a message can be queued, then lets it be queued for certain.
    ///
    /// # Errors
    /// How the connection ended, or [`SendError::Closed`].
    ///
    /// # Cancel safety
    /// Safe: nothing is queued before [`Permit::send`].
    pub async fn reserve(&mut self) -> Result<Permit<'_, T>, ConnectionError> {
        poll_fn(|cx| self.engine.poll_room(cx, &mut self.link)).await?;
        match self.link.outbox.check() {
            Ok(()) => Ok(Permit { ws: self }),
            Err(error) => Err(self.send_error(error)),
        }
    }

    /// Writes everything queued.
    ///
    /// # Errors
    /// How the connection ended, if it has and not cleanly.
    ///
    /// # Cancel safety
    /// Safe.
    pub fn flush(&mut self) -> impl Future<Output = Result<(), ConnectionError>> {
        poll_fn(move |cx| self.poll_flush(cx))
    }

    /// The poll function behind [`flush`](WebSocket::flush).
    ///
    /// # Errors
    /// As [`flush`](WebSocket::flush).
    #[inline]
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        self.engine.poll_flush(cx, &mut self.link)
    }

    /// Sends a ping of the application's own, with up to 125 bytes; the pong comes by
    /// [`recv_event`](WebSocket::recv_event).
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

    /// Closes: sends a Close after everything queued, waits for the peer's and for the end of the
    /// transport, at most `Config::close_timeout` (RFC 6455 §7.1.2). **Messages that still come are
    /// thrown away**; to have them, call [`start_close`](WebSocket::start_close) and receive until
    /// `None`.
    ///
    /// On a connection that is closing or closed already, only waits for its end.
    ///
    /// # Errors
    /// [`SendError::InvalidCloseCode`] or [`SendError::ReasonTooLong`]. Anything else that goes wrong
    /// is in the [`Outcome`].
    ///
    /// # Cancel safety
    /// Safe: the Close is queued by the first poll, and calling again goes on waiting.
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
        Ok(self
            .link
            .outbox
            .close(Some(CloseFrame::new(code, reason)))?)
    }

    /// The sending half, to queue without waiting.
    pub fn outbox(&mut self) -> &mut Outbox {
        self.engine.stop_answering();
        self.link.outbox.outbox()
    }

    /// Open, closing or closed.
    #[must_use]
    pub fn state(&self) -> State {
        self.link.outbox.state()
    }

    /// How the connection ended; `None` until it has.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        self.link.outbox.outcome()
    }

    /// The sub-protocol that was agreed on (RFC 6455 §1.9).
    #[must_use]
    pub fn protocol(&self) -> Option<&str> {
        self.terms.as_ref()?.protocol.as_deref()
    }

    /// The latest round trip of a keepalive ping.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.engine.inbound.round_trip()
    }

    /// Bytes of heap held for buffers now: 0 when idle. Borrowed and shared buffers count in full.
    #[must_use]
    pub fn buffer_bytes(&self) -> usize {
        self.engine.inbound.buffer_bytes() + self.link.outbox.buffer_bytes()
    }

    /// The transport.
    #[must_use]
    pub fn get_ref(&self) -> &T {
        &self.link.io
    }

    /// The transport. Reading or writing past the connection breaks it.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.link.io
    }

    /// Has this connection follow a shutdown from now on, instead of the one before if there was one.
    /// After a split it still does.
    pub fn track<C>(&mut self, shutdown: &Shutdown<C>) {
        self.engine.track(shutdown);
    }

    /// Takes the connection apart: a [`Reader`](crate::Reader) for one task and a
    /// [`Writer`](crate::Writer) for many. What is queued or received already is kept.
    #[must_use]
    pub fn split(self) -> (crate::Reader<T>, crate::Writer<T>)
    where
        T: 'static,
    {
        let protocol = self.terms.and_then(|terms| terms.protocol);
        crate::split::split(self.engine, self.link, protocol)
    }

    /// What one of two tasks may change that the other waits for.
    pub(crate) fn signs(&self) -> (State, [bool; 3]) {
        let outbox = &self.link.outbox;
        let signs = [
            self.engine.has_message(),
            outbox.is_over_high_water(),
            outbox.is_empty(),
        ];
        (outbox.state(), signs)
    }

    /// Polls for one of two tasks that use this connection; the other one is woken when something
    /// changes that it may wait for.
    pub(crate) fn poll_side<R>(
        &mut self,
        side: Side,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Self, &mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        let before = self.signs();
        let mut tasks = core::mem::take(&mut self.tasks);
        let polled = tasks.poll(side, cx, |cx| poll(self, cx));
        self.tasks = tasks;
        if self.signs() != before {
            self.tasks.wake_other(side);
        }
        polled
    }

    pub(crate) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        self.engine.poll_room(cx, &mut self.link)
    }

    pub(crate) fn closed_error(&mut self) -> ConnectionError {
        self.send_error(SendError::Closed)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.engine.is_over()
    }

    /// What a connection consists of, for what is built on it in this crate.
    pub(crate) fn parts(&mut self) -> (&mut Engine<T::Timer>, &mut Whole<T>) {
        (&mut self.engine, &mut self.link)
    }

    pub(crate) fn piece(&self, item: Span) -> Piece<'_> {
        self.engine.inbound.piece(item)
    }

    /// Queues a message of a sink that was ready.
    pub(crate) fn feed_now(&mut self, message: Outgoing<'_>) -> Result<(), ConnectionError> {
        self.link
            .outbox
            .feed_reserved(message)
            .map_err(|error| self.send_error(error))
    }

    /// A connection that has ended tells how, once; after that it is merely closed.
    #[cold]
    fn send_error(&mut self, error: SendError) -> ConnectionError {
        match error {
            SendError::Closed => self
                .engine
                .closed_error(&mut self.link)
                .unwrap_or_else(|| error.into()),
            error => error.into(),
        }
    }
}

impl<T: Transport> fmt::Debug for WebSocket<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket")
            .field("role", &self.link.outbox.role())
            .field("state", &self.state())
            .field("protocol", &self.protocol())
            .finish_non_exhaustive()
    }
}

/// The future of [`WebSocket::recv_ref`].
#[must_use = "futures do nothing unless awaited"]
pub struct RecvRef<'a, T: Transport> {
    ws: Option<&'a mut WebSocket<T>>,
}

impl<'a, T: Transport> Future for RecvRef<'a, T> {
    type Output = Result<Option<(MessageRef<'a>, &'a mut Outbox)>, ConnectionError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Taken out so that what is lent may live as long as the connection's borrow, and put back to
        // wait. After it was ready there is nothing more: that is no event, not a panic.
        let Some(ws) = self.ws.take() else {
            return Poll::Ready(Ok(None));
        };
        if let Some(item) = ws.engine.next_plain(Way::Lend, &ws.link) {
            return Poll::Ready(Ok(Some((
                ws.engine.inbound.fast_message(item),
                ws.link.outbox.outbox(),
            ))));
        }
        match ws.engine.poll_whole(Way::Lend, cx, &mut ws.link) {
            Poll::Ready(Ok(Some(item))) => Poll::Ready(Ok(Some((
                ws.engine.inbound.message(item),
                ws.link.outbox.outbox(),
            )))),
            Poll::Ready(Ok(None)) => Poll::Ready(Ok(None)),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                self.ws = Some(ws);
                Poll::Pending
            }
        }
    }
}

impl<T: Transport> fmt::Debug for RecvRef<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecvRef")
    }
}

/// The future of [`WebSocket::recv_piece`].
#[must_use = "futures do nothing unless awaited"]
pub struct RecvPiece<'a, T: Transport> {
    ws: Option<&'a mut WebSocket<T>>,
}

impl<'a, T: Transport> Future for RecvPiece<'a, T> {
    type Output = Result<Option<Piece<'a>>, ConnectionError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(ws) = self.ws.take() else {
            return Poll::Ready(Ok(None));
        };
        ws.engine.stop_answering();
        match ws.engine.poll_piece(cx, &mut ws.link) {
            Poll::Ready(Ok(Some(piece))) => Poll::Ready(Ok(Some(ws.engine.inbound.piece(piece)))),
            Poll::Ready(Ok(None)) => Poll::Ready(Ok(None)),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                self.ws = Some(ws);
                Poll::Pending
            }
        }
    }
}

impl<T: Transport> fmt::Debug for RecvPiece<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecvPiece")
    }
}

/// The right to queue one message, from [`WebSocket::reserve`].
#[derive(Debug)]
#[must_use = "a permit that is dropped sends nothing"]
pub struct Permit<'a, T: Transport> {
    ws: &'a mut WebSocket<T>,
}

impl<T: Transport> Permit<'_, T> {
    /// Queues the message. It leaves with the next flush, send or receive.
    pub fn send<'m>(self, message: impl Into<Outgoing<'m>>) {
        // The connection was open and had room, and nobody else has held it since.
        let fed = self.ws.link.outbox.feed_reserved(message);
        debug_assert!(fed.is_ok(), "{fed:?}");
    }
}
