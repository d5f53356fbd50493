use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use crate::error::Elapsed;
use crate::transport::{Deadline, Timer, Transport};

/// A runtime's way to make a [`Transport`] of a stream of type `S`.
///
/// A binding implements it for a unit type of its own, for every stream that its runtime can read
/// and write; [`Server`](crate::Server) and [`Client`](crate::Client) are written against it once.
pub trait Runtime<S> {
    /// The stream with this runtime's timer.
    type Transport: Transport;

    /// Wraps the stream.
    ///
    /// `S: 'static` stands here rather than at the implementation: bound there, a future over a
    /// `Box<dyn ...>` could not be shown to be `Send`, and not be spawned.
    fn wrap(stream: S) -> Self::Transport
    where
        S: 'static;
}

/// A runtime that runs a future in a task of its own.
pub trait Spawn {
    /// Runs `future` in a new task, which goes on when nothing waits for it.
    fn spawn<F: Future<Output = ()> + Send + 'static>(future: F);
}

/// Runs `future` for at most `limit`.
///
/// # Errors
/// [`Elapsed::Timeout`], and [`Elapsed::NoTimer`] when the runtime has none.
///
/// # Cancel safety
/// That of `future`.
pub async fn within<C: Timer, F: Future>(
    timer: C,
    limit: Duration,
    future: F,
) -> Result<F::Output, Elapsed> {
    let mut future = pin!(future);
    let mut deadline = Deadline::new(timer, limit);
    poll_fn(move |cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Ok(output));
        }
        deadline.poll(cx).map(|passed| {
            Err(match passed {
                Ok(()) => Elapsed::Timeout,
                Err(error) => Elapsed::NoTimer(error),
            })
        })
    })
    .await
}
