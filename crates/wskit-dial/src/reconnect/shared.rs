//! What the task of a client shares with its [`Events`](super::Events) and its
//! [`Handle`](super::Handle)s.
//!
//! Wakers, events and writers are foreign code: they are cloned, woken and dropped without the lock.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::mem;
use std::task::{Context, Poll, Waker};

use wskit_driver::{Overflow, Transport, Writer};
use wskit_proto::{CloseCode, CloseFrame, Outcome, State};

use super::{Event, GaveUp};
use crate::sync::{Mutex, lock};

/// `W` is the writer of the connection; the models have something simpler.
pub(crate) struct Shared<W> {
    inner: Mutex<Inner<W>>,
    bound: usize,
    overflow: Overflow,
}

struct Inner<W> {
    link: Link<W>,
    /// Calls that wait for a connection, by ticket.
    waiting: Vec<(u64, Waker)>,
    next_ticket: u64,

    events: VecDeque<Event>,
    /// How many of `events` are messages.
    messages: usize,
    dropped: u64,
    /// How the client has ended, once it has; returned after the events.
    end: Option<Result<(), GaveUp>>,
    consumer: Option<Waker>,
    /// Whether [`Events`](super::Events) was dropped.
    abandoned: bool,
    /// The messages of this connection are not wanted any more.
    discarding: bool,

    close: Option<CloseFrame>,
    closing: bool,
    task: Option<Waker>,
    /// Whether the task waits for events to be taken.
    full: bool,
}

enum Link<W> {
    Away,
    Open(W),
    Over(Option<Outcome>),
}

/// What the task has to do next.
pub(crate) enum Order {
    /// Close the connection, and open no other.
    Close(CloseFrame),
    GoOn,
}

/// What became of an event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Given {
    /// It waits to be taken, perhaps in the place of others, or was dropped.
    Done,
    /// The consumer is too slow: the connection has to be closed.
    TooSlow,
}

/// The writer of a connection.
pub(crate) trait Sending: Clone {
    fn is_open(&self) -> bool;
}

impl<T: Transport> Sending for Writer<T> {
    fn is_open(&self) -> bool {
        self.state() == State::Open
    }
}

/// How many events that are no messages may wait before no further attempt is made.
pub(crate) const NEWS: usize = 64;

impl<W> Shared<W> {
    pub(crate) fn new(bound: usize, overflow: Overflow) -> Self {
        Self {
            inner: Mutex::new(Inner {
                link: Link::Away,
                waiting: Vec::new(),
                next_ticket: 0,
                events: VecDeque::new(),
                messages: 0,
                dropped: 0,
                end: None,
                consumer: None,
                abandoned: false,
                discarding: false,
                close: None,
                closing: false,
                task: None,
                full: false,
            }),
            bound: bound.max(1),
            overflow,
        }
    }

    // The task.

    /// Returns what to do next; pending while events have to be taken first.
    pub(crate) fn poll_order(&self, cx: &mut Context<'_>) -> Poll<Order> {
        let waker = cx.waker().clone();
        let mut inner = lock(&self.inner);
        let order = match inner.close.take() {
            Some(close) => {
                inner.closing = true;
                Poll::Ready(Order::Close(close))
            }
            None if inner.closing || !self.is_full(&inner) => Poll::Ready(Order::GoOn),
            None => Poll::Pending,
        };
        inner.full = order.is_pending();
        let before = inner.task.replace(waker);
        drop(inner);
        drop(before);
        order
    }

    fn is_full(&self, inner: &Inner<W>) -> bool {
        let news = inner.events.len() - inner.messages;
        let waits = !matches!(
            self.overflow,
            Overflow::DropOldest | Overflow::LatestOnly | Overflow::Disconnect
        );
        let is_open = matches!(inner.link, Link::Open(_));
        (news >= NEWS && !is_open) || (waits && inner.messages >= self.bound)
    }

    /// A connection was opened.
    pub(crate) fn connected(&self, writer: W) {
        let mut inner = lock(&self.inner);
        let before = mem::replace(&mut inner.link, Link::Open(writer));
        inner.discarding = false;
        let waiting = mem::take(&mut inner.waiting);
        drop(inner);
        drop(before);
        for (_, waker) in waiting {
            waker.wake();
        }
    }

    /// The connection was lost.
    pub(crate) fn disconnected(&self) {
        let before = mem::replace(&mut lock(&self.inner).link, Link::Away);
        drop(before);
    }

    /// Passes an event on.
    pub(crate) fn give(&self, event: Event) -> Given {
        let mut given = Given::Done;
        let mut dropped = Vec::new();
        let mut inner = lock(&self.inner);
        let is_message = is_message_event(&event);
        let has_room = inner.messages < self.bound;
        if inner.abandoned || (is_message && inner.discarding) {
            dropped.push(event);
        } else if !is_message {
            inner.events.push_back(event);
        } else {
            match self.overflow {
                Overflow::LatestOnly => inner.take_messages(usize::MAX, &mut dropped),
                Overflow::DropOldest if !has_room => inner.take_messages(1, &mut dropped),
                Overflow::Disconnect if !has_room => {
                    inner.take_messages(usize::MAX, &mut dropped);
                    inner.discarding = true;
                    given = Given::TooSlow;
                }
                _ => {}
            }
            // While it closes, the task does not wait for room.
            if given == Given::TooSlow || inner.messages >= self.bound {
                dropped.push(event);
            } else {
                inner.messages += 1;
                inner.events.push_back(event);
            }
        }
        let lost = dropped.iter().filter(|event| is_message_event(event));
        inner.dropped += lost.count() as u64;
        let consumer = inner.consumer.take();
        drop(inner);
        drop(dropped);
        consumer.into_iter().for_each(Waker::wake);
        given
    }

    /// The client has ended. Only the first call counts.
    pub(crate) fn end(&self, how: Result<(), GaveUp>, outcome: Option<Outcome>) {
        let mut inner = lock(&self.inner);
        if inner.end.is_some() {
            return;
        }
        inner.end = Some(how);
        let before = mem::replace(&mut inner.link, Link::Over(outcome));
        let waiting = mem::take(&mut inner.waiting);
        let wakers = [inner.consumer.take(), inner.task.take()];
        drop(inner);
        drop(before);
        let [consumer, task] = wakers;
        drop(task);
        consumer.into_iter().for_each(Waker::wake);
        for (_, waker) in waiting {
            waker.wake();
        }
    }

    // The consumer.

    /// Takes the next event; see [`Events::next`](super::Events::next).
    pub(crate) fn poll_take(&self, cx: &mut Context<'_>) -> Poll<Result<Option<Event>, GaveUp>> {
        let mut waker = None;
        loop {
            let mut inner = lock(&self.inner);
            if let Some(event) = inner.events.pop_front() {
                if is_message_event(&event) {
                    inner.messages -= 1;
                }
                let task = inner.wake_if_full();
                drop(inner);
                task.into_iter().for_each(Waker::wake);
                return Poll::Ready(Ok(Some(event)));
            }
            if let Some(end) = &mut inner.end {
                return Poll::Ready(mem::replace(end, Ok(())).map(|()| None));
            }
            if let Some(waker) = waker.take() {
                let before = inner.consumer.replace(waker);
                drop(inner);
                drop(before);
                return Poll::Pending;
            }
            drop(inner);
            waker = Some(cx.waker().clone());
        }
    }

    pub(crate) fn dropped(&self) -> u64 {
        lock(&self.inner).dropped
    }

    /// The events are not wanted any more: ends the client.
    pub(crate) fn abandon(&self) {
        let mut inner = lock(&self.inner);
        inner.abandoned = true;
        inner.messages = 0;
        let events = mem::take(&mut inner.events);
        let consumer = inner.consumer.take();
        let task = inner.order_close(&CloseFrame::new(CloseCode::GOING_AWAY, ""));
        drop(inner);
        drop((events, consumer));
        task.into_iter().for_each(Waker::wake);
    }

    // The handles.

    /// Orders the client to close and to open nothing more. Returns the writer of the connection, if one is
    /// open or closing.
    ///
    /// # Errors
    /// The client has ended; its outcome.
    pub(crate) fn close(&self, close: &CloseFrame) -> Result<Option<W>, Option<Outcome>>
    where
        W: Clone,
    {
        let mut inner = lock(&self.inner);
        let writer = match &inner.link {
            Link::Over(outcome) => return Err(outcome.clone()),
            Link::Open(writer) => Some(writer.clone()),
            Link::Away => None,
        };
        let task = inner.order_close(close);
        drop(inner);
        task.into_iter().for_each(Waker::wake);
        Ok(writer)
    }

    /// Returns the writer of the connection, if one is open.
    pub(crate) fn writer(&self) -> Option<W>
    where
        W: Sending,
    {
        match &lock(&self.inner).link {
            Link::Open(writer) if writer.is_open() => Some(writer.clone()),
            _ => None,
        }
    }

    /// Returns whether no further connection will be opened.
    pub(crate) fn is_ending(&self) -> bool {
        let inner = lock(&self.inner);
        inner.closing || inner.close.is_some() || matches!(inner.link, Link::Over(_))
    }

    /// Waits until a connection is open. Returns `false` if the client has ended.
    pub(crate) async fn wait_connected(&self) -> bool
    where
        W: Sending,
    {
        let mut waiting = Waiting {
            shared: self,
            ticket: None,
        };
        // Borrowed, not moved: a closure would capture only the ticket, and `Waiting` would not be dropped.
        let waiting = &mut waiting;
        poll_fn(|cx| self.poll_connected(cx, &mut waiting.ticket)).await
    }

    fn poll_connected(&self, cx: &mut Context<'_>, ticket: &mut Option<u64>) -> Poll<bool>
    where
        W: Sending,
    {
        let waker = cx.waker().clone();
        let mut inner = lock(&self.inner);
        match &inner.link {
            Link::Over(_) => return Poll::Ready(false),
            Link::Open(writer) if writer.is_open() => return Poll::Ready(true),
            _ => {}
        }
        let own = *ticket.get_or_insert_with(|| {
            inner.next_ticket += 1;
            inner.next_ticket
        });
        let before = match inner.waiting.iter_mut().find(|(ticket, _)| *ticket == own) {
            Some((_, place)) => Some(mem::replace(place, waker)),
            None => {
                inner.waiting.push((own, waker));
                None
            }
        };
        drop(inner);
        drop(before);
        Poll::Pending
    }

    /// Removes a call that waits no more.
    fn forget(&self, ticket: u64) {
        let mut inner = lock(&self.inner);
        let at = inner.waiting.iter().position(|(other, _)| *other == ticket);
        let waker = at.map(|at| inner.waiting.swap_remove(at));
        drop(inner);
        drop(waker);
    }
}

/// A call that waits for a connection.
struct Waiting<'a, W> {
    shared: &'a Shared<W>,
    ticket: Option<u64>,
}

impl<W> Drop for Waiting<'_, W> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.shared.forget(ticket);
        }
    }
}

impl<W> Inner<W> {
    /// Moves the oldest messages into `dropped`, at most this number.
    fn take_messages(&mut self, most: usize, dropped: &mut Vec<Event>) {
        for _ in 0..most.min(self.messages) {
            let at = self.events.iter().position(is_message_event);
            dropped.extend(at.and_then(|at| self.events.remove(at)));
            self.messages -= 1;
        }
    }

    /// Returns the waker of the task, if it waits for events to be taken.
    fn wake_if_full(&mut self) -> Option<Waker> {
        mem::take(&mut self.full)
            .then(|| self.task.take())
            .flatten()
    }

    /// Returns the waker of the task. The first order counts.
    fn order_close(&mut self, close: &CloseFrame) -> Option<Waker> {
        if !self.closing && self.end.is_none() {
            self.close.get_or_insert_with(|| close.clone());
        }
        self.task.take()
    }
}

fn is_message_event(event: &Event) -> bool {
    matches!(event, Event::Message(_))
}
