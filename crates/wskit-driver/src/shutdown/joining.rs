use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll};

use super::member::Member;

/// A connection in its opening handshake that a shutdown waits for; from
/// [`Shutdown::joining`](crate::Shutdown::joining).
///
/// Give it to [`PendingWebSocket::join`](crate::PendingWebSocket::join), and the connection follows the
/// shutdown. If it is dropped before, the shutdown does not wait any longer, and the report does not count it.
#[must_use = "a shutdown waits for it until it is dropped"]
pub struct Joining(Option<Box<Member>>);

impl Joining {
    pub(crate) fn new(member: Option<Member>) -> Self {
        Self(member.map(Box::new))
    }

    /// Waits for `future` until the shutdown is requested; then drops it and returns `None`.
    pub(crate) async fn until_requested<F: Future>(&mut self, future: F) -> Option<F::Output> {
        until_requested(self.0.as_deref_mut(), future).await
    }

    /// Returns the membership, for the connection that is open now.
    pub(crate) fn take(&mut self) -> Option<Box<Member>> {
        self.0.take()
    }
}

impl fmt::Debug for Joining {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = self.0.is_some();
        f.debug_struct("Joining").field("joined", &joined).finish()
    }
}

impl Drop for Joining {
    fn drop(&mut self) {
        if let Some(member) = &mut self.0 {
            member.withdraw();
        }
    }
}

/// Waits for `future` until the shutdown of the member, if there is one, is requested; then drops it and
/// returns `None`.
pub(crate) async fn until_requested<F: Future>(
    mut member: Option<&mut Member>,
    future: F,
) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(move |cx: &mut Context<'_>| {
        if let Some(member) = &mut member {
            if member.poll_requested(cx).is_ready() {
                return Poll::Ready(None);
            }
        }
        future.as_mut().poll(cx).map(Some)
    })
    .await
}
