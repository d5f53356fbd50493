use std::collections::VecDeque;
use std::task::Waker;

use super::wake::wake;
use crate::sync::{Mutex, lock};

/// Which shards have something to do, and the driver futures that may do it.
#[derive(Debug, Default)]
pub(super) struct Schedule(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    ready: VecDeque<u16>,
    drivers: Vec<Driver>,
    next_driver: u64,
}

#[derive(Debug)]
struct Driver {
    id: DriverId,
    /// Set while it waits.
    waker: Option<Waker>,
}

/// The number of a driver future.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DriverId(u64);

impl Schedule {
    /// Adds shards that have something to do, and wakes as many drivers as wait, at most one a shard.
    /// Returns false if there is no driver: the caller runs the shards.
    pub(super) fn add(&self, shards: impl IntoIterator<Item = u16>) -> bool {
        let mut wakers = Wakers::default();
        let has_drivers = {
            let mut state = lock(&self.0);
            let State { ready, drivers, .. } = &mut *state;
            let mut waiting = drivers.iter_mut().filter_map(|driver| driver.waker.take());
            for shard in shards {
                ready.push_back(shard);
                wakers.push(waiting.next());
            }
            !drivers.is_empty()
        };
        wakers.wake();
        has_drivers
    }

    /// Returns a shard that has something to do.
    pub(super) fn next(&self) -> Option<u16> {
        lock(&self.0).ready.pop_front()
    }

    /// Wakes a driver that waits, if there is one. Returns whether there are drivers at all.
    pub(super) fn nudge_first(&self) -> bool {
        let (waker, has_drivers) = {
            let mut state = lock(&self.0);
            let first = state.drivers.first_mut();
            let has_drivers = first.is_some();
            (first.and_then(|driver| driver.waker.take()), has_drivers)
        };
        if let Some(waker) = waker {
            wake(waker);
        }
        has_drivers
    }

    /// Wakes all drivers.
    pub(super) fn wake_all(&self) {
        let wakers: Vec<_> = {
            let mut state = lock(&self.0);
            let wakers = state
                .drivers
                .iter_mut()
                .filter_map(|driver| driver.waker.take());
            wakers.collect()
        };
        wakers.into_iter().for_each(wake);
    }

    pub(super) fn has_drivers(&self) -> bool {
        !lock(&self.0).drivers.is_empty()
    }

    /// Adds a driver.
    pub(super) fn enter(&self) -> DriverId {
        let mut state = lock(&self.0);
        let id = DriverId(state.next_driver);
        state.next_driver += 1;
        state.drivers.push(Driver { id, waker: None });
        id
    }

    /// Has a driver wait, unless there is a shard for it: then returns that.
    pub(super) fn next_or_wait(&self, id: DriverId, waker: &Waker) -> Option<u16> {
        let waker = waker.clone();
        let mut state = lock(&self.0);
        if let Some(shard) = state.ready.pop_front() {
            drop(state);
            return Some(shard);
        }
        let driver = state.drivers.iter_mut().find(|driver| driver.id == id);
        let old = driver.and_then(|driver| driver.waker.replace(waker));
        drop(state);
        drop(old);
        None
    }

    /// Whether a driver is the one that also keeps the time and follows the engine.
    pub(super) fn is_first(&self, id: DriverId) -> bool {
        let state = lock(&self.0);
        state.drivers.first().is_some_and(|first| first.id == id)
    }

    /// Removes a driver, and wakes another one: this one may have been woken for something it has not done.
    /// Returns false if there is no other.
    pub(super) fn leave(&self, id: DriverId) -> bool {
        let (left, has_drivers) = {
            let mut state = lock(&self.0);
            let i = state.drivers.iter().position(|driver| driver.id == id);
            let left = i.map(|i| state.drivers.remove(i));
            (left, !state.drivers.is_empty())
        };
        drop(left);
        // The next first one keeps the time from now on.
        self.wake_all();
        has_drivers
    }
}

/// Wakers to be woken without the lock; the first without an allocation.
#[derive(Debug, Default)]
struct Wakers {
    first: Option<Waker>,
    others: Vec<Waker>,
}

impl Wakers {
    fn push(&mut self, waker: Option<Waker>) {
        match (waker, &self.first) {
            (Some(waker), None) => self.first = Some(waker),
            (waker, _) => self.others.extend(waker),
        }
    }

    fn wake(self) {
        self.first.into_iter().chain(self.others).for_each(wake);
    }
}
