use std::sync::Arc;

use crate::core::{Answer, Host, Notice, Slot, TopicId};
use crate::wire::{Event, WireId};

/// What a turn leaves to its host.
pub(crate) struct Turn<H: Host> {
    /// Calls to answer.
    pub(crate) answers: Vec<(H::Call, Answer)>,
    /// Subscriptions that have ended, and whose, if that peer is still there.
    pub(crate) released: Vec<(Option<H::Connection>, TopicId)>,
    /// Messages to encode and to send back as [`Input::Notice`].
    pub(crate) notices: Vec<Wanted>,
    /// Peers whose connections are over.
    pub(crate) gone: Vec<H::Connection>,
    /// Peers that are dropped: their slots are free, and their connections to be dropped without a lock.
    pub(crate) detached: Vec<(Slot, H::Connection)>,
}

/// A message that a subscriber has to be told.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) slot: Slot,
    pub(crate) wire: WireId,
    pub(crate) topic: TopicId,
    pub(crate) name: Arc<str>,
    pub(crate) notice: Notice,
}

impl Wanted {
    pub(crate) fn event(&self) -> Event<'_> {
        let topic = &self.name;
        match self.notice {
            Notice::Skipped(count) => Event::Skipped { topic, count },
            Notice::Unsubscribed | Notice::Revoked => Event::Unsubscribed { topic },
        }
    }
}

impl<H: Host> Default for Turn<H> {
    fn default() -> Self {
        Self {
            answers: Vec::new(),
            released: Vec::new(),
            notices: Vec::new(),
            gone: Vec::new(),
            detached: Vec::new(),
        }
    }
}
