//! The parts that decide: topics, their histories and presence, and what goes to which connection.
//!
//! Nothing here has a clock, a lock or a runtime, or calls the application: inputs and times come in as
//! arguments, and what is to be done goes out by [`Outputs`] or as a return value.

mod bucket;
mod directory;
mod guard;
mod link;
mod peers;
mod presence;
mod ring;
mod shard;
mod topic;
mod window;

use std::sync::Arc;

use wskit_proto::{CloseCode, PreparedMessage};

use crate::engine::{Command, RequestId};
use crate::entry::Entry;
use crate::error::Error;
use crate::member::Present;
use crate::position::{Position, Since, Subscribed};
use crate::publication::Published;
use crate::rules::Slow;
use crate::wire::{Encoded, WireId};

pub(crate) use bucket::Bucket;
pub(crate) use directory::{DIRECTORIES, Directory};
#[cfg(any(test, feature = "simulation"))]
pub(crate) use guard::set_small;
#[cfg(test)]
pub(crate) use guard::{Guard, without};
pub(crate) use shard::{Shard, Turn};

/// What a host of the core brings along.
pub(crate) trait Host {
    /// A connection of a peer.
    type Connection: Connection + Clone;
    /// A call of the application that waits for its answer.
    type Call;
}

/// A connection that messages are written to.
pub(crate) trait Connection {
    /// Queues as many of the messages as there is room for, writes what the transport takes, and returns
    /// how many were queued.
    fn write(&self, messages: &[&PreparedMessage]) -> Result<usize, Gone>;

    /// Has [`Input::Room`] sent when there is room again, or when the connection is over.
    fn wait_for_room(&self);

    /// Starts the closing handshake.
    fn close(&self, code: CloseCode, reason: &'static str);
}

/// The connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Gone;

/// The number of a delivery shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ShardId(pub(crate) u16);

/// The number of a topic, while it exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TopicId(pub(crate) u32);

/// The place of a peer in its shard. The host gives it out again only when nothing names the peer any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Slot(pub(crate) u32);

/// What the directories and the host tell a delivery shard. They come in the order in which they were sent.
pub(crate) enum Input<H: Host> {
    /// A peer is there.
    Attach {
        slot: Slot,
        wire: WireId,
        connection: H::Connection,
    },
    /// Something has happened in a topic.
    Entry { topic: TopicId, entry: Arc<Entry> },
    /// A peer is subscribed.
    Start(Box<Start<H>>),
    /// A peer no longer wants a topic.
    Stop {
        slot: Slot,
        topic: TopicId,
        /// It may not have it any more, and is told so.
        is_revoked: bool,
    },
    /// A message that a turn asked for is encoded.
    Notice {
        slot: Slot,
        topic: TopicId,
        notice: Notice,
        message: Encoded,
    },
    /// A peer that is subscribed, and was to be told nothing yet, is to get what comes.
    Release { slot: Slot, topic: TopicId },
    /// The connection has room again, or is over.
    Room { slot: Slot },
    /// The connection is to be closed.
    Close {
        slot: Slot,
        code: CloseCode,
        reason: &'static str,
    },
    /// The application has dropped the peer: nothing more comes for this slot.
    Detach { slot: Slot },
}

/// The beginning of a subscription.
pub(crate) struct Start<H: Host> {
    pub(crate) slot: Slot,
    pub(crate) wire: WireId,
    pub(crate) topic: TopicId,
    pub(crate) name: Arc<str>,
    pub(crate) slow: Slow,
    /// How many entries the shard keeps for subscribers that are behind.
    pub(crate) window: usize,
    /// These may be more than the history has.
    pub(crate) is_alone: bool,
    pub(crate) subscribed: Subscribed,
    /// The past goes to the caller, and the peer gets nothing before [`Input::Release`].
    pub(crate) is_held: bool,
    /// The messages of the past that come first.
    pub(crate) past: Vec<Arc<Entry>>,
    /// Who is present, if the topic keeps that.
    pub(crate) present: Option<Present>,
    /// The index of the first entry that follows.
    pub(crate) next: u64,
    pub(crate) call: H::Call,
    /// What `subscribed` and `present` are on the peer's wire, once the host has encoded them.
    pub(crate) hello: Encoded,
    pub(crate) members: Encoded,
}

/// What a subscriber has to be told by a message of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    /// It has missed this many entries.
    Skipped(u64),
    /// It is unsubscribed, because it is too slow.
    Unsubscribed,
    /// It was unsubscribed, because it may not have the topic any more.
    Revoked,
}

/// A call to subscribe.
pub(crate) struct Subscribe<H: Host> {
    pub(crate) shard: ShardId,
    pub(crate) slot: Slot,
    pub(crate) wire: WireId,
    pub(crate) since: Since,
    pub(crate) is_held: bool,
    pub(crate) call: H::Call,
}

/// The answer to a call.
#[derive(Debug)]
pub(crate) enum Answer {
    Published(Result<Position, Error>),
    Subscribed(Result<Subscribed, Error>),
    Held(Subscribed, Vec<Arc<Entry>>),
    History(Result<(Vec<Published>, Position), Error>),
    Present(Result<Present, Error>),
}

/// Where the outputs of a directory go.
pub(crate) trait Outputs<H: Host> {
    /// Appends to the inputs of a shard. It must not run code of the application.
    fn deliver(&mut self, shard: ShardId, input: Input<H>);

    /// Has the engine begin a command, later.
    fn command(&mut self, id: RequestId, command: Command);

    /// Answers a call, later.
    fn answer(&mut self, call: H::Call, answer: Answer);
}
