//! Which hubs there are.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use async_nats::HeaderMap;
use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::api::{Api, Stored};
use crate::error::Failure;
use crate::log::{extent, storage};
use crate::settings::{NatsBuilder, Storage};
use crate::shared::{Shared, Up};

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

    /// Notes a lease that was stored some time ago.
    fn heard_at(&self, node: u64, at: Option<SystemTime>) {
        let age = at.and_then(|at| SystemTime::now().duration_since(at).ok());
        let now = Instant::now();
        let at = now.checked_sub(age.unwrap_or_default()).unwrap_or(now);
        let mut heard = self.lock();
        let newest = heard.entry(node).or_insert(at);
        *newest = at.max(*newest);
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
        let name = config.get("name").and_then(Value::as_str);
        let name = name.unwrap_or_default();
        match api.call(&format!("STREAM.CREATE.{name}"), &config).await {
            Ok(_) => {}
            // It exists, and is otherwise.
            Err(Failure::Api { code: 10058, .. }) => check(api, name, &config).await?,
            Err(failure) => return Err(failure),
        }
    }
    Ok(())
}

/// Refuses a stream that does not keep leases for long enough: the hub would be taken for gone.
async fn check(api: &Api, name: &str, wanted: &Value) -> Result<(), Failure> {
    let info = api
        .call(&format!("STREAM.INFO.{name}"), &Value::Null)
        .await?;
    let age = |config: Option<&Value>| config?.get("max_age")?.as_u64();
    let found = age(info.get("config")).filter(|age| *age > 0);
    match (found, age(Some(wanted))) {
        (Some(found), Some(wanted)) if found < wanted => {
            let (found, wanted) = (Duration::from_nanos(found), Duration::from_nanos(wanted));
            Err(Failure::Stream(format!(
                "the stream {name} keeps leases for {found:?}, and the settings ask for {wanted:?}: change them, \
                 or delete the stream when all hubs have ended"
            )))
        }
        _ => Ok(()),
    }
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

/// Whether the stream of members is gone, or has gone back to before a member of this hub.
pub(crate) async fn has_lost(shared: &Shared, up: &Up) -> bool {
    let entered = up.entered.load(Ordering::Relaxed);
    let what = format!("STREAM.INFO.{}", members_stream(&shared.settings));
    match shared.api.call(&what, &Value::Null).await {
        Ok(info) => extent(&info).is_ok_and(|extent| extent.last < entered),
        Err(failure) => matches!(failure, Failure::Api { code: 10059, .. }),
    }
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
                self.nodes.heard_at(node, lease.at);
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
        if let Some(lease) = self.api.newest(&stream, &subject).await? {
            self.nodes.heard_at(node, lease.at);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_counts_from_when_it_was_stored() {
        let nodes = Nodes::default();
        let lease = Duration::from_secs(30);
        nodes.heard_at(1, Some(SystemTime::now() - lease));
        nodes.heard_at(2, Some(SystemTime::now()));
        // The server's clock may be ahead.
        nodes.heard_at(3, Some(SystemTime::now() + lease));
        nodes.heard_at(4, None);
        assert_eq!(nodes.silent(lease), [1]);
        // What was heard since is newer.
        nodes.heard_of(1);
        nodes.heard_at(1, Some(SystemTime::now() - lease));
        assert!(nodes.silent(lease).is_empty());
    }
}
