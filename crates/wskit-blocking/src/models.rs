//! Models of a thread that waits and is woken: loom runs every order of their steps, with a limited number of
//! forced switches between them. A wake-up that is lost is a deadlock, which loom reports.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test -p wskit-blocking --lib --release models`.
#![allow(clippy::unwrap_used, reason = "tests")]

#[cfg(test)]
#[path = "../../wskit-driver/src/models/exploration.rs"]
mod exploration;

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use loom::sync::{Condvar, Mutex};

/// One end of a pair of sockets, without the kernel.
#[derive(Debug)]
pub(crate) struct Ear {
    /// The bytes that this end can read, and those that the other can.
    own: Arc<Bytes>,
    other: Arc<Bytes>,
}

#[derive(Debug)]
struct Bytes {
    count: Mutex<usize>,
    more: Condvar,
}

impl Bytes {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            count: Mutex::new(0),
            more: Condvar::new(),
        })
    }
}

/// Creates a pair of connected ends.
pub(crate) fn ear_pair() -> io::Result<(Ear, Ear)> {
    let (one, two) = (Bytes::new(), Bytes::new());
    let near = Ear {
        own: one.clone(),
        other: two.clone(),
    };
    Ok((
        near,
        Ear {
            own: two,
            other: one,
        },
    ))
}

impl Ear {
    pub(crate) fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        *self.other.count.lock().unwrap() += bytes.len();
        self.other.more.notify_one();
        Ok(bytes.len())
    }

    pub(crate) fn recv(&self, _: &mut [u8]) -> io::Result<usize> {
        self.wait();
        *self.own.count.lock().unwrap() -= 1;
        Ok(1)
    }

    /// Waits until there is something to read, as `poll(2)` does.
    fn wait(&self) {
        let mut count = self.own.count.lock().unwrap();
        while *count == 0 {
            count = self.own.more.wait(count).unwrap();
        }
    }
}

impl AsFd for Ear {
    fn as_fd(&self) -> BorrowedFd<'_> {
        unreachable!("models poll no sockets")
    }
}

/// Parks the thread that calls. No model has a limit.
pub(crate) fn park(_: Option<Duration>) {
    loom::thread::park();
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::Waker;

    use loom::sync::atomic::{AtomicUsize, Ordering};

    use super::exploration::{join, model, spawn_with};
    use crate::bell::Bell;

    /// How a thread waits for the next wake-up.
    #[derive(Clone, Copy)]
    enum Wait {
        Park,
        Poll,
        /// Each in turn.
        Both,
    }

    /// `wakers` threads add one each and wake the thread that waits until all have.
    fn is_woken_by(wakers: usize, wait: Wait) {
        let sum = Arc::new(AtomicUsize::new(0));
        let bell = Bell::new();
        let threads = (0..wakers).map(|_| {
            let waker = Waker::from(bell.clone());
            spawn_with(&sum, move |sum| {
                sum.fetch_add(1, Ordering::Relaxed);
                waker.wake();
            })
        });
        let threads: Vec<_> = threads.collect();
        let mut turn = 0;
        loop {
            bell.take();
            if sum.load(Ordering::Relaxed) == wakers {
                break;
            }
            if bell.unless_woken(|| ()).is_none() {
                continue;
            }
            turn += 1;
            match wait {
                Wait::Poll => drop(bell.listen(super::Ear::wait).unwrap()),
                Wait::Both if turn % 2 == 0 => drop(bell.listen(super::Ear::wait).unwrap()),
                Wait::Park | Wait::Both => bell.park(None),
            }
        }
        join(threads);
    }

    #[test]
    fn parked_thread_sees_what_two_threads_did() {
        model(3, || is_woken_by(2, Wait::Park));
    }

    #[test]
    fn polling_thread_sees_what_two_threads_did() {
        model(3, || is_woken_by(2, Wait::Poll));
    }

    #[test]
    fn thread_that_parks_and_polls_sees_what_two_threads_did() {
        model(3, || is_woken_by(2, Wait::Both));
    }

    /// A thread that finds that no waker is left waits for its socket alone: what the last waker's owner did must
    /// have been seen by then.
    #[test]
    fn last_wake_up_is_not_lost_to_the_count_of_wakers() {
        model(3, || {
            let bell = Bell::new();
            let (sum, wakers) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(1)));
            let waker = Waker::from(bell.clone());
            let thread = spawn_with(&(sum.clone(), wakers.clone()), move |(sum, wakers)| {
                sum.store(1, Ordering::Relaxed);
                waker.wake();
                // The count of an `Arc`, in which loom sees a step.
                wakers.fetch_sub(1, Ordering::Release);
            });
            loop {
                bell.take();
                if sum.load(Ordering::Relaxed) == 1 {
                    break;
                }
                match bell.unless_woken(|| wakers.load(Ordering::Relaxed) == 0) {
                    None => {}
                    Some(false) => bell.park(None),
                    Some(true) => panic!("the thread waits for its socket alone, and was woken"),
                }
            }
            join([thread]);
        });
    }
}
