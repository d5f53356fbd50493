use std::collections::BTreeMap;
use std::task::Waker;

use super::output::FlushTarget;
use super::socket_waker::SocketWriter;
use super::watchers::Watchers;
use crate::split::lanes::LaneId;

/// The calls that wait for something of the sending half, sorted by what they wait for.
///
/// Each has a number, by which it is removed when its future is dropped. A waiter leaves the queue when
/// it is woken, so each wait wakes once.
#[derive(Default)]
pub(super) struct WaitQueue {
    next: u64,
    /// Calls that wait for room and their turn, in order of arrival. `None` for one that was woken and
    /// keeps its turn.
    direct: BTreeMap<u64, Option<Waiter>>,
    /// Flushes, by what has to be written for them.
    flushes: BTreeMap<(FlushTarget, u64), Waiter>,
    /// Sinks that wait for room. They have no turn, because a sink that is not polled any more does
    /// not say so.
    sinks: BTreeMap<u64, Waiter>,
    /// Calls that wait for the end of the connection.
    ends: BTreeMap<u64, Waiter>,
    /// Senders that wait for a message of their lane to leave.
    lanes: BTreeMap<usize, Waiter>,
    /// The holder of the message lock, which waits for room and for outstanding permits.
    in_message: Option<Waiter>,
    /// `None` until a waker is to be woken without a call that waits.
    pub(super) watchers: Option<Box<Watchers>>,
}

/// What a call waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WaitFor {
    /// Room, and the end of all earlier waits.
    Turn,
    Flush(FlushTarget),
    /// A flush of a sink or of a message in pieces. Their waiter is theirs and not that of a future: it
    /// stays if they are not polled any more.
    HandleFlush(FlushTarget),
    SinkRoom,
    End,
    /// The end of the connection, for a sink.
    HandleEnd,
    Lane(LaneId),
    RoomInMessage,
}

/// Names a waiter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ticket {
    wait: WaitFor,
    number: u64,
}

impl Ticket {
    pub(super) const fn wait(self) -> WaitFor {
        self.wait
    }

    pub(super) const fn number(self) -> u64 {
        self.number
    }
}

/// A waker, and a clone of it for the socket's waker: wakers are not cloned under a lock.
pub(crate) struct Waiter {
    number: u64,
    waker: Waker,
    for_socket: Option<Waker>,
    /// Its task is known to poll again, or to leave the queue if it does not.
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

    /// Creates a waiter that is woken at once and never waits.
    pub(super) const fn to_wake(waker: Waker) -> Self {
        Self {
            number: 0,
            waker,
            for_socket: None,
            reliable: false,
        }
    }

    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// Whether it wakes the same task as `other`.
    pub(super) fn wakes_as(&self, other: &Self) -> bool {
        self.waker.will_wake(&other.waker)
    }

    /// Whether the socket's waker does not have its waker.
    pub(super) fn is_whole(&self) -> bool {
        self.for_socket.is_some()
    }

    pub(crate) fn wake(self) {
        self.waker.wake();
    }
}

impl WaitQueue {
    pub(super) fn is_empty(&self) -> bool {
        self.direct.is_empty()
            && self.flushes.is_empty()
            && self.sinks.is_empty()
            && self.ends.is_empty()
            && self.lanes.is_empty()
            && self.in_message.is_none()
            && !self.watches_room()
    }

    /// Whether a call waits for its turn.
    pub(super) fn has_direct(&self) -> bool {
        !self.direct.is_empty()
    }

    /// Whether `ticket` is the first that waits for its turn. Without one: whether no call waits.
    pub(super) fn is_first(&self, ticket: Option<Ticket>) -> bool {
        self.direct
            .first_key_value()
            .is_none_or(|(number, _)| ticket.is_some_and(|ticket| ticket.number == *number))
    }

    /// Whether `ticket` waits for `wait` and wakes the same task as `waker`.
    pub(super) fn holds(&self, ticket: Option<Ticket>, wait: WaitFor, waker: &Waker) -> bool {
        ticket
            .filter(|ticket| ticket.wait == wait)
            .and_then(|ticket| self.get(ticket))
            .is_some_and(|waiter| waiter.is_whole() && waiter.waker.will_wake(waker))
    }

    fn get(&self, ticket: Ticket) -> Option<&Waiter> {
        match ticket.wait {
            WaitFor::Turn => self.direct.get(&ticket.number)?.as_ref(),
            WaitFor::Flush(target) | WaitFor::HandleFlush(target) => {
                self.flushes.get(&(target, ticket.number))
            }
            WaitFor::SinkRoom => self.sinks.get(&ticket.number),
            WaitFor::End | WaitFor::HandleEnd => self.ends.get(&ticket.number),
            WaitFor::Lane(lane) => self.lanes.get(&lane.index()),
            WaitFor::RoomInMessage => self.in_message.as_ref(),
        }
    }

    /// Adds `waiter`, in the place of `ticket` if there is one, which waits for the same. Returns the
    /// waiter that it replaces.
    pub(super) fn add(
        &mut self,
        ticket: &mut Option<Ticket>,
        wait: WaitFor,
        mut waiter: Waiter,
    ) -> Option<Waiter> {
        let number = ticket.map_or(self.next, |ticket| ticket.number);
        self.next = self.next.max(number + 1);
        *ticket = Some(Ticket { wait, number });
        waiter.number = number;
        waiter.reliable = matches!(
            wait,
            WaitFor::Turn | WaitFor::Flush(_) | WaitFor::End | WaitFor::Lane(_)
        );
        match wait {
            WaitFor::Turn => self.direct.insert(number, Some(waiter)).flatten(),
            WaitFor::Flush(target) | WaitFor::HandleFlush(target) => {
                self.flushes.insert((target, number), waiter)
            }
            WaitFor::SinkRoom => self.sinks.insert(number, waiter),
            WaitFor::End | WaitFor::HandleEnd => self.ends.insert(number, waiter),
            WaitFor::Lane(lane) => self.lanes.insert(lane.index(), waiter),
            WaitFor::RoomInMessage => self.in_message.replace(waiter),
        }
    }

    /// Removes and returns a waiter. It may be gone, if it was woken.
    pub(super) fn remove(&mut self, ticket: Ticket) -> Option<Waiter> {
        match ticket.wait {
            WaitFor::Turn => self.direct.remove(&ticket.number).flatten(),
            WaitFor::Flush(target) | WaitFor::HandleFlush(target) => {
                self.flushes.remove(&(target, ticket.number))
            }
            WaitFor::SinkRoom => self.sinks.remove(&ticket.number),
            WaitFor::End | WaitFor::HandleEnd => self.ends.remove(&ticket.number),
            WaitFor::Lane(lane) => self.lanes.remove(&lane.index()),
            WaitFor::RoomInMessage => self.in_message.take(),
        }
    }

    /// Returns the first call that waits for its turn, if it has not been woken yet.
    pub(super) fn first_direct(&self) -> Option<Ticket> {
        let (number, waiter) = self.direct.first_key_value()?;
        waiter.as_ref()?;
        Some(Ticket {
            wait: WaitFor::Turn,
            number: *number,
        })
    }

    /// Takes the first waiter of those that wait for their turn. Its call stays the first one.
    pub(super) fn take_first_direct(&mut self) -> Option<Waiter> {
        self.direct.first_entry()?.get_mut().take()
    }

    /// Takes a flush whose bytes are all written.
    pub(super) fn take_flushed(&mut self, written: FlushTarget) -> Option<Waiter> {
        let first = self.flushes.first_entry()?;
        (first.key().0 <= written).then(|| first.remove())
    }

    pub(super) fn has_sinks(&self) -> bool {
        !self.sinks.is_empty()
    }

    pub(super) fn take_sink(&mut self) -> Option<Waiter> {
        self.sinks.pop_first().map(|(_, waiter)| waiter)
    }

    pub(super) fn has_in_message(&self) -> bool {
        self.in_message.is_some()
    }

    pub(super) fn take_in_message(&mut self) -> Option<Waiter> {
        self.in_message.take()
    }

    pub(super) fn take_lane(&mut self, lane: LaneId) -> Option<Waiter> {
        self.lanes.remove(&lane.index())
    }

    /// Adds a waiter for room that is of no call, and that none may rely on to write.
    pub(super) fn add_room(&mut self, mut waiter: Waiter) {
        waiter.number = self.next;
        waiter.reliable = false;
        self.next += 1;
        let rooms = &mut self.watchers.get_or_insert_default().rooms;
        rooms.reserve_exact(1);
        rooms.push(waiter);
    }

    /// Whether a waker is to be woken when there is room.
    pub(super) fn watches_room(&self) -> bool {
        let watchers = self.watchers.as_ref();
        watchers.is_some_and(|watchers| !watchers.rooms.is_empty())
    }

    /// Takes the wakers that are to be woken when there is room.
    pub(super) fn take_rooms(&mut self) -> Vec<Waiter> {
        let watchers = self.watchers.as_mut();
        watchers.map_or_else(Vec::new, |watchers| core::mem::take(&mut watchers.rooms))
    }

    /// Takes all waiters. Calls that wait for their turn keep it.
    pub(super) fn take_all(&mut self) -> Vec<Waiter> {
        let mut all: Vec<_> = self.direct.values_mut().filter_map(Option::take).collect();
        all.extend(core::mem::take(&mut self.flushes).into_values());
        for others in [&mut self.sinks, &mut self.ends] {
            all.extend(core::mem::take(others).into_values());
        }
        all.extend(core::mem::take(&mut self.lanes).into_values());
        all.extend(self.in_message.take());
        all.extend(self.take_rooms());
        all
    }

    /// Takes clones of the wakers that are to be woken when the transport takes bytes again: one of a
    /// reliable task, or else all others.
    pub(super) fn take_for_socket(&mut self) -> Vec<SocketWriter> {
        let take = |waiter: &mut Waiter| {
            Some(SocketWriter {
                number: waiter.number,
                waker: waiter.for_socket.take()?,
                reliable: waiter.reliable,
            })
        };
        let reliable = |waiter: &&mut Waiter| waiter.reliable;
        let one = self.waiters().filter(reliable).find_map(take);
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
            .chain(
                self.watchers
                    .iter_mut()
                    .flat_map(|all| all.rooms.iter_mut()),
            )
    }
}
