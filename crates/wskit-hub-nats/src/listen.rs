use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use async_nats::{HeaderMap, Message, Subscriber};
use futures_util::{FutureExt, StreamExt};
use tokio::sync::{mpsc, oneshot};
use tokio::task::{JoinHandle, unconstrained};
use tokio::time::{Instant, sleep, sleep_until};
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
/// How long live messages are compared after the subscriptions have changed, and after one came again.
const COMPARE: Duration = Duration::from_secs(10);
/// How long the old subscriptions are kept beside the new ones.
const OVERLAP: Duration = Duration::from_millis(200);

/// The subscriptions: one for each topic, or one for each partition.
struct Listener {
    shared: Arc<Shared>,
    tokens: HashSet<String>,
    topics: HashMap<String, Forward>,
    partitions: HashMap<u32, Forward>,
    is_wide: bool,
}

/// A subscription, whose messages go to the hub until this is dropped.
struct Forward {
    /// Ends it once what it has is handed on.
    finish: oneshot::Sender<()>,
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
                Some(until) => sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        let first = tokio::select! {
            change = changes.recv() => match change {
                Some(change) => change,
                None => return,
            },
            () = compared => {
                let is_compared = shared.heard.compare_on();
                compared_until = is_compared.then(|| Instant::now() + COMPARE);
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
            Ok(true) => {
                compared_until = Some(Instant::now() + COMPARE);
                shared.events.lost();
            }
            Ok(false) => {}
            Err(failure) => {
                compared_until = Some(Instant::now() + COMPARE);
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
                    let subscriber = self.subscribe(up, subject).await?;
                    self.topics.insert(token, self.forward(subscriber));
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
            let subscriber = self
                .subscribe(up, self.partition_subject(partition))
                .await?;
            self.partitions.insert(partition, self.forward(subscriber));
        }
        Ok(())
    }

    fn partition_subject(&self, partition: u32) -> String {
        format!("{}.out.{partition}.*", self.shared.settings.prefix)
    }

    async fn subscribe(&self, up: &Arc<Up>, subject: String) -> Result<Subscriber, Failure> {
        let subscribe = async {
            let subscriber = self.shared.api.client.subscribe(subject).await;
            subscriber.map_err(|_| Failure::down("the connection is closed"))
        };
        self.shared.while_up(up, subscribe).await
    }

    fn forward(&self, subscriber: Subscriber) -> Forward {
        let (finish, ended) = oneshot::channel();
        let task = tokio::spawn(forward(self.shared.clone(), subscriber, ended));
        Forward { finish, task }
    }

    /// Changes from one kind of subscription to the other if it is time to. Returns whether it did.
    ///
    /// For a while there are both, so that nothing is missed. What the new ones have is handed on after all that
    /// the old ones have, for the order. What comes twice is known by its position, or by the number that its
    /// publisher gave it.
    ///
    /// A server finds the subscriptions of a message, and hands it to them a moment later. If the new ones begin and
    /// the old ones end between the two, neither has the message. The overlap makes that rare, and the hub compares
    /// its positions afterwards: such a message is in the stream by then.
    async fn fit(&mut self, up: &Arc<Up>) -> Result<bool, Failure> {
        let most = self.shared.settings.subscriptions;
        let is_wide = self.tokens.len() > if self.is_wide { most / 2 } else { most };
        if is_wide == self.is_wide {
            return Ok(false);
        }
        self.shared.heard.compare();
        let (mut partitions, mut topics) = (HashMap::new(), HashMap::new());
        for token in self.tokens.clone() {
            let partition = self.partition(&token);
            if !is_wide {
                let subject = format!("{}.out.{partition}.{token}", self.shared.settings.prefix);
                topics.insert(token, self.subscribe(up, subject).await?);
            } else if let Entry::Vacant(place) = partitions.entry(partition) {
                let subject = self.partition_subject(partition);
                place.insert(self.subscribe(up, subject).await?);
            }
        }
        let flushed = self
            .shared
            .while_up(up, up.log.extent(&self.shared.api))
            .await;
        self.shared.note(&flushed);
        flushed?;
        sleep(OVERLAP).await;
        let old = self.topics.drain().map(|(_, forward)| forward);
        let old: Vec<_> = old
            .chain(self.partitions.drain().map(|(_, forward)| forward))
            .collect();
        // They end when what they have is handed on.
        let finish = |forward: Forward| {
            let _ = forward.finish.send(());
            forward.task
        };
        for task in old.into_iter().map(finish).collect::<Vec<_>>() {
            let _ = task.await;
        }
        let started = topics
            .into_iter()
            .map(|(token, new)| (token, self.forward(new)));
        self.topics = started.collect();
        let started = partitions
            .into_iter()
            .map(|(partition, new)| (partition, self.forward(new)));
        self.partitions = started.collect();
        self.is_wide = is_wide;
        Ok(true)
    }
}

/// Hands on the messages of a subscription, until it is not wanted any more.
async fn forward(
    shared: Arc<Shared>,
    mut subscriber: Subscriber,
    mut ended: oneshot::Receiver<()>,
) {
    loop {
        tokio::select! {
            biased;
            ended = &mut ended => match ended {
                Ok(()) => break,
                // It may be subscribed to again already: what is left would come twice.
                Err(_) => return,
            },
            message = subscriber.next() => match message {
                Some(message) => deliver(&shared, message).await,
                None => return,
            },
        }
    }
    // Without limit: where tokio has the task pause, there are more messages nevertheless.
    while let Some(Some(message)) = unconstrained(subscriber.next()).now_or_never() {
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
    if shared.heard.is_repeated(&topic, publisher(headers)) {
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

/// Who has published a live message, and the number of the message there.
fn publisher(headers: Option<&HeaderMap>) -> Option<(u64, u64)> {
    let (node, number) = header(headers, FROM)?.split_once('.')?;
    Some((u64::from_str_radix(node, 16).ok()?, number.parse().ok()?))
}

pub(crate) fn own_headers(headers: Option<&HeaderMap>) -> Headers {
    Headers {
        id: header(headers, codec::ID).map(Into::into),
        kind: header(headers, codec::KIND).map(Into::into),
    }
}
