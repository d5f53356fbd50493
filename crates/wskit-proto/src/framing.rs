//! How messages become frames: whole or cut, copied or by reference, compressed or not.

use bytes::Bytes;
use wskit_frame::{FrameHeader, Mask, OpCode};

use crate::outbox::{COPIED, Outbox, opcode};
use crate::outgoing::{Data, Outgoing};
use crate::pool;
use crate::prepared::PreparedMessage;
use crate::transmit::Payload;

/// A message whose frames are being queued.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begun {
    pub(crate) opcode: OpCode,
    pub(crate) compressed: bool,
    pub(crate) first: bool,
}

impl Outbox {
    pub(crate) fn push_message(&mut self, message: Outgoing<'_>) {
        self.active = true;
        let len = message.len();
        self.tally.sent_message(len);
        let compressed = message.compress
            && self
                .encoder
                .as_mut()
                .is_some_and(|encoder| encoder.begin(Some(len)));
        let begun = Begun {
            opcode: opcode(message.kind),
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
            if let Data::Shared(bytes) = message.data {
                self.queue.retire(bytes);
            }
            return;
        }
        self.tally.sent_frame();
        match message.data {
            Data::Lent(bytes) => self.whole_lent(begun.opcode, bytes),
            Data::Shared(bytes) => self.whole_shared(begun.opcode, bytes),
            Data::Own(bytes) => self.whole_own(begun.opcode, bytes),
            Data::Prepared(prepared) => self.whole_prepared(begun.opcode, prepared),
        }
    }

    /// One frame: copied when small, else queued as a payload of its own.
    fn whole_lent(&mut self, opcode: OpCode, bytes: &[u8]) {
        let mask = self.next_key();
        if bytes.len() <= COPIED {
            self.queue.push_copy(true, false, opcode, mask, bytes);
        } else {
            self.push_large(opcode, mask, Payload::Own(bytes.to_vec()));
        }
    }

    fn whole_own(&mut self, opcode: OpCode, bytes: Vec<u8>) {
        let mask = self.next_key();
        if bytes.len() <= COPIED {
            self.queue.push_copy(true, false, opcode, mask, &bytes);
        } else {
            self.push_large(opcode, mask, Payload::Own(bytes));
        }
    }

    fn whole_shared(&mut self, opcode: OpCode, bytes: Bytes) {
        let mask = self.next_key();
        if bytes.len() <= COPIED {
            self.queue.push_copy(true, false, opcode, mask, &bytes);
            self.queue.retire(bytes);
            return;
        }
        let payload = match mask {
            None => Payload::Shared(bytes),
            // Masked in place if there is no other reference to it, else in a copy.
            Some(_) => match bytes.try_into_mut() {
                Ok(bytes) => Payload::Own(bytes.into()),
                Err(bytes) => {
                    let copy = bytes.to_vec();
                    self.queue.retire(bytes);
                    Payload::Own(copy)
                }
            },
        };
        self.push_large(opcode, mask, payload);
    }

    fn whole_prepared(&mut self, opcode: OpCode, prepared: &PreparedMessage) {
        match self.next_key() {
            None if prepared.len() > COPIED => self.queue.push_frames(prepared.frame().clone()),
            mask if prepared.len() <= COPIED => {
                self.queue
                    .push_copy(true, false, opcode, mask, prepared.as_bytes());
            }
            mask => self.push_large(opcode, mask, Payload::Own(prepared.as_bytes().to_vec())),
        }
    }

    /// Sends what was compressed once for all connections with such a window. The history of this
    /// one takes the plain text, as the peer's does.
    #[cfg(feature = "deflate")]
    fn push_deflated(&mut self, mut begun: Begun, prepared: &PreparedMessage) -> bool {
        let Some(crate::compression::Encoder::Deflate(compressor)) = self.encoder.as_deref_mut()
        else {
            return false;
        };
        let Some(deflated) = prepared.deflated(compressor.window_bits(), compressor.level()) else {
            return false;
        };
        compressor.note_prepared(prepared.as_bytes());
        let payload = deflated.as_bytes();
        self.tally.deflated(prepared.len(), payload.len());
        if self.is_to_be_cut(payload.len()) {
            self.cut(&mut begun, payload, true);
            return true;
        }
        let opcode = begun.opcode;
        self.tally.sent_frame();
        match self.next_key() {
            mask if payload.len() <= COPIED => {
                self.queue.push_copy(true, true, opcode, mask, payload);
            }
            None => self.queue.push_frames(deflated.frame.clone()),
            Some(key) => {
                let mut payload = payload.to_vec();
                Mask::new(key).apply(&mut payload);
                let header = FrameHeader {
                    fin: true,
                    rsv1: true,
                    opcode,
                    mask: Some(key),
                    len: payload.len() as u64,
                };
                self.queue.push_large(&header, Payload::Own(payload));
            }
        }
        true
    }

    fn push_large(&mut self, opcode: OpCode, mask: Option<[u8; 4]>, payload: Payload) {
        let payload = match (mask, payload) {
            (Some(key), Payload::Own(mut data)) => {
                Mask::new(key).apply(&mut data);
                Payload::Own(data)
            }
            (Some(key), Payload::Shared(data)) => {
                let mut data = data.to_vec();
                Mask::new(key).apply(&mut data);
                Payload::Own(data)
            }
            (None, payload) => payload,
        };
        let len = match &payload {
            Payload::Own(data) => data.len(),
            Payload::Shared(data) => data.len(),
        };
        let header = FrameHeader {
            fin: true,
            rsv1: false,
            opcode,
            mask,
            len: len as u64,
        };
        self.queue.push_large(&header, payload);
    }

    /// Part of a message in as many frames as it takes: cut at `Config::fragment_size`, and when
    /// compressed, cut where the output buffer ends, so that it is bounded while it is produced.
    pub(crate) fn frames(&mut self, mut begun: Begun, data: &[u8], last: bool) -> Begun {
        if self.config.fragment_size.is_none() && !begun.compressed && data.len() > COPIED {
            // Peers limit the frames of a message: whoever streams much decides how many.
            self.push_large_fragment(&mut begun, last, data.to_vec());
            return begun;
        }
        if begun.compressed {
            return self.frames_compressed(begun, data, last);
        }
        self.cut(&mut begun, data, last);
        begun
    }

    /// Whether `Config::fragment_size` wants more than one frame for such a payload.
    fn is_to_be_cut(&self, len: usize) -> bool {
        self.config
            .fragment_size
            .is_some_and(|most| len > most.get())
    }

    /// The most payload of a frame that is copied.
    fn most(&self) -> usize {
        self.config
            .fragment_size
            .map_or(COPIED, |most| most.get().min(COPIED))
    }

    /// Queues what goes on the wire as it is, in frames of at most [`most`](Outbox::most).
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
            self.tally.deflated(progress.consumed, progress.produced);
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
        self.encoder = Some(encoder);
        begun
    }

    fn push_large_fragment(&mut self, begun: &mut Begun, fin: bool, mut payload: Vec<u8>) {
        let opcode = if begun.first {
            begun.opcode
        } else {
            OpCode::Continuation
        };
        begun.first = false;
        self.tally.sent_frame();
        let mask = self.next_key();
        if let Some(key) = mask {
            Mask::new(key).apply(&mut payload);
        }
        let header = FrameHeader {
            fin,
            rsv1: false,
            opcode,
            mask,
            len: payload.len() as u64,
        };
        self.queue.push_large(&header, Payload::Own(payload));
    }

    fn push_fragment(&mut self, begun: &mut Begun, fin: bool, payload: &[u8]) {
        // RFC 7692 §6: RSV1 on the first frame only.
        let (opcode, rsv1) = if begun.first {
            (begun.opcode, begun.compressed)
        } else {
            (OpCode::Continuation, false)
        };
        begun.first = false;
        self.tally.sent_frame();
        let mask = self.next_key();
        self.queue.push_copy(fin, rsv1, opcode, mask, payload);
    }
}
