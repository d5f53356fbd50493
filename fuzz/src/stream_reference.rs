use wskit_frame::FrameError;
use wskit_proto::{MessageKind, ProtocolError};

use crate::header_reference::read_header;
use crate::inflate_reference::{InflateEnd, InflateReference, Terms};

/// What a stream of frames says, one message or control frame each.
#[derive(Clone, PartialEq, Eq)]
pub enum Seen {
    /// A whole message, however it was fragmented.
    Message(MessageKind, Vec<u8>),
    /// A ping with its payload.
    Ping(Vec<u8>),
    /// A pong with its payload.
    Pong(Vec<u8>),
    /// A Close with code and reason.
    Close(Option<(u16, String)>),
}

impl core::fmt::Debug for Seen {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let (name, data) = match self {
            Self::Message(kind, data) => (format!("{kind:?}"), data),
            Self::Ping(data) => ("Ping".into(), data),
            Self::Pong(data) => ("Pong".into(), data),
            Self::Close(close) => return write!(f, "Close({close:?})"),
        };
        let start = data.get(..32).unwrap_or(data).escape_ascii();
        write!(f, "{name}({} bytes: {start})", data.len())
    }
}

/// What a receiver accepts.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// Whether frames must be masked, or else must not.
    pub masked: bool,
    /// Bytes of one message.
    pub max_message_size: usize,
    /// Frames of one message.
    pub max_fragments: u32,
    /// What was agreed on about compression, if anything was.
    pub deflate: Option<Terms>,
}

/// A whole stream, read.
#[derive(Debug)]
pub struct Reading {
    /// Everything up to the error, the Close or the end.
    pub events: Vec<Seen>,
    /// Of a message that had begun when it ended: what came of it, the bytes of a wrong frame
    /// included.
    pub partial: Vec<u8>,
    /// The broken rule. Whether compressed data is broken or not text is one rule here, as both may
    /// be true and the Close is the same.
    pub error: Option<ProtocolError>,
    /// Bytes that belong to frames which are complete.
    pub whole: usize,
}

/// Reads a stream of frames by RFC 6455 §5 to §8, all at once and with the standard library.
#[must_use]
pub fn read_stream(wire: &[u8], rules: Rules) -> Reading {
    let mut reading = Reading {
        events: Vec::new(),
        partial: Vec::new(),
        error: None,
        whole: 0,
    };
    reading.error = read(wire, rules, &mut reading).err();
    reading
}

struct Open {
    kind: MessageKind,
    frames: u32,
    announced: u64,
    valid: usize,
    compressed: bool,
    /// What came of a compressed message.
    packed: Vec<u8>,
}

fn read(wire: &[u8], rules: Rules, reading: &mut Reading) -> Result<(), ProtocolError> {
    let mut open: Option<Open> = None;
    let mut rest = wire;
    let mut inflate = rules.deflate.map(InflateReference::new);
    while let Some(header) = read_header(rest, rules.masked, rules.deflate.is_some())? {
        let (_, behind) = rest.split_at(header.size);
        let came = usize::try_from(header.len)
            .unwrap_or(usize::MAX)
            .min(behind.len());
        let whole = came as u64 == header.len;
        let key = header.mask.unwrap_or_default();
        let mut payload = behind[..came].to_vec();
        for (at, byte) in payload.iter_mut().enumerate() {
            *byte ^= key[at % 4];
        }
        rest = &behind[came..];
        if header.opcode >= 8 {
            if !whole {
                return Ok(());
            }
            match header.opcode {
                9 => reading.events.push(Seen::Ping(payload)),
                10 => reading.events.push(Seen::Pong(payload)),
                _ => {
                    let close = read_close(&payload)?;
                    reading.events.push(Seen::Close(close));
                    reading.whole = wire.len() - rest.len();
                    return Ok(());
                }
            }
            reading.whole = wire.len() - rest.len();
            continue;
        }
        let mut message = match (open.take(), header.opcode) {
            (None, 0) => return Err(ProtocolError::UnexpectedContinuation),
            (Some(message), 0) => message,
            (Some(_), opcode) => {
                let begun = if opcode == 1 { MessageKind::Text } else { MessageKind::Binary };
                return Err(ProtocolError::ExpectedContinuation { begun });
            }
            (None, opcode) => {
                let kind = if opcode == 1 {
                    MessageKind::Text
                } else {
                    MessageKind::Binary
                };
                Open {
                    kind,
                    frames: 0,
                    announced: 0,
                    valid: 0,
                    compressed: header.rsv1,
                    packed: Vec::new(),
                }
            }
        };
        message.frames += 1;
        if message.frames > rules.max_fragments {
            return Err(ProtocolError::TooManyFragments {
                limit: rules.max_fragments,
            });
        }
        message.announced += header.len;
        if !message.compressed && message.announced > rules.max_message_size as u64 {
            return Err(ProtocolError::MessageTooBig {
                limit: rules.max_message_size,
            });
        }
        let last = whole && header.fin;
        let mut broken = None;
        match inflate.as_mut().filter(|_| message.compressed) {
            None => reading.partial.extend_from_slice(&payload),
            Some(inflate) => {
                // All of it again, each time.
                message.packed.extend_from_slice(&payload);
                let read = inflate.read(&message.packed, last, rules.max_message_size);
                broken = match read.end {
                    InflateEnd::TooLong => Some(ProtocolError::MessageTooBig {
                        limit: rules.max_message_size,
                    }),
                    InflateEnd::Corrupt => Some(ProtocolError::InvalidUtf8),
                    InflateEnd::Whole | InflateEnd::Unfinished => None,
                };
                reading.partial.clone_from(&read.plain);
                if last && broken.is_none() {
                    inflate.keep(&read);
                }
            }
        }
        if message.kind == MessageKind::Text {
            let text = match broken {
                Some(ProtocolError::MessageTooBig { limit }) => &reading.partial[..limit],
                _ => &reading.partial,
            };
            match core::str::from_utf8(&text[message.valid..]) {
                Ok(_) => message.valid = text.len(),
                Err(error) if error.error_len().is_some() || (last && broken.is_none()) => {
                    return Err(ProtocolError::InvalidUtf8);
                }
                Err(error) => message.valid += error.valid_up_to(),
            }
        }
        if let Some(error) = broken {
            return Err(error);
        }
        if !whole {
            return Ok(());
        }
        reading.whole = wire.len() - rest.len();
        if last {
            reading.events.push(Seen::Message(
                message.kind,
                core::mem::take(&mut reading.partial),
            ));
        } else {
            open = Some(message);
        }
    }
    Ok(())
}

/// §5.5.1 and §7.4.
fn read_close(payload: &[u8]) -> Result<Option<(u16, String)>, FrameError> {
    let (code, reason) = match payload {
        [] => return Ok(None),
        [_] => return Err(FrameError::CloseTooShort),
        [high, low, reason @ ..] => (u16::from(*high) * 256 + u16::from(*low), reason),
    };
    let allowed = match code {
        1004..=1006 | 1015 => false,
        1000..=1014 | 3000..=4999 => true,
        _ => false,
    };
    if !allowed {
        return Err(FrameError::CloseCode(code));
    }
    match String::from_utf8(reason.to_vec()) {
        Ok(reason) => Ok(Some((code, reason))),
        Err(_) => Err(FrameError::CloseReasonUtf8),
    }
}
