use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll};

use super::member::{Member, Members, Step};

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
        let mut member = self.0.take()?;
        member.opened();
        Some(member)
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

/// Waits like [`until_requested`] for a future that accepts a connection. The shutdown waits until the step that
/// is returned is dropped, so the connection can join before. Between the polls it does not wait.
pub(crate) async fn accept_until_requested<'a, F: Future>(
    members: Option<&'a Members>,
    mut member: Option<&mut Member>,
    accepting: F,
) -> Option<(F::Output, Option<Step<'a>>)> {
    let mut accepting = pin!(accepting);
    poll_fn(move |cx: &mut Context<'_>| {
        // It is counted first: either this sees the request, or the shutdown sees this step.
        let step = members.map(Members::step);
        if let Some(member) = &mut member {
            if member.poll_requested(cx).is_ready() {
                return Poll::Ready(None);
            }
        }
        let polled = accepting.as_mut().poll(cx);
        polled.map(|output| Some((output, step)))
    })
    .await
}
