//! `Stream` and `Sink`, for code that is written against them.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::stream::{FusedStream, Stream};
use futures_sink::Sink;
use wskit_proto::{Message, State};

use crate::error::Error;
use crate::transport::Transport;
use crate::websocket::WebSocket;

/// Ends after a clean close; any other ending is one error before that.
impl<T: Transport + Unpin> Stream for WebSocket<T>
where
    T::Timer: Unpin,
{
    type Item = Result<Message, Error>;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(ready!(self.get_mut().poll_recv(cx)).transpose())
    }
}

impl<T: Transport + Unpin> FusedStream for WebSocket<T>
where
    T::Timer: Unpin,
{
    fn is_terminated(&self) -> bool {
        self.is_over()
    }
}

/// `start_send` queues; `poll_ready` waits while the queue is over its mark; `poll_close` performs
/// the closing handshake with code 1000.
impl<T: Transport + Unpin> Sink<Message> for WebSocket<T>
where
    T::Timer: Unpin,
{
    type Error = Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let ws = self.get_mut();
        ready!(ws.poll_room(cx))?;
        Poll::Ready(if ws.state() == State::Open {
            Ok(())
        } else {
            Err(ws.closed_error())
        })
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), Error> {
        self.get_mut().feed_now(message.into())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.get_mut().poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(ready!(self.get_mut().poll_close(cx)).map(drop))
    }
}
