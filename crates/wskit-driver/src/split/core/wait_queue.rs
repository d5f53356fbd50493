use std::collections::BTreeMap;
use std::task::Waker;

use crate::split::lanes::LaneId;

/// Those who wait for something of the sending half, by what they wait for.
///
/// An waiter has a number, by which it is removed when its future is dropped. A waker leaves its waiter
/// when it is woken, so each wait wakes once.
#[derive(Default)]
pub(crate) struct WaitQueue {
    next: u64,
    /// For room and their turn, in the order in which they came.
    direct: BTreeMap<u64, Option<Waiter>>,
    /// For bytes to be written, by how many that takes.
    flushes: BTreeMap<(FlushTarget, u64), Waiter>,
    /// Sinks that wait for room. A sink that is not polled any more says nothing, so it has no turn.
    sinks: BTreeMap<u64, Waiter>,
    /// For the end of the connection.
    ends: BTreeMap<u64, Waiter>,
    /// For a message of their lane to leave.
    lanes: BTreeMap<usize, Waiter>,
    /// For room and the permits of others, with the right to send a message in pieces.
    in_message: Option<Waiter>,
}

/// What a flush waits for: a number of bytes of messages and Closes written since the split.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct FlushTarget(pub(crate) i64);

/// What somebody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaitFor {
    Turn,
    Flush(FlushTarget),
    /// As `Flush`, by a sink, which may not be polled any more.
    SinkFlush(FlushTarget),
    SinkRoom,
    End,
    Lane(LaneId),
    RoomInMessage,
}

/// A place among those who wait.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket {
    wait: WaitFor,
    pub(crate) number: u64,
}

/// A waker, and a clone of it: clones are not made under a lock, and one is lent to the socket's waker.
pub(crate) struct Waiter {
    number: u64,
    waker: Waker,
    for_socket: Option<Waker>,
    /// Its task can be relied on to poll, or to leave when it does not.
    reliable: bool,
}

impl Waiter {
    pub(crate) fn new(waker: &Waker) -> Self {
        Self {
            number: 0,
            waker: waker.clone(),
            for_socket: Some(waker.clone()),
            reliable: true,
        }
    }
}

impl Waiter {
    pub(crate) const fn number(&self) -> u64 {
        self.number
    }

    /// Whether the socket's waker has nothing to do with it.
    pub(crate) fn is_whole(&self) -> bool {
        self.for_socket.is_some()
    }
}

impl Ticket {
    pub(crate) const fn wait(self) -> WaitFor {
        self.wait
    }
}

impl WaitQueue {
    /// Whether there is no waiter.
    pub(crate) fn is_empty(&self) -> bool {
        self.direct.is_empty()
            && self.flushes.is_empty()
            && self.sinks.is_empty()
            && self.ends.is_empty()
            && self.lanes.is_empty()
            && self.in_message.is_none()
    }

    /// Whether somebody stands in the line.
    pub(crate) fn has_direct(&self) -> bool {
        !self.direct.is_empty()
    }

    /// Whether this one may enter as far as the line is concerned.
    pub(crate) fn is_first(&self, ticket: Option<Ticket>) -> bool {
        self.direct
            .first_key_value()
            .is_none_or(|(number, _)| ticket.is_some_and(|ticket| ticket.number == *number))
    }

    /// Whether `ticket` waits for this and its waker wakes the same task as `waker`.
    pub(crate) fn holds(&self, ticket: Option<Ticket>, wait: WaitFor, waker: &Waker) -> bool {
        ticket
            .filter(|ticket| ticket.wait == wait)
            .and_then(|ticket| self.get(ticket))
            .is_some_and(|waiter| waiter.for_socket.is_some() && waiter.waker.will_wake(waker))
    }

    fn get(&self, ticket: Ticket) -> Option<&Waiter> {
        match ticket.wait {
            WaitFor::Turn => self.direct.get(&ticket.number)?.as_ref(),
            WaitFor::Flush(target) | WaitFor::SinkFlush(target) => {
                self.flushes.get(&(target, ticket.number))
            }
            WaitFor::SinkRoom => self.sinks.get(&ticket.number),
            WaitFor::End => self.ends.get(&ticket.number),
            WaitFor::Lane(lane) => self.lanes.get(&lane.index()),
            WaitFor::RoomInMessage => self.in_message.as_ref(),
        }
    }

    /// Has `waiter` wait, in the place of `ticket` if there is one, which waits for the same. Gives the old
    /// waiter to drop.
    pub(crate) fn enter(
        &mut self,
        ticket: &mut Option<Ticket>,
        wait: WaitFor,
        mut waiter: Waiter,
    ) -> Option<Waiter> {
        let number = ticket.map_or(self.next, |ticket| ticket.number);
        self.next = self.next.max(number + 1);
        *ticket = Some(Ticket { wait, number });
        waiter.number = number;
        match wait {
            WaitFor::Turn => self.direct.insert(number, Some(waiter)).flatten(),
            WaitFor::Flush(target) => self.flushes.insert((target, number), waiter),
            WaitFor::SinkFlush(target) => {
                waiter.reliable = false;
                self.flushes.insert((target, number), waiter)
            }
            WaitFor::SinkRoom => {
                waiter.reliable = false;
                self.sinks.insert(number, waiter)
            }
            WaitFor::End => self.ends.insert(number, waiter),
            WaitFor::Lane(lane) => self.lanes.insert(lane.index(), waiter),
            WaitFor::RoomInMessage => self.in_message.replace(waiter),
        }
    }

    /// Removes an waiter and gives it to drop. One that is woken in the moment may be gone.
    pub(crate) fn leave(&mut self, ticket: Ticket) -> Option<Waiter> {
        match ticket.wait {
            WaitFor::Turn => self.direct.remove(&ticket.number).flatten(),
            WaitFor::Flush(target) | WaitFor::SinkFlush(target) => {
                self.flushes.remove(&(target, ticket.number))
            }
            WaitFor::SinkRoom => self.sinks.remove(&ticket.number),
            WaitFor::End => self.ends.remove(&ticket.number),
            WaitFor::Lane(lane) => self.lanes.remove(&lane.index()),
            WaitFor::RoomInMessage => self.in_message.take(),
        }
    }

    /// The first one in the line, if it has not been woken yet.
    pub(crate) fn first_direct(&self) -> Option<Ticket> {
        let (number, waiter) = self.direct.first_key_value()?;
        waiter.as_ref()?;
        Some(Ticket {
            wait: WaitFor::Turn,
            number: *number,
        })
    }

    /// The first in the line has been told that it may enter; it keeps its place.
    pub(crate) fn take_first_direct(&mut self) -> Option<Waiter> {
        self.direct.first_entry()?.get_mut().take()
    }

    /// Somebody whose flush is done when so much has been written.
    pub(crate) fn take_flushed(&mut self, written: FlushTarget) -> Option<Waiter> {
        let first = self.flushes.first_entry()?;
        (first.key().0 <= written).then(|| first.remove())
    }

    pub(crate) fn take_sink(&mut self) -> Option<Waiter> {
        self.sinks.pop_first().map(|(_, waiter)| waiter)
    }

    pub(crate) fn has_sinks(&self) -> bool {
        !self.sinks.is_empty()
    }

    pub(crate) fn take_message_waiter(&mut self) -> Option<Waiter> {
        self.in_message.take()
    }

    pub(crate) fn has_message_waiter(&self) -> bool {
        self.in_message.is_some()
    }

    pub(crate) fn take_lane(&mut self, lane: LaneId) -> Option<Waiter> {
        self.lanes.remove(&lane.index())
    }

    /// Everybody; those in the line keep their places.
    pub(crate) fn take_all(&mut self, mut wake: impl FnMut(Waiter)) {
        self.direct
            .values_mut()
            .filter_map(Option::take)
            .for_each(&mut wake);
        core::mem::take(&mut self.flushes)
            .into_values()
            .for_each(&mut wake);
        core::mem::take(&mut self.sinks)
            .into_values()
            .for_each(&mut wake);
        core::mem::take(&mut self.ends)
            .into_values()
            .for_each(&mut wake);
        core::mem::take(&mut self.lanes)
            .into_values()
            .for_each(&mut wake);
        self.in_message.take().into_iter().for_each(&mut wake);
    }

    /// Clones of the wakers of those who are to write when the transport takes bytes again: of one whose
    /// task can be relied on, else of all others.
    pub(crate) fn take_for_socket(&mut self) -> Vec<(u64, Waker)> {
        let take = |waiter: &mut Waiter| Some((waiter.number, waiter.for_socket.take()?));
        let one = self
            .waiters()
            .filter(|waiter| waiter.reliable)
            .find_map(take);
        match one {
            Some(one) => vec![one],
            None => self.waiters().filter_map(take).collect(),
        }
    }

    fn waiters(&mut self) -> impl Iterator<Item = &mut Waiter> {
        self.flushes
            .values_mut()
            .chain(self.in_message.iter_mut())
            .chain(self.lanes.values_mut())
            .chain(self.direct.values_mut().filter_map(Option::as_mut))
            .chain(self.ends.values_mut())
            .chain(self.sinks.values_mut())
    }
}

/// What is to be done once the lock of the sending half has been released: foreign code may run then.
#[derive(Default)]
pub(crate) struct Effects {
    wake: Vec<Waiter>,
    drop: Vec<Waiter>,
    pub(crate) wakers: Vec<Waker>,
    pub(crate) wake_reader: bool,
    /// Those who are to write, because the transport has woken meanwhile.
    pub(crate) wake_socket: bool,
    pub(crate) payloads: Vec<bytes::Bytes>,
    pub(crate) messages: Vec<wskit_proto::QueuedMessage>,
}

impl Effects {
    /// Whether there is nothing to be done.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        !self.wake_reader
            && !self.wake_socket
            && self.wake.is_empty()
            && self.drop.is_empty()
            && self.wakers.is_empty()
            && self.payloads.is_empty()
            && self.messages.is_empty()
    }

    pub(crate) fn wakes_somebody(&self) -> bool {
        !self.wake.is_empty() || self.wake_socket
    }

    pub(crate) fn wake(&mut self, waiter: impl IntoIterator<Item = Waiter>) {
        self.wake.extend(waiter);
    }

    pub(crate) fn drop(&mut self, waiter: impl IntoIterator<Item = Waiter>) {
        self.drop.extend(waiter);
    }

    /// Wakes who is to be woken; what is to be dropped is dropped with this.
    pub(crate) fn run(self, socket: &super::socket_waker::SocketWaker) {
        for waiter in self.wake {
            waiter.waker.wake();
        }
        if self.wake_socket {
            socket.wake_all();
        } else if self.wake_reader {
            socket.wake_reader();
        }
    }
}
