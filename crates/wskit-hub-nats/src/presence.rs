use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_nats::HeaderMap;
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use serde_json::json;
use tokio::sync::mpsc;
use wskit_hub::{Member, NodeId, Reply, RequestId};

use crate::error::Failure;
use crate::listen::{EVENT, IDENTITY, JOINED, LEFT, NODE};
use crate::nats::Read;
use crate::nodes::{all, members_stream};
use crate::shared::{Shared, Up};
use crate::subject;

/// That a member of this hub is there, or not any more.
#[derive(Debug)]
pub(crate) struct Presence {
    pub(crate) id: RequestId,
    pub(crate) topic: Arc<str>,
    pub(crate) identity: Arc<str>,
    /// What is told of it.
    pub(crate) info: Option<Bytes>,
}

/// What is done in the order of its commands.
#[derive(Debug)]
pub(crate) enum Step {
    Change(Presence),
    /// The members of a topic are read, after all changes of the topic that came before.
    Members(Arc<str>, Read),
}

type Key = (Arc<str>, Arc<str>);
/// A change with its place in the order of all.
type Numbered = (u64, Presence);
type Done = (Key, Vec<(u64, RequestId)>, Result<(), Failure>);

/// The changes of a topic that are not written yet, and what waits for them.
#[derive(Default)]
struct Topic {
    changes: BTreeSet<u64>,
    /// Each with the newest change that came before it.
    reads: VecDeque<(u64, Read)>,
}

/// How many members are written at once.
const AT_ONCE: usize = 256;

/// Writes who is present, until the engine is dropped: one thing at a time of each member, the newest alone if
/// there are several.
pub(crate) async fn keep(
    shared: Arc<Shared>,
    mut steps: mpsc::Receiver<Step>,
    to_read: mpsc::Sender<Read>,
) {
    let mut writing: FuturesUnordered<BoxFuture<'static, Done>> = FuturesUnordered::new();
    // Those that are written now, and what is to be written next.
    let mut next: HashMap<Key, Vec<Numbered>> = HashMap::new();
    let mut number = 0;
    let mut topics: HashMap<Arc<str>, Topic> = HashMap::new();
    let read = |read: Read| {
        let id = read.id;
        if to_read.try_send(read).is_err() {
            shared.events.answer(id, Err(Failure::Full));
        }
    };
    loop {
        tokio::select! {
            Some((key, ids, result)) = writing.next(), if !writing.is_empty() => {
                if let Some(topic) = topics.get_mut(&key.0) {
                    for (number, _) in &ids {
                        topic.changes.remove(number);
                    }
                    let first = topic.changes.first().copied();
                    let is_due = |last: u64| first.is_none_or(|first| last < first);
                    while topic.reads.front().is_some_and(|(last, _)| is_due(*last)) {
                        topic.reads.pop_front().into_iter().for_each(|(_, waiting)| read(waiting));
                    }
                    if topic.changes.is_empty() {
                        topics.remove(&key.0);
                    }
                }
                for (_, id) in ids {
                    shared.events.answer(id, result.clone().map(|()| Reply::Done));
                }
                match next.remove(&key) {
                    Some(changes) if !changes.is_empty() => {
                        writing.push(Box::pin(write(shared.clone(), key.clone(), changes)));
                        next.insert(key, Vec::new());
                    }
                    _ => {}
                }
            }
            step = steps.recv(), if writing.len() < AT_ONCE => {
                let change = match step {
                    None => return,
                    Some(Step::Change(change)) => change,
                    Some(Step::Members(topic, members)) => {
                        match topics.get_mut(&topic) {
                            Some(topic) => {
                                let last = topic.changes.last().copied().unwrap_or_default();
                                topic.reads.push_back((last, members));
                            }
                            None => read(members),
                        }
                        continue;
                    }
                };
                number += 1;
                topics.entry(change.topic.clone()).or_default().changes.insert(number);
                let key = (change.topic.clone(), change.identity.clone());
                if let Some(waiting) = next.get_mut(&key) {
                    waiting.push((number, change));
                } else {
                    next.insert(key.clone(), Vec::new());
                    writing.push(Box::pin(write(shared.clone(), key, vec![(number, change)])));
                }
            }
        }
    }
}

async fn write(shared: Arc<Shared>, key: Key, mut changes: Vec<Numbered>) -> Done {
    let ids = changes
        .iter()
        .map(|(number, change)| (*number, change.id))
        .collect();
    let info = changes.pop().and_then(|(_, change)| change.info);
    let result = match shared.up() {
        Ok(up) => {
            let write = shared.write_member(&up, &key.0, &key.1, info);
            shared.while_up(&up, write).await
        }
        Err(failure) => Err(failure),
    };
    (key, ids, result)
}

impl Shared {
    async fn write_member(
        &self,
        up: &Up,
        topic: &str,
        identity: &str,
        info: Option<Bytes>,
    ) -> Result<(), Failure> {
        let (token, out) = self.subject("out", topic)?;
        let identity = subject::encode(identity);
        let node = format!("{:016x}", up.node);
        let subject = format!("{}.member.{token}.{node}.{identity}", self.settings.prefix);
        let len = info.as_ref().map_or(0, Bytes::len) + subject.len() + 256;
        if len > up.max_payload {
            let limit = up.max_payload;
            return Err(Failure::TooLarge { len, limit });
        }
        let event = match &info {
            Some(info) => {
                let stored = self.api.store(subject, None, info.clone()).await;
                if matches!(stored, Err(Failure::NoResponders)) {
                    self.suspect.notify_one();
                }
                up.entered.fetch_max(stored?.offset, Ordering::Relaxed);
                JOINED
            }
            None => {
                let what = format!("STREAM.PURGE.{}", members_stream(&self.settings));
                self.api.call(&what, &json!({ "filter": subject })).await?;
                LEFT
            }
        };
        let mut headers = HeaderMap::new();
        headers.insert(EVENT, event);
        headers.insert(NODE, node);
        headers.insert(IDENTITY, identity);
        let client = &self.api.client;
        let sent = client.publish_with_headers(out, headers, info.unwrap_or_default());
        sent.await
            .map_err(|_| Failure::down("the connection is closed"))
    }

    /// Returns the members of a topic on other hubs.
    pub(crate) async fn members(
        &self,
        up: &Up,
        topic: &str,
    ) -> Result<Vec<(NodeId, Member)>, Failure> {
        let (token, _) = self.subject("out", topic)?;
        let subject = format!("{}.member.{token}.*.*", self.settings.prefix);
        let stream = members_stream(&self.settings);
        let mut stored = all(&self.api, &stream, &subject, up.has_batches).await?;
        // The server that has answered may be late. The leader has all that was stored before this was asked.
        let mut after = stored.last().map_or(0, |newest| newest.offset);
        while let Some(newer) = self.api.next(&stream, &subject, after + 1).await? {
            after = newer.offset.max(after + 1);
            stored.retain(|stored| stored.subject != newer.subject);
            stored.push(newer);
        }
        let mut members = Vec::with_capacity(stored.len());
        let mut gone = HashSet::new();
        for stored in stored {
            let mut tokens = stored.subject.rsplit('.');
            let (Some(identity), Some(node)) = (tokens.next(), tokens.next()) else {
                continue;
            };
            let (Some(identity), Ok(node)) =
                (subject::decode(identity), u64::from_str_radix(node, 16))
            else {
                continue;
            };
            if node == up.node || gone.contains(&node) {
                continue;
            }
            if self.is_alive(node).await? {
                let member = Member::new(identity).info(stored.payload);
                members.push((NodeId(node), member));
            } else {
                gone.insert(node);
            }
        }
        Ok(members)
    }
}
