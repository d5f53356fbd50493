use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::task::{Poll, Waker};

use crate::sync::{Arc, Mutex, MutexGuard, lock};

/// Lets so many in at a time; the others stand in a line.
#[derive(Clone)]
pub(crate) struct Turns(Arc<Mutex<Line>>);

struct Line {
    free: usize,
    next_ticket: u64,
    /// A waker leaves its place when it is woken.
    waiting: VecDeque<(u64, Option<Waker>)>,
}

impl Turns {
    pub(crate) fn new(limit: usize) -> Self {
        Self(Arc::new(Mutex::new(Line {
            free: limit.max(1),
            next_ticket: 0,
            waiting: VecDeque::new(),
        })))
    }

    /// Waits for a turn, which ends when it is dropped. Dropped while it waits, it leaves the line.
    pub(crate) async fn turn(&self) -> Turn<'_> {
        let mut place = Place {
            turns: self,
            ticket: None,
        };
        // Borrowed, not moved: a closure would take the number alone, and the place would not be left.
        poll_fn(|cx| {
            // Wakers are foreign code: they are cloned, woken and dropped without the lock.
            let waker = cx.waker().clone();
            let mut line = self.lock();
            let first = line.waiting.front().map(|(ticket, _)| *ticket);
            if line.free > 0 && first == place.ticket {
                line.free -= 1;
                let left = place.ticket.take().and_then(|_| line.waiting.pop_front());
                let next = line.take_first();
                drop(line);
                drop(left);
                next.into_iter().for_each(Waker::wake);
                return Poll::Ready(Turn(self));
            }
            let before = match place.ticket {
                Some(mine) => {
                    let own = line.waiting.iter_mut().find(|(ticket, _)| *ticket == mine);
                    own.and_then(|(_, own)| own.replace(waker))
                }
                None => {
                    let ticket = line.next_ticket;
                    line.next_ticket += 1;
                    line.waiting.push_back((ticket, Some(waker)));
                    place.ticket = Some(ticket);
                    None
                }
            };
            drop(line);
            drop(before);
            Poll::Pending
        })
        .await
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        lock(&self.0)
    }
}

impl Line {
    /// The first one's waker, if there is room for it: to be woken without the lock.
    fn take_first(&mut self) -> Option<Waker> {
        if self.free == 0 {
            return None;
        }
        self.waiting.front_mut()?.1.take()
    }
}

impl fmt::Debug for Turns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.lock();
        f.debug_struct("Turns")
            .field("free", &line.free)
            .field("waiting", &line.waiting.len())
            .finish()
    }
}

/// A turn.
#[derive(Debug)]
pub(crate) struct Turn<'a>(&'a Turns);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut line = self.0.lock();
        line.free += 1;
        let next = line.take_first();
        drop(line);
        next.into_iter().for_each(Waker::wake);
    }
}

/// A place in the line.
struct Place<'a> {
    turns: &'a Turns,
    ticket: Option<u64>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(mine) = self.ticket {
            let mut line = self.turns.lock();
            let at = line.waiting.iter().position(|(ticket, _)| *ticket == mine);
            let own = at.and_then(|at| line.waiting.remove(at));
            // It may have been woken in vain.
            let next = line.take_first();
            drop(line);
            drop(own);
            next.into_iter().for_each(Waker::wake);
        }
    }
}
