//! How far a server has come, and futures that end with it.

use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;

use tokio::sync::watch;

/// What a server asks of its connections.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
pub(super) enum Stage {
    Serving,
    /// End when the requests have been answered.
    Stopping,
    /// End now.
    Over,
}

/// Waits until the server has come to `wanted`. Dropping the server stops its connections gracefully.
pub(super) async fn reached(stage: &mut watch::Receiver<Stage>, wanted: Stage) {
    let result = stage.wait_for(|now| *now >= wanted).await.map(drop);
    if result.is_err() && wanted > Stage::Stopping {
        pending::<()>().await;
    }
}

/// Waits for `future` until `end` completes; then drops it and returns `None`.
pub(super) async fn before<F: Future>(
    end: impl Future<Output = ()>,
    future: F,
) -> Option<F::Output> {
    let (mut end, mut future) = (pin!(end), pin!(future));
    poll_fn(|cx| match end.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(None),
        Poll::Pending => future.as_mut().poll(cx).map(Some),
    })
    .await
}

/// Runs a future. `None` if it panics.
pub(super) async fn caught<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        // After a panic it is not polled again, only dropped.
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx)));
        polled.map_or(Poll::Ready(None), |polled| polled.map(Some))
    })
    .await
}
