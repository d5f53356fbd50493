use std::sync::{Arc, OnceLock};
use std::time::Instant;

use crate::member::Member;
use crate::position::Position;
use crate::publication::Published;
use crate::wire::{Encoded, Event, WIRES, Wire, WireId};

/// Something that happens in a topic, as it goes to subscribers.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Its number in the topic on this hub, without gaps.
    pub(crate) index: u64,
    pub(crate) content: Content,
    /// When it came.
    pub(crate) at: Instant,
    live: OnceLock<Box<Encodings>>,
    past: OnceLock<Box<Encodings>>,
}

#[derive(Debug)]
pub(crate) enum Content {
    Message(Published),
    Joined(Arc<str>, Member),
    Left(Arc<str>, Member),
    Gap(Arc<str>, Position),
}

type Encodings = [OnceLock<Encoded>; WIRES];

impl Entry {
    pub(crate) fn new(index: u64, content: Content, at: Instant) -> Arc<Self> {
        Arc::new(Self {
            index,
            content,
            at,
            live: OnceLock::new(),
            past: OnceLock::new(),
        })
    }

    pub(crate) fn message(&self) -> Option<&Published> {
        match &self.content {
            Content::Message(message) => Some(message),
            _ => None,
        }
    }

    /// Returns the offset, if it is a message.
    pub(crate) fn offset(&self) -> u64 {
        self.message().map_or(0, |message| message.position.offset)
    }

    /// Returns about how many bytes it takes in a history.
    pub(crate) fn bytes(&self) -> usize {
        let message = self.message().map(|message| {
            let publication = message.publication();
            publication.payload().len() + publication.get_id().map_or(0, str::len)
        });
        ENTRY + message.unwrap_or_default()
    }

    fn encodings(&self, past: bool) -> &OnceLock<Box<Encodings>> {
        if past { &self.past } else { &self.live }
    }

    /// Encodes it for a wire, unless that was done. This runs the application's code.
    pub(crate) fn encode(&self, id: WireId, wire: &Wire, past: bool) {
        let encodings = self.encodings(past).get_or_init(Box::default);
        if let Some(encoding) = encodings.get(usize::from(id.0)) {
            encoding.get_or_init(|| {
                wire.encode(match &self.content {
                    Content::Message(message) => Event::Published { message, past },
                    Content::Joined(topic, member) => Event::Joined { topic, member },
                    Content::Left(topic, member) => Event::Left { topic, member },
                    Content::Gap(topic, position) => Event::Gap {
                        topic,
                        position: *position,
                    },
                })
            });
        }
    }

    /// Returns what it is on a wire. It was encoded before.
    #[inline]
    pub(crate) fn encoded(&self, wire: WireId, past: bool) -> &Encoded {
        self.encodings(past)
            .get()
            .and_then(|encodings| encodings.get(usize::from(wire.0)))
            .and_then(OnceLock::get)
            .unwrap_or(&Encoded::Panicked)
    }
}

/// The bytes of an entry without its payload, with the place that refers to it and the counters of its `Arc`.
const ENTRY: usize = size_of::<Entry>() + 4 * size_of::<usize>();
