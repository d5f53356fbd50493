use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use async_nats::{HeaderMap, Message, Subscriber};
use futures_util::{FutureExt, StreamExt};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use wskit_hub::{EngineEvent, Epoch, Member, NodeId, Position, Reply, RequestId};

use crate::api::header;
use crate::codec::{self, Headers};
use crate::error::Failure;
use crate::shared::{Shared, Up};
use crate::subject;

/// The headers of live messages and of members.
pub(crate) const FROM: &str = "Hub-From";
pub(crate) const EVENT: &str = "Hub-Event";
pub(crate) const NODE: &str = "Hub-Node";
pub(crate) const IDENTITY: &str = "Hub-Identity";
pub(crate) const JOINED: &str = "joined";
pub(crate) const LEFT: &str = "left";

/// What the hub wants to hear.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) id: RequestId,
    pub(crate) topics: Vec<Arc<str>>,
    pub(crate) is_wanted: bool,
}

/// How many requests are done at once.
const AT_ONCE: usize = 256;
/// How long messages are compared after the subscriptions have changed.
const COMPARE: Duration = Duration::from_secs(10);

/// The subscriptions: one for each topic, or one for each partition.
struct Listener {
    shared: Arc<Shared>,
    tokens: HashSet<String>,
    topics: HashMap<String, Forward>,
    partitions: HashMap<u32, Forward>,
    is_wide: bool,
}

/// A subscription, whose messages go to the hub.
struct Forward {
    _stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

/// Carries out what the hub wants to hear, until the engine is dropped.
pub(crate) async fn listen(shared: Arc<Shared>, mut changes: mpsc::Receiver<Change>) {
    let mut listener = Listener {
        shared: shared.clone(),
        tokens: HashSet::new(),
        topics: HashMap::new(),
        partitions: HashMap::new(),
        is_wide: false,
    };
    let mut compared_until = None;
    loop {
        let compared = async {
            match compared_until {
                Some(until) => tokio::time::sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        let first = tokio::select! {
            change = changes.recv() => match change {
                Some(change) => change,
                None => return,
            },
            () = compared => {
                compared_until = None;
                shared.heard.set_twice(false);
                continue;
            }
        };
        let rest = std::iter::from_fn(|| changes.try_recv().ok());
        let batch: Vec<_> = std::iter::once(first).chain(rest.take(AT_ONCE)).collect();
        let up = shared.up();
        let mut listening = Vec::new();
        for change in batch {
            let result = listener.change(up.as_ref(), &change).await;
            match result {
                Ok(()) if change.is_wanted => listening.push(change.id),
                result => shared
                    .events
                    .answer(change.id, result.map(|()| Reply::Done)),
            }
        }
        let Ok(up) = up else { continue };
        match listener.fit(&up).await {
            Ok(true) => compared_until = Some(tokio::time::Instant::now() + COMPARE),
            Ok(false) => {}
            Err(failure) => {
                for id in listening {
                    shared.events.answer(id, Err(failure.clone()));
                }
                continue;
            }
        }
        if !listening.is_empty() {
            let shared = shared.clone();
            tokio::spawn(async move {
                // The subscriptions went the same way: when the stream's leader answers, its server has them.
                let result = shared.while_up(&up, up.log.extent(&shared.api)).await;
                shared.note(&result);
                for id in listening {
                    let result = result.clone().map(|_| Reply::Done);
                    shared.events.answer(id, result);
                }
            });
        }
    }
}

impl Listener {
    async fn change(
        &mut self,
        up: Result<&Arc<Up>, &Failure>,
        change: &Change,
    ) -> Result<(), Failure> {
        for topic in &change.topics {
            let (token, subject) = self.shared.subject("out", topic)?;
            if !change.is_wanted {
                // Also without a connection: it is not subscribed again then.
                self.shared.heard.remove(&token);
                self.tokens.remove(&token);
                self.topics.remove(&token);
                continue;
            }
            let up = up.map_err(Clone::clone)?;
            self.shared.heard.add(token.clone(), topic.clone());
            self.tokens.insert(token.clone());
            if self.is_wide {
                self.add_partition(up, self.partition(&token)).await?;
            } else if !self.topics.contains_key(&token) {
                // More than that many are about to be subscribed to by partition.
                if self.tokens.len() <= self.shared.settings.subscriptions {
                    let forward = self.subscribe(up, subject).await?;
                    self.topics.insert(token, forward);
                }
            }
        }
        Ok(())
    }

    fn partition(&self, token: &str) -> u32 {
        subject::partition(token, self.shared.settings.partitions)
    }

    async fn add_partition(&mut self, up: &Arc<Up>, partition: u32) -> Result<(), Failure> {
        if !self.partitions.contains_key(&partition) {
            let subject = format!("{}.out.{partition}.*", self.shared.settings.prefix);
            let forward = self.subscribe(up, subject).await?;
            self.partitions.insert(partition, forward);
        }
        Ok(())
    }

    async fn subscribe(&self, up: &Arc<Up>, subject: String) -> Result<Forward, Failure> {
        let subscribe = async {
            let subscriber = self.shared.api.client.subscribe(subject).await;
            subscriber.map_err(|_| Failure::down("the connection is closed"))
        };
        let subscriber = self.shared.while_up(up, subscribe).await?;
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(forward(self.shared.clone(), subscriber, stopped));
        Ok(Forward { _stop: stop, task })
    }

    /// Changes from one kind of subscription to the other if it is time to. Returns whether it did.
    ///
    /// For a while there are both: nothing is missed. What comes twice is known by its position, or by the
    /// number that its publisher gave it.
    async fn fit(&mut self, up: &Arc<Up>) -> Result<bool, Failure> {
        let most = self.shared.settings.subscriptions;
        let is_wide = self.tokens.len() > if self.is_wide { most / 2 } else { most };
        // It may have been left half-way, when the connection was lost.
        let is_done = if is_wide {
            self.topics.is_empty()
        } else {
            self.partitions.is_empty()
        };
        if is_wide == self.is_wide && is_done {
            return Ok(false);
        }
        self.shared.heard.set_twice(true);
        self.is_wide = is_wide;
        for token in self.tokens.clone() {
            if is_wide {
                self.add_partition(up, self.partition(&token)).await?;
            } else if !self.topics.contains_key(&token) {
                let partition = self.partition(&token);
                let subject = format!("{}.out.{partition}.{token}", self.shared.settings.prefix);
                let forward = self.subscribe(up, subject).await?;
                self.topics.insert(token, forward);
            }
        }
        let flushed = self
            .shared
            .while_up(up, up.log.extent(&self.shared.api))
            .await;
        self.shared.note(&flushed);
        flushed?;
        let old: Vec<_> = if is_wide {
            self.topics
                .drain()
                .map(|(_, forward)| forward.task)
                .collect()
        } else {
            self.partitions
                .drain()
                .map(|(_, forward)| forward.task)
                .collect()
        };
        // They end when what they have is handed on.
        for task in old {
            let _ = task.await;
        }
        Ok(true)
    }
}

/// Hands on the messages of a subscription, until it is not wanted any more.
async fn forward(
    shared: Arc<Shared>,
    mut subscriber: Subscriber,
    mut stopped: oneshot::Receiver<()>,
) {
    loop {
        tokio::select! {
            biased;
            _ = &mut stopped => break,
            message = subscriber.next() => match message {
                Some(message) => deliver(&shared, message).await,
                None => return,
            },
        }
    }
    while let Some(Some(message)) = subscriber.next().now_or_never() {
        deliver(&shared, message).await;
    }
}

async fn deliver(shared: &Shared, message: Message) {
    if let Some(event) = event(shared, message) {
        shared.events.message(event).await;
    }
}

/// Reads a message of a topic.
fn event(shared: &Shared, message: Message) -> Option<EngineEvent> {
    let (_, token) = message.subject.rsplit_once('.')?;
    let topic = shared.heard.topic(token)?;
    let headers = message.headers.as_ref();
    if let Some(stream) = header(headers, "Nats-Stream") {
        // What comes while the connection is set up is read when it is.
        let up = shared.up().ok()?;
        let number = |name| header(headers, name).and_then(|value| value.parse().ok());
        let (Some(offset), Some(before)) = (number("Nats-Sequence"), number("Nats-Last-Sequence"))
        else {
            shared.events.lost();
            return None;
        };
        if stream != up.log.name {
            shared.suspect.notify_one();
            return None;
        }
        up.log.see(offset);
        let position = Position {
            epoch: up.log.epoch,
            offset,
        };
        let publication = codec::decode(token, own_headers(headers), message.payload);
        return Some(EngineEvent::Published {
            topic,
            position,
            before: Some(before),
            publication,
        });
    }
    if let Some(event) = header(headers, EVENT) {
        let node = u64::from_str_radix(header(headers, NODE)?, 16).ok()?;
        if shared.up().is_ok_and(|up| up.node == node) {
            return None;
        }
        let identity: Arc<str> = subject::decode(header(headers, IDENTITY)?)?.into();
        shared.nodes.heard_of(node);
        let node = NodeId(node);
        return match event {
            JOINED => Some(EngineEvent::Joined {
                topic,
                node,
                member: Member::new(identity).info(message.payload),
            }),
            LEFT => Some(EngineEvent::Left {
                topic,
                node,
                identity,
            }),
            _ => None,
        };
    }
    if shared.heard.is_repeated(header(headers, FROM)) {
        return None;
    }
    let publication = codec::decode(token, own_headers(headers), message.payload);
    Some(EngineEvent::Published {
        topic,
        position: Position {
            epoch: Epoch::new(0),
            offset: 0,
        },
        before: None,
        publication,
    })
}

pub(crate) fn own_headers(headers: Option<&HeaderMap>) -> Headers {
    Headers {
        id: header(headers, codec::ID).map(Into::into),
        kind: header(headers, codec::KIND).map(Into::into),
    }
}
