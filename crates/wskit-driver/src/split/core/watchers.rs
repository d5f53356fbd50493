use std::task::Waker;

use wskit_proto::State;

use super::sender::Sender;
use super::wait_queue::Waiter;
use crate::transport::{PollWrite, Timer};

/// Wakers that are woken without a call that waits: when there is room for a message, and when the
/// connection has ended.
#[derive(Default)]
pub(super) struct Watchers {
    /// They may never write, so they are woken beside the calls that do.
    pub(super) rooms: Vec<Waiter>,
    ends: Vec<Waker>,
}

impl<W: PollWrite, C: Timer> Sender<W, C> {
    /// Whether a message may be queued now, by a call that has not waited.
    pub(super) fn admits(&self) -> bool {
        self.output.outbox.check().is_ok() && self.may_enter(None)
    }

    /// Has `waiter` woken once there is room. Returns it if that is so already, or will never be.
    pub(crate) fn watch_room(&mut self, waiter: Waiter, has_owner: bool) -> Option<Waiter> {
        if !has_owner || self.output.outbox.state() != State::Open || self.admits() {
            return Some(waiter);
        }
        let watchers = self.queue.watchers.get_or_insert_default();
        let known = watchers.rooms.iter().position(|old| old.wakes_as(&waiter));
        if let Some(at) = known {
            if watchers.rooms.get(at).is_some_and(Waiter::is_whole) {
                self.effects.drop(Some(waiter));
                return None;
            }
            // The socket's waker has its waker, or has woken it already.
            let old = watchers.rooms.swap_remove(at);
            self.remove_from_socket(old.number());
            self.effects.drop(Some(old));
        }
        self.queue.add_room(waiter);
        None
    }

    /// Has `waker` woken once the connection has ended. Returns it if that is so already.
    pub(crate) fn watch_end(&mut self, waker: Waker, has_owner: bool) -> Option<Waker> {
        if !has_owner || self.output.outbox.state() == State::Closed {
            return Some(waker);
        }
        let ends = &mut self.queue.watchers.get_or_insert_default().ends;
        if ends.iter().any(|old| old.will_wake(&waker)) {
            self.effects.wakers.push(waker);
        } else {
            ends.reserve_exact(1);
            ends.push(waker);
        }
        None
    }

    /// Wakes and forgets them all: the connection has ended.
    #[cold]
    pub(super) fn wake_watchers(&mut self) {
        for waiter in self.queue.take_rooms() {
            self.wake(Some(waiter));
        }
        if let Some(watchers) = self.queue.watchers.take() {
            let ends = watchers.ends.into_iter().map(Waiter::to_wake);
            self.effects.wake(ends);
        }
    }
}
