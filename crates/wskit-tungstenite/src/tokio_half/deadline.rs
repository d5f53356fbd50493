use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use tokio::time::{Sleep, sleep_until};

use crate::error::Result;
use crate::protocol::WebSocketContext;

/// The alarm of the connection, which exists only if a deadline was asked for.
#[derive(Debug, Default)]
pub(super) struct Deadline(Option<Pin<Box<Sleep>>>);

impl Deadline {
    /// Waits for the next deadline, and does what is due. It runs while the connection is read.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        context: &mut WebSocketContext,
    ) -> Poll<Result<()>> {
        let now = tokio::time::Instant::now().into_std();
        let Some(due) = context.next_deadline(now) else {
            return Poll::Pending;
        };
        let sleep = self
            .0
            .get_or_insert_with(|| Box::pin(sleep_until(due.into())));
        if sleep.deadline().into_std() != due {
            sleep.as_mut().reset(due.into());
        }
        ready!(sleep.as_mut().poll(cx));
        let now: Instant = tokio::time::Instant::now().into_std();
        Poll::Ready(context.expire(now))
    }
}
