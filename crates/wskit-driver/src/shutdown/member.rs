use std::task::{Context, Poll, Waker};

use wskit_proto::Outcome;

use super::report::Report;
use crate::sync::{Arc, AtomicUsize, Mutex, Ordering, lock};

/// The members of a shutdown and its stage.
#[derive(Default)]
pub(crate) struct Members {
    stage: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    wakers: Vec<Option<Arc<Slot>>>,
    free: Vec<usize>,
    /// Those in their opening handshake too.
    connections: usize,
    opening: usize,
    /// The polls in which a connection may be accepted.
    accepting: usize,
    report: Report,
    /// The report that was returned when time was up.
    given: Option<Report>,
}

/// The task to wake. Each slot has its own lock, so waiting connections do not contend.
#[derive(Default)]
struct Slot(Mutex<Option<Waker>>);

/// A membership in a shutdown. Dropping it leaves.
pub(crate) struct Member {
    members: Arc<dyn Following>,
    slot: Arc<Slot>,
    index: usize,
    role: Role,
    /// The latest stage that was returned.
    heard: u8,
}

/// The members as one of them sees them. A trait, so that their code is linked only into programs that make a
/// shutdown.
trait Following: Send + Sync {
    fn stage(&self) -> usize;
    /// Notes that an opening handshake has succeeded.
    fn opened(&self);
    /// Notes that a connection is a member no longer.
    fn leave(&self, role: Role, left: Left<'_>);
    /// Gives the place of a member back.
    fn release(&self, index: usize);
}

/// Why a connection is a member no longer.
#[derive(Clone, Copy)]
pub(crate) enum Left<'a> {
    /// It has ended, if it is known how, and is counted in the report.
    Ended(Option<&'a Outcome>),
    /// It is not counted.
    Withdrawn,
}

/// What a member is. It is counted among the connections until its end is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Role {
    /// It only waits for the request.
    #[default]
    Waits,
    /// A connection in its opening handshake.
    Opening,
    /// An open connection.
    Open,
}

/// A poll that may accept a connection. The shutdown waits until it is dropped: by then the connection has
/// joined.
pub(crate) struct Step<'a>(&'a Members);

/// What a shutdown asks of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// Close.
    Close,
    /// Give up.
    GiveUp,
}

const REQUESTED: usize = 1;
const GIVEN_UP: usize = 2;

impl Members {
    pub(crate) fn join(self: &Arc<Self>, role: Role) -> Member {
        let slot = Arc::<Slot>::default();
        let mut state = lock(&self.state);
        state.connections += usize::from(role != Role::Waits);
        state.opening += usize::from(role == Role::Opening);
        let entry = Some(slot.clone());
        let index = match state.free.pop() {
            Some(index) => {
                if let Some(free) = state.wakers.get_mut(index) {
                    *free = entry;
                }
                index
            }
            None => {
                state.wakers.push(entry);
                state.wakers.len() - 1
            }
        };
        drop(state);
        Member {
            members: self.clone(),
            slot,
            index,
            role,
            heard: 0,
        }
    }

    pub(crate) fn step(&self) -> Step<'_> {
        lock(&self.state).accepting += 1;
        Step(self)
    }

    pub(super) fn request(&self) {
        if self.stage.fetch_max(REQUESTED, Ordering::AcqRel) < REQUESTED {
            self.wake_all();
        }
    }

    pub(super) fn is_requested(&self) -> bool {
        self.stage.load(Ordering::Acquire) >= REQUESTED
    }

    pub(super) fn connections(&self) -> usize {
        lock(&self.state).connections
    }

    pub(super) fn report_if_over(&self) -> Option<Report> {
        let state = lock(&self.state);
        state.given.or(state.is_empty().then_some(state.report))
    }

    /// Gives up the connections that are left, because time is up.
    pub(super) fn give_up(&self) -> Report {
        let mut state = lock(&self.state);
        let mut report = state.report;
        report.timed_out += state.connections - state.opening;
        let report = *state.given.get_or_insert(report);
        drop(state);
        if self.stage.swap(GIVEN_UP, Ordering::AcqRel) < GIVEN_UP {
            self.wake_all();
        }
        report
    }

    fn wake_all(&self) {
        let slots: Vec<_> = lock(&self.state).wakers.iter().flatten().cloned().collect();
        for slot in slots {
            let waker = lock(&slot.0).take();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    fn left(&self, leave: impl FnOnce(&mut State), report: impl FnOnce(&mut Report)) {
        let mut state = lock(&self.state);
        leave(&mut state);
        let is_requested = self.is_requested();
        if is_requested {
            report(&mut state.report);
        }
        let is_last = is_requested && state.is_empty();
        drop(state);
        if is_last {
            self.wake_all();
        }
    }
}

impl Following for Members {
    fn stage(&self) -> usize {
        self.stage.load(Ordering::Acquire)
    }

    fn opened(&self) {
        lock(&self.state).opening -= 1;
    }

    fn leave(&self, role: Role, left: Left<'_>) {
        let leave = |state: &mut State| {
            state.connections -= 1;
            state.opening -= usize::from(role == Role::Opening);
        };
        self.left(leave, |report| {
            if let Left::Ended(outcome) = left {
                report.count(outcome);
            }
        });
    }

    fn release(&self, index: usize) {
        let mut state = lock(&self.state);
        if let Some(slot) = state.wakers.get_mut(index) {
            *slot = None;
        }
        state.free.push(index);
    }
}

impl State {
    /// Returns whether there is nothing to wait for.
    fn is_empty(&self) -> bool {
        self.connections == 0 && self.accepting == 0
    }
}

impl Drop for Step<'_> {
    fn drop(&mut self) {
        self.0.left(|state| state.accepting -= 1, |_| ());
    }
}

impl Member {
    /// Returns what the shutdown asks and was not returned before; otherwise this task is woken when
    /// there is something. `Close` is returned only if `may_close`, which is called after the stage was
    /// read.
    pub(crate) fn poll_told(
        &mut self,
        may_close: impl FnOnce() -> bool,
        cx: &Context<'_>,
    ) -> Option<Told> {
        self.listen(cx);
        // The waker is registered first: either this sees the stage, or the request sees the waker.
        let stage = self.members.stage();
        if stage <= usize::from(self.heard) || (stage == REQUESTED && !may_close()) {
            return None;
        }
        self.heard = stage as u8;
        Some(if stage == REQUESTED {
            Told::Close
        } else {
            Told::GiveUp
        })
    }

    pub(crate) fn poll_requested(&mut self, cx: &Context<'_>) -> Poll<()> {
        self.listen(cx);
        if self.members.stage() >= REQUESTED {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    pub(super) fn listen(&self, cx: &Context<'_>) {
        let is_known = {
            let waker = lock(&self.slot.0);
            let known = waker.as_ref();
            known.is_some_and(|known| known.will_wake(cx.waker()))
        };
        if !is_known {
            // Cloned and dropped without the lock.
            let waker = Some(cx.waker().clone());
            let before = core::mem::replace(&mut *lock(&self.slot.0), waker);
            drop(before);
        }
    }

    /// Drops the waker until the next poll.
    pub(crate) fn forget(&self) {
        let waker = lock(&self.slot.0).take();
        drop(waker);
    }

    /// Notes that the connection has ended.
    pub(crate) fn ended(&mut self, outcome: Option<&Outcome>) {
        self.leave(Left::Ended(outcome));
    }

    /// Notes that the connection is no longer, or will never be, one of this shutdown's: the report does not
    /// count it.
    pub(crate) fn withdraw(&mut self) {
        self.leave(Left::Withdrawn);
    }

    /// Notes that the opening handshake has succeeded.
    pub(super) fn opened(&mut self) {
        if core::mem::replace(&mut self.role, Role::Open) == Role::Opening {
            self.members.opened();
        }
    }

    /// Returns whether this is a member of the same shutdown.
    pub(super) fn is_of(&self, members: &Arc<Members>) -> bool {
        core::ptr::addr_eq(Arc::as_ptr(&self.members), Arc::as_ptr(members))
    }

    fn leave(&mut self, left: Left<'_>) {
        let role = core::mem::take(&mut self.role);
        if role != Role::Waits {
            self.members.leave(role, left);
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.ended(None);
        self.members.release(self.index);
    }
}
