//! The lanes of a connection: queues with a priority, a bound and a rule for messages that do not fit.
//!
//! Messages that use no lane are called direct. Direct messages as a whole take turns with the lanes of
//! normal priority.

use std::collections::VecDeque;
use std::time::Instant;

use wskit_proto::{QueuedMessage, SendError};

mod config;
mod pace;
mod queue;
mod window;

pub use config::{Buffered, LaneConfig, Overflow, Priority, Pushed};
use pace::Marks;
pub(crate) use pace::{MarkPayload, mark_number};
use queue::Queue;

/// Schedules the lanes of a connection.
///
/// Messages are encoded and compressed when they leave: encoded bytes cannot be reordered, and dropping
/// a compressed message would break those after it (RFC 7692 §7.1.1).
#[derive(Default)]
pub(crate) struct Lanes {
    queues: Vec<Option<Queue>>,
    free: Vec<usize>,
    /// The lanes with something to send that their pace lets go, by priority, in the order of their
    /// turns.
    turns: [VecDeque<Turn>; PRIORITIES],
    /// How many lanes are among the turns.
    ready: usize,
    /// Whether the direct writers are among the turns.
    direct: bool,
    /// The turn of the direct writers has come, and none of them has queued a message yet.
    stopped: bool,
    messages: usize,
    bytes: usize,
    /// Awaited lanes that messages have left since [`take_moved`](Lanes::take_moved).
    moved: Vec<LaneId>,
    /// `None` until a message of a paced lane has left.
    marks: Option<Box<Marks>>,
    /// The number of the latest mark before these lanes.
    last_mark: u32,
}

/// The number of a lane while it is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LaneId(usize);

impl LaneId {
    pub(super) const fn index(self) -> usize {
        self.0
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Lane(usize),
    /// The direct writers that wait.
    Direct,
}

const PRIORITIES: usize = 3;

/// Lanes send while fewer bytes than this are encoded and not written. Encoded bytes keep their place,
/// so an urgent message waits for at most this much and one message.
const MARK: usize = 32 << 10;

impl Lanes {
    /// Creates lanes whose first mark has the number after `last_mark`.
    pub(crate) fn after(last_mark: u32) -> Self {
        Self {
            last_mark,
            ..Self::default()
        }
    }

    /// Returns the number of the latest mark.
    pub(crate) fn last_mark(&self) -> u32 {
        let marks = self.marks.as_ref();
        marks.map_or(self.last_mark, |marks| marks.latest())
    }

    pub(crate) fn open(&mut self, config: LaneConfig) -> LaneId {
        let queue = Some(Queue::new(config));
        match self.free.pop() {
            Some(at) => {
                if let Some(slot) = self.queues.get_mut(at) {
                    *slot = queue;
                }
                LaneId(at)
            }
            None => {
                self.queues.push(queue);
                LaneId(self.queues.len() - 1)
            }
        }
    }

    /// Notes that the lane's owner was dropped. Its messages are still sent, and wait for no pong: a peer
    /// that answers none would have them pile up here.
    pub(crate) fn release(&mut self, id: LaneId) {
        if let Some(queue) = self.queue(id.0) {
            queue.orphan = true;
            queue.pacer = None;
            self.take_turn(id.0);
            if let Some(marks) = &mut self.marks {
                marks.forget(id.0);
            }
            self.remove_orphan(id.0);
        }
    }

    /// Queues a message according to the lane's rule, and puts the messages that it displaces into
    /// `displaced`. A message that has to wait stays in `message`.
    ///
    /// After [`SendError::QueueFull`] from a lane with [`Overflow::Disconnect`] the caller closes the
    /// connection.
    pub(crate) fn push(
        &mut self,
        id: LaneId,
        message: &mut Option<QueuedMessage>,
        displaced: &mut Vec<QueuedMessage>,
    ) -> Result<Pushed, SendError> {
        let Some(queue) = self.queue(id.0) else {
            return Err(SendError::Closed);
        };
        let before = queue.buffered();
        let pushed = queue.push(message, displaced)?;
        let after = queue.buffered();
        self.messages = self.messages + after.messages - before.messages;
        self.bytes = self.bytes + after.bytes - before.bytes;
        self.take_turn(id.0);
        Ok(pushed)
    }

    /// Takes the next message to send. `None` if there is none, or if the direct writers that wait come
    /// first.
    pub(crate) fn next(&mut self, direct_waits: bool) -> Option<QueuedMessage> {
        if direct_waits {
            self.add_direct();
        } else {
            self.remove_direct();
        }
        loop {
            let turn = self.turns.iter_mut().find_map(VecDeque::pop_front)?;
            let Turn::Lane(at) = turn else {
                // The turn lasts until one of them has queued a message.
                self.normal().push_front(turn);
                self.stopped = true;
                return None;
            };
            self.ready -= 1;
            let queue = self.queue(at)?;
            queue.has_turn = false;
            if !queue.wants_turn() {
                // The limit of its pace has shrunk meanwhile.
                continue;
            }
            let message = queue.pop()?;
            let ahead = queue.pacer.as_mut().map(|pacer| pacer.left());
            let awaited = core::mem::take(&mut queue.awaited);
            let is_empty = queue.is_empty();
            self.messages -= 1;
            self.bytes -= message.len();
            if awaited {
                self.moved.push(LaneId(at));
            }
            if let Some(ahead) = ahead {
                let last = self.last_mark;
                let marks = self.marks.get_or_insert_with(|| Marks::after(last).into());
                marks.left(at, ahead);
            }
            if is_empty {
                self.remove_orphan(at);
            } else {
                self.take_turn(at);
            }
            return Some(message);
        }
    }

    /// Returns the payload of the ping that has to follow the messages that have left, if one of them
    /// was paced.
    pub(crate) fn next_mark(&mut self, now: impl FnOnce() -> Instant) -> Option<MarkPayload> {
        self.marks.as_mut()?.next(now)
    }

    /// Has [`next_mark`](Lanes::next_mark) return another mark if a message is unanswered. Returns whether
    /// one is.
    pub(crate) fn repeat_mark(&mut self) -> bool {
        self.marks.as_mut().is_some_and(|marks| marks.repeat())
    }

    /// Notes that the peer has answered a mark. Returns false if it was not awaited.
    pub(crate) fn answered(&mut self, number: u32, now: impl FnOnce() -> Instant) -> bool {
        self.take_answers(number, || Some(now()))
    }

    /// Notes that the peer has answered a keepalive ping; `is_written`: the latest mark has been written.
    /// Returns whether a mark counts as answered by that.
    pub(crate) fn keepalive_answered(&mut self, is_written: bool) -> bool {
        let marks = self.marks.as_mut();
        // When the peer has read the mark is not known.
        marks
            .and_then(|marks| marks.keepalive_answered(is_written))
            .is_some_and(|number| self.take_answers(number, || None))
    }

    fn take_answers(&mut self, number: u32, at: impl FnOnce() -> Option<Instant>) -> bool {
        let Some(mut marks) = self.marks.take_if(|marks| marks.awaits(number)) else {
            return false;
        };
        let at = at();
        while let Some(sent) = marks.take_answered(number) {
            let Some(lane) = sent.lane else { continue };
            let pacer = self.queue(lane).and_then(|queue| queue.pacer.as_mut());
            if let Some(pacer) = pacer {
                let round_trip = at.and_then(|at| sent.round_trip(number, at));
                pacer.answered(round_trip, sent.ahead);
            }
            self.take_turn(lane);
        }
        self.marks = Some(marks);
        true
    }

    /// Lets all messages go that wait now.
    pub(crate) fn stop_pacing(&mut self) {
        for at in 0..self.queues.len() {
            if let Some(queue) = self.queue(at) {
                queue.pacer = None;
                self.take_turn(at);
            }
        }
    }

    /// Whether the lanes let a direct writer queue a message now, while `queued` bytes wait for the
    /// socket. `is_waiting`: it is the first that waits, and did not come just now.
    pub(crate) fn admits_direct(&self, is_waiting: bool, queued: usize) -> bool {
        let [urgent, normal, _] = &self.turns;
        if self.ready == 0 {
            return true;
        }
        if !urgent.is_empty() || queued >= MARK {
            // Bulk never holds a direct writer back.
            return urgent.is_empty() && normal.iter().all(|turn| *turn == Turn::Direct);
        }
        match normal.front() {
            Some(Turn::Lane(_)) => false,
            Some(Turn::Direct) => is_waiting,
            None => true,
        }
    }

    /// Whether messages may be sent while `queued` bytes wait for the socket.
    pub(crate) fn is_due(&self, queued: usize) -> bool {
        let [urgent, ..] = &self.turns;
        self.ready > 0 && queued < MARK && (!self.stopped || !urgent.is_empty())
    }

    /// Ends the turn of the direct writers: one of them has queued a message, or none waits.
    pub(crate) fn remove_direct(&mut self) {
        self.stopped = false;
        if core::mem::take(&mut self.direct) {
            self.normal().retain(|turn| *turn != Turn::Direct);
        }
    }

    /// Drops all messages into `dropped`.
    pub(crate) fn clear(&mut self, dropped: &mut Vec<QueuedMessage>) {
        for at in 0..self.queues.len() {
            if let Some(queue) = self.queue(at) {
                queue.clear(dropped);
                self.remove_orphan(at);
            }
        }
        self.turns = Default::default();
        (self.direct, self.stopped) = (false, false);
        (self.ready, self.messages, self.bytes) = (0, 0, 0);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.messages == 0
    }

    /// Whether a message waits that its lane's pace lets go.
    pub(crate) fn has_ready(&self) -> bool {
        self.ready > 0
    }

    /// Has [`take_moved`](Lanes::take_moved) report when a message leaves this lane.
    pub(crate) fn await_lane(&mut self, id: LaneId) {
        if let Some(queue) = self.queue(id.0) {
            queue.awaited = true;
        }
    }

    /// Takes the awaited lanes that messages have left.
    pub(crate) fn take_moved(&mut self) -> Vec<LaneId> {
        core::mem::take(&mut self.moved)
    }

    /// Returns what waits in all lanes.
    pub(crate) fn buffered(&self) -> Buffered {
        Buffered {
            messages: self.messages,
            bytes: self.bytes,
        }
    }

    pub(crate) fn buffered_in(&self, id: LaneId) -> Buffered {
        self.get(id).map_or_else(Buffered::default, Queue::buffered)
    }

    pub(crate) fn dropped(&self, id: LaneId) -> u64 {
        self.get(id).map_or(0, Queue::dropped)
    }

    /// Returns how many messages were ever queued in this lane.
    pub(crate) fn entered(&self, id: LaneId) -> u64 {
        self.get(id).map_or(0, Queue::entered)
    }

    /// Whether the first `entered` messages of this lane have been sent or displaced.
    pub(crate) fn have_gone(&self, id: LaneId, entered: u64) -> bool {
        self.get(id).is_none_or(|queue| queue.gone() >= entered)
    }

    /// Whether a message of `len` bytes fits without displacing another.
    pub(crate) fn has_room(&self, id: LaneId, len: usize) -> bool {
        self.get(id).is_none_or(|queue| queue.has_room(len))
    }

    pub(crate) fn policy(&self, id: LaneId) -> Overflow {
        self.get(id).map_or(Overflow::Wait, Queue::policy)
    }

    fn get(&self, id: LaneId) -> Option<&Queue> {
        self.queues.get(id.0).and_then(Option::as_ref)
    }

    fn queue(&mut self, at: usize) -> Option<&mut Queue> {
        self.queues.get_mut(at).and_then(Option::as_mut)
    }

    fn normal(&mut self) -> &mut VecDeque<Turn> {
        let [_, normal, _] = &mut self.turns;
        normal
    }

    /// Adds a lane to the turns if it has something to send that its pace lets go.
    fn take_turn(&mut self, at: usize) {
        let Some(queue) = self.queue(at) else { return };
        if queue.has_turn || !queue.wants_turn() {
            return;
        }
        queue.has_turn = true;
        let priority = queue.priority();
        let [urgent, normal, bulk] = &mut self.turns;
        let turns = match priority {
            Priority::Urgent => urgent,
            Priority::Normal => normal,
            Priority::Bulk => bulk,
        };
        turns.push_back(Turn::Lane(at));
        self.ready += 1;
    }

    fn add_direct(&mut self) {
        if !core::mem::replace(&mut self.direct, true) {
            self.normal().push_back(Turn::Direct);
        }
    }

    fn remove_orphan(&mut self, at: usize) {
        if let Some(slot) = self.queues.get_mut(at) {
            if slot
                .as_ref()
                .is_some_and(|queue| queue.orphan && queue.is_empty())
            {
                *slot = None;
                self.free.push(at);
            }
        }
    }
}

#[cfg(test)]
mod tests;
