use super::crowd::Crowd;
use crate::sync::{Mutex, lock};

/// What a shard has to take in, and whether it runs.
///
/// A shard is in the schedule at most once, and only one thread runs its turn.
#[derive(Debug)]
pub(super) struct Inbox<I>(Mutex<State<I>>);

#[derive(Debug)]
struct State<I> {
    inputs: Vec<I>,
    running: Running,
    is_crowded: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Running {
    Idle,
    /// It is in the schedule.
    Scheduled,
    /// Its turn runs.
    Now,
}

impl<I> Inbox<I> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State {
            inputs: Vec::new(),
            running: Running::Idle,
            is_crowded: false,
        }))
    }

    /// Adds an input. From `limit` inputs on the inbox is crowded. Returns whether the shard is to be
    /// scheduled.
    pub(super) fn push(&self, input: I, limit: usize, crowd: &Crowd) -> bool {
        let mut state = lock(&self.0);
        state.inputs.push(input);
        if !state.is_crowded && state.inputs.len() >= limit {
            state.is_crowded = true;
            // Under the lock, so that the turn that takes the inputs removes it later.
            crowd.add();
        }
        let is_idle = state.running == Running::Idle;
        if is_idle {
            state.running = Running::Scheduled;
        }
        is_idle
    }

    /// A turn begins.
    pub(super) fn begin(&self) {
        lock(&self.0).running = Running::Now;
    }

    /// Takes the inputs.
    pub(super) fn take(&self, crowd: &Crowd) -> Vec<I> {
        let (inputs, was_crowded) = {
            let mut state = lock(&self.0);
            let inputs = std::mem::take(&mut state.inputs);
            (inputs, std::mem::take(&mut state.is_crowded))
        };
        if was_crowded {
            crowd.remove();
        }
        inputs
    }

    /// A turn ends. Returns whether the shard is to be scheduled again: if there is more to do, or something
    /// has come meanwhile.
    pub(super) fn end(&self, has_more: bool) -> bool {
        let mut state = lock(&self.0);
        let is_again = has_more || !state.inputs.is_empty();
        state.running = if is_again {
            Running::Scheduled
        } else {
            Running::Idle
        };
        is_again
    }
}
