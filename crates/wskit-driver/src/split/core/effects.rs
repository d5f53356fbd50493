use std::io;
use std::task::Waker;

use super::socket_waker::SocketWaker;
use super::wait_queue::Waiter;

/// What is to be woken and dropped once the lock of the sending half has been released: both may run
/// foreign code.
#[derive(Default)]
pub(super) struct Effects {
    wake: Vec<Waiter>,
    drop: Vec<Waiter>,
    /// Wakers to drop.
    pub(super) wakers: Vec<Waker>,
    pub(super) wake_reader: bool,
    /// The tasks that write are to be woken, because the transport has woken meanwhile.
    pub(super) wake_socket: bool,
    /// Payloads to drop.
    pub(super) payloads: Vec<bytes::Bytes>,
    /// Messages to drop.
    pub(super) messages: Vec<wskit_proto::QueuedMessage>,
    /// Errors of the transport to drop.
    pub(super) errors: Vec<io::Error>,
}

impl Effects {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        !self.wake_reader
            && !self.wake_socket
            && self.wake.is_empty()
            && self.drop.is_empty()
            && self.wakers.is_empty()
            && self.payloads.is_empty()
            && self.messages.is_empty()
            && self.errors.is_empty()
    }

    /// Whether a task will be woken that can write.
    pub(super) fn wakes_writers(&self) -> bool {
        !self.wake.is_empty() || self.wake_socket
    }

    pub(super) fn wake(&mut self, waiters: impl IntoIterator<Item = Waiter>) {
        self.wake.extend(waiters);
    }

    pub(super) fn drop(&mut self, waiters: impl IntoIterator<Item = Waiter>) {
        self.drop.extend(waiters);
    }

    /// Wakes and drops everything.
    pub(super) fn run(self, socket: &SocketWaker) {
        for waiter in self.wake {
            waiter.wake();
        }
        if self.wake_socket {
            socket.wake_all();
        } else if self.wake_reader {
            socket.wake_reader();
        }
    }
}
