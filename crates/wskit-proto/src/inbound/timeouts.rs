//! What the deadlines of a connection ask for.

use std::time::Instant;

use wskit_frame::CloseCode;

use super::{Inbound, WithOutbound};
use crate::closing::State;
use crate::event::CloseFrame;
use crate::outcome::TimeoutKind;
use crate::timers::Due;

/// What a driver knows when a deadline is judged, besides the bytes that came and went.
#[derive(Clone, Copy, Debug, Default)]
pub struct Circumstances {
    /// Whether nothing is read at the moment because a message waits to be received, so that an answer
    /// to a ping could not be seen.
    pub reading_suspended: bool,
    /// Bytes that the transport has taken and the peer's host has not acknowledged, if the transport
    /// can tell (TCP on Linux can).
    pub unacknowledged: Option<usize>,
}

/// Signs of life, for the keepalive and for the idle timeout.
#[derive(Default)]
pub(super) struct Activity {
    /// Whether bytes have come since the last keepalive ping.
    pub(super) heard: bool,
    /// Whether a message has been delivered since the last look of the idle timeout.
    pub(super) messages: bool,
}

/// The close code of the idle timeout.
const IDLE: CloseCode = CloseCode::GOING_AWAY;

impl Inbound {
    /// Returns when [`handle_timeout`](Inbound::handle_timeout) is due. `state` is that of the sending half: from
    /// the first Close on, the close deadline counts, and `clock` is asked once.
    #[inline]
    pub fn next_timeout(
        &mut self,
        state: State,
        clock: impl FnOnce() -> Instant,
    ) -> Option<Instant> {
        match state {
            State::Open => {}
            State::Closing => self.timers.start_closing(&self.config, clock),
            State::Closed => self.timers.stop(),
        }
        self.timers.next()
    }

    /// Does what is due by `now`: queues a keepalive ping, closes an idle connection, or gives the
    /// connection up. Call it after a read has come back empty, or after much has been read at once.
    /// Otherwise a program that was busy for a minute would take a healthy peer for a dead one.
    ///
    /// # Errors
    /// The peer ran out of time, and the connection is over. It is no error if both Closes were
    /// through and only the transport was slow to end: that is a clean ending.
    pub fn handle_timeout<O: WithOutbound>(
        &mut self,
        outbound: &mut O,
        now: Instant,
    ) -> Result<(), TimeoutKind> {
        self.handle_timeout_in(outbound, now, Circumstances::default())
    }

    /// Does what is due by `now` like [`handle_timeout`](Inbound::handle_timeout), and takes into
    /// account what else the driver knows.
    ///
    /// # Errors
    /// Those of [`handle_timeout`](Inbound::handle_timeout).
    pub fn handle_timeout_in<O: WithOutbound>(
        &mut self,
        outbound: &mut O,
        now: Instant,
        circumstances: Circumstances,
    ) -> Result<(), TimeoutKind> {
        while let Some(due) = self.timers.due(now, &self.config) {
            match due {
                Due::Close => return self.give_up(outbound, TimeoutKind::Close),
                Due::Ping(payload) => {
                    self.activity.heard = false;
                    let acknowledged = outbound.with_outbound(|outbound| {
                        outbound.progressed = false;
                        outbound.keepalive_ping(&payload);
                        outbound.acknowledged(circumstances.unacknowledged)
                    });
                    let waiting = acknowledged.and(circumstances.unacknowledged).unwrap_or(0);
                    self.timers.acknowledged = acknowledged.unwrap_or(0);
                    self.timers.unacknowledged = u32::try_from(waiting).unwrap_or(u32::MAX);
                }
                Due::Answer => {
                    let heard = core::mem::take(&mut self.activity.heard);
                    let (progressed, acknowledged, blocked) = outbound.with_outbound(|outbound| {
                        let progressed = core::mem::take(&mut outbound.progressed);
                        let acknowledged = outbound.acknowledged(circumstances.unacknowledged);
                        (progressed, acknowledged, outbound.is_blocked())
                    });
                    // Data from before the ping is still on its way, and it moves on.
                    let acknowledges = self.timers.unacknowledged > 0
                        && acknowledged.is_some_and(|now| now > self.timers.acknowledged);
                    if heard || progressed || acknowledges {
                        continue;
                    }
                    if !circumstances.reading_suspended {
                        return self.give_up(outbound, TimeoutKind::Keepalive);
                    }
                    if blocked {
                        return self.give_up(outbound, TimeoutKind::Stalled);
                    }
                    self.timers.postpone_answer(now, &self.config);
                }
                Due::Idle => {
                    let received = core::mem::take(&mut self.activity.messages);
                    let sent =
                        outbound.with_outbound(|outbound| core::mem::take(&mut outbound.active));
                    let active = received || sent || outbound.waits_to_send();
                    if self.timers.is_idle(active, now, &self.config) {
                        // Neither the code nor the reason can be refused.
                        let _ = outbound.close(CloseFrame::new(IDLE, "idle"));
                    }
                }
            }
        }
        Ok(())
    }

    fn give_up<O: WithOutbound>(
        &mut self,
        outbound: &mut O,
        kind: TimeoutKind,
    ) -> Result<(), TimeoutKind> {
        self.stop();
        let clean = outbound.with_outbound(|outbound| {
            outbound.time_out(kind);
            outbound.outcome().is_some_and(|outcome| outcome.is_clean())
        });
        if clean { Ok(()) } else { Err(kind) }
    }
}
