//! How messages get into the lanes of a [`Sender`], and out of them.

use std::io;
use std::time::Instant;

use wskit_proto::{CloseCode, CloseFrame, QueuedMessage, SendError, State};

use super::sender::Sender;
use crate::split::lanes::{LaneId, Lanes, Overflow, Pushed};
use crate::transport::{PollWrite, Timer};

impl<W: PollWrite, C: Timer> Sender<W, C> {
    /// Returns the lanes, which exist from the first call on.
    pub(crate) fn lanes(&mut self) -> &mut Lanes {
        let last = self.last_mark;
        self.lanes.get_or_insert_with(|| Lanes::after(last).into())
    }

    /// Returns the number of the latest mark of the connection, which its lanes may not have outlived.
    pub(super) fn last_mark(&self) -> u32 {
        let lanes = self.lanes.as_ref();
        lanes.map_or(self.last_mark, |lanes| lanes.last_mark())
    }

    /// Writes if a lane has no room for a message, so that no message is displaced or refused that the
    /// socket would have taken.
    pub(crate) fn make_room(
        &mut self,
        lane: LaneId,
        message: Option<&QueuedMessage>,
    ) -> io::Result<()> {
        let len = message.map_or(0, QueuedMessage::len);
        if self.lanes().has_room(lane, len) {
            return Ok(());
        }
        self.write_out()
    }

    /// Queues a message in a lane, or closes the connection if that is the lane's rule.
    pub(crate) fn push(
        &mut self,
        lane: LaneId,
        message: &mut Option<QueuedMessage>,
    ) -> Result<Pushed, SendError> {
        if self.output.outbox.state() != State::Open {
            return Err(SendError::Closed);
        }
        let lanes = self.lanes.get_or_insert_default();
        let displaced = &mut self.effects.messages;
        let pushed = lanes.push(lane, message, displaced);
        if pushed == Err(SendError::QueueFull) && lanes.policy(lane) == Overflow::Disconnect {
            lanes.clear(displaced);
            let close = CloseFrame::new(CloseCode::TRY_AGAIN_LATER, "too slow");
            // Neither the code nor the reason can be refused.
            let _ = self.output.outbox.close(Some(close));
        }
        pushed
    }

    /// Notes that a lane's owner was dropped, and writes what no longer waits for a pong: there may be no other
    /// call for long.
    pub(crate) fn release_lane(&mut self, lane: LaneId) {
        self.lanes().release(lane);
        if self.are_lanes_due() {
            self.write_quietly();
        }
    }

    /// Whether messages of the lanes may be encoded now.
    pub(super) fn are_lanes_due(&self) -> bool {
        self.lanes.as_ref().is_some_and(|lanes| {
            lanes.is_due(self.output.outbox.queued())
                && self.output.has_room()
                && self.output.outbox.check().is_ok()
        })
    }

    /// Encodes messages of the lanes while little is encoded.
    pub(super) fn drain_lanes(&mut self) {
        while self.are_lanes_due() {
            let direct_waits = self.queue.has_direct();
            let next = self
                .lanes
                .as_mut()
                .and_then(|lanes| lanes.next(direct_waits));
            let Some(mut message) = next else {
                break;
            };
            // There is room, and no message is open.
            let _ = self.output.outbox.feed_reserved(message.outgoing());
        }
        let (lanes, timer) = (&mut self.lanes, &self.timer);
        let mark = lanes
            .as_mut()
            .and_then(|lanes| lanes.next_mark(|| timer.now()));
        if let Some(payload) = mark {
            self.output.outbox.ping_in_order(&payload);
            self.marked = self.output.flush_target();
        }
    }

    /// Encodes all messages of the lanes, whatever their pace. Returns false if they have to stay, because
    /// a message is open or the connection is closing.
    pub(crate) fn empty_lanes(&mut self) -> bool {
        let Some(lanes) = &mut self.lanes else {
            return true;
        };
        let outbox = &mut self.output.outbox;
        if outbox.is_message_open() || outbox.state() != State::Open {
            return lanes.is_empty();
        }
        lanes.stop_pacing();
        while let Some(mut message) = lanes.next(false) {
            // There is no bound, and no message is open.
            let _ = outbox.feed_reserved(message.outgoing());
        }
        true
    }

    /// Lets the paced lanes go on whose messages a pong answers, and writes. `number` is that of the mark
    /// which the pong has the payload of. Returns false if the pong answers no mark.
    pub(super) fn take_pong(&mut self, number: Option<u32>, now: impl FnOnce() -> Instant) -> bool {
        let is_awaited = match (&mut self.lanes, number) {
            (Some(lanes), Some(number)) => lanes.answered(number, now),
            _ => false,
        };
        if !is_awaited {
            self.repeat_mark();
        } else if self.are_lanes_due() {
            self.write_quietly();
        }
        is_awaited
    }

    /// Lets the paced lanes go on whose messages were written before the keepalive ping that was answered.
    /// Has a mark repeated if one is left.
    pub(super) fn keepalive_answered(&mut self) {
        if let Some(lanes) = &mut self.lanes {
            let is_written = self.output.written() >= self.marked;
            if lanes.keepalive_answered(is_written) && self.are_lanes_due() {
                self.write_quietly();
            }
            self.repeat_mark();
        }
    }

    /// Sends another mark if one is unanswered: the peer may have answered a later ping in its place.
    ///
    /// The pong in hand cannot count as the answer, because its ping may have overtaken the mark. A mark
    /// that has not been written is not repeated: the peer cannot have left it out.
    fn repeat_mark(&mut self) {
        if let Some(lanes) = &mut self.lanes {
            if self.output.written() >= self.marked && lanes.repeat_mark() {
                self.write_quietly();
            }
        }
    }

    /// Writes. A failed write is reported by the end of the connection, its error dropped after unlocking.
    fn write_quietly(&mut self) {
        let written = self.write_out();
        self.effects.errors.extend(written.err());
    }
}
