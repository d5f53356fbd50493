use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use wskit_proto::{MessageRef, Outbox, Piece, Span};

use crate::engine::{Found, Way};
use crate::error::ConnectionError;
use crate::transport::Transport;
use crate::websocket::WebSocket;

/// A connection, or the half of one, that lends what it receives.
///
/// Finding and lending are two steps, so that the borrow of what is lent begins only when there is
/// something.
pub trait Receive {
    /// What a whole message is lent as.
    type Lent<'a>
    where
        Self: 'a;

    /// Receives the next whole message.
    fn poll_found(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Found>, ConnectionError>>;

    /// Lends the message that was found last.
    fn lend(&mut self, found: Found) -> Option<Self::Lent<'_>>;

    /// Receives the next piece of a message.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Span>, ConnectionError>>;

    /// Lends the piece that was found last.
    fn lend_piece(&mut self, span: Span) -> Option<Piece<'_>>;
}

impl<T: Transport> Receive for WebSocket<T> {
    type Lent<'a>
        = (MessageRef<'a>, &'a mut Outbox)
    where
        Self: 'a;

    #[inline(always)]
    fn poll_found(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Found>, ConnectionError>> {
        let (engine, link) = self.parts();
        engine.poll_found(Way::Lend, cx, link)
    }

    #[inline(always)]
    fn lend(&mut self, found: Found) -> Option<Self::Lent<'_>> {
        let (engine, link) = self.parts();
        Some((engine.message(found), link.outbox.outbox()))
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Span>, ConnectionError>> {
        let (engine, link) = self.parts();
        engine.poll_piece(cx, link)
    }

    fn lend_piece(&mut self, span: Span) -> Option<Piece<'_>> {
        Some(self.piece(span))
    }
}

/// The future of [`WebSocket::recv_ref`](crate::WebSocket::recv_ref) and
/// [`Reader::recv_ref`](crate::Reader::recv_ref).
#[must_use = "futures do nothing unless awaited"]
pub struct RecvRef<'a, C> {
    from: Option<&'a mut C>,
}

/// The future of [`WebSocket::recv_piece`](crate::WebSocket::recv_piece) and
/// [`Reader::recv_piece`](crate::Reader::recv_piece).
#[must_use = "futures do nothing unless awaited"]
pub struct RecvPiece<'a, C> {
    from: Option<&'a mut C>,
}

impl<'a, C> RecvRef<'a, C> {
    #[inline]
    pub(crate) fn new(from: &'a mut C) -> Self {
        Self { from: Some(from) }
    }
}

impl<'a, C> RecvPiece<'a, C> {
    pub(crate) fn new(from: &'a mut C) -> Self {
        Self { from: Some(from) }
    }
}

impl<'a, C: Receive> Future for RecvRef<'a, C> {
    type Output = Result<Option<C::Lent<'a>>, ConnectionError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        poll_lend(&mut self.from, |from| from.poll_found(cx), C::lend)
    }
}

impl<'a, C: Receive> Future for RecvPiece<'a, C> {
    type Output = Result<Option<Piece<'a>>, ConnectionError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        poll_lend(&mut self.from, |from| from.poll_piece(cx), C::lend_piece)
    }
}

/// Polls `from` and lends what it found, for as long as `from` itself is borrowed.
#[inline(always)]
fn poll_lend<'a, C, F, R>(
    from: &mut Option<&'a mut C>,
    poll: impl FnOnce(&mut C) -> Poll<Result<Option<F>, ConnectionError>>,
    lend: impl FnOnce(&'a mut C, F) -> Option<R>,
) -> Poll<Result<Option<R>, ConnectionError>> {
    // Taken out so that what is lent may live as long as the borrow, and put back to wait. After it was
    // ready, the future returns `None`; it does not panic.
    let Some(lender) = from.take() else {
        return Poll::Ready(Ok(None));
    };
    match poll(lender) {
        Poll::Ready(Ok(Some(found))) => Poll::Ready(Ok(lend(lender, found))),
        Poll::Ready(Ok(None)) => Poll::Ready(Ok(None)),
        Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
        Poll::Pending => {
            *from = Some(lender);
            Poll::Pending
        }
    }
}

impl<C> fmt::Debug for RecvRef<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecvRef")
    }
}

impl<C> fmt::Debug for RecvPiece<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecvPiece")
    }
}
