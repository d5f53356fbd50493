#![allow(
    clippy::arithmetic_side_effects,
    reason = "lengths of parts of one buffer"
)]

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use wskit_frame::FrameHeader;

use crate::message::{Message, MessageKind};

/// A message encoded once, for many connections: clone it freely, feed it to each.
///
/// A server's frames are unmasked, so every connection sends the same bytes: a large message is
/// queued by reference, a small one is copied into the connection's next write. A client has to mask
/// (RFC 6455 §5.3) and pays for one copy, as for any message.
///
/// ```
/// use wskit_proto::PreparedMessage;
/// let tick = PreparedMessage::text(r#"{"price":42}"#);
/// assert_eq!(tick.len(), 12);
/// ```
#[derive(Clone, Debug)]
pub struct PreparedMessage(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    kind: MessageKind,
    /// The header and payload as a server sends them.
    frame: Bytes,
    /// Where the payload begins in `frame`.
    payload: usize,
    /// The compressed forms, made once for each window size that a connection uses.
    #[cfg(feature = "deflate")]
    deflated: [std::sync::OnceLock<Deflated>; WINDOWS],
}

/// Window sizes from 9 to 15 bits.
#[cfg(feature = "deflate")]
const WINDOWS: usize = 7;

/// A compressed message, as a server sends it.
#[cfg(feature = "deflate")]
#[derive(Debug)]
pub(crate) struct Deflated {
    pub(crate) frame: Bytes,
    payload: usize,
}

#[cfg(feature = "deflate")]
impl Deflated {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.frame.get(self.payload..).unwrap_or_default()
    }
}

impl PreparedMessage {
    /// Prepares a message.
    pub fn new(message: &Message) -> Self {
        Self::encode(message.kind(), message.as_bytes())
    }

    /// Prepares a text message.
    pub fn text(text: impl AsRef<str>) -> Self {
        Self::encode(MessageKind::Text, text.as_ref().as_bytes())
    }

    /// Prepares a binary message.
    pub fn binary(data: impl AsRef<[u8]>) -> Self {
        Self::encode(MessageKind::Binary, data.as_ref())
    }

    /// Returns whether this is text or binary.
    pub fn kind(&self) -> MessageKind {
        self.0.kind
    }

    /// Returns the size of the payload in bytes.
    pub fn len(&self) -> usize {
        self.0.frame.len() - self.0.payload
    }

    /// Returns whether the payload is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the payload.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.frame.get(self.0.payload..).unwrap_or_default()
    }

    pub(crate) fn frame(&self) -> &Bytes {
        &self.0.frame
    }

    /// Returns the message compressed without reference to earlier ones, so that it is valid on every
    /// connection whose window is at least this large (RFC 7692 §7.1.2).
    #[cfg(feature = "deflate")]
    pub(crate) fn deflated(&self, window_bits: u8, level: u8) -> Option<&Deflated> {
        let slot = self
            .0
            .deflated
            .get(usize::from(window_bits.checked_sub(9)?))?;
        Some(slot.get_or_init(|| {
            let payload = wskit_deflate::compress_prepared(level, window_bits, self.as_bytes());
            let (frame, size) = encode(self.kind(), true, &payload);
            Deflated {
                frame,
                payload: size,
            }
        }))
    }

    fn encode(kind: MessageKind, payload: &[u8]) -> Self {
        let (frame, size) = encode(kind, false, payload);
        Self(Arc::new(Inner {
            kind,
            frame,
            payload: size,
            #[cfg(feature = "deflate")]
            deflated: Default::default(),
        }))
    }
}

/// Returns a frame as a server sends it, and the size of its header.
fn encode(kind: MessageKind, rsv1: bool, payload: &[u8]) -> (Bytes, usize) {
    let header = FrameHeader {
        fin: true,
        rsv1,
        opcode: kind.opcode(),
        mask: None,
        len: payload.len() as u64,
    };
    let mut head = [0; FrameHeader::MAX_SIZE];
    let size = header.encode(&mut head);
    let mut frame = BytesMut::with_capacity(size + payload.len());
    frame.put_slice(head.get(..size).unwrap_or_default());
    frame.put_slice(payload);
    (frame.freeze(), size)
}
