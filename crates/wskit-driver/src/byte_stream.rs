use std::io;
use std::task::{Context, Poll, ready};

use wskit_proto::{CloseCode, Delivery, MessageKind, SendError, Span, State};

use crate::error::ConnectionError;
use crate::tasks::{Side, Tasks, TwoSided};
use crate::transport::Transport;
use crate::websocket::WebSocket;

/// A connection as a stream of bytes, over which any protocol can be spoken.
///
/// The bytes are those of the binary messages in order; the boundaries of messages mean nothing. The features `tokio-io` and `futures-io` of the driver (the bindings enable theirs) make
/// it an `AsyncRead`, `AsyncBufRead` and `AsyncWrite`; they call the functions here.
///
/// # Reading
/// A message may have any size and is handed out as it comes; the limits of `Config` do not apply,
/// because no message is put together. Empty messages are skipped. The peer's Close is the end of the
/// stream if it has code 1000, 1001 or none. So that a part is not taken for the whole, any other
/// code is an error ([`ConnectionAborted`](io::ErrorKind::ConnectionAborted)), and so is an end
/// without a Close ([`UnexpectedEof`](io::ErrorKind::UnexpectedEof)). A text message is an error too
/// ([`InvalidData`](io::ErrorKind::InvalidData)) and is answered with code 1003.
///
/// # Writing
/// Written bytes become binary messages of up to 16 KiB. They leave together: with a flush, when
/// `Config::write_high_water` bytes are queued (then writes wait), and as soon as a read waits or
/// already waits. A task that writes and does not read has to flush, as with any buffered stream.
///
/// # Closing
/// **A WebSocket has no half-close**: a Close ends both directions. Closing sends it behind what was
/// written, and waits until the connection is over or something comes; that and what follows can
/// still be read, up to the end of the stream, but a peer whose library answers the Close at once (as
/// it should) sends no more than what was on its way. A protocol that says "I am done, answer me" by
/// half-closing cannot be spoken over it. Dropping without closing looks like a broken connection to
/// the peer.
///
/// # Two tasks
/// It may be split behind a lock, as by `tokio::io::split`: whichever task the connection wants is
/// woken. As long as it is read from or written to, pings are answered.
///
/// # Cancel safety
/// Nothing is lost or sent twice when a future that reads or writes is dropped.
pub struct ByteStream<T: Transport> {
    ws: WebSocket<T>,
    /// The piece in the connection's buffer that is lent now.
    piece: Option<Span>,
    /// The rest of a piece, copied when the connection needed its buffer.
    rest: Vec<u8>,
    /// Bytes of `piece`, or else of `rest`, that have been consumed.
    consumed: usize,
    /// Whether the end has been reached.
    ended: bool,
    /// The error of the first failed read, so that the next one does not look like an end.
    failed: Option<io::ErrorKind>,
    closing: bool,
    tasks: Tasks,
}

/// The largest message made of written bytes: the header is a four-thousandth of it, and it is still
/// small enough to be copied into the queue.
const MESSAGE: usize = 16 << 10;

impl<T: Transport> ByteStream<T> {
    /// Creates a stream over an open connection.
    pub fn new(mut ws: WebSocket<T>) -> Self {
        let (engine, _) = ws.parts();
        engine.read_ahead_delivery = Delivery::Pieces;
        let mut limits = engine.inbound.limits();
        limits.max_message_size = usize::MAX;
        limits.max_fragments = u32::MAX;
        engine.inbound.set_limits(limits);
        Self {
            ws,
            piece: None,
            rest: Vec::new(),
            consumed: 0,
            ended: false,
            failed: None,
            closing: false,
            tasks: Tasks::default(),
        }
    }

    /// Returns the connection, for its state, outcome or sub-protocol.
    pub fn get_ref(&self) -> &WebSocket<T> {
        &self.ws
    }

    /// Lends the bytes that have come and were not consumed, waiting for at least one; empty at the end of
    /// the stream.
    ///
    /// # Errors
    /// How the connection ended, if not cleanly; the [`ConnectionError`] is the inner error the first time. It
    /// fails again if it is called again.
    pub fn poll_fill_buf(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        if self.available().is_empty() {
            ready!(self.poll_side(Side::Receive, cx, Self::poll_next))?;
        }
        Poll::Ready(Ok(self.available()))
    }

    /// Consumes `n` of the lent bytes, or all if there are fewer.
    pub fn consume(&mut self, n: usize) {
        self.consumed += n.min(self.available().len());
    }

    /// Reads the bytes that have come, waiting for at least one; 0 at the end of the stream (or if `buf` is empty).
    ///
    /// # Errors
    /// Those of [`poll_fill_buf`](ByteStream::poll_fill_buf).
    pub fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let available = ready!(self.poll_fill_buf(cx))?;
        let n = available.len().min(buf.len());
        if let (Some(to), Some(from)) = (buf.get_mut(..n), available.get(..n)) {
            to.copy_from_slice(from);
        }
        self.consume(n);
        Poll::Ready(Ok(n))
    }

    /// Queues bytes of `buf`, waiting while the queue is over its high-water mark. Returns how many.
    ///
    /// # Errors
    /// [`io::ErrorKind::BrokenPipe`] when the connection is closing or closed; else how it ended.
    pub fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        self.settle();
        ready!(self.poll_side(Side::Send, cx, |stream, cx| stream.ws.poll_room(cx)))
            .map_err(|error| self.fail(error))?;
        let was_empty = self.ws.outbox().is_empty();
        let mut written = 0;
        for message in buf.chunks(MESSAGE) {
            if written > 0 && self.ws.outbox().is_over_high_water() {
                break;
            }
            if let Err(error) = self.ws.outbox().feed(message) {
                if written > 0 {
                    // The next write returns the error.
                    break;
                }
                let error = self.ws.send_error(error);
                return Poll::Ready(Err(self.fail(error)));
            }
            written += message.len();
        }
        if was_empty && written > 0 {
            // A reader that waits flushes first, and this one may have begun to wait before.
            self.tasks.wake_other(Side::Send);
        }
        Poll::Ready(Ok(written))
    }

    /// Writes everything that is queued.
    ///
    /// # Errors
    /// How the connection ended, if it has and not cleanly.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.settle();
        let flushed = ready!(self.poll_side(Side::Send, cx, |stream, cx| stream.ws.poll_flush(cx)));
        Poll::Ready(flushed.map_err(|error| self.fail(error)))
    }

    /// Sends a Close with code 1000 behind everything written; ready when it has left and the
    /// connection is over, or something has come that is to be read. The peer has
    /// `Config::close_timeout` for its answer.
    ///
    /// # Errors
    /// How the connection ended, if not cleanly.
    pub fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !core::mem::replace(&mut self.closing, true) {
            // Neither the code nor the reason can be refused.
            let _ = self.ws.start_close(CloseCode::NORMAL, "");
        }
        ready!(self.poll_flush(cx))?;
        if self.available().is_empty() {
            ready!(self.poll_side(Side::Send, cx, Self::poll_next))?;
        }
        Poll::Ready(Ok(()))
    }

    fn available(&self) -> &[u8] {
        let all = match self.piece {
            Some(piece) => self.ws.piece(piece).data,
            None => &self.rest,
        };
        all.get(self.consumed..).unwrap_or_default()
    }

    /// Copies what is lent out of the connection's buffer, before the connection uses it.
    fn settle(&mut self) {
        if self.piece.is_some() {
            self.rest = self.available().to_vec();
            self.piece = None;
            self.consumed = 0;
        }
    }

    /// Receives the next piece that is not empty, once all before is consumed; none at the end.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.piece = None;
        self.rest = Vec::new();
        self.consumed = 0;
        while !self.ended {
            let (engine, link) = self.ws.parts();
            match ready!(engine.poll_piece(cx, link)) {
                Ok(Some(piece)) if piece.kind() == MessageKind::Text => {
                    return Poll::Ready(Err(self.refuse_text(cx)));
                }
                Ok(Some(piece)) => {
                    self.piece = Some(piece);
                    if !self.available().is_empty() {
                        return Poll::Ready(Ok(()));
                    }
                    self.piece = None;
                }
                Ok(None) => {
                    self.ended = true;
                    if let Some(error) = self.abandoned() {
                        self.failed.get_or_insert(error.kind());
                        return Poll::Ready(Err(error));
                    }
                }
                // Bytes that came before it may still follow.
                Err(error) => return Poll::Ready(Err(self.fail(error))),
            }
        }
        Poll::Ready(self.failed.map_or(Ok(()), |kind| Err(kind.into())))
    }

    #[cold]
    fn refuse_text(&mut self, cx: &mut Context<'_>) -> io::Error {
        let _ = self
            .ws
            .start_close(CloseCode::UNSUPPORTED_DATA, "binary messages only");
        // If it cannot be written now, the next call writes it.
        let _ = self.ws.poll_flush(cx);
        self.ended = true;
        self.failed = Some(io::ErrorKind::InvalidData);
        io::Error::new(
            io::ErrorKind::InvalidData,
            "the peer sent a text message into a stream of bytes",
        )
    }

    /// Returns an error for a Close that is no normal end of the stream.
    fn abandoned(&self) -> Option<io::Error> {
        let outcome = self.ws.outcome()?;
        if outcome.mid_message {
            let told = "the peer closed the connection inside a message";
            return Some(io::Error::new(io::ErrorKind::UnexpectedEof, told));
        }
        let close = outcome.received??;
        let ordinary = [CloseCode::NORMAL, CloseCode::GOING_AWAY];
        (!ordinary.contains(&close.code)).then(|| {
            let told = format!("the peer gave the stream up: {close}");
            io::Error::new(io::ErrorKind::ConnectionAborted, told)
        })
    }

    fn fail(&mut self, error: ConnectionError) -> io::Error {
        let closed = error.is_closed();
        let error = io::Error::from(error);
        if !closed {
            // A connection that is closed for writing may still have bytes to read.
            self.failed.get_or_insert(error.kind());
        }
        error
    }
}

impl<T: Transport> TwoSided for ByteStream<T> {
    fn tasks(&mut self) -> &mut Tasks {
        &mut self.tasks
    }

    fn signs(&self) -> (State, [bool; 3]) {
        self.ws.signs()
    }
}

impl<T: Transport> From<WebSocket<T>> for ByteStream<T> {
    fn from(ws: WebSocket<T>) -> Self {
        Self::new(ws)
    }
}

debug! { [T: Transport] ByteStream<T>, this => ws: this.ws }

/// Nothing in it is pinned.
impl<T: Transport> Unpin for ByteStream<T> {}

/// For code that only knows stream errors. The [`ConnectionError`] is the inner error, unless it is an
/// `io::Error` itself.
impl From<ConnectionError> for io::Error {
    fn from(error: ConnectionError) -> Self {
        let kind = match error {
            ConnectionError::Io(error) => return error,
            ConnectionError::Disconnected { .. } => io::ErrorKind::UnexpectedEof,
            ConnectionError::Timeout(_) => io::ErrorKind::TimedOut,
            ConnectionError::Protocol(_) => io::ErrorKind::InvalidData,
            #[cfg(feature = "json")]
            ConnectionError::Json(_) => io::ErrorKind::InvalidData,
            ConnectionError::Send(SendError::Closed) => io::ErrorKind::BrokenPipe,
            ConnectionError::Send(_) => io::ErrorKind::InvalidInput,
            ConnectionError::NoTimer(_) => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}
