use std::sync::Arc;

use bytes::Bytes;
use wskit_proto::{MessageKind, Utf8Bytes};

use crate::position::Position;

/// A message to publish.
///
/// ```
/// use wskit_hub::Publication;
/// let order = Publication::text(r#"{"paid":true}"#).id("order-7");
/// assert_eq!(order.payload().as_ref(), br#"{"paid":true}"#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    kind: MessageKind,
    payload: Bytes,
    id: Option<Arc<str>>,
}

impl Publication {
    /// Creates a message of text.
    #[must_use]
    pub fn text(text: impl Into<Utf8Bytes>) -> Self {
        Self {
            kind: MessageKind::Text,
            payload: text.into().into(),
            id: None,
        }
    }

    /// Creates a message of bytes.
    #[must_use]
    pub fn binary(data: impl Into<Bytes>) -> Self {
        Self {
            kind: MessageKind::Binary,
            payload: data.into(),
            id: None,
        }
    }

    /// Gives it a name, of at most 255 bytes, so that it can be published again when the first attempt may
    /// have failed: as long as the topic's history has a message of this name, the second attempt returns
    /// the first one's position.
    #[must_use]
    pub fn id(mut self, id: impl Into<Arc<str>>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Returns whether it is text or bytes.
    #[must_use]
    pub fn kind(&self) -> MessageKind {
        self.kind
    }

    /// Returns the payload.
    #[must_use]
    pub fn payload(&self) -> &Bytes {
        &self.payload
    }

    /// Returns the payload as text, or `None` if it is of bytes.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self.kind {
            MessageKind::Text => std::str::from_utf8(&self.payload).ok(),
            MessageKind::Binary => None,
        }
    }

    /// Copies the payload: of a part of a large buffer nothing else is kept then, and what is dropped under a
    /// lock later has no code of the application's.
    pub(crate) fn into_own(self) -> Self {
        let payload = Bytes::copy_from_slice(&self.payload);
        Self { payload, ..self }
    }

    /// Returns its name.
    #[must_use]
    pub fn get_id(&self) -> Option<&str> {
        self.id.as_deref()
    }
}

/// A message of a topic, with its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    pub(crate) topic: Arc<str>,
    pub(crate) position: Position,
    pub(crate) publication: Publication,
}

impl Published {
    /// Returns the name of the topic.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// Returns where in the topic it is.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    /// Returns the message as it was published.
    #[must_use]
    pub fn publication(&self) -> &Publication {
        &self.publication
    }

    /// Returns the payload.
    #[must_use]
    pub fn payload(&self) -> &Bytes {
        &self.publication.payload
    }
}
