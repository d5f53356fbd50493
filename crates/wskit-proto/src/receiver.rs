use std::sync::Arc;

use wskit_frame::{
    ClosePayload, FrameHeader, HeaderRules, Mask, Masking, OpCode, Parsed, Utf8Check, is_utf8,
};

use crate::compression::Decoder;
use crate::config::Config;
use crate::error::ProtocolError;
use crate::event::{CloseFrame, ControlPayload};
use crate::message::MessageKind;
use crate::pool::{self, READ_SLAB, Slab};
use crate::role::Role;
use crate::text::Utf8Bytes;

/// Bytes in, messages and control frames out: the receiving half of a connection.
///
/// It owns the parse state and borrows a buffer from its thread's pool only while bytes move.
/// Answers are ranges ([`Item`]); references are made at the edge, in [`Connection`](crate::Connection).
///
/// Two parsers: [`hot`](Receiver::hot) takes one kind of frame (a whole, unfragmented, plain data
/// frame that lies in the buffer) and inlines into the caller; [`step`](Receiver::step) takes
/// everything, and alone knows errors, fragments and control frames.
pub(crate) struct Receiver {
    slab: Slab,
    /// Unparsed bytes are `slab[start..end]`.
    start: u32,
    end: u32,
    /// Whether the hot parser may look: open, no frame or message begun, no own buffer lent.
    hot: bool,
    masked: bool,
    /// The parser has seen everything up to `end` and waits for more.
    drained: bool,
    state: State,
    /// The largest message that the hot parser may take, in bytes.
    hot_max: u32,
    /// Something came since this was last cleared: the keepalive's evidence of life.
    pub(crate) heard: bool,
    /// How the next message to begin is handed out.
    pub(crate) delivery: Delivery,
    frame: Option<Frame>,
    message: Option<Open>,
    utf8: Utf8Check,
    /// Where a message is put together that cannot be lent from the slab.
    own: Vec<u8>,
    /// How much of `own` is unmasked and checked.
    own_done: usize,
    own_lent: bool,
    /// Bytes of an unfinished header or control frame while no slab is held.
    carry: Vec<u8>,
    /// The text that may be lent: its bytes have been validated and still lie where they were.
    lent: Item,
    error: Option<ProtocolError>,
    decoder: Option<Box<Decoder>>,
    config: Arc<Config>,
}

/// How messages are handed out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// Whole messages; one that is fragmented, compressed or large is put together first.
    #[default]
    Whole,
    /// Pieces as they come, even inside a frame, in memory that does not grow with the message.
    Pieces,
}

/// Where a message lies: in the slab, or the whole of the own buffer.
///
/// A token, not a reference: [`Inbound`](crate::Inbound) makes the reference from it, once nobody
/// else needs the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item {
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) kind: MessageKind,
    pub(crate) own: bool,
}

/// What the full parser found.
#[derive(Debug)]
pub(crate) enum Step {
    Message(Item),
    Piece { item: Item, first: bool, last: bool },
    Ping(ControlPayload),
    Pong(ControlPayload),
    Close(Option<CloseFrame>),
}

/// Where to read to; see [`Connection::read_buf`](crate::Connection::read_buf).
#[derive(Debug)]
pub enum ReadBuf<'a> {
    /// The common case: any number of frames fit.
    Slab(&'a mut [u8]),
    /// The middle of a large message: append at most `limit` bytes to `message`, which has that
    /// much spare capacity.
    Large {
        /// What has come of the message so far; append only.
        message: &'a mut Vec<u8>,
        /// The most bytes to append.
        limit: usize,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// The peer's Close came (§5.5.1: data after it is not delivered), or it broke a rule (§7.1.7:
    /// nothing is processed any more, its Close included). What still comes is thrown away.
    Ended,
}

/// The data frame whose payload is coming in.
#[derive(Clone, Copy, Debug)]
struct Frame {
    mask: Option<Mask>,
    remaining: u64,
    fin: bool,
    /// Bytes at `start` that are unmasked already (a decoder ran out of room before it took them).
    plain: u32,
}

/// The message that is coming in.
#[derive(Clone, Copy, Debug)]
struct Open {
    kind: MessageKind,
    compressed: bool,
    /// Handed out in pieces.
    pieces: bool,
    /// Nothing of it has been handed out as a piece yet.
    first: bool,
    /// All of it is one frame that will lie whole in the slab, at `start`; `done` bytes of it are
    /// unmasked and checked.
    in_slab: bool,
    done: u32,
    /// The own buffer was lent for reading into, so its bytes are only trusted after another look.
    exposed: bool,
    fragments: u32,
    /// Plain payload bytes announced so far.
    size: u64,
}

/// From this much on, a message is read straight into its own buffer.
const LARGE: usize = 8 << 10;
/// Text is validated, and compressed data expanded, in blocks that stay in L1.
const BLOCK: usize = 16 << 10;

impl Receiver {
    pub(crate) fn new(role: Role, config: Arc<Config>) -> Self {
        let hot_max = u32::try_from(config.limits.max_message_size).unwrap_or(u32::MAX);
        Self {
            slab: Slab::default(),
            start: 0,
            end: 0,
            hot: true,
            masked: role.expects() == Masking::Required,
            state: State::Open,
            hot_max,
            drained: true,
            heard: false,
            delivery: Delivery::Whole,
            frame: None,
            message: None,
            utf8: Utf8Check::new(),
            own: Vec::new(),
            own_done: 0,
            own_lent: false,
            carry: Vec::new(),
            lent: NOTHING,
            error: None,
            decoder: None,
            config,
        }
    }

    #[cfg(any(test, feature = "deflate"))]
    pub(crate) fn set_decoder(&mut self, decoder: Decoder) {
        self.decoder = Some(Box::new(decoder));
    }

    /// The next message if it is the common kind: one whole plain frame in the slab.
    #[inline]
    pub(crate) fn hot(&mut self) -> Option<Item> {
        if !self.hot {
            return None;
        }
        let bytes = self.slab.get_mut(self.start as usize..self.end as usize)?;
        // §5.2: FIN and text or binary, no reserved bit.
        let (kind, second) = match *bytes {
            [0x82, second, ..] => (MessageKind::Binary, second),
            [0x81, second, ..] => (MessageKind::Text, second),
            _ => return None,
        };
        if (second & 0x80 != 0) != self.masked {
            return None;
        }
        let (size, len) = match second & 0x7f {
            126 => {
                let len = u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?]);
                // §5.2: the shortest form; the full parser names the error.
                if len < 126 {
                    return None;
                }
                (4, usize::from(len))
            }
            127 => return None,
            short => (2, usize::from(short)),
        };
        if len > self.hot_max as usize {
            return None;
        }
        let (key, head) = if self.masked {
            let key: [u8; 4] = bytes.get(size..size + 4)?.try_into().ok()?;
            (key, size + 4)
        } else {
            ([0; 4], size)
        };
        let payload = bytes.get_mut(head..head + len)?;
        let valid = match (self.masked, kind) {
            (true, MessageKind::Binary) => {
                Mask::new(key).apply(payload);
                true
            }
            (true, MessageKind::Text) => Mask::new(key).apply_ascii(payload) || is_utf8(payload),
            (false, MessageKind::Binary) => true,
            (false, MessageKind::Text) => is_utf8(payload),
        };
        if !valid {
            // The payload is unmasked by now, so the full parser cannot look again: tell it.
            self.error = Some(ProtocolError::InvalidUtf8);
            self.hot = false;
            return None;
        }
        let from = self.start + head as u32;
        let to = from + len as u32;
        self.start = to;
        let item = Item {
            from,
            to,
            kind,
            own: false,
        };
        if kind == MessageKind::Text {
            self.lent = item;
        }
        Some(item)
    }

    /// The next event of any kind; `None` when more bytes are needed (or none will be read).
    ///
    /// An error is returned once; after it, nothing.
    #[cold]
    pub(crate) fn step(&mut self) -> Result<Option<Step>, ProtocolError> {
        let step = self.parse();
        match &step {
            Err(_) | Ok(Some(Step::Close(_))) => self.end(),
            Ok(step) => {
                self.drained = step.is_none();
                if let Some(Step::Message(item)) = step {
                    self.lent = *item;
                }
                self.hot = self.frame.is_none()
                    && self.message.is_none()
                    && !self.own_lent
                    && self.state == State::Open;
            }
        }
        step
    }

    /// Stops reading for good: what the buffer holds and what still comes is thrown away.
    pub(crate) fn end(&mut self) {
        self.state = State::Ended;
        self.hot = false;
        self.frame = None;
        self.message = None;
        self.own = Vec::new();
        self.own_lent = false;
        self.carry = Vec::new();
        self.error = None;
        self.start = 0;
        self.end = 0;
    }

    /// Whether bytes of an unfinished frame or message have come: an end of stream now cuts it.
    pub(crate) fn is_mid_message(&self) -> bool {
        self.frame.is_some()
            || self.message.is_some()
            || self.start != self.end
            || !self.carry.is_empty()
    }

    fn parse(&mut self) -> Result<Option<Step>, ProtocolError> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        if self.state == State::Ended {
            self.start = 0;
            self.end = 0;
            return Ok(None);
        }
        if self.own_lent {
            // What was lent has been used, taken or is not wanted: an idle connection holds nothing.
            self.own = Vec::new();
            self.own_lent = false;
            self.lent = NOTHING;
        }
        loop {
            let progress = match self.frame {
                Some(frame) => self.payload(frame)?,
                None => self.header()?,
            };
            match progress {
                Progress::Item(step) => return Ok(Some(step)),
                Progress::Wait if self.refill() => {}
                Progress::Wait => return Ok(None),
                Progress::Next => {}
            }
        }
    }

    /// Parses the next frame's header, and the whole frame if it is a control frame.
    fn header(&mut self) -> Result<Progress, ProtocolError> {
        let bytes = self
            .slab
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
    fn control(&mut self, header: FrameHeader, size: usize) -> Result<Progress, ProtocolError> {
        let bytes = self
            .slab
            .get(self.start as usize..self.end as usize)
            .unwrap_or_default();
        // At most 125, says the header parser.
        let whole = size + header.len as usize;
        let Some(payload) = bytes.get(size..whole) else {
            return Ok(Progress::Wait);
        };
        let mut payload = ControlPayload::new(payload);
        self.start += whole as u32;
        if let Some(key) = header.mask {
            Mask::new(key).apply(payload.bytes_mut());
        }
        Ok(Progress::Item(match header.opcode {
            OpCode::Ping => Step::Ping(payload),
            OpCode::Pong => Step::Pong(payload),
            _ => {
                let close = ClosePayload::parse(&payload)?;
                Step::Close(close.map(|close| CloseFrame {
                    code: close.code,
                    reason: Utf8Bytes::from(close.reason),
                }))
            }
        }))
    }

    /// Enters a data frame: the rules of fragmentation (§5.4) and the limits (§10.4), judged by the
    /// header alone.
    fn begin(&mut self, header: &FrameHeader) -> Result<(), ProtocolError> {
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

    fn opened(&mut self, kind: MessageKind, header: &FrameHeader) -> Open {
        self.utf8 = Utf8Check::new();
        self.own.clear();
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
            exposed: false,
            fragments: 0,
            size: 0,
        }
    }

    /// Takes what has come of a data frame's payload.
    fn payload(&mut self, frame: Frame) -> Result<Progress, ProtocolError> {
        let Some(message) = self.message else {
            // A data frame always has its message; were it not so, this is the peer's error 1002.
            return Err(ProtocolError::UnexpectedContinuation);
        };
        if message.compressed {
            return self.payload_compressed(frame, message);
        }
        let skip = if message.in_slab { message.done } else { 0 };
        let from = (self.start + skip).min(self.end);
        let came = u64::from(self.end - from).min(frame.remaining) as u32;
        let remaining = frame.remaining - u64::from(came);
        let raw = self
            .slab
            .get_mut(from as usize..(from + came) as usize)
            .unwrap_or_default();
        let mut mask = frame.mask;
        check(&mut self.utf8, message.kind, mask.as_mut(), raw)?;
        let ended = remaining == 0;
        self.frame = (!ended).then_some(Frame {
            mask,
            remaining,
            ..frame
        });

        if message.in_slab {
            let done = message.done + came;
            if !ended {
                self.message = Some(Open { done, ..message });
                return Ok(Progress::Wait);
            }
            let item = Item {
                from: self.start,
                to: self.start + done,
                kind: message.kind,
                own: false,
            };
            self.start += done;
            self.finish(message.kind)?;
            return Ok(Progress::Item(Step::Message(item)));
        }

        if message.pieces {
            self.start += came;
            let last = ended && frame.fin;
            if last {
                self.finish(message.kind)?;
            } else if came == 0 {
                return Ok(if ended {
                    Progress::Next
                } else {
                    Progress::Wait
                });
            } else {
                self.message = Some(Open {
                    first: false,
                    ..message
                });
            }
            let item = Item {
                from,
                to: from + came,
                kind: message.kind,
                own: false,
            };
            return Ok(Progress::Item(Step::Piece {
                item,
                first: message.first,
                last,
            }));
        }

        make_room(
            &mut self.own,
            raw.len(),
            self.config.limits.max_message_size,
        );
        self.own.extend_from_slice(raw);
        self.own_done = self.own.len();
        self.start += came;
        if !ended {
            return Ok(Progress::Wait);
        }
        if !frame.fin {
            return Ok(Progress::Next);
        }
        self.finish(message.kind)?;
        // Bytes that were checked as they came lay open to whoever read behind them.
        if message.exposed && message.kind == MessageKind::Text && !is_utf8(&self.own) {
            return Err(ProtocolError::InvalidUtf8);
        }
        Ok(Progress::Item(Step::Message(self.own_item(message.kind))))
    }

    /// RFC 7692 §6.2: the payload of all frames of the message, joined, is decompressed; limits and
    /// the UTF-8 check apply to what comes out.
    fn payload_compressed(
        &mut self,
        frame: Frame,
        message: Open,
    ) -> Result<Progress, ProtocolError> {
        let Some(decoder) = self.decoder.as_mut() else {
            return Err(ProtocolError::Compression);
        };
        let limit = self.config.limits.max_message_size;
        let pieces = message.pieces;
        let came = u64::from(self.end - self.start).min(frame.remaining) as usize;
        let from = self.start as usize;
        let raw = self.slab.get_mut(from..from + came).unwrap_or_default();
        let mut mask = frame.mask;
        if let (Some(mask), Some(masked)) = (mask.as_mut(), raw.get_mut(frame.plain as usize..)) {
            mask.apply(masked);
        }
        let last_input = frame.fin && came as u64 == frame.remaining;
        if pieces {
            self.own.clear();
        }
        let mut used = 0;
        let mut size = message.size;
        let done = loop {
            // Room for what such input mostly becomes: zeroing a whole block for every small message
            // would cost more than expanding it.
            let likely = raw.len().saturating_mul(8).clamp(LEAST, BLOCK);
            let room = limit.saturating_sub(size as usize).min(likely);
            if pieces && !self.own.is_empty() {
                break false;
            }
            let at = self.own.len();
            // One byte of room more than the limit leaves: it shows whether there is more to come,
            // and is never handed out.
            make_room(&mut self.own, room.max(1), limit.saturating_add(1));
            self.own.resize(at + room.max(1), 0);
            let out = self.own.get_mut(at..).unwrap_or_default();
            let progress = decoder.decode(raw.get(used..).unwrap_or_default(), last_input, out)?;
            self.own.truncate(at + progress.produced);
            used += progress.consumed;
            size += progress.produced as u64;
            if size > limit as u64 {
                return Err(ProtocolError::MessageTooBig { limit });
            }
            if message.kind == MessageKind::Text {
                self.utf8.push(self.own.get(at..).unwrap_or_default())?;
            }
            if progress.done {
                break true;
            }
            if progress.produced == 0 && progress.consumed == 0 {
                // A decoder that neither takes nor gives would spin.
                return Err(ProtocolError::Compression);
            }
        };
        self.start += used as u32;
        let remaining = frame.remaining - used as u64;
        let plain = (came - used) as u32;
        let ended = done && remaining == 0;
        let last = ended && frame.fin;
        self.frame = (!ended).then_some(Frame {
            mask,
            remaining,
            plain,
            ..frame
        });
        self.own_done = self.own.len();
        self.message = Some(Open { size, ..message });
        if pieces {
            if last {
                self.finish(message.kind)?;
            } else if self.own.is_empty() {
                return Ok(if ended {
                    Progress::Next
                } else {
                    Progress::Wait
                });
            } else {
                self.message = Some(Open {
                    size,
                    first: false,
                    ..message
                });
            }
            self.own_lent = true;
            let item = self.own_item(message.kind);
            return Ok(Progress::Item(Step::Piece {
                item,
                first: message.first,
                last,
            }));
        }
        if !ended {
            return Ok(Progress::Wait);
        }
        if !last {
            return Ok(Progress::Next);
        }
        self.finish(message.kind)?;
        Ok(Progress::Item(Step::Message(self.own_item(message.kind))))
    }

    /// The message is whole. §5.6: text is valid UTF-8 as a whole.
    fn finish(&mut self, kind: MessageKind) -> Result<(), ProtocolError> {
        self.frame = None;
        self.message = None;
        if kind == MessageKind::Text {
            self.utf8.finish()?;
        }
        Ok(())
    }

    fn own_item(&mut self, kind: MessageKind) -> Item {
        self.own_lent = true;
        Item {
            from: 0,
            to: 0,
            kind,
            own: true,
        }
    }

    /// Where the next read goes. Never empty.
    #[inline]
    pub(crate) fn read_buf(&mut self) -> ReadBuf<'_> {
        self.lent = NOTHING;
        if self.reads_large() {
            return self.large();
        }
        if self.slab.is_empty() {
            self.acquire();
        } else if self.start == self.end {
            self.start = 0;
            self.end = 0;
        } else if self.start > 0 && self.end as usize > READ_SLAB / 2 {
            self.compact();
        }
        if !self.carry.is_empty() {
            // More was kept than fits: it comes before anything that is still to be read.
            return ReadBuf::Slab(&mut []);
        }
        let end = self.end as usize;
        ReadBuf::Slab(self.slab.get_mut(end..).unwrap_or_default())
    }

    /// Says how many bytes were read into the slab.
    #[inline]
    pub(crate) fn filled(&mut self, n: usize) {
        self.heard |= n > 0;
        self.drained = false;
        self.end = (self.end as usize + n).min(self.slab.len()) as u32;
        if self.state == State::Ended {
            self.start = 0;
            self.end = 0;
        }
    }

    /// Says that bytes were appended to the large message: unmasks and checks them.
    pub(crate) fn filled_large(&mut self) {
        self.drained = false;
        let (Some(frame), Some(message)) = (self.frame, self.message) else {
            return;
        };
        let new = self.own.get_mut(self.own_done..).unwrap_or_default();
        self.heard |= !new.is_empty();
        let came = (new.len() as u64).min(frame.remaining);
        // Whoever read more than the limit read into the next frame: that is kept for later.
        let (new, surplus) = new.split_at_mut(came as usize);
        self.carry.extend_from_slice(surplus);
        let surplus = surplus.len();
        let mut mask = frame.mask;
        for block in new.chunks_mut(BLOCK) {
            if let Err(error) = check(&mut self.utf8, message.kind, mask.as_mut(), block) {
                self.error = Some(error);
                self.hot = false;
                break;
            }
        }
        self.own.truncate(self.own.len() - surplus);
        self.own_done = self.own.len();
        self.frame = Some(Frame {
            mask,
            remaining: frame.remaining - came,
            ..frame
        });
    }

    /// Gives the slab back when there is nothing more to read for now. What it holds of an
    /// unfinished frame moves to a buffer of just that size, so that a peer which stalls in the
    /// middle of a frame holds no more than it has sent. A slab that may hold more events stays.
    #[inline]
    pub(crate) fn release(&mut self) {
        if self.slab.is_empty() {
            return;
        }
        if self.start != self.end {
            if !self.drained {
                return;
            }
            self.set_aside();
        }
        self.start = 0;
        self.end = 0;
        self.lent = NOTHING;
        pool::give_read(core::mem::take(&mut self.slab));
    }

    #[cold]
    fn set_aside(&mut self) {
        let rest = self
            .slab
            .get(self.start as usize..self.end as usize)
            .unwrap_or_default();
        if let Some(message) = self.message.as_mut().filter(|message| message.in_slab) {
            // All of `rest` is payload that has been unmasked and checked.
            self.own.extend_from_slice(rest);
            self.own_done = self.own.len();
            message.in_slab = false;
        } else {
            self.carry.extend_from_slice(rest);
        }
    }

    /// Bytes of heap that this connection holds now, a borrowed slab included.
    pub(crate) fn held(&self) -> usize {
        let decoder = self.decoder.as_ref().map_or(0, |decoder| decoder.held());
        self.slab.len() + self.own.capacity() + self.carry.capacity() + decoder
    }

    fn reads_large(&self) -> bool {
        self.own.len() >= LARGE
            && self.start == self.end
            && self.carry.is_empty()
            && self
                .message
                .is_some_and(|message| !message.compressed && !message.pieces)
            && self
                .frame
                .is_some_and(|frame| frame.remaining >= LARGE as u64)
    }

    #[cold]
    fn large(&mut self) -> ReadBuf<'_> {
        let remaining = self.frame.map_or(0, |frame| frame.remaining);
        // Grown by what has come, not by what is announced: at most doubled.
        let grown = remaining.min(self.own.len() as u64) as usize;
        let spare = self.own.capacity() - self.own.len();
        if spare < LARGE.min(grown) {
            self.own.reserve_exact(grown);
        }
        let spare = self.own.capacity() - self.own.len();
        let limit = remaining.min(spare as u64) as usize;
        if let Some(message) = self.message.as_mut() {
            message.exposed = true;
        }
        ReadBuf::Large {
            message: &mut self.own,
            limit,
        }
    }

    #[inline]
    fn acquire(&mut self) {
        self.slab = pool::take_read();
        self.start = 0;
        self.end = 0;
        if !self.carry.is_empty() {
            self.take_carry();
        }
    }

    #[cold]
    fn take_carry(&mut self) {
        let room = self.slab.get_mut(self.end as usize..).unwrap_or_default();
        let n = self.carry.len().min(room.len());
        for (to, from) in room.iter_mut().zip(self.carry.drain(..n)) {
            *to = from;
        }
        self.end += n as u32;
        if self.carry.is_empty() {
            self.carry = Vec::new();
        }
    }

    /// Brings back what was kept aside; says whether the parser has something new to look at.
    fn refill(&mut self) -> bool {
        // What a drained slab left behind is known to be unfinished: that takes no slab.
        if self.carry.is_empty() || (self.slab.is_empty() && self.drained) {
            return false;
        }
        if self.slab.is_empty() {
            self.acquire();
            return true;
        }
        self.compact();
        let before = self.end;
        self.take_carry();
        self.end > before
    }

    #[cold]
    fn compact(&mut self) {
        self.slab
            .copy_within(self.start as usize..self.end as usize, 0);
        self.end -= self.start;
        self.start = 0;
    }

    /// Whether the item is the text handed out last, and nothing has been read or parsed since.
    #[inline]
    pub(crate) fn is_lent(&self, text: Item) -> bool {
        self.lent == text
    }

    /// The bytes of an item.
    #[inline]
    pub(crate) fn bytes(&self, item: Item) -> &[u8] {
        if item.own {
            &self.own
        } else {
            self.slab
                .get(item.from as usize..item.to as usize)
                .unwrap_or_default()
        }
    }

    pub(crate) fn own_mut(&mut self) -> &mut Vec<u8> {
        &mut self.own
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if !self.slab.is_empty() {
            pool::give_read(core::mem::take(&mut self.slab));
        }
    }
}

/// No item: a range that is none.
const NOTHING: Item = Item {
    from: 1,
    to: 0,
    kind: MessageKind::Binary,
    own: false,
};

/// Makes room for `more` bytes: doubled as any `Vec`, but no further than `limit`, so that a message
/// holds at most what it may be long.
fn make_room(own: &mut Vec<u8>, more: usize, limit: usize) {
    let (len, capacity) = (own.len(), own.capacity());
    if capacity - len < more {
        let doubled = capacity
            .saturating_mul(2)
            .max(LEAST)
            .min(limit)
            .saturating_sub(len);
        own.reserve_exact(doubled.max(more));
    }
}

/// The first room of a message that is put together, in bytes.
const LEAST: usize = 64;

/// What one look at the input led to.
enum Progress {
    Item(Step),
    Next,
    Wait,
}

/// Unmasks and, for text, checks a run of payload. §8.1: text fails at its first impossible byte,
/// even inside an unfinished frame.
#[inline]
fn check(
    utf8: &mut Utf8Check,
    kind: MessageKind,
    mask: Option<&mut Mask>,
    raw: &mut [u8],
) -> Result<(), ProtocolError> {
    match (kind, mask) {
        (MessageKind::Binary, Some(mask)) => mask.apply(raw),
        (MessageKind::Binary, None) => {}
        (MessageKind::Text, Some(mask)) => {
            if !(mask.apply_ascii(raw) && utf8.is_boundary()) {
                utf8.push(raw)?;
            }
        }
        (MessageKind::Text, None) => utf8.push(raw)?,
    }
    Ok(())
}
