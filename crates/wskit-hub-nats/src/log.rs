//! The stream that has the messages.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_nats::HeaderMap;
use bytes::Bytes;
use serde_json::{Value, json};
use wskit_hub::Epoch;

use crate::api::{Api, text};
use crate::error::Failure;
use crate::settings::{NatsBuilder, Storage};
use crate::subject;

/// A stream as it was found. Messages, acknowledgements and answers name their stream, so that one that was
/// created again is not taken for the same.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) name: String,
    pub(crate) epoch: Epoch,
    /// How many messages of a topic it keeps: one more than the hub asks for, which proves that those after it
    /// are all there.
    pub(crate) kept: usize,
    /// For how long; `None` is for ever.
    pub(crate) max_age: Option<Duration>,
    identity: Identity,
    /// The highest offset that was seen.
    seen: AtomicU64,
    /// That of ten seconds ago or more, which all servers have that answer.
    settled: AtomicU64,
    /// That which will be this one next.
    settling: AtomicU64,
    /// An offset was given away a second time: the stream went back, whatever it has by now.
    pub(crate) has_gone_back: AtomicBool,
}

/// What makes an epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Identity {
    name: String,
    /// When it was created. Left out where the name is unique already: servers of a cluster may have several
    /// answers for a moment after they have created a stream.
    created: String,
    kept: usize,
    /// It is raised when the stream went back to an older state.
    generation: u64,
}

/// How often it is tried to find or create the stream.
const ATTEMPTS: usize = 16;

/// What a stream has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Extent {
    /// No message from here on has gone because of its age, or for want of space.
    pub(crate) first: u64,
    /// The offset of the newest message of all topics.
    pub(crate) last: u64,
}

impl Log {
    /// Finds the stream, or creates it.
    pub(crate) async fn find_or_create(
        api: &Api,
        settings: &NatsBuilder,
    ) -> Result<(Self, Extent), Failure> {
        for attempt in 0..ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(Duration::from_millis(random() % 200)).await;
            }
            match Self::names(api, settings).await?.as_slice() {
                [] => {}
                [name] => match Self::read(api, settings, name).await {
                    // It was one too many.
                    Err(Failure::Api { code: 10059, .. }) => continue,
                    // It is being created. Or its servers had it in memory, and have all ended.
                    Ok((log, extent)) if extent.last == 0 => {
                        if attempt >= ATTEMPTS / 2 {
                            log.renew(api).await?;
                            Self::mark(api, settings).await?;
                        }
                        continue;
                    }
                    found => return found,
                },
                // Some servers let several be created at once. They are removed by their creators.
                _ => continue,
            }
            let name = format!("{}_{:016x}", settings.prefix, random());
            match api
                .call(&format!("STREAM.CREATE.{name}"), &config(settings, &name))
                .await
            {
                Ok(_) => {}
                // Another hub has been faster: the subjects are taken.
                Err(Failure::Api { code: 10065, .. }) => continue,
                Err(failure) => return Err(failure),
            }
            if Self::names(api, settings).await?.len() == 1 {
                Self::mark(api, settings).await?;
                return Self::read(api, settings, &name).await;
            }
            api.call(&format!("STREAM.DELETE.{name}"), &Value::Null)
                .await?;
        }
        Err(Failure::Api {
            code: 10065,
            text: "the hub's subjects are taken by another stream".into(),
        })
    }

    /// Stores a first message, of no topic: a stream that is empty has lost what it had.
    async fn mark(api: &Api, settings: &NatsBuilder) -> Result<(), Failure> {
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Expected-Last-Sequence", "0");
        let token = subject::encode("");
        let subject = format!("{}.in.0.{token}", settings.prefix);
        match api.store(subject, Some(headers), Bytes::new()).await {
            // Another hub has done it.
            Ok(_) | Err(Failure::Api { code: 10071, .. }) => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    /// Returns the streams that have the hub's subjects.
    async fn names(api: &Api, settings: &NatsBuilder) -> Result<Vec<String>, Failure> {
        let find = json!({ "subject": format!("{}.in.>", settings.prefix) });
        let found = match api.call("STREAM.NAMES", &find).await {
            // Without JetStream nothing listens there.
            Err(Failure::NoResponders) => return Err(Failure::NoJetStream),
            found => found?,
        };
        let names = found.get("streams").and_then(Value::as_array);
        let names = names.into_iter().flatten().filter_map(Value::as_str);
        Ok(names.map(Into::into).collect())
    }

    /// Reads what a stream is now, and what it has.
    pub(crate) async fn read(
        api: &Api,
        settings: &NatsBuilder,
        name: &str,
    ) -> Result<(Self, Extent), Failure> {
        let info = api
            .call(&format!("STREAM.INFO.{name}"), &Value::Null)
            .await?;
        Self::from_info(settings, &info)
    }

    /// Reads what the stream has.
    pub(crate) async fn extent(&self, api: &Api) -> Result<Extent, Failure> {
        let info = api
            .call(&format!("STREAM.INFO.{}", self.name), &Value::Null)
            .await?;
        if created(&self.name, &info).as_ref() != Some(&self.identity.created) {
            return Err(Failure::NewEpoch);
        }
        extent(&info)
    }

    fn from_info(settings: &NatsBuilder, info: &Value) -> Result<(Self, Extent), Failure> {
        let nonsense = || Failure::Nonsense("the description of a stream has parts missing");
        let config = info.get("config").ok_or_else(nonsense)?;
        let name = text(config, "name").ok_or_else(nonsense)?;
        check(settings, &name, config)?;
        let created = created(&name, info).ok_or_else(nonsense)?;
        let number = |name: &str| config.get(name).and_then(Value::as_u64).unwrap_or(0);
        let kept = usize::try_from(number("max_msgs_per_subject")).unwrap_or(0);
        let generation = described(config, "generation").unwrap_or(0);
        let identity = Identity {
            name: name.clone(),
            created,
            kept,
            generation,
        };
        let age = number("max_age");
        let log = Self {
            name,
            epoch: identity.epoch(),
            kept,
            max_age: (age > 0).then(|| Duration::from_nanos(age)),
            identity,
            seen: AtomicU64::new(0),
            settled: AtomicU64::new(0),
            settling: AtomicU64::new(0),
            has_gone_back: AtomicBool::new(false),
        };
        Ok((log, extent(info)?))
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.identity == other.identity
    }

    /// Notes an offset of a message.
    pub(crate) fn see(&self, offset: u64) {
        self.seen.fetch_max(offset, Ordering::Relaxed);
    }

    pub(crate) fn seen(&self) -> u64 {
        self.seen.load(Ordering::Relaxed)
    }

    pub(crate) fn settled(&self) -> u64 {
        self.settled.load(Ordering::Relaxed)
    }

    /// Is called every ten seconds.
    pub(crate) fn settle(&self) {
        let before = self.settling.swap(self.seen(), Ordering::Relaxed);
        self.settled.store(before, Ordering::Relaxed);
    }

    /// Starts a new epoch for all hubs: the stream has gone back to an older state, so that its offsets are
    /// given away a second time.
    pub(crate) async fn renew(&self, api: &Api) -> Result<(), Failure> {
        let what = format!("STREAM.INFO.{}", self.name);
        let info = api.call(&what, &Value::Null).await?;
        let nonsense = || Failure::Nonsense("the description of a stream has parts missing");
        let mut config = info.get("config").cloned().ok_or_else(nonsense)?;
        if described(&config, "generation").unwrap_or(0) > self.identity.generation {
            // Another hub has done it.
            return Ok(());
        }
        let partitions = described(&config, "partitions");
        let generation = self.identity.generation + 1;
        let description = describe(partitions, generation);
        if let Some(config) = config.as_object_mut() {
            config.insert("description".into(), description.into());
        }
        let what = format!("STREAM.UPDATE.{}", self.name);
        api.call(&what, &config).await.map(drop)
    }
}

impl Identity {
    fn epoch(&self) -> Epoch {
        let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
        let mut add = |bytes: &[u8]| {
            for byte in bytes {
                hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
            }
        };
        add(self.name.as_bytes());
        add(b" ");
        add(self.created.as_bytes());
        add(b" ");
        add(&self.generation.to_le_bytes());
        // If it is raised, what was gone before then is not known from how many there are.
        add(&self.kept.to_le_bytes());
        Epoch::new(hash)
    }
}

/// Returns when a stream was created, if its name does not say enough.
fn created(name: &str, info: &Value) -> Option<String> {
    let number = name.rsplit_once('_').map(|(_, number)| number);
    let is_digit = |byte: u8| byte.is_ascii_hexdigit();
    if number.is_some_and(|number| number.len() == 16 && number.bytes().all(is_digit)) {
        return Some(String::new());
    }
    text(info, "created")
}

pub(crate) fn extent(info: &Value) -> Result<Extent, Failure> {
    let number = |name: &str| info.get("state")?.get(name)?.as_u64();
    match (number("first_seq"), number("last_seq")) {
        (Some(first), Some(last)) => Ok(Extent { first, last }),
        _ => Err(Failure::Nonsense("the state of a stream has parts missing")),
    }
}

/// Returns a random number, from the seeds of hash maps.
pub(crate) fn random() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::time::SystemTime::now())
}

fn describe(partitions: Option<u64>, generation: u64) -> String {
    let partitions = partitions.map_or(String::new(), |partitions| {
        format!("partitions={partitions} ")
    });
    format!("wskit-hub: {partitions}generation={generation}")
}

/// Returns a number of the description.
fn described(config: &Value, name: &str) -> Option<u64> {
    let description = config.get("description")?.as_str()?;
    let mut words = description.split_ascii_whitespace();
    words.find_map(|word| word.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
}

pub(crate) fn storage(storage: Storage) -> &'static str {
    match storage {
        Storage::File => "file",
        Storage::Memory => "memory",
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

fn config(settings: &NatsBuilder, name: &str) -> Value {
    let prefix = &settings.prefix;
    json!({
        "name": name,
        "description": describe(Some(settings.partitions.into()), 0),
        "subjects": [format!("{prefix}.in.>")],
        "retention": "limits",
        "discard": "old",
        "max_consumers": -1,
        "max_msgs": -1,
        "max_msg_size": -1,
        "max_bytes": settings.max_bytes,
        "max_age": nanos(settings.max_age),
        "max_msgs_per_subject": settings.messages + 1,
        "duplicate_window": nanos(settings.duplicate_window),
        "storage": storage(settings.storage),
        "num_replicas": settings.replicas,
        "allow_direct": true,
        "republish": { "src": format!("{prefix}.in.>"), "dest": format!("{prefix}.out.>") },
    })
}

/// Compares a stream with the settings.
fn check(settings: &NatsBuilder, name: &str, found: &Value) -> Result<(), Failure> {
    let differs = |what: &str, found: &dyn std::fmt::Display, wanted: &dyn std::fmt::Display| {
        Err(Failure::Stream(format!(
            "the stream {name} has {what} {found}, and the settings ask for {wanted}: change them, or change \
             or delete the stream"
        )))
    };
    let wanted = config(settings, name);
    for what in [
        "subjects",
        "retention",
        "discard",
        "allow_direct",
        "republish",
    ] {
        let found = found.get(what).unwrap_or(&Value::Null);
        let wanted = wanted.get(what).unwrap_or(&Value::Null);
        if what == "republish" {
            let part = |value: &Value, name| text(value, name);
            let is_same = ["src", "dest"]
                .iter()
                .all(|name| part(found, name) == part(wanted, name));
            let is_whole = found.get("headers_only").and_then(Value::as_bool) != Some(true);
            if is_same && is_whole {
                continue;
            }
        }
        if found != wanted {
            return differs(what, found, wanted);
        }
    }
    if found.get("no_ack").and_then(Value::as_bool) == Some(true) {
        return differs("no_ack", &true, &false);
    }
    // Less than what is asked for is a promise that is not kept; 0 and -1 are no limit.
    for (what, unlimited) in [
        ("max_msgs_per_subject", false),
        ("max_age", true),
        ("max_bytes", true),
        ("num_replicas", false),
        ("duplicate_window", false),
    ] {
        let number = |value: &Value| value.get(what).and_then(Value::as_i64).unwrap_or(0);
        let (found, wanted) = (number(found), number(&wanted));
        if found < wanted && !(unlimited && found <= 0) {
            return differs(what, &found, &wanted);
        }
    }
    if let Some(most) = found
        .get("max_msgs")
        .and_then(Value::as_i64)
        .filter(|most| *most > 0)
    {
        return differs("max_msgs", &most, &-1);
    }
    if settings.storage == Storage::File && text(found, "storage").as_deref() == Some("memory") {
        return differs("storage", &"memory", &"file");
    }
    if let Some(partitions) = described(found, "partitions") {
        if partitions != u64::from(settings.partitions) {
            return differs("partitions", &partitions, &settings.partitions);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(change: impl FnOnce(&mut Value)) -> Result<(Log, Extent), Failure> {
        let settings = NatsBuilder::new();
        let mut info = json!({
            "config": config(&settings, "hub_1"),
            "created": "2026-11-28T18:16:02.5Z",
            "state": { "first_seq": 5, "last_seq": 9 },
        });
        change(&mut info);
        Log::from_info(&settings, &info)
    }

    #[test]
    fn the_stream_that_the_settings_make_is_right() {
        let (log, extent) = info(|_| {}).expect("it is right");
        assert_eq!(
            (log.kept, log.max_age),
            (129, Some(Duration::from_secs(3600)))
        );
        assert_eq!(extent, Extent { first: 5, last: 9 });
    }

    #[test]
    fn a_stream_that_keeps_more_is_right() {
        for (what, value) in [
            ("max_msgs_per_subject", 1000),
            ("max_age", 0),
            ("max_bytes", -1),
            ("num_replicas", 3),
        ] {
            let result = info(|info| info["config"][what] = value.into());
            assert!(result.is_ok(), "{what}: {result:?}");
        }
    }

    #[test]
    fn a_stream_that_is_otherwise_is_refused_with_what_differs() {
        for (what, value) in [
            ("subjects", json!(["hub.in.>", "x"])),
            ("retention", json!("interest")),
            ("discard", json!("new")),
            ("allow_direct", json!(false)),
            ("republish", Value::Null),
            ("republish", json!({ "src": "hub.in.>", "dest": "x.>" })),
            ("no_ack", json!(true)),
            ("max_msgs_per_subject", json!(128)),
            ("max_msgs_per_subject", json!(-1)),
            ("max_age", json!(60_000_000_000_u64)),
            ("max_bytes", json!(1000)),
            ("max_msgs", json!(1000)),
            ("num_replicas", json!(0)),
            ("storage", json!("memory")),
        ] {
            let failure = info(|info| info["config"][what] = value.clone()).expect_err(what);
            let text = failure.to_string();
            assert!(text.contains("hub_1") && text.contains(what), "{text}");
        }
        let result =
            info(|info| info["config"]["description"] = json!("x: partitions=8 generation=0"));
        let text = result.expect_err("partitions").to_string();
        assert!(
            text.contains("partitions 8") && text.contains("64"),
            "{text}"
        );
    }

    #[test]
    fn each_stream_and_each_generation_has_an_epoch() {
        let epoch = |change: fn(&mut Value)| info(change).expect("it is right").0.epoch;
        let first = epoch(|_| {});
        assert_eq!(first, epoch(|info| info["state"]["last_seq"] = 10.into()));
        // Unique names are enough.
        let unique = epoch(|info| info["config"]["name"] = json!("hub_0123456789abcdef"));
        let later = epoch(|info| {
            info["config"]["name"] = json!("hub_0123456789abcdef");
            info["created"] = json!("2026-11-28T18:16:02.6Z");
        });
        assert_eq!(unique, later);
        let changes: [fn(&mut Value); 4] = [
            |info| info["created"] = json!("2026-11-28T18:16:02.6Z"),
            |info| info["config"]["name"] = json!("hub_2"),
            |info| info["config"]["max_msgs_per_subject"] = json!(200),
            |info| info["config"]["description"] = json!("partitions=64 generation=1"),
        ];
        for change in changes {
            assert_ne!(first, epoch(change));
        }
    }

    #[test]
    fn a_description_with_parts_missing_is_nonsense() {
        let changes: [fn(&mut Value); 4] = [
            |info| info["config"] = Value::Null,
            |info| info["created"] = Value::Null,
            |info| info["state"] = json!({}),
            |info| info["config"]["name"] = json!(1),
        ];
        for change in changes {
            assert!(info(change).is_err());
        }
    }
}
