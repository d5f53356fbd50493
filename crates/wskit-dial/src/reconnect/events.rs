use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::stream::Stream;
use wskit_driver::{Transport, Writer};

use super::shared::Shared;
use super::{Event, GaveUp};
use crate::sync::Arc;

/// The events of a client that runs in a task of its own, from
/// [`Reconnect::spawn`](crate::Reconnect::spawn).
///
/// Dropping it ends the client: an open connection is closed with 1001, and no other is opened.
pub struct Events {
    source: Arc<dyn Source>,
}

/// A [`Shared`] of any transport.
trait Source: Send + Sync {
    fn poll_take(&self, cx: &mut Context<'_>) -> Poll<Result<Option<Event>, GaveUp>>;
    fn dropped(&self) -> u64;
    fn abandon(&self);
}

impl<W: Send> Source for Shared<W> {
    fn poll_take(&self, cx: &mut Context<'_>) -> Poll<Result<Option<Event>, GaveUp>> {
        self.poll_take(cx)
    }

    fn dropped(&self) -> u64 {
        self.dropped()
    }

    fn abandon(&self) {
        self.abandon();
    }
}

impl Events {
    pub(super) fn new<T>(shared: Arc<Shared<Writer<T>>>) -> Self
    where
        T: Transport<Write: Send, Read: Send, Timer: Send> + 'static,
    {
        Self { source: shared }
    }

    /// Waits for the next event. `None` after the client was closed, after the peer has closed with 1000,
    /// and if the task of the client was dropped.
    ///
    /// # Errors
    /// [`GaveUp`], once; then `None`.
    ///
    /// # Cancel safety
    /// Safe: no event is lost when the future is dropped.
    #[allow(
        clippy::should_implement_trait,
        reason = "named as in `StreamExt`, whose `next` it would be"
    )]
    pub fn next(&mut self) -> impl Future<Output = Result<Option<Event>, GaveUp>> {
        poll_fn(move |cx| self.source.poll_take(cx))
    }

    /// Returns how many messages were dropped since the start, because there was no room for them.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.source.dropped()
    }
}

/// Yields the events, and ends when the client does. [`GaveUp`] is yielded before the end.
impl Stream for Events {
    type Item = Result<Event, GaveUp>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(ready!(self.source.poll_take(cx)).transpose())
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.source.abandon();
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events")
            .field("dropped", &self.dropped())
            .finish_non_exhaustive()
    }
}
