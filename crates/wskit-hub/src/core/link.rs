use super::guard::limit;
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
    buffer: Vec<Arrived>,
    /// The bytes of the payloads in it.
    payloads: usize,
    /// How many of them came before the history was asked for.
    older: usize,
    /// More came than the buffer takes: the history has to be read again.
    overflowed: bool,
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

/// How many messages are kept while the history is read, and how many bytes of payload.
const BUFFER: usize = 1024;
const BUFFERED_BYTES: usize = 1 << 20;

impl<H: Host> Link<H> {
    pub(super) fn new() -> Self {
        Self {
            state: LinkState::Cold,
            request: None,
            buffer: Vec::new(),
            payloads: 0,
            older: 0,
            overflowed: false,
            waiting: Vec::new(),
        }
    }

    pub(super) fn is_cold(&self) -> bool {
        self.state == LinkState::Cold && self.waiting.is_empty()
    }

    /// Keeps a message until the history is read.
    pub(super) fn keep(&mut self, arrived: Arrived) {
        let len = arrived.publication.payload().len();
        if self.buffer.len() < limit(BUFFER, 3) && self.payloads + len <= BUFFERED_BYTES {
            self.payloads += len;
            self.buffer.push(arrived);
        } else {
            self.overflowed = true;
        }
    }

    /// The history is asked for now.
    pub(super) fn ask(&mut self) {
        self.state = LinkState::Reading;
        self.older = self.buffer.len();
        // What did not fit is in the history.
        self.overflowed = false;
    }

    /// Takes what has come while the history was read. A message is kept with whether it came before the
    /// history was asked for, which has it if it is of the same epoch. Returns also whether some are missing.
    pub(super) fn take(&mut self) -> (impl Iterator<Item = (bool, Arrived)> + use<H>, bool) {
        let older = std::mem::take(&mut self.older);
        self.payloads = 0;
        let buffer = std::mem::take(&mut self.buffer).into_iter();
        let arrived = buffer
            .enumerate()
            .map(move |(i, arrived)| (i < older, arrived));
        (arrived, std::mem::take(&mut self.overflowed))
    }

    /// The hub does not listen any more.
    pub(super) fn cool(&mut self) {
        self.state = LinkState::Cold;
        self.request = None;
        // What has come is of no use.
        let _ = self.take();
    }

    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>()
            + self.buffer.capacity() * size_of::<Arrived>()
            + self.waiting.capacity() * size_of::<Subscribe<H>>()
            + self.payloads
    }
}
