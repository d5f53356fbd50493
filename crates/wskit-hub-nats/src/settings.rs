use std::path::PathBuf;
use std::time::Duration;

use crate::error::{ConnectError, ConnectErrorKind};
use crate::nats::Nats;

/// Where JetStream keeps the hub's messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Storage {
    /// On disk: a restart of all servers loses nothing that was written.
    File,
    /// In memory: when the last server that has it ends, all history is gone, and subscribers are told so.
    Memory,
}

/// Settings of a [`Nats`] engine, from [`Nats::builder`].
///
/// Those of the stream ([`messages`](NatsBuilder::messages), [`max_age`](NatsBuilder::max_age),
/// [`max_bytes`](NatsBuilder::max_bytes), [`storage`](NatsBuilder::storage),
/// [`replicas`](NatsBuilder::replicas), [`partitions`](NatsBuilder::partitions)) are used by the hub that
/// creates it. A stream that exists is never changed: if it keeps less than they say, connecting fails with
/// [`ConnectErrorKind::Stream`]. All hubs of a cluster need the same ones.
#[derive(Clone)]
#[must_use]
pub struct NatsBuilder {
    pub(crate) servers: Vec<String>,
    pub(crate) auth: Auth,
    pub(crate) root_certificates: Vec<PathBuf>,
    pub(crate) name: String,
    pub(crate) prefix: String,
    pub(crate) partitions: u32,
    pub(crate) replicas: usize,
    pub(crate) storage: Storage,
    pub(crate) messages: usize,
    pub(crate) max_age: Duration,
    pub(crate) max_bytes: u64,
    pub(crate) duplicate_window: Duration,
    pub(crate) publish_deadline: Duration,
    pub(crate) connect_deadline: Duration,
    pub(crate) lease: Duration,
    pub(crate) subscriptions: usize,
}

#[derive(Clone)]
pub(crate) enum Auth {
    None,
    User(String, String),
    Token(String),
    File(PathBuf),
}

/// Secrets are left out.
impl std::fmt::Debug for NatsBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NatsBuilder")
            .field("name", &self.name)
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

impl NatsBuilder {
    pub(crate) fn new() -> Self {
        Self {
            servers: Vec::new(),
            auth: Auth::None,
            root_certificates: Vec::new(),
            name: "wskit-hub".into(),
            prefix: "hub".into(),
            partitions: 64,
            replicas: 1,
            storage: Storage::File,
            messages: 128,
            max_age: Duration::from_secs(3600),
            max_bytes: 256 << 20,
            duplicate_window: Duration::from_secs(120),
            publish_deadline: Duration::from_secs(5),
            connect_deadline: Duration::from_secs(10),
            lease: Duration::from_secs(30),
            subscriptions: 1000,
        }
    }

    /// Adds a server: `nats://host:4222`, or `tls://host:4222`. A user and password may be in it. Give several
    /// servers of a cluster: one is enough while it runs, as it tells of the others.
    pub fn server(mut self, url: impl Into<String>) -> Self {
        self.servers.push(url.into());
        self
    }

    /// Sets a user and a password.
    pub fn user_and_password(
        mut self,
        user: impl Into<String>,
        password: impl Into<String>,
    ) -> Self {
        self.auth = Auth::User(user.into(), password.into());
        self
    }

    /// Sets a token.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.auth = Auth::Token(token.into());
        self
    }

    /// Sets a file with credentials, as `nsc` makes them (`.creds`). It is read when connecting.
    pub fn credentials_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.auth = Auth::File(path.into());
        self
    }

    /// Adds a file of certificates (PEM) that are trusted besides those of the system.
    pub fn root_certificates(mut self, path: impl Into<PathBuf>) -> Self {
        self.root_certificates.push(path.into());
        self
    }

    /// Sets the name of the connection in NATS's lists; by default `wskit-hub`.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets the first token of all subjects and the first part of the streams' names; by default `hub`. Hubs
    /// share topics if they have the same one. It is made of 1 to 32 ASCII letters, digits, `-` and `_`.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// Sets into how many parts topics are divided; by default 64, at most 1,024. A hub that listens to more than
    /// 1,000 topics subscribes to the parts that have one, and gets the other topics of these parts too.
    pub fn partitions(mut self, partitions: u32) -> Self {
        self.partitions = partitions;
        self
    }

    /// Sets on how many servers of a cluster each message is kept; by default 1. With 3, one server can be lost
    /// without a message being lost.
    pub fn replicas(mut self, replicas: usize) -> Self {
        self.replicas = replicas;
        self
    }

    /// Sets where messages are kept; by default on disk.
    pub fn storage(mut self, storage: Storage) -> Self {
        self.storage = storage;
        self
    }

    /// Sets how many messages of a topic are kept at most; by default 128, at most 65,536. Topics whose rules
    /// keep more are refused, topics whose rules keep fewer cost what this says.
    pub fn messages(mut self, messages: usize) -> Self {
        self.messages = messages;
        self
    }

    /// Sets how long messages are kept; by default an hour, at least a minute. Topics whose rules keep them
    /// longer are refused.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }

    /// Sets how many bytes all messages may take; by default 256 MiB, which JetStream reserves. Beyond that the oldest of all topics go first.
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.max_bytes = bytes;
        self
    }

    /// Sets for how long the server knows the [ids](wskit_hub::Publication::id) of publications; by default two
    /// minutes, at most [`max_age`](NatsBuilder::max_age). Each id takes the server some 200 bytes for that long.
    /// A message that is published again later is another message.
    pub fn duplicate_window(mut self, window: Duration) -> Self {
        self.duplicate_window = window;
        self
    }

    /// Sets after how long a publication without an answer has failed; by default 5 seconds, at most 9. Until then
    /// it is sent again if that cannot store it twice.
    pub fn publish_deadline(mut self, deadline: Duration) -> Self {
        self.publish_deadline = deadline;
        self
    }

    /// Sets for how long [`connect`](NatsBuilder::connect) tries; by default 10 seconds.
    pub fn connect_deadline(mut self, deadline: Duration) -> Self {
        self.connect_deadline = deadline;
        self
    }

    /// Sets after how long a hub that is not heard of is gone, with its members; by default 30 seconds, at least
    /// 3. It is heard of three times as often. The first hub creates the stream of leases with it: a hub with a longer
    /// one is refused, with [`ConnectErrorKind::Stream`].
    pub fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// Connects, and creates the streams if there are none.
    ///
    /// It must be called in a tokio runtime, which the engine's tasks run in from then on. If the future is
    /// dropped, no task stays.
    ///
    /// # Errors
    /// [`ConnectError`] says what is wrong and what to do.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn connect(self) -> Result<Nats, ConnectError> {
        self.check()?;
        Nats::open(self, false).await
    }

    /// Connects without waiting for it: the server may not be there yet, so that processes can be started in any
    /// order. Until it is, commands fail; why is in the source of their errors.
    ///
    /// # Errors
    /// [`ConnectErrorKind::Settings`].
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub async fn connect_later(self) -> Result<Nats, ConnectError> {
        self.check()?;
        Nats::open(self, true).await
    }

    fn check(&self) -> Result<(), ConnectError> {
        let is_token = |text: &str| {
            text.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        let seconds = Duration::from_secs;
        let fault = if self.servers.is_empty() {
            "there is no server"
        } else if self.prefix.is_empty() || self.prefix.len() > 32 || !is_token(&self.prefix) {
            "the prefix is made of 1 to 32 ASCII letters, digits, - and _"
        } else if !(1..=1024).contains(&self.partitions) {
            "there are 1 to 1,024 partitions"
        } else if !(1..=5).contains(&self.replicas) {
            "there are 1 to 5 replicas"
        } else if !(1..=65_536).contains(&self.messages) {
            "a topic keeps 1 to 65,536 messages"
        } else if !(seconds(60)..=seconds(u64::from(u32::MAX))).contains(&self.max_age) {
            "messages are kept for a minute at least"
        } else if !(1 << 16..=1 << 60).contains(&self.max_bytes) {
            "all messages take 64 KiB at least"
        } else if !(seconds(1)..=self.max_age).contains(&self.duplicate_window) {
            "ids are known for a second at least, and not longer than messages are kept"
        } else if !(Duration::from_millis(100)..=seconds(9)).contains(&self.publish_deadline) {
            "the deadline of a publication is 0.1 to 9 seconds"
        } else if self.connect_deadline > seconds(3600) {
            "the deadline for connecting is an hour at most"
        } else if !(seconds(3)..=seconds(3600)).contains(&self.lease) {
            "a lease is 3 seconds to an hour"
        } else {
            return Ok(());
        };
        Err(ConnectError::new(ConnectErrorKind::Settings, fault))
    }
}
