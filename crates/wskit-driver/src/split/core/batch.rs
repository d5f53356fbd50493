use wskit_proto::{PreparedMessage, SendError, State};

use super::sender::Sender;
use crate::transport::{PollWrite, Timer};

/// What [`Writer::batch`](crate::Writer::batch) did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Batched {
    /// How many of the messages were queued, from the first on.
    pub accepted: usize,
    /// How many bytes are queued that the transport has not taken yet, as
    /// [`Writer::queued`](crate::Writer::queued) returns.
    pub queued: usize,
}

impl<W: PollWrite, C: Timer> Sender<W, C> {
    /// Queues as many of the messages as there is room for, then writes what the transport takes.
    pub(crate) fn batch(&mut self, messages: &[&PreparedMessage]) -> Result<Batched, SendError> {
        if self.output.outbox.state() != State::Open {
            return Err(SendError::Closed);
        }
        let mut accepted = 0;
        // Only the room changes while messages are queued.
        if self.may_enter(None) {
            for message in messages {
                // It is not refused for what it is, but only for what is open or queued.
                if !self.output.has_room() || self.output.outbox.feed_prepared(message).is_err() {
                    break;
                }
                accepted += 1;
            }
        }
        if let Err(error) = self.write_out() {
            self.effects.errors.push(error);
            return Err(SendError::Closed);
        }
        Ok(Batched {
            accepted,
            queued: self.output.outbox.queued(),
        })
    }
}
