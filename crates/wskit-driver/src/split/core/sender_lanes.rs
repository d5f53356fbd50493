//! What the sending half has to do with lanes.

use std::task::Poll;

use wskit_proto::{CloseCode, CloseFrame, QueuedMessage, SendError, State};

use super::flags::Flags;
use super::sender::{PERMIT, Sender};
use crate::error::ConnectionError;
use crate::split::lane::Pushed;
use crate::split::lanes::Overflow;
use crate::split::lanes::{LaneId, Lanes};
use crate::transport::PollWrite;

impl<W: PollWrite> Sender<W> {
    /// The lanes, which are there from the first time on.
    pub(crate) fn lanes(&mut self) -> &mut Lanes {
        self.lanes.get_or_insert_default()
    }

    /// Writes if a lane has no room for this message: what it displaces, or is refused for, must not
    /// be what the socket would have taken.
    pub(crate) fn make_room(
        &mut self,
        lane: LaneId,
        message: Option<&QueuedMessage>,
    ) -> Result<(), ConnectionError> {
        let len = message.map_or(0, QueuedMessage::len);
        if !self.lanes().has_room(lane, len) {
            if let Poll::Ready(Err(error)) = self.poll_write_out() {
                return Err(self.write_failed(error));
            }
        }
        Ok(())
    }

    /// Takes a message into a lane, or closes the connection if the lane has it so.
    pub(crate) fn push(
        &mut self,
        lane: LaneId,
        message: &mut Option<QueuedMessage>,
    ) -> Result<Pushed, SendError> {
        if self.outbox.state() != State::Open {
            return Err(SendError::Closed);
        }
        let lanes = self.lanes.get_or_insert_default();
        let gone = &mut self.effects.messages;
        let pushed = lanes.push(lane, message, gone);
        if pushed == Err(SendError::QueueFull) && lanes.policy(lane) == Overflow::Disconnect {
            lanes.clear(gone);
            // Neither the code nor the reason can be refused.
            let _ = self.outbox.close(Some(CloseFrame::new(
                CloseCode::TRY_AGAIN_LATER,
                "too slow",
            )));
        }
        pushed
    }

    pub(crate) fn waits_for_room(&mut self, lane: LaneId) -> bool {
        self.lanes().policy(lane) == Overflow::Wait
    }

    /// Whether messages of the lanes may be encoded now.
    pub(crate) fn is_due(&self) -> bool {
        self.lanes.as_ref().is_some_and(|lanes| {
            lanes.is_due(self.outbox.queued())
                && !self.message_open
                && self.outbox.has_room(self.permits * PERMIT)
                && self.outbox.check().is_ok()
        })
    }

    /// The next message that waits in a lane, if it may go before those who stand in the line.
    pub(crate) fn next_in_lanes(&mut self) -> Option<QueuedMessage> {
        let direct_waits = self.queue.has_direct();
        self.lanes.as_mut()?.next(direct_waits)
    }

    /// Encodes what is next while little is encoded.
    pub(crate) fn drain_lanes(&mut self) {
        while self.is_due() {
            let Some(mut message) = self.next_in_lanes() else {
                return;
            };
            // There is room, and no message is open.
            let _ = self.outbox.feed_reserved(message.outgoing());
        }
    }

    /// Adds what the flags say of the lanes. Wakes those whose messages have left.
    #[cold]
    pub(super) fn settle_lanes(&mut self, flags: &mut Flags) {
        let is_due = self.is_due();
        let is_open = self.outbox.state() == State::Open;
        let Some(lanes) = &mut self.lanes else {
            return;
        };
        if !lanes.is_empty() {
            if is_open {
                flags.set(Flags::LANES, true);
                flags.set(Flags::LANES_DUE, is_due);
            } else {
                lanes.clear(&mut self.effects.messages);
            }
        }
        for lane in lanes.take_moved() {
            let waiter = self.queue.take_lane(lane);
            self.effects.wake(waiter);
        }
    }
}
