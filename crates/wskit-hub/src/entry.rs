use std::sync::{Arc, OnceLock};
use std::time::Instant;

use crate::member::Member;
use crate::position::Position;
use crate::publication::Published;
use crate::sync::{Counter, Ordering};
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

/// What an entry is on each wire, and how many bytes that takes: they are counted as long as it exists.
#[derive(Debug)]
struct Encodings {
    wires: [OnceLock<Encoded>; WIRES],
    bytes: Counter,
    all: Arc<Counter>,
}

impl Encodings {
    fn new(bytes: usize, all: &Arc<Counter>) -> Self {
        let encodings = Self {
            wires: Default::default(),
            bytes: Counter::new(0),
            all: all.clone(),
        };
        encodings.add(size_of::<Self>() + bytes);
        encodings
    }

    fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.all.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl Drop for Encodings {
    fn drop(&mut self) {
        let bytes = self.bytes.load(Ordering::Relaxed);
        self.all.fetch_sub(bytes, Ordering::Relaxed);
    }
}

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

    /// Encodes it for a wire, unless that was done, and counts the bytes in `all`; also its own, if no history
    /// does that. This runs the application's code.
    pub(crate) fn encode(
        &self,
        (id, wire): (WireId, &Wire),
        past: bool,
        is_alone: bool,
        all: &Arc<Counter>,
    ) {
        let encodings = self.encodings(past).get_or_init(|| {
            let own = if is_alone { self.bytes() } else { 0 };
            Box::new(Encodings::new(own, all))
        });
        if let Some(encoding) = encodings.wires.get(usize::from(id.0)) {
            encoding.get_or_init(|| {
                let encoded = wire.encode(match &self.content {
                    Content::Message(message) => Event::Published { message, past },
                    Content::Joined(topic, member) => Event::Joined { topic, member },
                    Content::Left(topic, member) => Event::Left { topic, member },
                    Content::Gap(topic, position) => Event::Gap {
                        topic,
                        position: *position,
                    },
                });
                if let Encoded::Message(message) = &encoded {
                    encodings.add(PREPARED + message.len());
                }
                encoded
            });
        }
    }

    /// Returns what it is on a wire. It was encoded before.
    #[inline]
    pub(crate) fn encoded(&self, wire: WireId, past: bool) -> &Encoded {
        self.encodings(past)
            .get()
            .and_then(|encodings| encodings.wires.get(usize::from(wire.0)))
            .and_then(OnceLock::get)
            .unwrap_or(&Encoded::Panicked)
    }
}

/// About the bytes of a message that is prepared, without its payload.
pub(crate) const PREPARED: usize = 400;

/// The bytes of an entry without its payload, with the place that refers to it and the counters of its `Arc`.
const ENTRY: usize = size_of::<Entry>() + 4 * size_of::<usize>();
