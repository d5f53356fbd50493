use std::fmt;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::stream::{FusedStream, Stream};
use wskit_proto::{Message, MessageRef, Outcome, Piece, Span, State};

use super::core::Parked;
use super::core::{ReadSide, Shared};
use super::reunite::{ReuniteError, reunite};
use super::writer::Writer;
use crate::engine::{Engine, Way};
use crate::error::ConnectionError;
use crate::link::Link;
use crate::recv::{Receive, RecvPiece, RecvRef};
use crate::shutdown::Shutdown;
use crate::sync::Arc;
use crate::transport::{PollWrite, TlsSession, Transport};
use crate::websocket::WebSocket;
use wskit_proto::Event;

/// The receiving half of a split connection.
///
/// It answers pings and the peer's Close, keeps the deadlines, and flushes what the writers have queued
/// before it waits, so keep it receiving. It takes the writers' lock only when it owes a reply or
/// something is queued.
///
/// # Dropping
/// The connection stays open and writers go on sending. While one of their calls is awaited, it reads in
/// the reader's place, answers control frames and **throws messages away**. When the reader and the
/// last writer are dropped the connection ends, without a Close unless a [`Lane`](crate::Lane) is left.
pub struct Reader<T: Transport> {
    /// Both are set until the reader is dropped, `read` only until the connection is over.
    pub(super) engine: Option<Engine<T::Timer>>,
    pub(super) read: Option<T::Read>,
    pub(super) shared: Arc<Shared<T>>,
}

impl<T: Transport> Reader<T> {
    pub(super) fn new(engine: Engine<T::Timer>, read: T::Read, shared: Arc<Shared<T>>) -> Self {
        Self {
            engine: Some(engine),
            read: Some(read),
            shared,
        }
    }

    /// Receives a message to keep; `None` after a clean close.
    ///
    /// # Errors
    /// Returned once, when the connection ended in any other way; `None` follows.
    ///
    /// # Cancel safety
    /// Safe: no message is lost when the future is dropped.
    pub fn recv(&mut self) -> impl Future<Output = Result<Option<Message>, ConnectionError>> {
        poll_fn(move |cx| self.poll_recv(cx))
    }

    /// Polls for a message to keep; the poll function of [`recv`](Reader::recv).
    ///
    /// # Errors
    /// Those of [`recv`](Reader::recv).
    pub fn poll_recv(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Message>, ConnectionError>> {
        self.poll_with(cx, |engine, cx, link| engine.poll_recv(cx, link))
    }

    /// Receives a message without allocating. The message is lent until the next call.
    ///
    /// This is the message alone: answers go through a [`Writer`].
    /// [`WebSocket::recv_ref`](crate::WebSocket::recv_ref) lends the outbox with it.
    ///
    /// # Errors
    /// Those of [`recv`](Reader::recv).
    ///
    /// # Cancel safety
    /// Safe: no message is lost when the future is dropped.
    pub fn recv_ref(&mut self) -> RecvRef<'_, Self> {
        RecvRef::new(self)
    }

    /// Receives messages, pings and pongs.
    ///
    /// # Errors
    /// Those of [`recv`](Reader::recv).
    ///
    /// # Cancel safety
    /// Safe: no event is lost when the future is dropped.
    pub fn recv_event(
        &mut self,
    ) -> impl Future<Output = Result<Option<Event<Message>>, ConnectionError>> {
        poll_fn(move |cx| self.poll_with(cx, |engine, cx, link| engine.poll_event(cx, link)))
    }

    /// Receives the next piece of a message as soon as it arrives; see
    /// [`WebSocket::recv_piece`](crate::WebSocket::recv_piece).
    ///
    /// # Errors
    /// Those of [`recv`](Reader::recv).
    ///
    /// # Cancel safety
    /// Safe: no piece is lost when the future is dropped.
    pub fn recv_piece(&mut self) -> RecvPiece<'_, Self> {
        RecvPiece::new(self)
    }

    /// Makes this connection follow a shutdown, in place of an earlier one.
    pub fn track<C>(&mut self, shutdown: &Shutdown<C>) {
        if let Some(engine) = self.engine.as_mut() {
            engine.track(shutdown);
        }
    }

    /// Returns another writer for this connection, even if all others were dropped.
    #[must_use]
    pub fn writer(&self) -> Writer<T> {
        Writer::new(self.shared.clone())
    }

    /// Puts a connection together again that [`WebSocket::split`](crate::WebSocket::split) has split.
    ///
    /// What waits to be sent and to be received is kept, and so is a shutdown that is followed. Weak
    /// writers find nothing any more. Messages that a [paced](crate::LaneConfig::paced) lane has left are
    /// queued at once, and pongs that it has awaited are [events](WebSocket::recv_event).
    ///
    /// ```
    /// # use wskit_driver::{Transport, WebSocket};
    /// # fn doc<T: Transport + 'static>(ws: WebSocket<T>) {
    /// let (reader, writer) = ws.split();
    /// let ws = reader.reunite(writer).unwrap();
    /// # }
    /// ```
    ///
    /// # Errors
    /// The writer is of another connection, other writers or lanes are left, the connection is over, or
    /// the transport cannot be joined ([`Transport::reunite`]). The error has both halves.
    pub fn reunite(self, writer: Writer<T>) -> Result<WebSocket<T>, ReuniteError<T>>
    where
        T: 'static,
    {
        reunite(self, writer)
    }

    /// Returns whether the connection is open, closing or closed.
    #[must_use]
    pub fn state(&self) -> State {
        self.shared.state()
    }

    /// Returns how the connection ended; `None` until it has.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        self.shared.outcome()
    }

    /// Returns the sub-protocol that was agreed on.
    #[must_use]
    pub fn protocol(&self) -> Option<&str> {
        self.shared.protocol()
    }

    /// Returns the latest round trip of a keepalive ping.
    #[must_use]
    pub fn round_trip(&self) -> Option<Duration> {
        self.engine
            .as_ref()
            .and_then(|engine| engine.inbound.round_trip())
    }

    /// Returns the address of the peer, if the transport is a connection over IP and the connection is
    /// not over. Ask at the beginning what is to be logged at the end.
    #[must_use]
    pub fn peer_addr(&self) -> Option<SocketAddr> {
        self.shared.with_io(PollWrite::peer_addr)
    }

    /// Returns the address of this end; see [`peer_addr`](Reader::peer_addr).
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.shared.with_io(PollWrite::local_addr)
    }

    /// Returns what is known of the TLS session, if there is one and the connection is not over. Each
    /// call copies the certificates.
    #[must_use]
    pub fn tls_session(&self) -> Option<TlsSession> {
        self.shared.with_io(PollWrite::tls_session)
    }

    /// Polls the engine. If it has to wait, this task is also woken by a writer that starts the end.
    fn poll_with<R>(
        &mut self,
        cx: &mut Context<'_>,
        mut poll: impl FnMut(
            &mut Engine<T::Timer>,
            &mut Context<'_>,
            &mut ReadSide<'_, T>,
        ) -> Poll<Result<Option<R>, ConnectionError>>,
    ) -> Poll<Result<Option<R>, ConnectionError>> {
        let (Some(engine), Some(read)) = (self.engine.as_mut(), self.read.as_mut()) else {
            return Poll::Ready(Ok(None));
        };
        let mut link = ReadSide {
            read: Some(read),
            shared: &self.shared,
        };
        let wakes = self.shared.wakes();
        let before = self.shared.state();
        let mut polled = poll(engine, cx, &mut link);
        if polled.is_pending() {
            self.shared.set_round_trip(engine.inbound.round_trip());
            self.shared.wait_as_reader(cx.waker());
            // Between the poll and the line above, a writer may have started the end, or left something
            // for the reader to write.
            let again = self.shared.state() != before
                || (engine.held_back && !link.is_message_open())
                || (self.shared.is_unwritten()
                    && match link.poll_write_out(cx) {
                        Poll::Ready(Ok(())) => before != State::Open,
                        Poll::Ready(Err(error)) => {
                            engine.write_error(cx, error, &mut link);
                            true
                        }
                        Poll::Pending => false,
                    });
            if again {
                polled = poll(engine, cx, &mut link);
            }
            if self.shared.wakes() != wakes {
                // The transport has woken its writer before this task was registered.
                cx.waker().wake_by_ref();
            }
        }
        if engine.is_over() {
            // Nothing is read any more: the transport need not be kept.
            self.read = None;
        }
        polled
    }
}

impl<T: Transport> Drop for Reader<T> {
    fn drop(&mut self) {
        self.shared.forget_reader();
        let parts = self.engine.take().zip(self.read.take());
        if !self.shared.remove_owner() {
            if let Some((mut engine, read)) = parts {
                engine.forget_task();
                let read = Some(read);
                self.shared.park(Parked { engine, read });
            }
        }
    }
}

impl<T: Transport> fmt::Debug for Reader<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}

/// Yields messages, and ends after a clean close. Any other ending yields one error first.
impl<T: Transport + Unpin> Stream for Reader<T> {
    type Item = Result<Message, ConnectionError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(ready!(self.get_mut().poll_recv(cx)).transpose())
    }
}

impl<T: Transport + Unpin> FusedStream for Reader<T> {
    fn is_terminated(&self) -> bool {
        self.engine.as_ref().is_none_or(Engine::is_over)
    }
}

/// Nothing in a reader is pinned.
impl<T: Transport> Unpin for Reader<T> {}

impl<T: Transport> Receive for Reader<T> {
    type Lent<'a>
        = MessageRef<'a>
    where
        Self: 'a;

    fn next_fast(&mut self) -> Option<Span> {
        let link = ReadSide {
            read: Some(self.read.as_mut()?),
            shared: &self.shared,
        };
        self.engine.as_mut()?.next_fast(Way::Own, &link)
    }

    fn lend_fast(&mut self, span: Span) -> Option<MessageRef<'_>> {
        Some(self.engine.as_ref()?.inbound.fast_message(span))
    }

    fn poll_whole(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Span>, ConnectionError>> {
        self.poll_with(cx, |engine, cx, link| engine.poll_whole(Way::Own, cx, link))
    }

    fn lend(&mut self, span: Span) -> Option<MessageRef<'_>> {
        Some(self.engine.as_mut()?.inbound.message(span))
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Span>, ConnectionError>> {
        self.poll_with(cx, |engine, cx, link| engine.poll_piece(cx, link))
    }

    fn lend_piece(&mut self, span: Span) -> Option<Piece<'_>> {
        Some(self.engine.as_ref()?.inbound.piece(span))
    }
}
