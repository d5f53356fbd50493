use std::sync::Arc;
use std::task::{Context, Poll};

use crate::error::EngineError;
use crate::member::Member;
use crate::position::{Epoch, Position};
use crate::publication::Publication;
use crate::rules::History;

/// What several hubs share topics by: a server such as NATS or Redis.
///
/// A hub without an engine keeps its topics in its own memory. With one, the engine numbers the messages of
/// each topic, keeps its history, and passes messages on to the hubs that listen. It is polled, and bound
/// to no runtime.
///
/// The hub needs little of it. Publications of a topic, its listens and unlistens, and its members each take effect
/// in the order in which they were begun. [`Command::Members`] need not wait for an [`Command::Enter`] that has no
/// answer yet. Messages may be lost, repeated or out of order, because the chain of positions shows it
/// ([`EngineEvent::Published`]). Joins and leaves may be lost: the hub asks for the members from time to time.
/// If an engine loses messages that it has acknowledged, or goes back to an older state, the topic has a new
/// epoch from then on.
pub trait Engine: Send + Sync + 'static {
    /// Begins a command. Its answer is an [`EngineEvent::Done`] of the same id, also if it fails or takes too
    /// long. It must not wait. The hub takes a command as failed that is not answered within ten seconds.
    fn command(&self, id: RequestId, command: Command);

    /// Returns the next event, or wakes the task when there is one.
    fn poll_event(&self, cx: &mut Context<'_>) -> Poll<EngineEvent>;
}

/// The number of a command, unique in its hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub u64);

/// The number of a hub among those that share an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NodeId(pub u64);

/// What a hub asks of an [`Engine`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Command {
    /// To append a message to a topic's history, if it has one, and pass it on, as one step. If the history
    /// has a message of the same [id](Publication::id), that one's position is the answer, and nothing is
    /// appended. Answer: [`Reply::Published`].
    Publish {
        /// The topic.
        topic: Arc<str>,
        /// The message.
        publication: Publication,
        /// What the topic keeps; `None` for live topics.
        history: Option<History>,
    },
    /// To pass on what is published to the topics. Answer: [`Reply::Done`], from which on nothing is missed.
    Listen {
        /// The topics.
        topics: Vec<Arc<str>>,
    },
    /// To end that. Answer: [`Reply::Done`].
    Unlisten {
        /// The topics.
        topics: Vec<Arc<str>>,
    },
    /// The newest position of each topic. Answer: [`Reply::Tops`].
    Tops {
        /// The topics.
        topics: Vec<Arc<str>>,
    },
    /// The messages of a topic after a position. Live topics are read too, for their newest position. Answer:
    /// [`Reply::Read`].
    Read {
        /// The topic.
        topic: Arc<str>,
        /// The position. `None`, or one of an epoch that is not the topic's any more, is all that is kept.
        after: Option<Position>,
        /// How many at most: if there are more, the newest of them. 0 for live topics.
        limit: usize,
    },
    /// To add a member of this hub to a topic. Answer: [`Reply::Done`].
    Enter {
        /// The topic.
        topic: Arc<str>,
        /// The member.
        member: Member,
    },
    /// To remove it. Answer: [`Reply::Done`].
    Leave {
        /// The topic.
        topic: Arc<str>,
        /// The identity of the member.
        identity: Arc<str>,
    },
    /// The members of all other hubs in a topic. Answer: [`Reply::Members`].
    Members {
        /// The topic.
        topic: Arc<str>,
    },
}

/// The answer to a [`Command`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Reply {
    /// Done.
    Done,
    /// The message has this position.
    Published(Position),
    /// The newest positions, in the order of the topics; `None` where there was no message.
    Tops(Vec<Option<Position>>),
    /// Messages of a topic.
    Read(Page),
    /// The members of a topic on other hubs, and these hubs.
    Members(Vec<(NodeId, Member)>),
}

/// Messages read from an engine.
#[derive(Clone, Debug)]
pub struct Page {
    /// The epoch of their offsets. If the engine keeps no order of the topic, one that was never used before:
    /// subscribers are told that they may have missed something.
    pub epoch: Epoch,
    /// The offset of the newest message of the topic, or a later one up to which there is no other; 0 if there was
    /// none.
    pub top: u64,
    /// The messages and their offsets, in order.
    pub messages: Vec<(u64, Publication)>,
    /// The offset after which these are all messages, up to `top`. What was asked for is complete if it is
    /// not above the offset asked for.
    pub after: u64,
}

/// What an [`Engine`] reports.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum EngineEvent {
    /// The answer to a command.
    Done {
        /// The command.
        id: RequestId,
        /// Its answer.
        result: Result<Reply, EngineError>,
    },
    /// A message was published to a topic that the hub listens to.
    Published {
        /// The topic.
        topic: Arc<str>,
        /// Its position.
        position: Position,
        /// The offset of the message before it in the topic. `None` if the engine keeps no order, which is
        /// possible for live topics: the hub numbers the messages itself then, `position` is not used, and
        /// what is lost or repeated cannot be noticed. For topics with a history it is not delivered.
        before: Option<u64>,
        /// The message.
        publication: Publication,
    },
    /// A member has entered a topic on another hub.
    Joined {
        /// The topic.
        topic: Arc<str>,
        /// That hub.
        node: NodeId,
        /// The member.
        member: Member,
    },
    /// A member has left a topic on another hub.
    Left {
        /// The topic.
        topic: Arc<str>,
        /// That hub.
        node: NodeId,
        /// The identity of the member.
        identity: Arc<str>,
    },
    /// Another hub is gone, with all its members.
    NodeGone {
        /// That hub.
        node: NodeId,
    },
    /// Messages may have been lost: the hub compares its positions and members with the engine's now. It also
    /// does that from time to time.
    Lost,
    /// The engine cannot be reached. Commands fail until [`EngineEvent::Up`].
    Down,
    /// The engine can be reached again, and knows nothing of what the hub listened to and of its members (if
    /// it does, the implementation has removed them, so that other hubs have a [`EngineEvent::NodeGone`]): the
    /// hub tells it again.
    Up,
}

impl EngineEvent {
    /// Copies the payloads; see [`Publication::into_own`].
    pub(crate) fn into_own(mut self) -> Self {
        let replace = |publication: &mut Publication| {
            let empty = Publication::binary(Vec::new());
            *publication = std::mem::replace(publication, empty).into_own();
        };
        match &mut self {
            Self::Published { publication, .. } => replace(publication),
            Self::Done {
                result: Ok(Reply::Read(page)),
                ..
            } => page
                .messages
                .iter_mut()
                .for_each(|(_, publication)| replace(publication)),
            Self::Done {
                result: Ok(Reply::Members(members)),
                ..
            } => {
                for (_, member) in members {
                    *member = member.clone().into_own();
                }
            }
            Self::Joined { member, .. } => *member = member.clone().into_own(),
            _ => {}
        }
        self
    }
}
