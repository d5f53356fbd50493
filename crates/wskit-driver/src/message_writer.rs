use std::future::{Future, poll_fn};
use std::task::{Context, Poll, ready};

use wskit_proto::{CloseCode, CloseFrame, MessageKind, Outbox, SendError};

use crate::error::ConnectionError;
use crate::split::{MessageLock, Writer};
use crate::transport::Transport;
use crate::websocket::WebSocket;

/// A message that is sent while it is being produced (RFC 6455 §5.4): write pieces, then
/// [`finish`](MessageWriter::finish). From [`WebSocket::begin`] or [`Writer::begin`].
///
/// ```
/// # use wskit_driver::{ConnectionError, Transport, WebSocket};
/// use wskit_proto::MessageKind;
/// # async fn lines<T: Transport>(ws: &mut WebSocket<T>, rows: &[String]) -> Result<(), ConnectionError> {
/// let mut message = ws.begin(MessageKind::Text).await?;
/// for row in rows {
///     message.write(row).await?; // waits while the peer does not read
///     message.write("\n").await?;
/// }
/// message.finish().await
/// # }
/// ```
///
/// The memory for it does not grow with the message: a write waits while `Config::write_high_water`
/// bytes are queued. A write is one frame, whatever its size; where messages are compressed, the
/// compressor makes frames of up to 16 KiB, and keeps up to a window of what was written until more
/// comes or the message ends. Peers limit the frames of a message (this library to 131,072), so
/// write some KiB at a time.
///
/// # Meanwhile
/// Pings, pongs and a Close go between the frames. Other messages have to wait: after a split, other
/// writers wait in line until this message is finished or dropped. A receive is for the
/// [`Reader`](crate::Reader) of a split connection; a whole one answers control frames while it
/// writes, up to the first message of the peer's.
///
/// # Dropping
/// If nothing has been written, dropping it sends nothing. Otherwise, unless it is finished, dropping it
/// **closes the connection with code 1011**: written bytes cannot be taken back, and ending the message
/// there would pass off a part as the whole. The peer gets no end of the message and does not deliver
/// it.
///
/// The features `tokio-io` and `futures-io` of the driver (the bindings enable theirs) make it an
/// `AsyncWrite`, of which closing finishes the message.
#[must_use = "a message that is begun must be finished"]
pub struct MessageWriter<'a, T: Transport> {
    to: To<'a, T>,
    kind: MessageKind,
    compress: bool,
    stage: Stage,
}

enum To<'a, T: Transport> {
    Whole(&'a mut WebSocket<T>),
    Split(MessageLock<'a, T>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing has been written or queued.
    New,
    Begun,
    Finished,
}

/// The most that the adaptors to `AsyncWrite` put into one frame, in bytes.
#[cfg(any(feature = "tokio-io", feature = "futures-io"))]
pub(crate) const PIECE: usize = 64 << 10;

impl<T: Transport> WebSocket<T> {
    /// Begins a message to be written in pieces, once the queue has room.
    ///
    /// # Errors
    /// Those of [`send`](WebSocket::send).
    ///
    /// # Cancel safety
    /// Safe: nothing is sent before the first write.
    pub async fn begin(
        &mut self,
        kind: MessageKind,
    ) -> Result<MessageWriter<'_, T>, ConnectionError> {
        poll_fn(|cx| self.poll_room(cx)).await?;
        if let Err(error) = self.outbox().check() {
            return Err(self.send_error(error));
        }
        Ok(MessageWriter::new(To::Whole(self), kind))
    }
}

impl<T: Transport> Writer<T> {
    /// Begins a message to be written in pieces, once the queue has room and it is this
    /// writer's turn. No writer can queue a message until this one is finished or dropped, so an
    /// endless message makes the others wait for ever. Waits for permits that are out: do not hold
    /// one meanwhile.
    ///
    /// # Errors
    /// Those of [`send`](Writer::send).
    ///
    /// # Cancel safety
    /// Safe: nothing is sent before the first write.
    pub async fn begin(&self, kind: MessageKind) -> Result<MessageWriter<'_, T>, ConnectionError> {
        Ok(MessageWriter::new(
            To::Split(self.lock_message().await?),
            kind,
        ))
    }
}

impl<'a, T: Transport> MessageWriter<'a, T> {
    fn new(to: To<'a, T>, kind: MessageKind) -> Self {
        Self {
            to,
            kind,
            compress: true,
            stage: Stage::New,
        }
    }

    /// Sends this message as it is, even where compression was agreed on: for what is compressed
    /// already (see [`Outgoing::uncompressed`](wskit_proto::Outgoing::uncompressed)). No effect after
    /// the first write.
    pub fn uncompressed(mut self) -> Self {
        self.compress = false;
        self
    }

    /// Queues the next piece, waiting while the queue is over its mark. It leaves as a fed message
    /// does: with a flush, when the queue is over its mark, and before a receive waits. All of a piece
    /// is queued at once, in a copy, so keep it small beside the memory there is.
    ///
    /// The pieces of a text are checked together: one may end inside a character.
    ///
    /// # Errors
    /// [`SendError::InvalidUtf8`] when the pieces of a text are no text (this one was not queued, and
    /// others may follow); else as [`WebSocket::send`].
    ///
    /// # Cancel safety
    /// Safe: of a piece whose `write` was dropped nothing is sent.
    pub fn write(
        &mut self,
        data: impl AsRef<[u8]>,
    ) -> impl Future<Output = Result<(), ConnectionError>> {
        let mut done = false;
        poll_fn(move |cx| {
            if !done {
                ready!(self.poll_write(cx, data.as_ref()))?;
                done = true;
            }
            Poll::Ready(Ok(()))
        })
    }

    /// The poll function behind [`write`](MessageWriter::write): all of `data` is queued when it is
    /// ready, nothing before.
    ///
    /// # Errors
    /// Those of [`write`](MessageWriter::write).
    pub fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<Result<(), ConnectionError>> {
        ready!(self.to.poll_room(cx))?;
        Poll::Ready(if data.is_empty() {
            Ok(())
        } else {
            self.piece(data, false)
        })
    }

    /// Writes everything that is queued, so that the peer has it. (What a compressor keeps is not
    /// queued yet.)
    ///
    /// # Errors
    /// Those of [`WebSocket::flush`].
    ///
    /// # Cancel safety
    /// Safe.
    pub fn flush(&mut self) -> impl Future<Output = Result<(), ConnectionError>> {
        poll_fn(|cx| self.poll_flush(cx))
    }

    /// The poll function behind [`flush`](MessageWriter::flush).
    ///
    /// # Errors
    /// Those of [`flush`](MessageWriter::flush).
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        self.to.poll_flush(cx)
    }

    /// Ends the message and writes everything queued. A message without a piece is an empty one.
    ///
    /// # Errors
    /// [`SendError::InvalidUtf8`] when a text ends inside a character (the connection closes then, as
    /// when the message is dropped); else as [`WebSocket::send`].
    ///
    /// # Cancel safety
    /// The end is queued by the first poll; what is queued leaves with the next call.
    pub async fn finish(mut self) -> Result<(), ConnectionError> {
        poll_fn(|cx| self.poll_finish(cx)).await
    }

    /// The poll function behind [`finish`](MessageWriter::finish). Nothing can be written after it.
    ///
    /// # Errors
    /// Those of [`finish`](MessageWriter::finish).
    pub fn poll_finish(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        if self.stage != Stage::Finished {
            // Without waiting for room: it is a few bytes, and the others wait for it.
            self.piece(&[], true)?;
            self.stage = Stage::Finished;
            if let To::Split(lock) = &mut self.to {
                lock.release();
            }
        }
        self.to.poll_flush(cx)
    }

    fn piece(&mut self, data: &[u8], last: bool) -> Result<(), ConnectionError> {
        let Self {
            kind,
            compress,
            stage,
            ..
        } = *self;
        if stage == Stage::Finished {
            return Err(SendError::NoMessageOpen.into());
        }
        let mut begun = stage == Stage::Begun;
        let queued = self.to.with_outbound(|outbox| {
            if !begun {
                if compress {
                    outbox.begin(kind)?;
                } else {
                    outbox.begin_uncompressed(kind)?;
                }
                begun = true;
            }
            outbox.piece(data, last)
        });
        if begun {
            self.stage = Stage::Begun;
        }
        queued
    }
}

impl<T: Transport> Drop for MessageWriter<'_, T> {
    fn drop(&mut self) {
        if self.stage == Stage::Begun {
            let close = CloseFrame::new(CloseCode::INTERNAL_ERROR, "message not finished");
            // Neither the code nor the reason can be refused.
            let _ = self.to.with_outbound(|outbox| outbox.close(Some(close)));
        }
    }
}

debug! { [T: Transport] MessageWriter<'_, T>, this => kind: this.kind, stage: this.stage }

/// Nothing in it is pinned.
impl<T: Transport> Unpin for MessageWriter<'_, T> {}

impl<T: Transport> To<'_, T> {
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        match self {
            Self::Whole(ws) => ws.poll_room(cx),
            Self::Split(lock) => lock.poll_room(cx),
        }
    }

    fn with_outbound(
        &mut self,
        f: impl FnOnce(&mut Outbox) -> Result<(), SendError>,
    ) -> Result<(), ConnectionError> {
        match self {
            Self::Whole(ws) => f(ws.outbox()).map_err(|error| ws.send_error(error)),
            Self::Split(lock) => lock.with_outbound(f),
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        match self {
            Self::Whole(ws) => ws.poll_flush(cx),
            Self::Split(lock) => lock.poll_flush(cx),
        }
    }
}
