//! The full parser: headers, control frames, and the rules of fragmentation.
#![allow(
    clippy::arithmetic_side_effects,
    reason = "positions within the slab; lengths are at most 2^63 - 1, so that the sum of two fits"
)]

use wskit_frame::{
    ClosePayload, FrameHeader, HeaderRules, Mask, Masking, OpCode, Parsed, Utf8Check,
};

use super::payload::Progress;
use super::{Delivery, FETCH, Frame, Open, PRIMES_A_BYTE, Receiver, Span, State};
use crate::error::ProtocolError;
use crate::event::{CloseFrame, ControlPayload, Event};
use crate::message::MessageKind;
use crate::pool::{self, READ_SLAB};
use crate::text::Utf8Bytes;

impl Receiver {
    pub(super) fn parse(&mut self) -> Result<Option<Event<Span, Span>>, ProtocolError> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        if self.own_lent {
            // What was lent has been used, taken or is not wanted: an idle connection holds nothing.
            let own = core::mem::take(self.memory.own_mut());
            if self.expected > 0 {
                pool::give_large(own);
            }
            self.own_lent = false;
        }
        if self.state == State::Ended {
            self.start = 0;
            self.end = 0;
            return Ok(None);
        }
        loop {
            let progress = match self.frame {
                Some(frame) => self.payload(frame)?,
                None => self.header()?,
            };
            match progress {
                Progress::Event(step) => return Ok(Some(step)),
                Progress::Wait => return Ok(None),
                Progress::Next => {}
            }
        }
    }

    /// Parses the next frame's header, and the whole frame if it is a control frame.
    pub(super) fn header(&mut self) -> Result<Progress, ProtocolError> {
        let bytes = self
            .memory
            .slab()
            .get(self.start as usize..self.end as usize)
            .unwrap_or_default();
        let rules = HeaderRules {
            masking: if self.masked {
                Masking::Required
            } else {
                Masking::Forbidden
            },
            allow_rsv1: self.decoder.is_some(),
        };
        let Parsed::Header { header, size } = FrameHeader::parse(bytes, rules)? else {
            return Ok(Progress::Wait);
        };
        if header.opcode.is_control() {
            return self.control(header, size);
        }
        self.begin(&header)?;
        self.tally.received_frame();
        self.start += size as u32;
        self.frame = Some(Frame {
            mask: header.mask.map(Mask::new),
            remaining: header.len,
            fin: header.fin,
            plain: 0,
        });
        Ok(Progress::Next)
    }

    /// §5.5: control frames may come between the fragments of a message and are handled there.
    pub(super) fn control(
        &mut self,
        header: FrameHeader,
        size: usize,
    ) -> Result<Progress, ProtocolError> {
        let bytes = self
            .memory
            .slab()
            .get(self.start as usize..self.end as usize)
            .unwrap_or_default();
        // At most 125, says the header parser.
        let whole = size + header.len as usize;
        let Some(payload) = bytes.get(size..whole) else {
            return Ok(Progress::Wait);
        };
        self.tally.received_frame();
        let mut payload = ControlPayload::new(payload);
        self.start += whole as u32;
        if let Some(key) = header.mask {
            Mask::new(key).apply(payload.bytes_mut());
        }
        Ok(Progress::Event(match header.opcode {
            OpCode::Ping => Event::Ping(payload),
            OpCode::Pong => Event::Pong(payload),
            _ => {
                let close = ClosePayload::parse(&payload)?;
                self.closed_inside = self.message.is_some();
                Event::Close(close.map(|close| CloseFrame {
                    code: close.code,
                    reason: Utf8Bytes::from(close.reason),
                }))
            }
        }))
    }

    /// Enters a data frame: the rules of fragmentation (§5.4) and the limits (§10.4), judged by the
    /// header alone.
    pub(super) fn begin(&mut self, header: &FrameHeader) -> Result<(), ProtocolError> {
        let limits = self.config.limits;
        let mut message = match (self.message, header.opcode) {
            (None, OpCode::Text) => self.opened(MessageKind::Text, header),
            (None, OpCode::Binary) => self.opened(MessageKind::Binary, header),
            (None, _) => return Err(ProtocolError::UnexpectedContinuation),
            (Some(message), OpCode::Continuation) => message,
            (Some(_), _) => return Err(ProtocolError::ExpectedContinuation),
        };
        message.fragments = message.fragments.saturating_add(1);
        if message.fragments > limits.max_fragments {
            return Err(ProtocolError::TooManyFragments {
                limit: limits.max_fragments,
            });
        }
        if !message.compressed {
            // Both are at most 2^63 - 1: the sum fits.
            message.size += header.len;
            if message.size > limits.max_message_size as u64 {
                return Err(ProtocolError::MessageTooBig {
                    limit: limits.max_message_size,
                });
            }
        }
        self.message = Some(message);
        Ok(())
    }

    pub(super) fn opened(&mut self, kind: MessageKind, header: &FrameHeader) -> Open {
        if let (true, Some(decoder)) = (header.rsv1, &self.decoder) {
            let fetch = FETCH + decoder.primes() / PRIMES_A_BYTE;
            self.inflated = self.inflated.saturating_add(fetch);
        }
        self.utf8 = Utf8Check::new();
        self.memory.own_mut().clear();
        self.own_done = 0;
        Open {
            kind,
            compressed: header.rsv1,
            pieces: self.delivery == Delivery::Pieces,
            first: true,
            in_slab: header.fin
                && !header.rsv1
                && self.delivery == Delivery::Whole
                && header.len <= READ_SLAB as u64,
            done: 0,
            fragments: 0,
            size: 0,
        }
    }
}
