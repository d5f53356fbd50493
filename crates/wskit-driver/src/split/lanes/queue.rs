use std::collections::VecDeque;

use wskit_proto::{QueuedMessage, SendError};

use super::config::{Buffered, LaneConfig, Overflow, Priority, Pushed};
use super::pace::Pacer;

/// The messages of one lane.
pub(super) struct Queue {
    config: LaneConfig,
    messages: VecDeque<QueuedMessage>,
    bytes: usize,
    /// Messages that were ever queued.
    entered: u64,
    /// How many of them were sent or displaced.
    gone: u64,
    dropped: u64,
    /// The lane's owner was dropped: the queue is removed once it is empty.
    pub(super) orphan: bool,
    /// The lane's owner waits for room, or for a message to leave.
    pub(super) awaited: bool,
    /// The lane is among the turns.
    pub(super) has_turn: bool,
    /// `None` if the lane is not paced.
    pub(super) pacer: Option<Box<Pacer>>,
}

impl Queue {
    pub(super) fn new(config: LaneConfig) -> Self {
        let pacer = Pacer::new(config.pace);
        Self {
            config,
            messages: VecDeque::new(),
            bytes: 0,
            entered: 0,
            gone: 0,
            dropped: 0,
            orphan: false,
            awaited: false,
            has_turn: false,
            pacer,
        }
    }

    /// Queues a message according to the lane's rule. The messages that it displaces go to `displaced`.
    pub(super) fn push(
        &mut self,
        message: &mut Option<QueuedMessage>,
        displaced: &mut Vec<QueuedMessage>,
    ) -> Result<Pushed, SendError> {
        let len = message.as_ref().map_or(0, QueuedMessage::len);
        let before = self.messages.len();
        match self.config.overflow {
            Overflow::Wait | Overflow::Disconnect if !self.has_room(len) => {
                return Err(SendError::QueueFull);
            }
            Overflow::Wait | Overflow::Disconnect => {}
            Overflow::DropOldest => {
                while !self.has_room(len) {
                    let oldest = self.messages.pop_front();
                    self.bytes -= oldest.as_ref().map_or(0, QueuedMessage::len);
                    displaced.extend(oldest);
                }
            }
            Overflow::LatestOnly => {
                displaced.extend(self.messages.drain(..));
                self.bytes = 0;
            }
        }
        let count = before - self.messages.len();
        self.dropped += count as u64;
        self.gone += count as u64;
        if let Some(message) = message.take() {
            self.entered += 1;
            self.bytes += len;
            self.messages.push_back(message);
        }
        Ok(match count {
            0 => Pushed::Queued,
            count => Pushed::Displaced(count),
        })
    }

    /// Whether a message waits that may leave, as far as the pace is concerned.
    pub(super) fn wants_turn(&mut self) -> bool {
        !self.messages.is_empty() && self.pacer.as_mut().is_none_or(|pacer| pacer.lets_go())
    }

    /// Takes the next message to send.
    pub(super) fn pop(&mut self) -> Option<QueuedMessage> {
        let message = self.messages.pop_front()?;
        self.bytes -= message.len();
        self.gone += 1;
        Some(message)
    }

    /// Drops all messages into `dropped`. They do not count as gone: a call that waits for them to leave
    /// is told of the end instead.
    pub(super) fn clear(&mut self, dropped: &mut Vec<QueuedMessage>) {
        self.has_turn = false;
        self.dropped += self.messages.len() as u64;
        dropped.extend(core::mem::take(&mut self.messages));
        self.bytes = 0;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Whether a message of `len` bytes fits. Any message fits into an empty queue.
    pub(super) fn has_room(&self, len: usize) -> bool {
        self.messages.is_empty()
            || (self.messages.len() < self.config.max_messages
                && self.bytes.saturating_add(len) <= self.config.max_bytes)
    }

    pub(super) fn buffered(&self) -> Buffered {
        Buffered {
            messages: self.messages.len(),
            bytes: self.bytes,
        }
    }

    pub(super) const fn priority(&self) -> Priority {
        self.config.priority
    }

    pub(super) const fn policy(&self) -> Overflow {
        self.config.overflow
    }

    pub(super) const fn entered(&self) -> u64 {
        self.entered
    }

    pub(super) const fn gone(&self) -> u64 {
        self.gone
    }

    pub(super) const fn dropped(&self) -> u64 {
        self.dropped
    }
}
