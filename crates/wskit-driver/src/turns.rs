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
    waiting: VecDeque<(u64, Waker)>,
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
            let mut line = self.lock();
            let first = line.waiting.front().map(|(ticket, _)| *ticket);
            if line.free > 0 && first == place.ticket {
                line.free -= 1;
                if place.ticket.take().is_some() {
                    line.waiting.pop_front();
                }
                line.wake_first();
                return Poll::Ready(Turn(self));
            }
            match place.ticket {
                Some(mine) => {
                    let own = line.waiting.iter_mut().find(|(ticket, _)| *ticket == mine);
                    if let Some((_, waker)) = own {
                        waker.clone_from(cx.waker());
                    }
                }
                None => {
                    let ticket = line.next_ticket;
                    line.next_ticket += 1;
                    line.waiting.push_back((ticket, cx.waker().clone()));
                    place.ticket = Some(ticket);
                }
            }
            Poll::Pending
        })
        .await
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        lock(&self.0)
    }
}

impl Line {
    /// If there is room for him.
    fn wake_first(&self) {
        if let Some((_, waker)) = self.waiting.front().filter(|_| self.free > 0) {
            waker.wake_by_ref();
        }
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
        line.wake_first();
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
            line.waiting.retain(|(ticket, _)| *ticket != mine);
            // It may have been woken in vain.
            line.wake_first();
        }
    }
}
