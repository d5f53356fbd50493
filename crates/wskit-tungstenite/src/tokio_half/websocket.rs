use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::sink::{Sink, SinkExt};
use futures_util::stream::{FusedStream, Stream};
use tokio::io::{AsyncRead, AsyncWrite};

use super::std_io::StdIo;
use crate::error::{Error, Result};
use crate::protocol::{CloseFrame, Message, Role, WebSocket, WebSocketConfig};

/// A connection over a stream of tokio: a [`Stream`] of messages and a [`Sink`] for them.
///
/// The stream ends after the connection was closed properly, and after the first error. Pings are answered
/// while the connection is read, written or flushed.
#[derive(Debug)]
pub struct WebSocketStream<S> {
    inner: WebSocket<StdIo<S>>,
    /// Whether `poll_close` has queued the Close.
    closing: bool,
    /// Whether the stream of messages has ended.
    ended: bool,
    /// Whether the sink takes a message. If not, the stream takes nothing, and a flush comes first.
    ready: bool,
    #[cfg(feature = "deadlines")]
    deadline: super::deadline::Deadline,
}

impl<S> WebSocketStream<S> {
    /// Creates a connection over a stream whose opening handshake is done.
    ///
    /// Cancel safe: it never waits.
    ///
    /// # Panics
    /// If `max_write_buffer_size` is not more than `write_buffer_size`.
    #[allow(clippy::unused_async, reason = "the signature is given")]
    pub async fn from_raw_socket(stream: S, role: Role, config: Option<WebSocketConfig>) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        Self::new(WebSocket::from_raw_socket(StdIo::new(stream), role, config))
    }

    /// Creates a connection like [`from_raw_socket`](Self::from_raw_socket), where `part` has been read
    /// behind the handshake.
    ///
    /// # Panics
    /// If `max_write_buffer_size` is not more than `write_buffer_size`.
    #[allow(clippy::unused_async, reason = "the signature is given")]
    pub async fn from_partially_read(
        stream: S,
        part: Vec<u8>,
        role: Role,
        config: Option<WebSocketConfig>,
    ) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let stream = StdIo::new(stream);
        Self::new(WebSocket::from_partially_read(stream, part, role, config))
    }

    pub(super) fn new(inner: WebSocket<StdIo<S>>) -> Self {
        Self {
            inner,
            closing: false,
            ended: false,
            ready: true,
            #[cfg(feature = "deadlines")]
            deadline: super::deadline::Deadline::default(),
        }
    }

    #[cfg(feature = "wskit")]
    pub(super) fn into_websocket(self) -> WebSocket<StdIo<S>> {
        self.inner
    }

    /// Returns the stream. What was read ahead, and what was not flushed, is lost.
    pub fn into_inner(self) -> S {
        self.inner.into_inner().into_inner()
    }

    /// Returns the stream.
    pub fn get_ref(&self) -> &S
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.inner.get_ref().get_ref()
    }

    /// Returns the stream.
    pub fn get_mut(&mut self) -> &mut S
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.inner.get_mut().get_mut()
    }

    /// Returns the settings.
    pub fn get_config(&self) -> &WebSocketConfig {
        self.inner.get_config()
    }

    /// Sends a Close and flushes. Then read until the stream ends, for the peer's answer.
    ///
    /// # Errors
    /// Those of [`WebSocket::close`].
    pub async fn close(&mut self, close: Option<CloseFrame>) -> Result<()>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.send(Message::Close(close)).await
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.inner.get_mut().set_reader(cx.waker());
        #[cfg_attr(
            not(feature = "deadlines"),
            allow(clippy::never_loop, reason = "only a deadline goes on")
        )]
        loop {
            let read = or_pending(self.inner.read());
            #[cfg(feature = "deadlines")]
            if read.is_pending() {
                // A ping that is due is sent by the next call of `read`.
                match self.deadline.poll(cx, self.inner.context_mut()) {
                    Poll::Ready(Ok(())) => continue,
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    Poll::Pending => {}
                }
            }
            return read;
        }
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        call: impl FnOnce(&mut WebSocket<StdIo<S>>) -> Result<()>,
    ) -> Poll<Result<()>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.inner.get_mut().set_writer(cx.waker());
        or_pending(call(&mut self.inner))
    }
}

/// Returns `Pending` for the error that means it.
fn or_pending<T>(result: Result<T>) -> Poll<Result<T>> {
    match result {
        Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
        result => Poll::Ready(result),
    }
}

/// The end of the connection is no error for a caller who flushes or closes.
fn or_closed(result: Result<()>) -> Result<()> {
    match result {
        Err(Error::ConnectionClosed) => Ok(()),
        result => result,
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for WebSocketStream<S> {
    type Item = Result<Message>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        self.poll_read(cx).map(|result| {
            self.ended = result.is_err();
            match result {
                Err(Error::ConnectionClosed | Error::AlreadyClosed) => None,
                result => Some(result),
            }
        })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> FusedStream for WebSocketStream<S> {
    fn is_terminated(&self) -> bool {
        self.ended
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sink<Message> for WebSocketStream<S> {
    type Error = Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if self.ready {
            return Poll::Ready(Ok(()));
        }
        self.poll_write(cx, WebSocket::flush).map(|result| {
            self.ready = true;
            result
        })
    }

    fn start_send(mut self: Pin<&mut Self>, item: Message) -> Result<()> {
        let sent = or_pending(self.inner.write(item));
        // The message is queued even if the stream would block: the next one waits for a flush.
        self.ready = sent.is_ready();
        match sent {
            Poll::Ready(result) => result,
            Poll::Pending => Ok(()),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.poll_write(cx, WebSocket::flush).map(|result| {
            self.ready = true;
            or_closed(result)
        })
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.ready = true;
        let closed = if self.closing {
            self.poll_write(cx, WebSocket::flush)
        } else {
            self.poll_write(cx, |ws| ws.close(None))
        };
        self.closing |= closed.is_pending();
        closed.map(or_closed)
    }
}
