//! How messages become frames: whole or cut, copied or by reference, compressed or not.

use wskit_frame::{FrameHeader, Mask, OpCode};

use super::outbox::{COPIED, Outbox};
use super::queue::Payload;
use crate::message::Taken;
use crate::outgoing::{Data, Outgoing};
use crate::pool;
#[cfg(feature = "deflate")]
use crate::prepared::PreparedMessage;

/// A message whose frames are being queued.
#[derive(Clone, Copy, Debug)]
pub(super) struct Begun {
    pub(super) opcode: OpCode,
    pub(super) compressed: bool,
    pub(super) first: bool,
}

impl Begun {
    /// Returns the opcode and RSV1 of the next frame. RFC 7692 §6: RSV1 on the first frame only.
    fn next_frame(&mut self) -> (OpCode, bool) {
        if core::mem::replace(&mut self.first, false) {
            (self.opcode, self.compressed)
        } else {
            (OpCode::Continuation, false)
        }
    }
}

impl Outbox {
    /// Queues a whole message of any kind and size.
    pub(super) fn push_message(&mut self, message: Outgoing<'_>) {
        self.active = true;
        let len = message.len();
        self.counters.sent_message(len);
        let compressed = message.compress
            && self
                .encoder
                .as_mut()
                .is_some_and(|encoder| encoder.begin(Some(len)));
        let begun = Begun {
            opcode: message.kind.opcode(),
            compressed,
            first: true,
        };
        #[cfg(feature = "deflate")]
        if let (true, Data::Prepared(prepared)) = (compressed, &message.data) {
            if self.push_deflated(begun, prepared) {
                return;
            }
        }
        if compressed || self.is_to_be_cut(len) {
            self.frames(begun, message.as_bytes(), true);
        } else if len <= self.copied(&message.data) {
            self.counters.sent_frame();
            let mask = self.next_key();
            self.queue
                .push_copy(true, false, begun.opcode, mask, message.as_bytes());
        } else {
            self.push_whole(begun.opcode, message.data);
            return;
        }
        if let Data::Shared(bytes) = message.data {
            self.queue.retire(bytes);
        }
    }

    /// Queues a large message as one frame whose payload is not copied, where that can be avoided.
    fn push_whole(&mut self, opcode: OpCode, data: Data<'_>) {
        self.counters.sent_frame();
        let mask = self.next_key();
        let payload = match data {
            Data::Lent(bytes) => Payload::Own(copied(bytes), 0),
            Data::Shared(bytes) => Payload::Shared(bytes),
            Data::Own(bytes) => Payload::Own(bytes, 0),
            Data::Assembled(memory) => match memory.take_message() {
                Taken::Lent(bytes) => Payload::Own(copied(bytes), 0),
                Taken::Own(buffer, from) => Payload::Own(buffer, from),
            },
            Data::Prepared(prepared) if mask.is_none() => {
                self.queue.push_frames(prepared.frame().clone());
                return;
            }
            Data::Prepared(prepared) => Payload::Own(copied(prepared.as_bytes()), 0),
        };
        self.push_large(true, (opcode, false), mask, payload);
    }

    /// Queues the compressed form of a prepared message. Returns whether it has one for this connection.
    #[cfg(feature = "deflate")]
    fn push_deflated(&mut self, mut begun: Begun, prepared: &PreparedMessage) -> bool {
        let Some(crate::compression::Encoder::Deflate(compressor)) = self.encoder.as_deref_mut()
        else {
            return false;
        };
        let Some(deflated) = compressor.prepared(prepared) else {
            return false;
        };
        let payload = deflated.as_bytes();
        self.counters.deflated(prepared.len(), payload.len());
        if self.is_to_be_cut(payload.len()) {
            self.cut(&mut begun, payload, true);
            return true;
        }
        self.counters.sent_frame();
        match self.next_key() {
            mask if payload.len() <= COPIED => {
                self.queue
                    .push_copy(true, true, begun.opcode, mask, payload);
            }
            None => self.queue.push_frames(deflated.frame.clone()),
            mask => {
                let payload = Payload::Own(copied(payload), 0);
                self.push_large(true, (begun.opcode, true), mask, payload);
            }
        }
        true
    }

    /// Queues a frame whose payload is not copied: masked in place if this is the only reference to it,
    /// else in a copy.
    fn push_large(
        &mut self,
        fin: bool,
        (opcode, rsv1): (OpCode, bool),
        mask: Option<[u8; 4]>,
        payload: Payload,
    ) {
        let payload = match mask {
            None => payload,
            Some(key) => self.masked(key, payload),
        };
        let header = FrameHeader {
            fin,
            rsv1,
            opcode,
            mask,
            len: payload.len() as u64,
        };
        self.queue.push_large(&header, payload);
    }

    fn masked(&mut self, key: [u8; 4], payload: Payload) -> Payload {
        let (mut data, from) = match payload {
            Payload::Own(data, from) => (data, from),
            Payload::Shared(bytes) => match bytes.try_into_mut() {
                Ok(mut bytes) => {
                    Mask::new(key).apply(&mut bytes);
                    return Payload::Shared(bytes.freeze());
                }
                Err(bytes) => {
                    let copy = copied(&bytes);
                    self.queue.retire(bytes);
                    (copy, 0)
                }
            },
        };
        Mask::new(key).apply(data.get_mut(from..).unwrap_or_default());
        Payload::Own(data, from)
    }

    /// Queues part of a message in as many frames as it takes: cut at `Config::fragment_size`, and when
    /// compressed, cut where the output buffer ends, so that it is bounded while it is produced.
    pub(super) fn frames(&mut self, mut begun: Begun, data: &[u8], last: bool) -> Begun {
        if begun.compressed {
            return self.frames_compressed(begun, data, last);
        }
        if self.config.fragment_size.is_none() && data.len() > COPIED {
            // Peers limit the frames of a message: the caller decides how many there are.
            self.counters.sent_frame();
            let mask = self.next_key();
            self.push_large(
                last,
                begun.next_frame(),
                mask,
                Payload::Own(copied(data), 0),
            );
        } else {
            self.cut(&mut begun, data, last);
        }
        begun
    }

    /// Returns whether `Config::fragment_size` asks for more than one frame for such a payload.
    fn is_to_be_cut(&self, len: usize) -> bool {
        self.config
            .fragment_size
            .is_some_and(|most| len > most.get())
    }

    /// Returns the most payload of a frame that is copied.
    fn most(&self) -> usize {
        self.config
            .fragment_size
            .map_or(COPIED, |most| most.get().min(COPIED))
    }

    /// Queues a payload as it goes on the wire, in frames of at most [`most`](Outbox::most) bytes.
    fn cut(&mut self, begun: &mut Begun, payload: &[u8], last: bool) {
        let most = self.most();
        let mut rest = payload;
        loop {
            let (frame, after) = rest.split_at(rest.len().min(most));
            rest = after;
            self.push_fragment(begun, last && rest.is_empty(), frame);
            if rest.is_empty() {
                return;
            }
        }
    }

    fn frames_compressed(&mut self, mut begun: Begun, data: &[u8], last: bool) -> Begun {
        let most = self.most();
        let Some(mut encoder) = self.encoder.take() else {
            return begun;
        };
        let mut block = pool::take_read();
        let mut rest = data;
        loop {
            let out = block.get_mut(..most).unwrap_or_default();
            let progress = encoder.encode(rest, last, out);
            #[cfg(feature = "deflate")]
            self.counters.deflated(progress.consumed, progress.produced);
            rest = rest.get(progress.consumed..).unwrap_or_default();
            let fin = last && progress.done;
            if progress.produced > 0 || fin {
                self.push_fragment(
                    &mut begun,
                    fin,
                    out.get(..progress.produced).unwrap_or_default(),
                );
            }
            if progress.done || (progress.produced == 0 && progress.consumed == 0) {
                break;
            }
        }
        pool::give_read(block);
        *self.encoder = Some(encoder);
        begun
    }

    fn push_fragment(&mut self, begun: &mut Begun, fin: bool, payload: &[u8]) {
        let (opcode, rsv1) = begun.next_frame();
        self.counters.sent_frame();
        let mask = self.next_key();
        self.queue.push_copy(fin, rsv1, opcode, mask, payload);
    }
}

/// Copies a large payload to a buffer of its own.
fn copied(payload: &[u8]) -> Vec<u8> {
    let mut buffer = pool::take_large(payload.len());
    buffer.clear();
    buffer.extend_from_slice(payload);
    buffer
}
