use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use redis::{PushInfo, PushKind, Value};
use tokio::sync::Notify;
use wskit_hub::{EngineEvent, Epoch, NodeId, Position};

use crate::fault::Fault;
use crate::payload::{self, Payload};
use crate::queue::Queue;
use crate::telemetry;

/// Takes in what the servers of a session send unasked.
///
/// It is called by the tasks of the connections, so nothing of it waits: what the hub does not take in time is
/// dropped by the queue.
#[derive(Debug)]
pub(crate) struct Inbox {
    queue: Arc<Queue>,
    /// This hub in this session.
    node: NodeId,
    channels: Mutex<Channels>,
    end: Mutex<Option<Fault>>,
    ended: Notify,
    /// Something came of which it is not known whether the server is still the one that it was.
    doubt: Notify,
}

#[derive(Debug, Default)]
struct Channels {
    topics: HashMap<Vec<u8>, Arc<str>>,
    /// How many answers to UNSUBSCRIBE are to come.
    leaving: HashMap<Vec<u8>, u32>,
}

/// What is known of one connection.
#[derive(Debug)]
pub(crate) struct Line {
    /// What the epochs of the server's topics are mixed with.
    pub(crate) salt: u64,
    /// Something came that the hub had sent to itself.
    pub(crate) is_heard: AtomicBool,
}

/// Hubs have numbers that differ in these bits. The others count the sessions of a hub.
pub(crate) const INSTANCE: u64 = !0xffff;

impl Inbox {
    pub(crate) fn new(queue: Arc<Queue>, node: NodeId) -> Self {
        Self {
            queue,
            node,
            channels: Mutex::default(),
            end: Mutex::default(),
            ended: Notify::new(),
            doubt: Notify::new(),
        }
    }

    fn channels(&self) -> MutexGuard<'_, Channels> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a node is this hub, now or in an earlier session.
    pub(crate) fn is_own(&self, node: NodeId) -> bool {
        node.0 & INSTANCE == self.node.0 & INSTANCE
    }

    /// A channel will be subscribed to.
    pub(crate) fn listen(&self, channel: &[u8], topic: &Arc<str>) {
        let old = self
            .channels()
            .topics
            .insert(channel.to_vec(), topic.clone());
        drop(old);
    }

    /// A subscription will be ended.
    pub(crate) fn unlisten(&self, channel: &[u8]) {
        let mut channels = self.channels();
        channels.topics.remove(channel);
        *channels.leaving.entry(channel.to_vec()).or_default() += 1;
    }

    /// Returns the topics that are listened to.
    pub(crate) fn topics(&self) -> Vec<Arc<str>> {
        self.channels().topics.values().cloned().collect()
    }

    /// The session is over, and this is why.
    pub(crate) fn end(&self, fault: Fault) {
        let mut end = self.end.lock().unwrap_or_else(PoisonError::into_inner);
        end.get_or_insert(fault);
        drop(end);
        self.ended.notify_one();
    }

    pub(crate) fn fault(&self) -> Option<Fault> {
        self.end
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Waits for the end of the session.
    pub(crate) async fn ended(&self) -> Fault {
        loop {
            let ended = self.ended.notified();
            if let Some(fault) = self.fault() {
                return fault;
            }
            ended.await;
        }
    }

    /// Waits until it has to be asked whether the server is still the primary.
    pub(crate) async fn doubted(&self) {
        self.doubt.notified().await;
    }

    /// Nothing more is taken in.
    pub(crate) fn close(&self) {
        *self.channels() = Channels::default();
    }

    /// Takes in what a connection has to say.
    pub(crate) fn take(&self, line: &Line, push: PushInfo) {
        match push.kind {
            PushKind::Disconnection => {
                let text = "the connection was closed".to_owned();
                self.end(Fault::Unreachable(text));
            }
            PushKind::Message | PushKind::SMessage => {
                let mut data = push.data.into_iter();
                if let (Some(Value::BulkString(channel)), Some(Value::BulkString(payload))) =
                    (data.next(), data.next())
                {
                    self.message(line, &channel, payload.into());
                }
            }
            PushKind::Unsubscribe | PushKind::SUnsubscribe => {
                if let Some(Value::BulkString(channel)) = push.data.first() {
                    self.unsubscribed(channel);
                }
            }
            _ => {}
        }
    }

    /// A subscription has ended. If it was not asked for, the slot of the topic has moved to another server.
    fn unsubscribed(&self, channel: &[u8]) {
        let mut channels = self.channels();
        let is_asked = match channels.leaving.get_mut(channel) {
            Some(1) => channels.leaving.remove(channel).is_some(),
            Some(count) => {
                *count -= 1;
                true
            }
            None => false,
        };
        drop(channels);
        if !is_asked {
            self.end(Fault::Incomplete("a slot has moved".to_owned()));
        }
    }

    fn message(&self, line: &Line, channel: &[u8], bytes: Bytes) {
        let len = bytes.len();
        let topic = self.channels().topics.get(channel).cloned();
        // What other programs publish is passed over. If it was one of ours, the chain shows it.
        let event = match (payload::read(bytes), topic) {
            (Some(Payload::Probe), _) => {
                line.is_heard.store(true, Ordering::Relaxed);
                return;
            }
            (Some(Payload::NodeGone(node)), _) => {
                if !self.is_own(node) {
                    self.queue.push_or_drop(EngineEvent::NodeGone { node }, len);
                }
                return;
            }
            (Some(Payload::Message { salt, .. }), Some(_)) if salt != line.salt => {
                // Either the server has become a replica, and this is of the new primary, or the other hub does not
                // know yet that it was one meanwhile. In the second case the hub looks what it has missed.
                self.doubt.notify_one();
                return self.queue.lose();
            }
            (
                Some(Payload::Message {
                    salt,
                    epoch,
                    offset,
                    publication,
                }),
                Some(topic),
            ) => EngineEvent::Published {
                topic,
                position: Position {
                    epoch: Epoch::new(epoch ^ salt),
                    offset,
                },
                before: Some(offset - 1),
                publication,
            },
            (Some(Payload::Live(publication)), Some(topic)) => EngineEvent::Published {
                topic,
                position: UNORDERED,
                before: None,
                publication,
            },
            (Some(Payload::Joined(node, member)), Some(topic)) if !self.is_own(node) => {
                EngineEvent::Joined {
                    topic,
                    node,
                    member,
                }
            }
            (Some(Payload::Left(node, identity)), Some(topic)) if !self.is_own(node) => {
                EngineEvent::Left {
                    topic,
                    node,
                    identity: identity.into(),
                }
            }
            (None, _) => return telemetry::foreign(len),
            // Its own members, and what is not listened to any more.
            _ => return,
        };
        self.queue.push_or_drop(event, len);
    }
}

/// The position of what has none.
pub(crate) const UNORDERED: Position = Position {
    epoch: Epoch::new(0),
    offset: 0,
};
