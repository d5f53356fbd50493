//! `Stream` and `Sink`, for code that is written against them.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::stream::{FusedStream, Stream};
use futures_sink::Sink;
use wskit_proto::{CloseCode, Message, SendError, State};

use crate::error::ConnectionError;
use crate::tasks::{Side, Tasks, TwoSided};
use crate::transport::Transport;
use crate::websocket::WebSocket;

impl<T: Transport> TwoSided for WebSocket<T> {
    fn tasks(&mut self) -> &mut Tasks {
        &mut self.tasks
    }

    fn signs(&self) -> (State, [bool; 3]) {
        self.signs()
    }
}

/// Ends after a clean close; any other ending is one error before that.
impl<T: Transport + Unpin> Stream for WebSocket<T>
where
    T::Timer: Unpin,
{
    type Item = Result<Message, ConnectionError>;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = self.get_mut().poll_side(Side::Receive, cx, Self::poll_recv);
        Poll::Ready(ready!(polled).transpose())
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

/// `start_send` queues. `poll_ready` waits while the queue is over its high-water mark. `poll_flush`
/// waits until everything is written.
///
/// `poll_close` starts the closing handshake with code 1000. It is ready when the connection is over, or
/// when everything has been written and a message has come: what the peer still sends is for the
/// `Stream`, up to its end. An ending that is not clean is an error.
///
/// One task may use the `Stream` and another the `Sink`, as `futures::StreamExt::split` has it.
impl<T: Transport + Unpin> Sink<Message> for WebSocket<T>
where
    T::Timer: Unpin,
{
    type Error = ConnectionError;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        self.get_mut().poll_side(Side::Send, cx, |ws, cx| {
            if ws.state() == State::Open {
                ready!(ws.poll_room(cx))?;
            }
            Poll::Ready(if ws.state() == State::Open {
                Ok(())
            } else {
                Err(ws.send_error(SendError::Closed))
            })
        })
    }

    fn start_send(self: Pin<&mut Self>, message: Message) -> Result<(), ConnectionError> {
        self.get_mut().feed_now(message.into())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        self.get_mut().poll_side(Side::Send, cx, Self::poll_flush)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        let ws = self.get_mut();
        ws.start_close(CloseCode::NORMAL, "")?;
        ws.poll_side(Side::Send, cx, |ws, cx| {
            let (engine, link) = ws.parts();
            engine.poll_close(cx, link)
        })
    }
}
