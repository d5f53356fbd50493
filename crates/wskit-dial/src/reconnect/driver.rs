use std::task::{Context, Poll, ready};

use wskit_driver::{Runtime, Transport, Writer};
use wskit_proto::{CloseCode, CloseFrame};

use super::shared::{Given, Order, Shared};
use super::{Event, Opened, Reconnect};
use crate::net::Net;
use crate::sync::Arc;

/// The task of a client that was spawned: it runs the client, and passes its events on.
pub(super) struct Driver<R: Net + Runtime<S>, S> {
    feed: Reconnect<R, S>,
    shared: Arc<Shared<Writer<Opened<R, S>>>>,
}

impl<R, S> Driver<R, S>
where
    R: Net + Runtime<S, Transport: Transport + 'static>,
{
    pub(super) fn new(feed: Reconnect<R, S>, shared: Arc<Shared<Writer<Opened<R, S>>>>) -> Self {
        Self { feed, shared }
    }

    /// Runs the client. Ready when it has ended.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            match ready!(self.shared.poll_order(cx)) {
                Order::Close(close) => self.feed.start_last_close(&close),
                Order::GoOn => {}
            }
            let event = match ready!(self.feed.poll_event(cx)) {
                Ok(Some(event)) => event,
                Ok(None) => {
                    self.shared.end(Ok(()), self.feed.outcome().cloned());
                    return Poll::Ready(());
                }
                Err(gave_up) => {
                    self.shared.end(Err(gave_up), self.feed.outcome().cloned());
                    return Poll::Ready(());
                }
            };
            match &event {
                Event::Opened => {
                    if let Some(writer) = self.feed.split() {
                        self.shared.connected(writer);
                    }
                }
                Event::Lost { .. } => self.shared.disconnected(),
                Event::Message(_) => {}
            }
            if self.shared.give(event) == Given::TooSlow {
                let close = CloseFrame::new(CloseCode::TRY_AGAIN_LATER, "");
                self.feed.start_close(&close);
            }
        }
    }
}

/// Also when the task is dropped before its end, or panics.
impl<R: Net + Runtime<S>, S> Drop for Driver<R, S> {
    fn drop(&mut self) {
        // Sends in progress hold the connection: without its reader they would wait for ever.
        self.feed
            .start_close(&CloseFrame::new(CloseCode::GOING_AWAY, ""));
        self.shared.end(Ok(()), None);
    }
}
