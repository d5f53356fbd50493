#![allow(
    clippy::arithmetic_side_effects,
    reason = "positions within the slab, which has 32 KiB: the hot path"
)]

mod buffers;
mod memory;
mod parse;
mod payload;
mod spare;

pub use spare::Spare;

use std::sync::Arc;

use wskit_frame::{Mask, Masking, Utf8Check, is_utf8};

use crate::compression::Decoder;
use crate::config::{Config, Limits};
use crate::error::ProtocolError;
use crate::event::Event;
use crate::message::MessageKind;
use crate::pool;
use crate::role::Role;
use crate::tally::Tally;
use memory::Memory;

/// Bytes in, messages and control frames out: the receiving half of a connection.
///
/// It owns the parse state and borrows a buffer from its thread's pool only while bytes move.
/// Answers are ranges ([`Span`]); references are made at the edge, in [`Connection`](crate::Connection).
///
/// Two parsers: [`hot`](Receiver::hot) takes one kind of frame (a whole, unfragmented, plain data
/// frame that lies in the buffer) and inlines into the caller; [`step`](Receiver::step) takes
/// everything, and alone knows errors, fragments and control frames.
pub(crate) struct Receiver {
    /// The slab, and `own`, where a message is put together that cannot be lent from the slab:
    /// `own[..own_done]`, unmasked and checked. What lies behind it is room for reading that has been
    /// initialised.
    memory: Memory,
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
    /// The same for frames with a 7-bit length.
    short_max: u8,
    /// Something came since this was last cleared: the keepalive's evidence of life.
    pub(crate) heard: bool,
    /// How the next message to begin is handed out.
    pub(crate) delivery: Delivery,
    frame: Option<Frame>,
    message: Option<Open>,
    /// The peer's Close came inside a message.
    pub(crate) closed_inside: bool,
    utf8: Utf8Check,
    own_done: usize,
    own_lent: bool,
    /// How large the latest message was that was read into a buffer of its own: the next may be as
    /// large. 0 when the latest was small.
    expected: u32,
    /// Something was read since then, at the border of a message.
    tried: bool,
    /// The slab was not enough for what came at once: the next is a large one.
    bulk: bool,
    /// Bytes of an unfinished header or control frame while no slab is held.
    carry: Vec<u8>,
    error: Option<ProtocolError>,
    decoder: Option<Box<Decoder>>,
    /// Work done to decompress since this was last taken: see [`Inbound::take_inflated`](crate::Inbound::take_inflated).
    pub(crate) inflated: usize,
    pub(crate) tally: Tally,
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

/// Where a message, or a piece of one, lies: in the slab, or the whole of the own buffer.
///
/// A token, not a reference: [`Inbound`](crate::Inbound) makes the reference from it, once nobody
/// else needs the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub(crate) from: u32,
    pub(crate) to: u32,
    pub(crate) kind: MessageKind,
    pub(crate) own: bool,
    pub(crate) first: bool,
    pub(crate) last: bool,
}

impl Span {
    /// Returns whether the message is text or binary.
    #[must_use]
    pub const fn kind(&self) -> MessageKind {
        self.kind
    }

    /// Returns whether the message begins here.
    #[must_use]
    pub const fn is_first(&self) -> bool {
        self.first
    }

    /// Whether the message ends here.
    #[must_use]
    pub const fn is_last(&self) -> bool {
        self.last
    }
}

/// Where to read to; see [`Connection::read_buf`](crate::Connection::read_buf).
#[derive(Debug)]
pub enum ReadBuf<'a> {
    /// The common case: any number of frames fit.
    Slab(&'a mut [u8]),
    /// The middle of a large message: straight into its own buffer.
    Large(Spare<'a>),
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
    fragments: u32,
    /// Plain payload bytes announced so far.
    size: u64,
}

/// From this much on, a message is read straight into its own buffer.
const LARGE: usize = 8 << 10;
/// Room behind the end of a large message, in bytes: a read that asks for more than the message
/// comes back short, which tells the runtime, without another call, that the socket is empty.
const SURPLUS: usize = 1 << 10;
/// The header of a masked frame with a 7-bit length.
const SHORT_HEAD: usize = 6;
/// Where a large message is expected, the first read brings this much: its header, and little of its
/// payload, which has to be copied.
const FIRST: usize = 1 << 10;
/// The most room that is made because the message before was so large.
const EXPECTED_MAX: usize = 1 << 20;
/// What a compressed message counts for beside the bytes that it unpacks to: the stream is fetched and
/// put back, which takes as long as so many bytes of ordinary text.
const FETCH: usize = 128;
/// Copying this many bytes into a stream's window takes as long as unpacking one.
const PRIMES_A_BYTE: usize = 32;
/// Text is validated, and compressed data expanded, in blocks that stay in L1.
const BLOCK: usize = 16 << 10;

impl Receiver {
    pub(crate) fn new(role: Role, config: Arc<Config>, tally: Tally) -> Self {
        let hot_max = hot_max(&config);
        Self {
            memory: Memory::default(),
            start: 0,
            end: 0,
            hot: true,
            masked: role.expects() == Masking::Required,
            state: State::Open,
            hot_max,
            short_max: short_max(hot_max),
            drained: true,
            heard: false,
            delivery: Delivery::Whole,
            frame: None,
            message: None,
            closed_inside: false,
            utf8: Utf8Check::new(),
            own_done: 0,
            own_lent: false,
            expected: 0,
            tried: false,
            bulk: false,
            carry: Vec::new(),
            error: None,
            decoder: None,
            inflated: 0,
            tally,
            config,
        }
    }

    #[cfg(any(test, feature = "deflate"))]
    pub(crate) fn set_decoder(&mut self, decoder: Decoder) {
        self.decoder = Some(Box::new(decoder));
    }

    #[inline]
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// For what comes from the next frame on.
    pub(crate) fn set_limits(&mut self, limits: Limits) {
        let config = Arc::make_mut(&mut self.config);
        config.limits = limits;
        self.hot_max = hot_max(config);
        self.short_max = short_max(self.hot_max);
    }

    /// The next message if it is the common kind: one whole plain frame in the slab.
    #[inline(always)]
    pub(crate) fn hot(&mut self) -> Option<Span> {
        if !(self.hot & self.masked) {
            return self.hot_any();
        }
        let bytes = self
            .memory
            .slab_mut()
            .get_mut(self.start as usize..self.end as usize)?;
        // What servers mostly get: a masked frame with a 7-bit length. With the bits turned that must
        // be set, FIN and text or binary is 1 or 2, and the second byte is the length (§5.2).
        let Some(word) = bytes.first_chunk() else {
            return if bytes.is_empty() {
                None
            } else {
                self.hot_any()
            };
        };
        let word = u64::from_le_bytes(*word) ^ 0x8080;
        let (opcode, len) = (word as u8, (word >> 8) as u8);
        if opcode.wrapping_sub(1) > 1 || len > self.short_max {
            return self.hot_any();
        }
        let payload = bytes.get_mut(SHORT_HEAD..SHORT_HEAD + usize::from(len))?;
        let mut mask = Mask::new(((word >> 16) as u32).to_le_bytes());
        let from = self.start + SHORT_HEAD as u32;
        let to = from + u32::from(len);
        self.start = to;
        let mut item = Span {
            from,
            to,
            kind: MessageKind::Binary,
            own: false,
            first: true,
            last: true,
        };
        if opcode == 2 {
            mask.apply(payload);
        } else {
            item.kind = MessageKind::Text;
            if !mask.apply_ascii(payload) && !is_utf8(payload) {
                self.no_text();
                return None;
            }
            self.memory.lend_text(item);
        }
        Some(item)
    }

    /// A text turned out to be none. The full parser cannot see it any more: it is told.
    #[cold]
    fn no_text(&mut self) {
        self.error = Some(ProtocolError::InvalidUtf8);
        self.hot = false;
    }

    /// As [`hot`](Receiver::hot), for every size and either role.
    #[inline(never)]
    fn hot_any(&mut self) -> Option<Span> {
        if !self.hot {
            return None;
        }
        let bytes = self
            .memory
            .slab_mut()
            .get_mut(self.start as usize..self.end as usize)?;
        // The longest header of such a frame is 8 bytes: they are looked at as one number, the first
        // byte lowest. What a shorter frame lacks is seen when its payload is taken.
        let word = match bytes.first_chunk() {
            Some(word) => u64::from_le_bytes(*word),
            None => few(bytes),
        };
        // §5.2: FIN and text or binary, no reserved bit.
        let kind = match word as u8 {
            0x82 => MessageKind::Binary,
            0x81 => MessageKind::Text,
            _ => return None,
        };
        let second = (word >> 8) as u8;
        if (second & 0x80 != 0) != self.masked {
            return None;
        }
        let (size, len) = match second & 0x7f {
            126 => {
                let len = usize::from(((word >> 16) as u16).swap_bytes());
                // §5.2: the shortest form; the full parser names the error.
                if len < 126 {
                    return None;
                }
                (4, len)
            }
            127 => return None,
            short => (2, usize::from(short)),
        };
        if len > self.hot_max as usize {
            return None;
        }
        let head = if self.masked { size + 4 } else { size };
        let payload = bytes.get_mut(head..head + len)?;
        let from = self.start + head as u32;
        let to = from + len as u32;
        self.start = to;
        let item = Span {
            from,
            to,
            kind,
            own: false,
            first: true,
            last: true,
        };
        let mask = self
            .masked
            .then(|| Mask::new(((word >> (8 * size)) as u32).to_le_bytes()));
        match kind {
            MessageKind::Binary => {
                if let Some(mut mask) = mask {
                    mask.apply(payload);
                }
            }
            MessageKind::Text if is_text(mask, payload) => self.memory.lend_text(item),
            MessageKind::Text => {
                self.no_text();
                return None;
            }
        }
        Some(item)
    }

    /// Whether nothing is there to be parsed, so that there is no need to try.
    #[inline]
    pub(crate) fn has_no_input(&self) -> bool {
        self.hot && self.start == self.end && self.carry.is_empty()
    }

    /// The next event of any kind; `None` when more bytes are needed (or none will be read).
    ///
    /// An error is returned once; after it, nothing.
    #[cold]
    pub(crate) fn step(&mut self) -> Result<Option<Event<Span, Span>>, ProtocolError> {
        let step = self.parse();
        match &step {
            Err(_) | Ok(Some(Event::Close(_))) => self.end(),
            Ok(step) => {
                self.drained = step.is_none();
                if let Some(Event::Message(item)) = step {
                    self.memory.lend(*item);
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
        // What has been handed out, or waits to be, stays until the next look at the input.
        if !self.own_lent {
            *self.memory.own_mut() = Vec::new();
        }
        self.carry = Vec::new();
        self.error = None;
        self.start = 0;
        self.end = 0;
    }

    /// Nothing of the open message has been handed out yet: it is put together as a whole after all.
    pub(crate) fn want_whole(&mut self) {
        if let Some(message) = self.message.as_mut() {
            message.pieces &= !message.first;
        }
    }

    /// Whether bytes of an unfinished frame or message have come: an end of stream now cuts it.
    pub(crate) fn is_mid_message(&self) -> bool {
        self.frame.is_some()
            || self.message.is_some()
            || self.start != self.end
            || !self.carry.is_empty()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if !self.memory.slab().is_empty() {
            pool::give_read(core::mem::take(self.memory.slab_mut()));
        }
    }
}

fn hot_max(config: &Config) -> u32 {
    u32::try_from(config.limits.max_message_size).unwrap_or(u32::MAX)
}

fn short_max(hot_max: u32) -> u8 {
    hot_max.min(125) as u8
}

/// Unmasks a whole text, and says whether it is one.
#[inline(never)]
fn is_text(mask: Option<Mask>, payload: &mut [u8]) -> bool {
    mask.is_some_and(|mut mask| mask.apply_ascii(payload)) || is_utf8(payload)
}

/// The first of fewer than 8 bytes, as a number.
#[cold]
#[inline(never)]
fn few(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    for (to, from) in word.iter_mut().zip(bytes) {
        *to = *from;
    }
    u64::from_le_bytes(word)
}
