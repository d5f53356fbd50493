//! The loop that accepts connections.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::handler::Handler;
use super::listener::Listener;
use super::runtime::ServeRuntime;
use super::shared::{Place, RefusalPlace, Shared};
use super::{ServeFault, task};
use crate::error::ConnectionError;
use crate::shutdown::{Joining, Members, Role, accept_until_requested, until_requested};
use crate::transport::{Deadline, Transport};

/// Connections that are accepted before the task lets others of its executor run.
const AT_ONCE: usize = 64;

/// Accepts connections until the shutdown is requested or the listener ends.
pub(super) async fn run<R, L, H>(
    shared: Arc<Shared<R, L::Stream, L::Addr>>,
    mut listener: L,
    handler: H,
    members: Option<Arc<Members>>,
) -> io::Result<()>
where
    L: Listener<R>,
    R: ServeRuntime<L::Stream>,
    H: Handler<R::Io, L::Addr>,
{
    let mut stopping = members.as_ref().map(|members| members.join(Role::Waits));
    let mut pauses = Pauses::default();
    let mut accepted = 0;
    loop {
        let accepting = async {
            let place = match (&shared.room, &shared.refusing) {
                (Some(room), None) => {
                    room.take().await;
                    Some(Place(shared.clone()))
                }
                (None, _) => Some(Place(shared.clone())),
                (Some(_), Some(_)) => None,
            };
            (place, listener.accept().await)
        };
        let stoppable = accept_until_requested(members.as_deref(), stopping.as_mut(), accepting);
        let Some(((place, Some(next)), step)) = stoppable.await else {
            return Ok(());
        };
        let (stream, peer) = match next {
            Ok(connection) => connection,
            Err(error) => {
                drop((place, step));
                let pause = pauses.after(&error);
                shared.report(None, ServeFault::Accept(error));
                if let Some(pause) = pause {
                    let mut deadline = Deadline::new(<R::Io as Transport>::Timer::default(), pause);
                    let passed = poll_fn(move |cx| deadline.poll(cx));
                    until_requested(stopping.as_mut(), passed)
                        .await
                        .unwrap_or(Ok(()))?;
                }
                continue;
            }
        };
        pauses = Pauses::default();
        let joining = Joining::new(members.as_ref().map(|members| members.join(Role::Opening)));
        drop(step);
        let place = place.or_else(|| {
            let room = shared.room.as_ref()?;
            room.try_take().then(|| Place(shared.clone()))
        });
        match place {
            Some(place) => match task::guarded(|| (peer.clone(), handler.clone())) {
                Ok((of_handler, handler)) => {
                    let shared = shared.clone();
                    let opening = task::open(shared, stream, of_handler, handler, joining);
                    R::spawn(task::serve(Box::pin(opening), place, peer));
                }
                Err(fault) => shared.report(Some(peer), fault),
            },
            // Beyond the most refusals at once the connection is closed without an answer.
            None => {
                let room = shared.refusing.as_ref().map(|(room, _)| room);
                if room.is_some_and(super::Room::try_take) {
                    let place = RefusalPlace(shared.clone());
                    R::spawn(task::refuse(place, stream, joining));
                }
            }
        }
        accepted += 1;
        if accepted % AT_ONCE == 0 {
            yield_now().await;
        }
    }
}

/// Lets other tasks run.
async fn yield_now() {
    let mut yielded = false;
    poll_fn(move |cx| {
        if core::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// How long to wait after an accept that failed: at once it may fail again.
#[derive(Default)]
struct Pauses {
    failures: u32,
    pause: Duration,
}

impl Pauses {
    const FIRST: Duration = Duration::from_millis(10);
    const LONGEST: Duration = Duration::from_secs(1);
    /// Clients that went away, one after the other, before it looks like a fault of the listener.
    const PATIENCE: u32 = 100;

    /// Returns how long to wait after the next failure in a row. `None`: not at all.
    fn after(&mut self, error: &io::Error) -> Option<Duration> {
        self.failures = self.failures.saturating_add(1);
        if is_of_one_client(error) && self.failures <= Self::PATIENCE {
            return None;
        }
        self.pause = (self.pause * 2).clamp(Self::FIRST, Self::LONGEST);
        Some(self.pause)
    }
}

/// Returns whether an accept failed because of the client that was to be accepted: it has gone, its network
/// has (accept(2) reports errors that the new socket already has), or a firewall forbids it.
fn is_of_one_client(error: &io::Error) -> bool {
    let kind = error.kind();
    ConnectionError::is_disconnect_io(error)
        || matches!(
            kind,
            io::ErrorKind::Interrupted | io::ErrorKind::PermissionDenied
        )
        || error.raw_os_error().is_some_and(is_of_the_network)
}

/// The rest of what accept(2) lists: these have no [`io::ErrorKind`].
#[cfg(target_os = "linux")]
fn is_of_the_network(code: i32) -> bool {
    matches!(
        code,
        libc::EPROTO | libc::ENOPROTOOPT | libc::ENONET | libc::EOPNOTSUPP
    )
}

#[cfg(not(target_os = "linux"))]
fn is_of_the_network(_: i32) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(kind: io::ErrorKind) -> io::Error {
        kind.into()
    }

    #[test]
    fn accept_that_failed_for_want_of_something_is_tried_again_after_10_ms_that_double_up_to_1_s() {
        let mut pauses = Pauses::default();
        let millis: Vec<_> = (0..9)
            .map(|_| pauses.after(&kind(io::ErrorKind::OutOfMemory)))
            .map(|pause| pause.unwrap().as_millis())
            .collect();
        assert_eq!(millis, [10, 20, 40, 80, 160, 320, 640, 1000, 1000]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn errors_of_accept_2() {
        // EMFILE, ENFILE, ENOBUFS, ENOMEM, EINVAL, EBADF
        for code in [24, 23, 105, 12, 22, 9] {
            let error = io::Error::from_raw_os_error(code);
            assert!(Pauses::default().after(&error).is_some(), "{error}");
        }
        // ECONNABORTED, ECONNRESET, EINTR, EPERM, ENETDOWN, EPROTO, ENOPROTOOPT, EHOSTDOWN, ENONET,
        // EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH
        for code in [103, 104, 4, 1, 100, 71, 92, 112, 64, 113, 95, 101] {
            let error = io::Error::from_raw_os_error(code);
            assert_eq!(Pauses::default().after(&error), None, "{error}");
        }
    }

    #[test]
    fn accept_that_always_fails_for_its_clients_is_no_busy_loop() {
        let mut pauses = Pauses::default();
        let aborted = kind(io::ErrorKind::ConnectionAborted);
        let at_once = (0..1000).take_while(|_| pauses.after(&aborted).is_none());
        assert_eq!(at_once.count(), 100);
    }
}
