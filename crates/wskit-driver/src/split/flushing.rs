use std::task::{Context, Poll};

use super::shared::Shared;
use crate::error::Error;
use crate::transport::Transport;

/// What a flush waits for: when it began, this much had to be written in all, and this much had
/// jumped the queue.
#[derive(Clone, Copy)]
pub(crate) struct Target {
    pub(super) written: u64,
    pub(super) jumped: u64,
}

/// A flush in progress. If it is dropped, the rest is left to a reader that waits: a message cut in
/// the middle may be all that the peer waits for.
pub(crate) struct Flushing<'a, T: Transport> {
    shared: &'a Shared<T>,
    target: Target,
    done: bool,
}

impl<'a, T: Transport> Flushing<'a, T> {
    pub(crate) fn new(shared: &'a Shared<T>) -> Self {
        Self {
            shared,
            target: shared.flush_target(),
            done: false,
        }
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let polled = self.shared.poll_flush(cx, self.target);
        self.done = polled.is_ready();
        polled
    }
}

impl<T: Transport> Drop for Flushing<'_, T> {
    fn drop(&mut self) {
        if !self.done {
            self.shared.wake_reader();
        }
    }
}
