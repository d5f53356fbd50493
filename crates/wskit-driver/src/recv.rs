use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use wskit_proto::{MessageRef, Outbox, Piece, Span};

use crate::engine::Way;
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

    /// Returns the next whole message if nothing has to be done for it.
    fn next_fast(&mut self) -> Option<Span>;

    /// Lends the message that [`next_fast`](Receive::next_fast) or [`poll_fast`](Receive::poll_fast) has returned.
    fn lend_fast(&mut self, span: Span) -> Option<Self::Lent<'_>>;

    /// Reads, and returns the next whole message if nothing else has to be done for it. Ready with `None` if that
    /// is not so, and [`poll_whole`](Receive::poll_whole) is to be called.
    fn poll_fast(&mut self, _: &mut Context<'_>) -> Poll<Option<Span>> {
        Poll::Ready(None)
    }

    /// Receives the next whole message.
    fn poll_whole(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Span>, ConnectionError>>;

    /// Lends the message that [`poll_whole`](Receive::poll_whole) has returned.
    fn lend(&mut self, span: Span) -> Option<Self::Lent<'_>>;

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
    fn next_fast(&mut self) -> Option<Span> {
        let (engine, link) = self.parts();
        engine.next_fast(Way::Lend, link)
    }

    #[inline(always)]
    fn lend_fast(&mut self, span: Span) -> Option<Self::Lent<'_>> {
        let (engine, link) = self.parts();
        Some((engine.inbound.fast_message(span), link.outbox.outbox()))
    }

    #[inline(always)]
    fn poll_fast(&mut self, cx: &mut Context<'_>) -> Poll<Option<Span>> {
        let (engine, link) = self.parts();
        engine.poll_fast(Way::Lend, cx, link)
    }

    fn poll_whole(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Span>, ConnectionError>> {
        let (engine, link) = self.parts();
        engine.poll_whole_slow(Way::Lend, cx, link)
    }

    #[inline(always)]
    fn lend(&mut self, span: Span) -> Option<Self::Lent<'_>> {
        let (engine, link) = self.parts();
        Some((engine.inbound.message(span), link.outbox.outbox()))
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
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct RecvRef<'a, C> {
    from: Option<&'a mut C>,
}

/// The future of [`WebSocket::recv_piece`](crate::WebSocket::recv_piece) and
/// [`Reader::recv_piece`](crate::Reader::recv_piece).
#[derive(Debug)]
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

impl<'a, C: Receive> RecvRef<'a, C> {
    /// Receives the next message after there was none on the fast path. A function of its own, so that
    /// in the caller's loop the message on the fast path stays in registers.
    #[inline(never)]
    fn poll_slow(
        &mut self,
        from: &'a mut C,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<C::Lent<'a>>, ConnectionError>> {
        match from.poll_fast(cx) {
            Poll::Ready(Some(span)) => return Poll::Ready(Ok(from.lend_fast(span))),
            Poll::Pending => {
                self.from = Some(from);
                return Poll::Pending;
            }
            Poll::Ready(None) => {}
        }
        match from.poll_whole(cx) {
            Poll::Ready(Ok(Some(span))) => Poll::Ready(Ok(from.lend(span))),
            Poll::Ready(Ok(None)) => Poll::Ready(Ok(None)),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                self.from = Some(from);
                Poll::Pending
            }
        }
    }
}

impl<'a, C: Receive> Future for RecvRef<'a, C> {
    type Output = Result<Option<C::Lent<'a>>, ConnectionError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Taken out so that what is lent may live as long as the borrow, and put back to wait. After it
        // was ready, the future returns `None`; it does not panic.
        let Some(from) = self.from.take() else {
            return Poll::Ready(Ok(None));
        };
        if let Some(span) = from.next_fast() {
            return Poll::Ready(Ok(from.lend_fast(span)));
        }
        self.poll_slow(from, cx)
    }
}

impl<'a, C: Receive> Future for RecvPiece<'a, C> {
    type Output = Result<Option<Piece<'a>>, ConnectionError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(from) = self.from.take() else {
            return Poll::Ready(Ok(None));
        };
        match from.poll_piece(cx) {
            Poll::Ready(Ok(Some(span))) => Poll::Ready(Ok(from.lend_piece(span))),
            Poll::Ready(Ok(None)) => Poll::Ready(Ok(None)),
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            Poll::Pending => {
                self.from = Some(from);
                Poll::Pending
            }
        }
    }
}
