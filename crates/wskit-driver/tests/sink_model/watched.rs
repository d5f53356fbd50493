use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_util::stream::{self, Stream};
use futures_util::{Sink, SinkExt, StreamExt};
use wskit_driver::ConnectionError;
use wskit_proto::{Message, SendError};
use wskit_test::{cut, pause};

use crate::apart::Sending;
use crate::dice::Dice;
use crate::world::{Account, World};

/// A sink of message sizes that checks each result against what was fed. It makes the messages itself.
pub(crate) struct Watched {
    pub(crate) inner: Sending,
    pub(crate) who: usize,
    pub(crate) ready: bool,
    pub(crate) world: Rc<World>,
}

impl Watched {
    pub(crate) fn account<'a>(&self, world: &'a World) -> &'a Account {
        &world.sinks[self.who]
    }

    /// One operation, dropped after some polls or not at all.
    pub(crate) async fn step(&mut self, dice: &mut Dice) {
        let polls = dice.pick(&[1, 1, 2, 3, usize::MAX]);
        let size = dice.pick(&[3, 3, 10, 130, 700]);
        let done = match dice.below(10) {
            0 => cut(poll_fn(|cx| Pin::new(&mut *self).poll_ready(cx)), polls).await,
            1 => {
                poll_fn(|cx| {
                    self.start_if_ready(cx, size);
                    Poll::Ready(())
                })
                .await;
                None
            }
            2 => cut(poll_fn(|cx| Pin::new(&mut *self).poll_flush(cx)), 1).await,
            3 => cut(self.feed(size), polls).await,
            4 | 5 => cut(self.send(size), polls).await,
            6 => cut(self.flush(), polls).await,
            8 => {
                // It stays ready, whatever the other sinks do.
                let ready = poll_fn(|cx| Pin::new(&mut *self).poll_ready(cx)).await;
                for _ in 0..dice.below(10) {
                    pause().await;
                }
                Some(ready.and_then(|()| Pin::new(&mut *self).start_send(size)))
            }
            7 => {
                let mut source = source(1 + dice.below(4), size, true);
                cut(self.send_all(&mut source), polls).await
            }
            _ => {
                let source = source(dice.below(4), size, false);
                cut(source.forward(&mut *self), 1 + dice.below(6)).await
            }
        };
        self.allowed(done);
    }

    pub(crate) fn start_if_ready(&mut self, cx: &mut Context<'_>, size: usize) {
        if let Poll::Ready(Ok(())) = Pin::new(&mut *self).poll_ready(cx) {
            let done = Pin::new(&mut *self).start_send(size);
            self.allowed(Some(done));
        }
    }

    pub(crate) fn poll_close_unpin(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), ConnectionError>> {
        Pin::new(self).poll_close(cx)
    }

    /// Nothing fails before the end has begun.
    pub(crate) fn allowed(&self, done: Option<Result<(), ConnectionError>>) {
        if let Some(Err(error)) = done {
            assert!(self.world.ending.get(), "sink {}: {error:?}", self.who);
        }
    }

    /// Asserts that all that was fed is in the transport.
    pub(crate) fn check_written(&self, said: &str) {
        let fed = self.account(&self.world).fed.get();
        let written = self.world.written(self.who);
        assert_eq!(written, fed, "sink {}: {said} said Ok", self.who);
    }
}

impl Sink<usize> for Watched {
    type Error = ConnectionError;

    fn poll_ready(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), ConnectionError>> {
        let polled = self.inner.as_mut().poll_ready(cx);
        self.ready = matches!(polled, Poll::Ready(Ok(())));
        polled
    }

    fn start_send(mut self: Pin<&mut Self>, size: usize) -> Result<(), ConnectionError> {
        assert!(
            core::mem::take(&mut self.ready),
            "a test that keeps no rule"
        );
        let number = self.account(&self.world).fed.get();
        let data = data(self.who, number, size);
        let started = self.inner.as_mut().start_send(Message::binary(data));
        match &started {
            Ok(()) => self.account(&self.world).fed.set(number + 1),
            Err(error) => assert!(
                !matches!(error, ConnectionError::Send(SendError::QueueFull)),
                "it was ready"
            ),
        }
        started
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), ConnectionError>> {
        let account = self.account(&self.world);
        account.asked.set(account.fed.get());
        let polled = self.inner.as_mut().poll_flush(cx);
        if let Poll::Ready(Ok(())) = polled {
            self.check_written("a flush");
        }
        polled
    }

    fn poll_close(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), ConnectionError>> {
        let account = self.account(&self.world);
        account.asked.set(account.fed.get());
        self.world.ending.set(true);
        let polled = self.inner.as_mut().poll_close(cx);
        if let Poll::Ready(Ok(())) = polled {
            self.check_written("a close");
            // A whole connection is ready, too, when the stream has something to receive first.
            assert!(
                self.world.plan.whole || self.world.peer_closes.get(),
                "the peer has not closed"
            );
        }
        polled
    }
}

/// Returns the message of this number, in which a changed byte is noticed.
pub(crate) fn data(who: usize, number: usize, size: usize) -> Vec<u8> {
    let mut data = vec![who as u8, number as u8, (number >> 8) as u8];
    data.extend((3..size).map(|at| (at * 7 + number * 31 + who) as u8));
    data
}

/// A stream of a number of messages with waits in between. Then it ends, or waits for ever and keeps waking its
/// task.
pub(crate) fn source(
    mut count: usize,
    size: usize,
    ends: bool,
) -> impl Stream<Item = Result<usize, ConnectionError>> + Unpin {
    let mut waits = false;
    stream::poll_fn(move |cx| {
        waits = !waits;
        if waits || (count == 0 && !ends) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if count == 0 {
            return Poll::Ready(None);
        }
        count -= 1;
        Poll::Ready(Some(Ok(size)))
    })
}
