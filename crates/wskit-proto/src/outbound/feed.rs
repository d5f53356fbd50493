//! How whole messages are queued: by copying them where that is all there is to do, else by the slower way.

use super::outbox::{COPIED, Outbox};
use crate::error::SendError;
use crate::message::MessageKind;
use crate::outgoing::{Data, Outgoing};
use crate::prepared::PreparedMessage;

/// Payloads that a server was given to keep are copied up to this size: to queue them costs no copy at all.
const COPIED_OWN: usize = 8 << 10;

impl Outbox {
    /// Queues a message. It leaves with the next write; nothing is written here.
    ///
    /// # Errors
    /// [`SendError::Closed`] after a Close, [`SendError::QueueFull`] while the queue holds
    /// `Config::write_queue_limit` bytes, [`SendError::MessageOpen`] inside a streamed message. On an error
    /// nothing is queued.
    #[inline(always)]
    pub fn feed<'m>(&mut self, message: impl Into<Outgoing<'m>>) -> Result<(), SendError> {
        let Outgoing {
            kind,
            data,
            compress,
        } = message.into();
        // A message for the slower path is built again from its parts, so that the fast path need not keep it
        // in memory.
        let data = match data {
            Data::Lent(payload) => {
                if self.feed_copy(kind, payload) {
                    return Ok(());
                }
                Data::Lent(payload)
            }
            Data::Shared(bytes) => {
                if bytes.len() <= COPIED_OWN && self.feed_copy(kind, &bytes) {
                    self.queue.retire(bytes);
                    return Ok(());
                }
                Data::Shared(bytes)
            }
            Data::Own(bytes) => Data::Own(bytes),
            Data::Assembled(memory) => Data::Assembled(memory),
            Data::Prepared(prepared) => Data::Prepared(prepared),
        };
        self.feed_any(Outgoing {
            kind,
            data,
            compress,
        })
    }

    /// Queues a message by copying its payload, if the message owns that and this is all that
    /// [`feed`](Outbox::feed) would do with it.
    pub(super) fn feed_copied(&mut self, message: &Outgoing<'_>) -> bool {
        let Data::Shared(payload) = &message.data else {
            return false;
        };
        if payload.len() > self.copied(&message.data) {
            return false;
        }
        if self.feed_copy(message.kind, payload) {
            return true;
        }
        if !self.fast || self.check_data().is_err() {
            return false;
        }
        self.active = true;
        self.counters.sent_whole(payload.len());
        self.push_small(message.kind, payload);
        true
    }

    /// Queues a message by copying it, if it goes out as one frame without a mask and there is room.
    #[inline(always)]
    fn feed_copy(&mut self, kind: MessageKind, payload: &[u8]) -> bool {
        if self.queue.queued() >= self.copies_below as usize {
            return false;
        }
        let opcode = kind.opcode();
        if !self.queue.push_fast(opcode, payload) {
            if payload.len() > COPIED {
                return false;
            }
            self.queue.push_fast_first(opcode, payload);
        }
        self.active = true;
        self.counters.sent_whole(payload.len());
        true
    }

    #[inline(never)]
    pub(super) fn feed_any(&mut self, message: Outgoing<'_>) -> Result<(), SendError> {
        self.check_data()?;
        let payload = message.as_bytes();
        if self.fast && payload.len() <= self.copied(&message.data) {
            self.active = true;
            self.counters.sent_whole(payload.len());
            self.push_small(message.kind, payload);
            if let Data::Shared(bytes) = message.data {
                self.queue.retire(bytes);
            }
            return Ok(());
        }
        self.push_message(message);
        Ok(())
    }

    /// Returns up to which size such a payload is copied.
    pub(super) fn copied(&self, data: &Data<'_>) -> usize {
        match data {
            Data::Shared(_) | Data::Own(_) | Data::Assembled(_) if self.keys.is_none() => {
                COPIED_OWN
            }
            _ => COPIED,
        }
    }

    /// Queues a whole message as one frame, payload copied.
    // Inlined in both callers: a call of its own would be a tenth of what they do.
    #[inline(always)]
    fn push_small(&mut self, kind: MessageKind, payload: &[u8]) {
        let opcode = kind.opcode();
        if let Some(keys) = &self.keys {
            let mask = Some(keys.next_key());
            self.queue.push_copy(true, false, opcode, mask, payload);
            return;
        }
        self.queue.push_fast_first(opcode, payload);
    }

    /// Queues a prepared message as [`feed`](Outbox::feed) does. A small one is copied with its header.
    #[inline]
    pub(super) fn feed_prepared(&mut self, message: &PreparedMessage) -> Result<(), SendError> {
        let len = message.len();
        if len <= COPIED
            && self.queue.queued() < self.copies_below as usize
            && self.queue.push_frame(message.frame())
        {
            self.active = true;
            self.counters.sent_whole(len);
            return Ok(());
        }
        self.feed_any(message.into())
    }
}
