use super::{Host, Subscribe};
use crate::engine::RequestId;
use crate::position::Position;
use crate::publication::Publication;

/// What is known of a topic at the engine.
pub(super) struct Link<H: Host> {
    pub(super) state: LinkState,
    /// The request that it waits for.
    pub(super) request: Option<RequestId>,
    /// What has come while the history was read.
    pub(super) buffer: Vec<Arrived>,
    /// More came than the buffer takes: the history has to be read again.
    pub(super) overflowed: bool,
    /// Those that subscribe as soon as the topic is live.
    pub(super) waiting: Vec<Subscribe<H>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LinkState {
    /// The hub does not listen to the topic.
    Cold,
    /// It has asked the engine to listen.
    Listening,
    /// It reads what the topic has, or what it has missed.
    Reading,
    /// It follows the topic.
    Live,
    /// Listening or reading failed: it tries again later.
    Failed,
}

/// A message of the engine.
pub(super) struct Arrived {
    pub(super) position: Position,
    pub(super) before: Option<u64>,
    pub(super) publication: Publication,
}

/// How many messages are kept while the history is read.
const BUFFER: usize = 1024;

impl<H: Host> Link<H> {
    pub(super) fn new() -> Self {
        Self {
            state: LinkState::Cold,
            request: None,
            buffer: Vec::new(),
            overflowed: false,
            waiting: Vec::new(),
        }
    }

    pub(super) fn is_cold(&self) -> bool {
        self.state == LinkState::Cold && self.waiting.is_empty()
    }

    /// Keeps a message until the history is read.
    pub(super) fn keep(&mut self, arrived: Arrived) {
        if self.buffer.len() < BUFFER {
            self.buffer.push(arrived);
        } else {
            self.overflowed = true;
        }
    }

    pub(super) fn bytes(&self) -> usize {
        let payloads = self
            .buffer
            .iter()
            .map(|arrived| arrived.publication.payload().len());
        size_of::<Self>()
            + self.buffer.capacity() * size_of::<Arrived>()
            + self.waiting.capacity() * size_of::<Subscribe<H>>()
            + payloads.sum::<usize>()
    }
}
