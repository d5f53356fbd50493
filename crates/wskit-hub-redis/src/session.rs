use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Pipeline, Value};
use wskit_hub::NodeId;

use crate::builder::Builder;
use crate::fault::{Failure, Fault, failures};
use crate::inbox::{Inbox, Line};
use crate::keys::{Keys, slot};
use crate::payload;

/// Connections to all servers, until the first of them is lost.
///
/// A connection is one to a process of the server: what was true of that process when it was made is true as
/// long as it lasts.
pub(crate) struct Session {
    pub(crate) settings: Arc<Builder>,
    pub(crate) keys: Keys,
    /// This hub in this session: members of an earlier one are not taken for those of this.
    pub(crate) node: NodeId,
    pub(crate) inbox: Arc<Inbox>,
    pub(crate) links: Vec<Link>,
    /// In a cluster, which of them has which slot.
    pub(crate) owners: Option<Vec<u16>>,
    pub(crate) scripts: Scripts,
    /// Topics in which members are, and how many.
    entered: Mutex<HashMap<Arc<str>, i64>>,
    /// In how many milliseconds the lease is to be renewed.
    next_lease: AtomicU64,
    has_lease: AtomicBool,
}

/// The connections to a server.
pub(crate) struct Link {
    pub(crate) address: String,
    /// For requests.
    pub(crate) commands: MultiplexedConnection,
    /// For what is subscribed to.
    pub(crate) pushes: MultiplexedConnection,
    pub(crate) line: Arc<Line>,
    pub(crate) identity: Identity,
    /// A channel on which the hub hears itself.
    pub(crate) probe: Vec<u8>,
}

/// Which process of a server it is, and which of its histories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) run: String,
    /// The first number of its version.
    pub(crate) major: u32,
    /// It changes when a replica is promoted: also if it was a primary before, and has lost messages since.
    pub(crate) replication: String,
}

impl Identity {
    /// Returns what the epochs of the server's topics are mixed with.
    pub(crate) fn salt(&self) -> u64 {
        let bytes = self.run.bytes().chain([0]).chain(self.replication.bytes());
        // FNV-1a, and the last step of SplitMix64. It must stay as it is: hubs of different versions share topics.
        let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
        });
        let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        hash ^ (hash >> 31)
    }
}

/// The names under which the server has the scripts.
#[derive(Clone, Debug)]
pub(crate) struct Scripts {
    pub(crate) publish: String,
    pub(crate) read: String,
    pub(crate) lease: String,
    pub(crate) touch: String,
}

/// How many topics a request names when their keys are touched.
const TOUCHED: usize = 512;

impl Session {
    pub(crate) fn new(
        settings: Arc<Builder>,
        node: NodeId,
        inbox: Arc<Inbox>,
        links: Vec<Link>,
        owners: Option<Vec<u16>>,
        scripts: Scripts,
    ) -> Self {
        Self {
            keys: Keys::new(&settings.prefix),
            settings,
            node,
            inbox,
            links,
            owners,
            scripts,
            entered: Mutex::default(),
            next_lease: AtomicU64::new(0),
            has_lease: AtomicBool::new(false),
        }
    }

    /// Returns the server that has a key, or `None` for one that is not in the list of slots.
    pub(crate) fn owner(&self, key: &[u8]) -> usize {
        let owner = self
            .owners
            .as_ref()
            .and_then(|owners| owners.get(slot(key)));
        owner.copied().map_or(0, usize::from)
    }

    pub(crate) fn link(&self, number: usize) -> Result<&Link, Failure> {
        let lost = || Failure::lost(Fault::Incomplete("a slot without a server".to_owned()));
        self.links.get(number).ok_or_else(lost)
    }

    pub(crate) fn link_of(&self, key: &[u8]) -> Result<&Link, Failure> {
        self.link(self.owner(key))
    }

    pub(crate) fn is_cluster(&self) -> bool {
        self.owners.is_some()
    }

    /// In a cluster, only the servers of a slot get its messages.
    pub(crate) fn publish_command(&self) -> &'static str {
        if self.is_cluster() {
            "SPUBLISH"
        } else {
            "PUBLISH"
        }
    }

    pub(crate) fn subscribe_command(&self) -> &'static str {
        if self.is_cluster() {
            "SSUBSCRIBE"
        } else {
            "SUBSCRIBE"
        }
    }

    pub(crate) fn unsubscribe_command(&self) -> &'static str {
        if self.is_cluster() {
            "SUNSUBSCRIBE"
        } else {
            "UNSUBSCRIBE"
        }
    }

    /// A member has entered that was not there before (1), or left that was (-1). The answers to the two may be
    /// seen in any order.
    pub(crate) fn count(&self, topic: &Arc<str>, change: i64) {
        let mut entered = self.entered.lock().unwrap_or_else(PoisonError::into_inner);
        let count = entered.entry(topic.clone()).or_default();
        *count += change;
        if *count == 0 {
            entered.remove(topic);
        }
    }

    pub(crate) fn entered(&self) -> Vec<Arc<str>> {
        let entered = self.entered.lock().unwrap_or_else(PoisonError::into_inner);
        entered.keys().cloned().collect()
    }

    /// Returns when the lease is to be renewed.
    pub(crate) fn next_lease(&self) -> Duration {
        Duration::from_millis(self.next_lease.load(Ordering::Relaxed))
    }

    /// Renews the lease of this hub, and tells of hubs whose lease is over. The first time, it takes it: if the
    /// server takes no writes now, that is done later, for it can be read from and listened to.
    pub(crate) async fn renew(self: Arc<Self>) -> Result<(), Failure> {
        let lease = millis(self.settings.lease);
        let set = |next: u64| {
            let next = next.clamp(200, (lease / 3).max(200));
            self.next_lease.store(next, Ordering::Relaxed);
        };
        let (is_known, next) = match self.try_renew(lease).await {
            Err(failure)
                if matches!(
                    failure.fault,
                    Fault::OutOfMemory | Fault::NotSaved | Fault::TooFewReplicas
                ) =>
            {
                // Before those that could renew theirs take it for gone.
                set(1000);
                return Ok(());
            }
            answer => answer?,
        };
        // A little after the first of them is over, so that it is seen to be.
        set(next + 20);
        let had_lease = self.has_lease.swap(true, Ordering::Relaxed);
        if !is_known && (had_lease || !self.entered().is_empty()) {
            // Others have taken its members for gone.
            return Err(Failure::lost(Fault::Unreachable(
                "the lease of this hub was over".to_owned(),
            )));
        }
        Ok(())
    }

    /// Returns whether this hub had a lease, and when the next is over.
    async fn try_renew(&self, lease: u64) -> Result<(bool, u64), Failure> {
        let nodes = self.keys.nodes();
        let mut pipeline = redis::pipe();
        pipeline
            .cmd("EVALSHA")
            .arg(&self.scripts.lease)
            .arg(1)
            .arg(&nodes)
            .arg(&self.node.0.to_be_bytes())
            .arg(lease)
            .arg(self.publish_command())
            .arg(&[payload::NODE_GONE]);
        let values = ask(&self.link_of(&nodes)?.commands, &pipeline, 1).await?;
        match values.as_slice() {
            [Value::Array(values)] => match values.as_slice() {
                [Value::Int(is_known), Value::Int(next)] => {
                    Ok((*is_known != 0, u64::try_from(*next).unwrap_or(0)))
                }
                _ => Err(Failure::nonsense("a lease")),
            },
            _ => Err(Failure::nonsense("a lease")),
        }
    }

    /// Takes a hub and its members out.
    pub(crate) async fn resign(&self, node: NodeId) -> Result<(), Failure> {
        let nodes = self.keys.nodes();
        let mut pipeline = redis::pipe();
        pipeline.cmd("ZREM").arg(&nodes).arg(&node.0.to_be_bytes());
        let publish = pipeline.cmd(self.publish_command());
        publish.arg(&nodes).arg(payload::node_gone(node));
        ask(&self.link_of(&nodes)?.commands, &pipeline, 2).await?;
        Ok(())
    }

    /// Publishes to itself, and asks whether the servers are still the primaries that they were.
    pub(crate) async fn probe(self: Arc<Self>) -> Result<(), Failure> {
        for link in &self.links {
            link.line.is_heard.store(false, Ordering::Relaxed);
            let mut pipeline = redis::pipe();
            pipeline.cmd("INFO").arg("replication");
            let publish = pipeline.cmd(self.publish_command());
            publish.arg(&link.probe).arg(payload::probe());
            let values = ask(&link.commands, &pipeline, 2).await?;
            link.check(values.first())?;
        }
        Ok(())
    }

    /// Whether all of it came back.
    pub(crate) fn is_heard(&self) -> bool {
        let mut lines = self.links.iter().map(|link| &link.line);
        lines.all(|line| line.is_heard.load(Ordering::Relaxed))
    }

    /// Lets the keys of topics live on that are used.
    pub(crate) async fn touch(self: Arc<Self>) -> Result<(), Failure> {
        let mut topics: HashSet<_> = self.inbox.topics().into_iter().collect();
        topics.extend(self.entered());
        let keep = millis(self.settings.keep);
        let topics: Vec<_> = topics.into_iter().collect();
        for topics in topics.chunks(TOUCHED) {
            let mut by_link = self.pipelines();
            for topic in topics {
                let meta = self.keys.meta(topic);
                if let Some((pipeline, count)) = by_link.get_mut(self.owner(&meta)) {
                    *count += 1;
                    let command = pipeline.cmd("EVALSHA").arg(&self.scripts.touch).arg(4);
                    command
                        .arg(meta)
                        .arg(self.keys.log(topic))
                        .arg(self.keys.ids(topic));
                    command.arg(self.keys.members(topic)).arg(keep);
                }
            }
            for (link, (pipeline, count)) in self.links.iter().zip(by_link) {
                if count > 0 {
                    ask_each(&link.commands, &pipeline, count).await?;
                }
            }
        }
        Ok(())
    }

    /// Returns an empty pipeline for each server.
    pub(crate) fn pipelines(&self) -> Vec<(Pipeline, usize)> {
        self.links.iter().map(|_| (redis::pipe(), 0)).collect()
    }
}

impl Link {
    /// Checks by `INFO replication` that the server is the primary that it was.
    pub(crate) fn check(&self, info: Option<&Value>) -> Result<(), Failure> {
        let info = info
            .and_then(text)
            .ok_or_else(|| Failure::nonsense("INFO"))?;
        let replica = || Failure {
            ends_session: true,
            ..Failure::refused(Fault::Replica)
        };
        if info_field(&info, "role") != Some("master")
            || info_field(&info, "master_replid") != Some(&self.identity.replication)
        {
            return Err(replica());
        }
        Ok(())
    }
}

/// Sends commands, and waits for as many answers. The first error of the server among them is that of all.
pub(crate) async fn ask(
    connection: &MultiplexedConnection,
    pipeline: &Pipeline,
    count: usize,
) -> Result<Vec<Value>, Failure> {
    let values = ask_each(connection, pipeline, count).await?;
    let failure = failures(&values).next();
    failure.map_or(Ok(values), Err)
}

/// Sends commands that are each for another topic, and waits for as many answers. That a topic has something else
/// in its keys is among them.
pub(crate) async fn ask_each(
    connection: &MultiplexedConnection,
    pipeline: &Pipeline,
    count: usize,
) -> Result<Vec<Value>, Failure> {
    let mut connection = connection.clone();
    let values = connection.send_packed_commands(pipeline, 0, count).await?;
    let failure = failures(&values).find(|failure| !matches!(failure.fault, Fault::Foreign(_)));
    match failure {
        Some(failure) => Err(failure),
        None if values.len() == count => Ok(values),
        None => Err(Failure::nonsense("a request")),
    }
}

/// Returns the text of an answer.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => String::from_utf8(bytes.clone()).ok(),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => Some(text.clone()),
        _ => None,
    }
}

/// Returns a field of what INFO answers.
pub(crate) fn info_field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    let fields = info.lines().filter_map(|line| line.split_once(':'));
    fields
        .filter(|(field, _)| *field == name)
        .map(|(_, value)| value.trim())
        .next()
}

/// Rounds up to milliseconds, of which there is at least one, and at most a century's.
pub(crate) fn millis(duration: Duration) -> u64 {
    const CENTURY: u128 = 100 * 366 * 24 * 3600 * 1000;
    let millis = duration.as_nanos().div_ceil(1_000_000);
    u64::try_from(millis.clamp(1, CENTURY)).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_rounded_up_and_bounded() {
        for (duration, expected) in [
            (Duration::ZERO, 1),
            (Duration::from_nanos(1), 1),
            (Duration::from_millis(1), 1),
            (Duration::from_nanos(1_000_001), 2),
            (Duration::from_secs(300), 300_000),
            (Duration::MAX, 3_162_240_000_000),
        ] {
            assert_eq!(millis(duration), expected);
        }
    }

    #[test]
    fn another_process_or_promotion_is_another_salt() {
        let identity = |run: &str, replication: &str| Identity {
            run: run.into(),
            major: 7,
            replication: replication.into(),
        };
        // It is the same in all versions.
        assert_eq!(identity("a", "b").salt(), SALT);
        assert_ne!(identity("a", "c").salt(), SALT);
        assert_ne!(identity("c", "b").salt(), SALT);
        assert_ne!(identity("ab", "").salt(), identity("", "ab").salt());
    }

    const SALT: u64 = 16_949_517_343_777_446_270;

    #[test]
    fn fields_of_info_are_found() {
        let info = "# Server\r\nredis_version:7.0.15\r\nrun_id:abc\r\n";
        assert_eq!(info_field(info, "run_id"), Some("abc"));
        assert_eq!(info_field(info, "run"), None);
    }
}
