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
    /// Header and payload as a server sends them.
    frame: Bytes,
    /// Where the payload begins in `frame`.
    payload: usize,
}

impl PreparedMessage {
    /// Prepares a message.
    #[must_use]
    pub fn new(message: &Message) -> Self {
        Self::encode(message.kind(), message.as_bytes())
    }

    /// Prepares a text message.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::encode(MessageKind::Text, text.as_bytes())
    }

    /// Prepares a binary message.
    #[must_use]
    pub fn binary(data: &[u8]) -> Self {
        Self::encode(MessageKind::Binary, data)
    }

    /// Text or binary.
    #[must_use]
    pub fn kind(&self) -> MessageKind {
        self.0.kind
    }

    /// Bytes of payload.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.frame.len() - self.0.payload
    }

    /// Whether the payload is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The payload.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.frame.get(self.0.payload..).unwrap_or_default()
    }

    pub(crate) fn frame(&self) -> &Bytes {
        &self.0.frame
    }

    fn encode(kind: MessageKind, payload: &[u8]) -> Self {
        let header = FrameHeader {
            fin: true,
            rsv1: false,
            opcode: crate::outbox::opcode(kind),
            mask: None,
            len: payload.len() as u64,
        };
        let mut head = [0; FrameHeader::MAX_SIZE];
        let size = header.encode(&mut head);
        let mut frame = BytesMut::with_capacity(size + payload.len());
        frame.put_slice(head.get(..size).unwrap_or_default());
        frame.put_slice(payload);
        Self(Arc::new(Inner {
            kind,
            frame: frame.freeze(),
            payload: size,
        }))
    }
}
