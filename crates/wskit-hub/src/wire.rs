use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use wskit_proto::PreparedMessage;

use crate::member::{Member, Present};
use crate::position::{Position, Subscribed};
use crate::publication::Published;

/// What a subscriber is told, for a [`Wire`] to put into a message.
///
/// The events of a subscription come in this order: [`Subscribed`](Event::Subscribed), the messages of the
/// past, [`Present`](Event::Present) if the topic keeps presence, then what happens.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A message was published.
    Published {
        /// The message.
        message: &'a Published,
        /// Whether it is one of those that were published before the subscription.
        past: bool,
    },
    /// The peer is subscribed. Messages of the past follow, up to the position that this names.
    ///
    /// A client that keeps its position takes that of each message. Of this event it takes the position only
    /// after [`Subscribed::Gap`](crate::Subscribed::Gap): otherwise it would pass over what follows if the
    /// connection were lost in between.
    Subscribed {
        /// The topic.
        topic: &'a str,
        /// What the subscription begins with.
        subscribed: Subscribed,
    },
    /// Who is present at the beginning of the subscription.
    Present {
        /// The topic.
        topic: &'a str,
        /// The members.
        present: &'a Present,
    },
    /// A member has come, or its info has changed.
    Joined {
        /// The topic.
        topic: &'a str,
        /// The member.
        member: &'a Member,
    },
    /// A member has left.
    Left {
        /// The topic.
        topic: &'a str,
        /// The member.
        member: &'a Member,
    },
    /// The peer was too slow, and has missed messages. What comes next is after them.
    Skipped {
        /// The topic.
        topic: &'a str,
        /// How many events were skipped.
        count: u64,
    },
    /// Messages of the topic are lost for all subscribers of this hub, because its engine has lost them.
    /// What comes next is after them.
    Gap {
        /// The topic.
        topic: &'a str,
        /// The position after which it goes on.
        position: Position,
    },
    /// The subscription has ended: by [`Slow::Resume`](crate::Slow::Resume), after which the client may subscribe
    /// again, after the last position that it has seen; or because its grant was withdrawn.
    Unsubscribed {
        /// The topic.
        topic: &'a str,
    },
}

/// How events look to clients: a function from an [`Event`] to a message, or to `None` for an event that
/// clients are not told of.
///
/// Make one for each kind of client and share it: a message is encoded once for each wire, however many
/// connections there are. The function runs in the tasks that deliver and may be called by several threads
/// at once. If it panics, the connections that wait for the message are closed with 1011 (internal error).
///
/// A client has to know when its subscription has ended: if the function returns `None` for
/// [`Event::Unsubscribed`], the connection is closed with 1013 (try again later) instead.
///
/// ```
/// use wskit_hub::{Event, PreparedMessage, Wire};
/// let wire = Wire::new(|event| match event {
///     Event::Published { message, .. } => message.publication().as_text().map(PreparedMessage::text),
///     Event::Skipped { count, .. } => Some(PreparedMessage::text(format!("({count} missed)"))),
///     _ => None,
/// });
/// ```
#[derive(Clone)]
pub struct Wire(Arc<Encode>);

type Encode = dyn Fn(Event<'_>) -> Option<PreparedMessage> + Send + Sync;

impl Wire {
    /// Creates a wire from its function.
    pub fn new(
        encode: impl Fn(Event<'_>) -> Option<PreparedMessage> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(encode))
    }

    /// Creates a wire that passes payloads on as they are, and tells nothing else. Slow subscribers of topics
    /// with [`Slow::Resume`](crate::Slow::Resume) are disconnected.
    #[must_use]
    pub fn payloads() -> Self {
        // All are one, as a hub does not take many.
        static PAYLOADS: OnceLock<Wire> = OnceLock::new();
        let wire = PAYLOADS.get_or_init(|| {
            Self::new(|event| match event {
                Event::Published { message, .. } => {
                    let publication = message.publication();
                    Some(match publication.as_text() {
                        Some(text) => PreparedMessage::text(text),
                        None => PreparedMessage::binary(publication.payload()),
                    })
                }
                _ => None,
            })
        });
        wire.clone()
    }

    /// Encodes an event. Panics of the function are caught.
    pub(crate) fn encode(&self, event: Event<'_>) -> Encoded {
        match catch_unwind(AssertUnwindSafe(|| (self.0)(event))) {
            Ok(Some(message)) => Encoded::Message(message),
            Ok(None) => Encoded::Nothing,
            Err(_) => Encoded::Panicked,
        }
    }

    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wire").finish_non_exhaustive()
    }
}

/// What an event is on a wire.
#[derive(Clone, Debug)]
pub(crate) enum Encoded {
    Message(PreparedMessage),
    Nothing,
    Panicked,
}

/// The place of a wire in its hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WireId(pub(crate) u8);

/// How many wires a hub takes.
pub(crate) const WIRES: usize = 8;
