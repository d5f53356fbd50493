use std::collections::VecDeque;

use wskit_proto::{QueuedMessage, SendError};

mod config;

pub use config::{Buffered, LaneConfig, Overflow, Priority, Pushed};

/// The messages of all lanes of a connection, and whose turn it is.
///
/// They are neither encoded nor compressed before they leave: encoded bytes cannot be reordered, and a
/// compressed message that is dropped would break those after it (RFC 7692 §7.1.1).
#[derive(Default)]
pub(crate) struct Lanes {
    queues: Vec<Option<Queue>>,
    free: Vec<usize>,
    /// The lanes with something to send, by priority, in the order of their turns.
    turns: [VecDeque<Turn>; PRIORITIES],
    /// Whether the line is among the turns.
    direct: bool,
    /// Its turn has come, and none of its writers has entered yet.
    stopped: bool,
    messages: usize,
    bytes: usize,
    /// Lanes that messages have left since this was last asked, if somebody waits for that.
    moved: Vec<LaneId>,
}

/// The number of a lane while it is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LaneId(usize);

impl LaneId {
    pub(crate) const fn index(self) -> usize {
        self.0
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    Lane(usize),
    /// Those who stand in the line of the plain writers.
    Direct,
}

struct Queue {
    config: LaneConfig,
    messages: VecDeque<QueuedMessage>,
    bytes: usize,
    /// Messages that ever came in.
    entered: u64,
    /// Those of them that were sent or displaced.
    gone: u64,
    dropped: u64,
    /// Its owner has gone; it is removed when it is empty.
    orphan: bool,
    /// Its owner waits for room, or for a message to leave.
    awaited: bool,
}

const PRIORITIES: usize = 3;

/// Lanes are sent from while fewer bytes than this are encoded and wait for the socket: what is
/// encoded keeps its place, so an urgent message waits for at most so much, and one message.
pub(crate) const MARK: usize = 32 << 10;

impl Priority {
    const fn index(self) -> usize {
        match self {
            Self::Urgent => 0,
            Self::Normal => 1,
            Self::Bulk => 2,
        }
    }
}

impl Queue {
    fn has_room(&self, len: usize) -> bool {
        self.messages.is_empty()
            || (self.messages.len() < self.config.max_messages
                && self.bytes.saturating_add(len) <= self.config.max_bytes)
    }
}

impl Lanes {
    pub(crate) fn open(&mut self, config: LaneConfig) -> LaneId {
        let queue = Some(Queue {
            config,
            messages: VecDeque::new(),
            bytes: 0,
            entered: 0,
            gone: 0,
            dropped: 0,
            orphan: false,
            awaited: false,
        });
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

    /// Its owner has gone: what waits in it still leaves.
    pub(crate) fn release(&mut self, id: LaneId) {
        if let Some(queue) = self.queue(id.0) {
            queue.orphan = true;
            self.remove_orphan(id.0);
        }
    }

    /// Takes a message in, as the lane's policy has it; leaves it to the caller where it must wait.
    ///
    /// [`SendError::QueueFull`] from a lane that disconnects asks the caller to do so. What is displaced
    /// goes to `dropped`.
    pub(crate) fn push(
        &mut self,
        id: LaneId,
        message: &mut Option<QueuedMessage>,
        displaced: &mut Vec<QueuedMessage>,
    ) -> Result<Pushed, SendError> {
        let len = message.as_ref().map_or(0, QueuedMessage::len);
        let Some(queue) = self.queue(id.0) else {
            return Err(SendError::Closed);
        };
        let (messages, bytes) = (queue.messages.len(), queue.bytes);
        match queue.config.overflow {
            Overflow::Wait | Overflow::Disconnect if !queue.has_room(len) => {
                return Err(SendError::QueueFull);
            }
            Overflow::Wait | Overflow::Disconnect => {}
            Overflow::DropOldest => {
                while !queue.has_room(len) {
                    let oldest = queue.messages.pop_front();
                    queue.bytes -= oldest.as_ref().map_or(0, QueuedMessage::len);
                    displaced.extend(oldest);
                }
            }
            Overflow::LatestOnly => {
                displaced.extend(queue.messages.drain(..));
                queue.bytes = 0;
            }
        }
        let Some(message) = message.take() else {
            return Ok(Pushed::Queued);
        };
        let dropped = messages - queue.messages.len();
        queue.dropped += dropped as u64;
        queue.gone += dropped as u64;
        queue.entered += 1;
        queue.messages.push_back(message);
        queue.bytes += len;
        let freed = bytes + len - queue.bytes;
        let priority = queue.config.priority;
        self.messages = self.messages + 1 - dropped;
        self.bytes = self.bytes + len - freed;
        if messages == 0 {
            self.enter_turns(priority, Turn::Lane(id.0));
        }
        Ok(if dropped == 0 {
            Pushed::Queued
        } else {
            Pushed::Displaced(dropped)
        })
    }

    /// The next message to send; `None` if there is none, or if those who stand in the line of the
    /// plain writers come first.
    pub(crate) fn next(&mut self, direct_waits: bool) -> Option<QueuedMessage> {
        if direct_waits {
            self.add_direct();
        } else {
            self.remove_direct();
        }
        let turn = self.turns.iter_mut().find_map(VecDeque::pop_front)?;
        let Turn::Lane(at) = turn else {
            // It lasts until one of them has entered.
            self.normal().push_front(turn);
            self.stopped = true;
            return None;
        };
        let queue = self.queue(at)?;
        let message = queue.messages.pop_front()?;
        queue.bytes -= message.len();
        queue.gone += 1;
        let awaited = core::mem::take(&mut queue.awaited);
        let (is_empty, priority) = (queue.messages.is_empty(), queue.config.priority);
        self.messages -= 1;
        self.bytes -= message.len();
        if awaited {
            self.moved.push(LaneId(at));
        }
        if is_empty {
            self.remove_orphan(at);
        } else {
            self.enter_turns(priority, turn);
        }
        Some(message)
    }

    /// Whether a plain writer may queue a message now, as far as the lanes are concerned: `queued`
    /// bytes wait for the socket, and he stands at the front of the line or has just come.
    pub(crate) fn admits_direct(&self, is_waiting: bool, queued: usize) -> bool {
        let [urgent, normal, _] = &self.turns;
        if self.messages == 0 {
            return true;
        }
        if !urgent.is_empty() || queued >= MARK {
            // Bulk never holds him back.
            return urgent.is_empty() && normal.iter().all(|turn| *turn == Turn::Direct);
        }
        match normal.front() {
            Some(Turn::Lane(_)) => false,
            Some(Turn::Direct) => is_waiting,
            None => true,
        }
    }

    /// Whether something may be sent when `queued` bytes wait for the socket.
    pub(crate) fn is_due(&self, queued: usize) -> bool {
        let [urgent, ..] = &self.turns;
        self.messages > 0 && queued < MARK && (!self.stopped || !urgent.is_empty())
    }

    /// Drops everything, into `dropped`.
    pub(crate) fn clear(&mut self, dropped: &mut Vec<QueuedMessage>) {
        for at in 0..self.queues.len() {
            if let Some(queue) = self.queue(at) {
                queue.dropped += queue.messages.len() as u64;
                // They do not count as gone: who waits for them to leave is told of the end instead.
                dropped.extend(core::mem::take(&mut queue.messages));
                queue.bytes = 0;
                self.remove_orphan(at);
            }
        }
        self.turns = Default::default();
        (self.direct, self.stopped) = (false, false);
        (self.messages, self.bytes) = (0, 0);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.messages == 0
    }

    /// Has [`take_moved`](Lanes::take_moved) tell when a message leaves this lane.
    pub(crate) fn await_lane(&mut self, id: LaneId) {
        if let Some(queue) = self.queue(id.0) {
            queue.awaited = true;
        }
    }

    /// The awaited lanes that a message has left.
    pub(crate) fn take_moved(&mut self) -> Vec<LaneId> {
        core::mem::take(&mut self.moved)
    }

    pub(crate) fn buffered(&self) -> Buffered {
        Buffered {
            messages: self.messages,
            bytes: self.bytes,
        }
    }

    pub(crate) fn buffered_in(&self, id: LaneId) -> Buffered {
        self.get(id)
            .map_or_else(Buffered::default, |queue| Buffered {
                messages: queue.messages.len(),
                bytes: queue.bytes,
            })
    }

    pub(crate) fn dropped(&self, id: LaneId) -> u64 {
        self.get(id).map_or(0, |queue| queue.dropped)
    }

    /// Messages that ever entered this lane.
    pub(crate) fn entered(&self, id: LaneId) -> u64 {
        self.get(id).map_or(0, |queue| queue.entered)
    }

    /// Whether the first `entered` messages of this lane have gone.
    pub(crate) fn have_gone(&self, id: LaneId, entered: u64) -> bool {
        self.get(id).is_none_or(|queue| queue.gone >= entered)
    }

    /// Whether a message of `len` bytes fits without displacing another.
    pub(crate) fn has_room(&self, id: LaneId, len: usize) -> bool {
        self.get(id).is_none_or(|queue| queue.has_room(len))
    }

    pub(crate) fn policy(&self, id: LaneId) -> Overflow {
        self.get(id)
            .map_or(Overflow::Wait, |queue| queue.config.overflow)
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

    fn enter_turns(&mut self, priority: Priority, turn: Turn) {
        if let Some(turns) = self.turns.get_mut(priority.index()) {
            turns.push_back(turn);
        }
    }

    fn add_direct(&mut self) {
        if !core::mem::replace(&mut self.direct, true) {
            self.normal().push_back(Turn::Direct);
        }
    }

    /// The line is empty, or one of it has entered: if its turn had come, it is the lanes' now.
    pub(crate) fn remove_direct(&mut self) {
        self.stopped = false;
        if core::mem::take(&mut self.direct) {
            self.normal().retain(|turn| *turn != Turn::Direct);
        }
    }

    fn remove_orphan(&mut self, at: usize) {
        if let Some(slot) = self.queues.get_mut(at) {
            if slot
                .as_ref()
                .is_some_and(|queue| queue.orphan && queue.messages.is_empty())
            {
                *slot = None;
                self.free.push(at);
            }
        }
    }
}

#[cfg(test)]
mod tests;
