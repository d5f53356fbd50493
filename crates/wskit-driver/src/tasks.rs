use std::task::{Context, Poll, Wake, Waker};

use wskit_proto::State;

use crate::rare::Rare;
use crate::sync::{Arc, Mutex, lock};

/// The tasks that use one connection: one receives and one sends, as after
/// `futures::StreamExt::split` or `tokio::io::split`.
///
/// A transport and a timer keep one waker per direction, and either task may use both directions. The
/// task that polled last would replace the other's waker, and the other would sleep for ever. So both
/// poll with a waker that wakes both.
#[derive(Default)]
pub(crate) struct Tasks {
    shared: Rare<Shared>,
}

struct Shared {
    both: Arc<Both>,
    waker: Waker,
}

/// One of the two sides of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Receive,
    Send,
}

struct Both {
    /// The waiting tasks, by side.
    waiting: Mutex<[Option<Waker>; 2]>,
}

impl Tasks {
    /// Polls for one side. If it waits, its task is woken by whatever either side waits for.
    pub(crate) fn poll<R>(
        &mut self,
        side: Side,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        let shared = self.shared.get_or_insert_with(|| {
            let both = Arc::new(Both {
                waiting: Mutex::new([None, None]),
            });
            let waker = both.clone().into();
            Box::new(Shared { both, waker })
        });
        // Before the poll, so that no wake-up from then on is missed.
        shared.both.wait(side, cx.waker());
        let polled = poll(&mut Context::from_waker(&shared.waker));
        if polled.is_ready() {
            shared.both.leave(side);
        }
        polled
    }

    /// Wakes the task of the other side, because something has changed that it may wait for.
    pub(crate) fn wake_other(&self, side: Side) {
        if let Some(shared) = self.shared.as_deref() {
            shared.both.wake_side(side.other());
        }
    }
}

/// A connection that one task may receive from while another one sends.
pub(crate) trait TwoSided: Sized {
    fn tasks(&mut self) -> &mut Tasks;

    /// Returns what one task may change that the other waits for.
    fn signs(&self) -> (State, [bool; 3]);

    /// Polls for one side. The task of the other side is woken if its signs change.
    fn poll_side<R>(
        &mut self,
        side: Side,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Self, &mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        let before = self.signs();
        let mut tasks = core::mem::take(self.tasks());
        let polled = tasks.poll(side, cx, |cx| poll(self, cx));
        *self.tasks() = tasks;
        if self.signs() != before {
            self.tasks().wake_other(side);
        }
        polled
    }
}

impl Side {
    const fn other(self) -> Self {
        match self {
            Self::Receive => Self::Send,
            Self::Send => Self::Receive,
        }
    }

    const fn index(self) -> usize {
        match self {
            Self::Receive => 0,
            Self::Send => 1,
        }
    }
}

impl Both {
    fn wait(&self, side: Side, waker: &Waker) {
        let is_known = {
            let waiting = lock(&self.waiting);
            let known = waiting.get(side.index()).and_then(Option::as_ref);
            known.is_some_and(|known| known.will_wake(waker))
        };
        if !is_known {
            let before = self.replace(side, Some(waker.clone()));
            drop(before);
        }
    }

    fn leave(&self, side: Side) {
        let before = self.replace(side, None);
        drop(before);
    }

    fn wake_side(&self, side: Side) {
        if let Some(waker) = self.replace(side, None) {
            waker.wake();
        }
    }

    /// Returns the old waker, to wake or to drop without the lock.
    fn replace(&self, side: Side, waker: Option<Waker>) -> Option<Waker> {
        let mut waiting = lock(&self.waiting);
        let place = waiting.get_mut(side.index())?;
        core::mem::replace(place, waker)
    }
}

impl Wake for Both {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let woken = core::mem::take(&mut *lock(&self.waiting));
        for waker in woken.into_iter().flatten() {
            waker.wake();
        }
    }
}
