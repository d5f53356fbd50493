use std::collections::{HashMap, HashSet};
use std::sync::Arc;

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

type Key = (Arc<str>, Arc<str>);
type Done = (Key, Vec<RequestId>, Result<(), Failure>);

/// How many members are written at once.
const AT_ONCE: usize = 256;

/// Writes who is present, until the engine is dropped: one thing at a time of each member, the newest alone if
/// there are several.
pub(crate) async fn keep(shared: Arc<Shared>, mut changes: mpsc::Receiver<Presence>) {
    let mut writing: FuturesUnordered<BoxFuture<'static, Done>> = FuturesUnordered::new();
    // Those that are written now, and what is to be written next.
    let mut next: HashMap<Key, Vec<Presence>> = HashMap::new();
    loop {
        tokio::select! {
            Some((key, ids, result)) = writing.next(), if !writing.is_empty() => {
                for id in ids {
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
            change = changes.recv(), if writing.len() < AT_ONCE => {
                let Some(change) = change else { return };
                let key = (change.topic.clone(), change.identity.clone());
                if let Some(waiting) = next.get_mut(&key) {
                    waiting.push(change);
                } else {
                    next.insert(key.clone(), Vec::new());
                    writing.push(Box::pin(write(shared.clone(), key, vec![change])));
                }
            }
        }
    }
}

async fn write(shared: Arc<Shared>, key: Key, mut changes: Vec<Presence>) -> Done {
    let ids = changes.iter().map(|change| change.id).collect();
    let info = changes.pop().and_then(|change| change.info);
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
                self.api.store(subject, None, info.clone()).await?;
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
        let stored = all(&self.api, &stream, &subject, up.has_batches).await?;
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
