mod buffers;
mod parse;
mod payload;
mod spare;

pub use spare::Spare;

use std::sync::Arc;

use wskit_frame::{Mask, Masking, Utf8Check, is_utf8};

use crate::compression::Decoder;
use crate::config::Config;
use crate::error::ProtocolError;
use crate::event::{CloseFrame, ControlPayload};
use crate::message::MessageKind;
use crate::pool::{self, Slab};
use crate::role::Role;

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
    /// Where a message is put together that cannot be lent from the slab: `own[..own_done]`, unmasked
    /// and checked. What lies behind it is room for reading that has been initialised.
    own: Vec<u8>,
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
