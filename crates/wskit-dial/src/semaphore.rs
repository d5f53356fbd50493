use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Poll, Waker};

use crate::sync::{Arc, Mutex, MutexGuard, lock};

/// A fair async semaphore: permits are given in the order in which they were asked for.
#[cfg_attr(loom, derive(Clone))]
pub(crate) struct Semaphore(Arc<Mutex<Queue>>);

struct Queue {
    permits: usize,
    next_ticket: u64,
    /// The waiters by ticket. A waker is taken out when it is woken.
    waiting: VecDeque<(u64, Option<Waker>)>,
}

impl Semaphore {
    /// Makes a semaphore with this many permits, at least one.
    pub(crate) fn new(permits: usize) -> Self {
        Self(Arc::new(Mutex::new(Queue {
            permits: permits.max(1),
            next_ticket: 0,
            waiting: VecDeque::new(),
        })))
    }

    /// Waits for a permit, which is given back when it is dropped. A dropped call leaves the queue.
    pub(crate) async fn acquire(&self) -> SemaphorePermit<'_> {
        let mut waiter = Waiter {
            semaphore: self,
            ticket: None,
        };
        // Borrowed, not moved: a closure would capture only the ticket, and `Waiter` would not be dropped.
        poll_fn(|cx| {
            // Wakers are foreign code: they are cloned, woken and dropped without the lock.
            let waker = cx.waker().clone();
            let mut queue = self.lock();
            let first = queue.waiting.front().map(|(ticket, _)| *ticket);
            if queue.permits > 0 && first == waiter.ticket {
                queue.permits -= 1;
                let left = waiter.ticket.take().and_then(|_| queue.waiting.pop_front());
                let next = queue.take_first();
                drop(queue);
                drop(left);
                next.into_iter().for_each(Waker::wake);
                return Poll::Ready(SemaphorePermit(self));
            }
            let before = match waiter.ticket {
                Some(mine) => {
                    let own = queue.waiting.iter_mut().find(|(ticket, _)| *ticket == mine);
                    own.and_then(|(_, own)| own.replace(waker))
                }
                None => {
                    let ticket = queue.next_ticket;
                    queue.next_ticket += 1;
                    queue.waiting.push_back((ticket, Some(waker)));
                    waiter.ticket = Some(ticket);
                    None
                }
            };
            drop(queue);
            drop(before);
            Poll::Pending
        })
        .await
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        lock(&self.0)
    }
}

/// What limits the connections that are being opened. A trait, so that the semaphore is linked only into
/// programs that set a limit.
pub(crate) trait Turns: fmt::Debug + Send + Sync {
    /// Waits for a turn, which ends when what is returned is dropped.
    fn wait(&self) -> Pin<Box<dyn Future<Output = Turn<'_>> + Send + '_>>;
}

/// A turn that lasts until it is dropped.
pub(crate) type Turn<'a> = Box<dyn fmt::Debug + Send + 'a>;

impl Turns for Semaphore {
    fn wait(&self) -> Pin<Box<dyn Future<Output = Turn<'_>> + Send + '_>> {
        Box::pin(async {
            let turn: Turn<'_> = Box::new(self.acquire().await);
            turn
        })
    }
}

impl Queue {
    /// Returns the waker of the first waiter, if a permit is free: to be woken without the lock.
    fn take_first(&mut self) -> Option<Waker> {
        if self.permits == 0 {
            return None;
        }
        self.waiting.front_mut()?.1.take()
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let queue = self.lock();
        f.debug_struct("Semaphore")
            .field("permits", &queue.permits)
            .field("waiting", &queue.waiting.len())
            .finish()
    }
}

/// A permit of a [`Semaphore`].
#[derive(Debug)]
pub(crate) struct SemaphorePermit<'a>(&'a Semaphore);

impl Drop for SemaphorePermit<'_> {
    fn drop(&mut self) {
        let mut queue = self.0.lock();
        queue.permits += 1;
        let next = queue.take_first();
        drop(queue);
        next.into_iter().for_each(Waker::wake);
    }
}

/// A place in the queue of a [`Semaphore`].
struct Waiter<'a> {
    semaphore: &'a Semaphore,
    ticket: Option<u64>,
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        if let Some(mine) = self.ticket {
            let mut queue = self.semaphore.lock();
            let at = queue.waiting.iter().position(|(ticket, _)| *ticket == mine);
            let own = at.and_then(|at| queue.waiting.remove(at));
            // This waiter may have been woken for a permit: it goes to the next one.
            let next = queue.take_first();
            drop(queue);
            drop(own);
            next.into_iter().for_each(Waker::wake);
        }
    }
}
