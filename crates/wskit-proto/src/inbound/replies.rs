//! What an event asks of the sending half.

use std::time::Instant;

use super::{Inbound, Span};
use crate::error::{ProtocolError, SendError};
use crate::event::{CloseFrame, Event};
use crate::outbound::Outbound;

/// Access to the sending half: directly, or through a lock that is held during the call.
pub trait WithOutbound {
    /// Calls `f` with the sending half.
    fn with_outbound<R>(&mut self, f: impl FnOnce(&mut Outbound) -> R) -> R;

    /// Starts the closing handshake, after everything that waits to be sent.
    ///
    /// # Errors
    /// Those of [`Outbox::close`](crate::Outbox::close).
    fn close(&mut self, close: CloseFrame) -> Result<(), SendError> {
        self.with_outbound(|outbound| outbound.outbox().close(Some(close)))
    }

    /// Returns whether messages wait to be sent, encoded or not.
    fn waits_to_send(&mut self) -> bool {
        self.with_outbound(|outbound| outbound.has_unsent())
    }

    /// Takes a pong that does not answer a keepalive ping. Returns whether it answers a ping of the
    /// driver's own ([`Outbound::ping_in_order`]): then it is no event. The default takes none.
    fn take_pong(&mut self, payload: &[u8], clock: impl Fn() -> Instant) -> bool {
        let _ = (payload, clock);
        false
    }

    /// Notes that a pong has answered a keepalive ping. The peer may have left pings of the driver's own
    /// unanswered for it (RFC 6455 §5.5.3). The default does nothing.
    fn keepalive_answered(&mut self) {}
}

impl WithOutbound for Outbound {
    #[inline]
    fn with_outbound<R>(&mut self, f: impl FnOnce(&mut Outbound) -> R) -> R {
        f(self)
    }
}

impl Inbound {
    /// Returns the next event by the full parser, and queues the reply that it asks for.
    pub(super) fn next_any<O: WithOutbound>(
        &mut self,
        outbound: &mut O,
        clock: impl Fn() -> Instant,
    ) -> Result<Option<Event<Span, Span>>, ProtocolError> {
        loop {
            let event = self
                .parse()
                .inspect_err(|error| outbound.with_outbound(|outbound| outbound.fail(error)))?;
            match &event {
                Some(Event::Message(span) | Event::Piece(span)) => self.count_received(*span),
                Some(Event::Ping(payload)) if self.config.auto_pong => {
                    outbound.with_outbound(|outbound| outbound.answer_ping(payload));
                }
                Some(Event::Pong(payload)) if self.timers.pong(payload, &clock) => {
                    #[cfg(feature = "metrics")]
                    self.counters.round_trip(self.timers.round_trip());
                    outbound.keepalive_answered();
                    continue;
                }
                Some(Event::Pong(payload)) if outbound.take_pong(payload, &clock) => continue,
                Some(Event::Close(close)) => {
                    let inside = self.closed_inside;
                    outbound.with_outbound(|outbound| outbound.answer_close(close.clone(), inside));
                }
                Some(Event::Ping(_) | Event::Pong(_)) | None => {}
            }
            return Ok(event);
        }
    }

    fn count_received(&mut self, span: Span) {
        let len = self.memory.bytes(span).len();
        if span.last {
            self.counters.received_message(len);
        } else {
            self.counters.received_part(len);
        }
        self.activity.messages = true;
    }
}
