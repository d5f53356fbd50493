//! Which hubs there are.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_nats::HeaderMap;
use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::json;
use tokio::time::Instant;

use crate::api::{Api, Stored};
use crate::error::Failure;
use crate::log::storage;
use crate::settings::{NatsBuilder, Storage};
use crate::shared::Shared;

/// The hubs that were heard of, and when.
#[derive(Debug, Default)]
pub(crate) struct Nodes {
    heard: Mutex<HashMap<u64, Instant>>,
}

/// What is published when a hub ends.
const GONE: &[u8] = b"gone";

impl Nodes {
    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Instant>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn heard_of(&self, node: u64) {
        self.lock().insert(node, Instant::now());
    }

    fn is_known(&self, node: u64) -> bool {
        self.lock().contains_key(&node)
    }

    fn forget(&self, node: u64) -> bool {
        self.lock().remove(&node).is_some()
    }

    /// Returns the hubs that were not heard of for this long.
    fn silent(&self, lease: Duration) -> Vec<u64> {
        let heard = self.lock();
        let silent = heard.iter().filter(|(_, at)| at.elapsed() >= lease);
        silent.map(|(node, _)| *node).collect()
    }
}

/// The two streams of presence.
pub(crate) fn members_stream(settings: &NatsBuilder) -> String {
    format!("{}_members", settings.prefix)
}

pub(crate) fn nodes_stream(settings: &NatsBuilder) -> String {
    format!("{}_nodes", settings.prefix)
}

pub(crate) fn lease_subject(settings: &NatsBuilder, node: u64) -> String {
    format!("{}.node.{node:016x}", settings.prefix)
}

fn alive_subject(settings: &NatsBuilder, node: &str) -> String {
    format!("{}.alive.{node}", settings.prefix)
}

/// Creates the streams of presence, if there are none.
pub(crate) async fn prepare(api: &Api, settings: &NatsBuilder) -> Result<(), Failure> {
    let prefix = &settings.prefix;
    let lease = u64::try_from(settings.lease.as_nanos()).unwrap_or(u64::MAX);
    let members = json!({
        "name": members_stream(settings),
        "description": "wskit-hub: who is present",
        "subjects": [format!("{prefix}.member.>")],
        "retention": "limits", "discard": "old", "max_consumers": -1, "max_msgs": -1,
        "max_msg_size": -1, "max_bytes": -1, "max_age": 0,
        "max_msgs_per_subject": 1,
        "storage": storage(Storage::Memory),
        "num_replicas": settings.replicas,
        "allow_direct": true,
    });
    let nodes = json!({
        "name": nodes_stream(settings),
        "description": "wskit-hub: which hubs there are",
        "subjects": [format!("{prefix}.node.*")],
        "retention": "limits", "discard": "old", "max_consumers": -1, "max_msgs": -1,
        "max_msg_size": -1, "max_bytes": 1 << 20, "max_age": lease,
        "duplicate_window": lease.min(2_000_000_000),
        "max_msgs_per_subject": 1,
        "storage": storage(Storage::Memory),
        "num_replicas": settings.replicas,
        "allow_direct": true,
        "republish": { "src": format!("{prefix}.node.*"), "dest": format!("{prefix}.alive.$1") },
    });
    for config in [members, nodes] {
        let name = config.get("name").and_then(serde_json::Value::as_str);
        let name = name.unwrap_or_default();
        match api.call(&format!("STREAM.CREATE.{name}"), &config).await {
            // It exists, as it is or otherwise.
            Ok(_) | Err(Failure::Api { code: 10058, .. }) => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(())
}

/// Takes or renews the lease of a hub, whose last was at an offset. Returns the offset of the new one.
pub(crate) async fn renew(
    api: &Api,
    settings: &NatsBuilder,
    node: u64,
    last: Option<u64>,
) -> Result<u64, Failure> {
    let mut headers = HeaderMap::new();
    // If it is over meanwhile, others take the hub for gone.
    let last = last.unwrap_or(0).to_string();
    headers.insert("Nats-Expected-Last-Subject-Sequence", last.as_str());
    let subject = lease_subject(settings, node);
    let name = Bytes::from(settings.name.clone());
    Ok(api.store(subject, Some(headers), name).await?.offset)
}

/// Removes a hub with its members, and says so.
pub(crate) async fn remove(api: &Api, settings: &NatsBuilder, node: u64) -> Result<(), Failure> {
    let prefix = &settings.prefix;
    let members = json!({ "filter": format!("{prefix}.member.*.{node:016x}.*") });
    let lease = json!({ "filter": lease_subject(settings, node) });
    let gone = alive_subject(settings, &format!("{node:016x}"));
    let purge = |stream| format!("STREAM.PURGE.{stream}");
    api.call(&purge(nodes_stream(settings)), &lease).await?;
    api.call(&purge(members_stream(settings)), &members).await?;
    let sent = api.client.publish(gone, GONE.into()).await;
    sent.map_err(|_| Failure::down("the connection is closed"))
}

/// Returns all messages of a subject with wildcards.
pub(crate) async fn all(
    api: &Api,
    stream: &str,
    subject: &str,
    has_batches: bool,
) -> Result<Vec<Stored>, Failure> {
    let mut all = Vec::new();
    let mut next: u64 = 1;
    loop {
        let (messages, is_more) = if has_batches {
            let body = json!({ "seq": next, "next_by_subj": subject, "batch": 500 });
            api.batch(stream, &body).await?
        } else {
            let body = json!({ "seq": next, "next_by_subj": subject });
            let message = api.direct(stream, &body).await?;
            let is_more = message.is_some();
            (message.into_iter().collect(), is_more)
        };
        for message in messages {
            if message.offset < next {
                return Err(Failure::Nonsense(
                    "the server sent stored messages out of order",
                ));
            }
            next = message.offset + 1;
            all.push(message);
        }
        if !is_more {
            return Ok(all);
        }
    }
}

impl Shared {
    /// Reads which hubs there are.
    pub(crate) async fn read_nodes(&self, has_batches: bool) -> Result<(), Failure> {
        let settings = &self.settings;
        let subject = format!("{}.node.*", settings.prefix);
        let leases = all(&self.api, &nodes_stream(settings), &subject, has_batches).await?;
        for lease in leases {
            if let Some(node) = node_of(&lease.subject) {
                self.nodes.heard_of(node);
            }
        }
        Ok(())
    }

    /// Whether a hub has a lease. If not, it is forgotten with its members.
    pub(crate) async fn is_alive(&self, node: u64) -> Result<bool, Failure> {
        if self.nodes.is_known(node) {
            return Ok(true);
        }
        self.has_lease(node).await
    }

    async fn has_lease(&self, node: u64) -> Result<bool, Failure> {
        let stream = nodes_stream(&self.settings);
        let subject = lease_subject(&self.settings, node);
        // The leader knows best: a hub that is there must not be taken for gone.
        if self.api.newest(&stream, &subject).await?.is_some() {
            self.nodes.heard_of(node);
            return Ok(true);
        }
        self.gone(node);
        // The first hub that notices cleans up; a second time does nothing.
        remove(&self.api, &self.settings, node).await?;
        Ok(false)
    }

    fn gone(&self, node: u64) {
        if self.nodes.forget(node) {
            self.events.gone(node);
        }
    }

    /// Looks after the hubs that are not heard of any more.
    pub(crate) async fn look_after_nodes(&self, own: u64) {
        for node in self.nodes.silent(self.settings.lease) {
            if node == own {
                self.nodes.forget(own);
            } else if self.has_lease(node).await.is_err() {
                return;
            }
        }
    }
}

fn node_of(subject: &str) -> Option<u64> {
    let (_, node) = subject.rsplit_once('.')?;
    u64::from_str_radix(node, 16).ok()
}

/// Hears of other hubs, until the engine is dropped.
pub(crate) async fn watch(shared: Arc<Shared>, mut alive: async_nats::Subscriber) {
    while let Some(message) = alive.next().await {
        let Some(node) = node_of(&message.subject) else {
            if message.subject.ends_with(RENEWED) {
                shared.suspect.notify_one();
            }
            continue;
        };
        if shared.up().is_ok_and(|up| up.node == node) {
            continue;
        }
        if message.payload.as_ref() == GONE && message.headers.is_none() {
            shared.gone(node);
        } else {
            shared.nodes.heard_of(node);
        }
    }
}

/// The last token of the subject of this news.
const RENEWED: &str = "renewed";

/// Says that there is a new epoch.
pub(crate) async fn tell_renewed(api: &Api, settings: &NatsBuilder) {
    let _ = api
        .client
        .publish(alive_subject(settings, RENEWED), Bytes::new())
        .await;
}

/// Returns the subject of news of all hubs.
pub(crate) fn all_alive(settings: &NatsBuilder) -> String {
    alive_subject(settings, "*")
}
